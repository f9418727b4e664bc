//! The audit log: whatever is done to a row shows, and shows where.

use crate::scratch::Scratch;
use skynet_core::ports::{Audit as _, AuditRow};
use skynet_store::{AuditFault, Store};

const FREE: &str = "DROP TRIGGER audit_only_grows; DROP TRIGGER audit_is_never_changed; DROP TRIGGER audit_is_never_deleted;";

fn row(subject: &str) -> AuditRow {
    let detail = serde_json::json!({"ms": 3, "a": [1, "é"]});
    AuditRow { kind: "tool.call".into(), actor: "a/x@1.0.0#1".into(), subject: subject.into(), verdict: "ok".into(), detail }
}

async fn with_rows(scratch: &Scratch, rows: u64) -> Store {
    let store = scratch.open();
    for number in 1..=rows {
        scratch.clock.set(number);
        store.record(row(&number.to_string())).await.unwrap();
    }
    store
}

/// What `verify_audit` says of five rows after a stranger ran this SQL.
async fn check(sql: &str, expected: &str) {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 5).await;
    scratch.raw().execute_batch(&format!("{FREE}{sql}")).unwrap();
    let found = match store.verify_audit().await {
        Ok(rows) => format!("{rows} rows"),
        Err(AuditFault::Row { number, why }) => format!("{number} {why}"),
        Err(AuditFault::Store(error)) => error.to_string(),
    };
    assert_eq!(found, expected, "{sql}");
}

#[tokio::test]
async fn rows_are_numbered_timed_and_read_newest_first_after_a_restart() {
    let scratch = Scratch::new();
    drop(with_rows(&scratch, 3).await);
    let store = scratch.open();
    assert_eq!(store.tail(2).await.unwrap(), [(3, 3, row("3")), (2, 2, row("2"))]);
    assert_eq!(store.verify_audit().await.unwrap(), 3);
    assert_eq!(store.audit_head().await.unwrap().0, 3);
}

#[tokio::test]
async fn an_empty_or_untouched_log_verifies() {
    assert_eq!(Scratch::new().open().verify_audit().await.unwrap(), 0);
    check("", "5 rows").await;
}

#[tokio::test]
async fn an_edited_row_is_named() {
    check("UPDATE audit SET row = replace(row, 'ok', 'no') WHERE number = 3", "3 was changed").await;
    check("UPDATE audit SET at_ms = at_ms + 1 WHERE number = 5", "5 was changed").await;
    check("UPDATE audit SET at_ms = -1 WHERE number = 2", "2 was changed").await;
    check("UPDATE audit SET hash = zeroblob(32) WHERE number = 1", "1 was changed").await;
    check("UPDATE audit SET previous = x'' WHERE number = 2", "2 was changed").await;
    check("UPDATE audit SET row = cast(x'ff' AS TEXT) WHERE number = 4", "4 was changed").await;
}

#[tokio::test]
async fn a_deleted_row_is_named_also_at_both_ends() {
    check("DELETE FROM audit WHERE number = 3", "3 is missing").await;
    check("DELETE FROM audit WHERE number = 1", "1 is missing").await;
    check("DELETE FROM audit WHERE number >= 4", "4 is missing").await;
    check("DELETE FROM audit", "1 is missing").await;
    check("DELETE FROM audit WHERE number = 3; UPDATE audit SET number = number - 1 WHERE number > 3", "3 was changed").await;
}

#[tokio::test]
async fn an_inserted_or_swapped_row_is_named() {
    check("INSERT INTO audit SELECT 6, at_ms, row, hash, hash FROM audit WHERE number = 5", "6 was put in by somebody else").await;
    check("INSERT INTO audit SELECT 0, at_ms, row, previous, hash FROM audit WHERE number = 1", "1 is missing").await;
    let swap = "UPDATE audit SET number = 9 WHERE number = 2; UPDATE audit SET number = 2 WHERE number = 3;
        UPDATE audit SET number = 3 WHERE number = 9";
    check(swap, "2 was changed").await;
}

#[tokio::test]
async fn new_rows_after_a_cut_do_not_heal_the_chain() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 5).await;
    scratch.raw().execute_batch(&format!("{FREE}DELETE FROM audit WHERE number = 5")).unwrap();
    store.record(row("6")).await.unwrap();
    assert!(matches!(store.verify_audit().await, Err(AuditFault::Row { number: 5, .. })));
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_rows() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 2).await;
    let raw = scratch.raw();
    for sql in [
        "UPDATE audit SET row = '{}' WHERE number = 1",
        "DELETE FROM audit WHERE number = 2",
        "INSERT OR REPLACE INTO audit SELECT 1, at_ms, row, previous, hash FROM audit WHERE number = 2",
        "INSERT INTO audit SELECT 9, at_ms, row, previous, hash FROM audit WHERE number = 2",
    ] {
        let error = raw.execute(sql, []).unwrap_err().to_string();
        assert!(error.starts_with("audit rows are"), "{sql}: {error}");
    }
    assert_eq!(store.verify_audit().await.unwrap(), 2);
}

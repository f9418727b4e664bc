//! The audit log: whatever is done to a row shows, and shows where.

use crate::scratch::Scratch;
use skynet_core::ports::{Audit as _, AuditRow, PluginStore as _};
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

#[tokio::test]
async fn enqueued_rows_are_written_in_order_and_with_the_time_at_which_they_were_taken() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for number in 1..=3 {
        scratch.clock.set(number);
        store.enqueue(row(&number.to_string())).await.unwrap();
    }
    scratch.clock.set(9);
    store.record(row("4")).await.unwrap();
    let rows: Vec<_> = store.tail(9).await.unwrap().into_iter().map(|(number, at, row)| (number, at, row.subject)).collect();
    assert_eq!(rows, [(4, 9, "4".into()), (3, 3, "3".into()), (2, 2, "2".into()), (1, 1, "1".into())]);
    assert_eq!(store.verify_audit().await.unwrap(), 4);
}

#[tokio::test]
async fn an_enqueued_row_is_on_disk_before_a_write_that_follows_it_is_answered() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for number in 1..=20_i64 {
        store.enqueue(row(&number.to_string())).await.unwrap();
        store.next_generation().await.unwrap();
        let seen: i64 = scratch.raw().query_row("SELECT count(*) FROM audit", [], |row| row.get(0)).unwrap();
        assert_eq!(seen, number, "another connection sees it");
    }
}

#[tokio::test]
async fn an_enqueued_row_needs_no_other_write_to_get_to_the_disk() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.enqueue(row("1")).await.unwrap();
    let raw = scratch.raw();
    while raw.query_row("SELECT count(*) FROM audit", [], |row| row.get::<_, i64>(0)).unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    drop(store);
}

#[tokio::test]
async fn rows_that_wait_are_written_when_the_store_is_closed() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.enqueue(row("1")).await.unwrap();
    drop(store);
    let again = scratch.open();
    while again.tail(1).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn rows_beyond_the_queue_are_written_at_once_and_none_is_lost() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let rows = 2 * skynet_store::limits::ROWS as u64;
    for number in 1..=rows {
        store.enqueue(row(&number.to_string())).await.unwrap();
    }
    assert_eq!(store.verify_audit().await.unwrap(), rows);
    assert_eq!(store.tail(1).await.unwrap()[0].2.subject, rows.to_string());
}

#[tokio::test]
async fn while_the_disk_takes_no_rows_nothing_is_taken_and_what_was_taken_is_kept() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let raw = scratch.raw();
    raw.execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no space left'); END").unwrap();
    store.enqueue(row("taken before anybody knew")).await.unwrap();
    store.settle().await.unwrap_err();
    for _ in 0..3 {
        let error = store.enqueue(row("refused")).await.unwrap_err().to_string();
        assert!(error.contains("no space left"), "{error}");
    }
    raw.execute_batch("DROP TRIGGER full").unwrap();
    store.enqueue(row("after")).await.unwrap();
    let subjects: Vec<_> = store.tail(9).await.unwrap().into_iter().map(|(_, _, row)| row.subject).collect();
    assert_eq!(subjects, ["after", "taken before anybody knew"]);
    assert_eq!(store.verify_audit().await.unwrap(), 2);
}

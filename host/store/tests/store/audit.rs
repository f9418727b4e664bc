//! The audit log: whatever is done to a row shows, and shows where.

use crate::scratch::Scratch;
use skynet_core::ports::{Audit as _, AuditRow, PluginStore as _};
use skynet_policy::audit::{BEFORE_FIRST, Checkpoint, Frontier, Hash, link};
use skynet_policy::signature::SecretKey;
use skynet_store::limits::CHECKPOINT_ROWS;
use skynet_store::{AuditFault, KeptRow, Store};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const FREE: &str = "DROP TRIGGER IF EXISTS audit_only_grows; DROP TRIGGER IF EXISTS audit_is_never_changed;
    DROP TRIGGER IF EXISTS audit_is_never_deleted; DROP TRIGGER IF EXISTS checkpoints_are_never_deleted;";

pub(crate) fn row(subject: &str) -> AuditRow {
    let detail = serde_json::json!({"ms": 3, "a": [1, "é"]});
    AuditRow { kind: "tool.call".into(), actor: "a/x@1.0.0#1".into(), subject: subject.into(), verdict: "ok".into(), detail }
}

pub(crate) fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// A store whose log has rows `1` to `rows`, each in a page of its own.
pub(crate) async fn with_rows(scratch: &Scratch, rows: u64) -> Store {
    let store = scratch.open().with_audit_key(key());
    for number in 1..=rows {
        scratch.clock.set(number);
        store.record(row(&number.to_string())).await.unwrap();
    }
    store
}

/// A page as a stranger finds it: first row's number, rows, bytes.
pub(crate) type Pages = Vec<(i64, i64, Vec<u8>)>;

/// Writes what `change` makes of the pages, as somebody would who can write the file.
pub(crate) fn tamper(scratch: &Scratch, change: impl FnOnce(&mut Pages), sql: &str) {
    let raw = scratch.raw();
    raw.execute_batch(FREE).unwrap();
    let mut pages: Pages = {
        let mut query = raw.prepare("SELECT first, rows, body FROM audit_pages ORDER BY first").unwrap();
        let found = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        found.collect::<Result<_, _>>().unwrap()
    };
    change(&mut pages);
    raw.execute_batch("DELETE FROM audit_pages").unwrap();
    for (first, rows, body) in pages {
        raw.execute("INSERT INTO audit_pages VALUES (?1, ?2, ?3)", (first, rows, body)).unwrap();
    }
    raw.execute_batch(sql).unwrap();
}

pub(crate) async fn verdict(store: &Store) -> String {
    match store.verify_audit(Vec::new()).await {
        Ok(report) => format!("{} rows, {} checkpoints", report.rows, report.checkpoints),
        Err(AuditFault::Row { number, why }) => format!("{number} {why}"),
        Err(AuditFault::Cut { had, left }) => format!("cut from {had} to {left}"),
        Err(AuditFault::Rewritten { from, to }) => format!("rewritten in {from} to {to}"),
        Err(AuditFault::Checkpoint { size, .. }) => format!("bad checkpoint {size}"),
        Err(other) => other.to_string(),
    }
}

/// What is said of five rows, with a checkpoint of three of them, after this was done.
async fn check(change: impl FnOnce(&mut Pages), sql: &str, expected: &str) {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 3).await;
    store.checkpoint().await.unwrap().unwrap();
    store.record(row("4")).await.unwrap();
    store.record(row("5")).await.unwrap();
    tamper(&scratch, change, sql);
    assert_eq!(verdict(&store).await, expected, "{sql}");
}

/// The chain as somebody builds it who knows how, over these texts.
pub(crate) fn forged(texts: &[&str]) -> (Pages, Frontier, Hash) {
    let (mut hash, mut tree) = (BEFORE_FIRST, Frontier::default());
    let pages = texts.iter().enumerate().map(|(index, text)| {
        let number = index as u64 + 1;
        hash = link(&hash, number, number, text.as_bytes());
        tree.push(&hash);
        let length = u32::try_from(text.len()).unwrap().to_le_bytes();
        (number as i64, 1, [length.as_slice(), &number.to_le_bytes(), &hash, text.as_bytes()].concat())
    });
    let pages = pages.collect();
    (pages, tree, hash)
}

#[tokio::test]
async fn rows_are_numbered_timed_and_read_newest_first_after_a_restart() {
    let scratch = Scratch::new();
    drop(with_rows(&scratch, 3).await);
    let store = scratch.open();
    assert_eq!(store.tail(2).await.unwrap(), [(3, 3, row("3")), (2, 2, row("2"))]);
    assert_eq!(verdict(&store).await, "3 rows, 0 checkpoints");
    let numbers = |rows: Vec<KeptRow>| rows.iter().map(|row| row.number).collect::<Vec<_>>();
    assert_eq!(numbers(store.audit_after(0, 9).await.unwrap()), [1, 2, 3]);
    assert_eq!(numbers(store.audit_after(1, 1).await.unwrap()), [2]);
    assert!(store.audit_after(3, 9).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_empty_or_untouched_log_verifies() {
    assert_eq!(verdict(&Scratch::new().open()).await, "0 rows, 0 checkpoints");
    check(|_| {}, "", "5 rows, 1 checkpoints").await;
}

#[tokio::test]
async fn an_edited_row_is_named() {
    let changed = |number: u64| format!("{number} was changed, or does not follow the row before it");
    check(|pages| *pages[2].2.last_mut().unwrap() = b'!', "", &changed(3)).await;
    check(|pages| pages[4].2[4] ^= 1, "", &changed(5)).await;
    check(|pages| pages[0].2[20] ^= 1, "", &changed(1)).await;
    check(|pages| pages[3].2[60] = 0xff, "", &changed(4)).await;
    check(|pages| pages[1].2[0] ^= 1, "", "2 cannot be read").await;
    check(|pages| pages[1].2.push(b' '), "", "2 cannot be read").await;
    check(|pages| pages[1].2.clear(), "", "2 cannot be read").await;
    check(|_| {}, "UPDATE audit_head SET hash = zeroblob(32)", "5 is not the row that the end of the log speaks of").await;
    check(|_| {}, "UPDATE audit_head SET tree = x''", "5 does not fit the edge of the tree that is kept with it").await;
}

#[tokio::test]
async fn a_deleted_row_is_named_also_at_both_ends() {
    check(|pages| drop(pages.remove(2)), "", "3 is missing").await;
    check(|pages| drop(pages.remove(0)), "", "1 is missing").await;
    check(|pages| pages.truncate(3), "", "4 is missing").await;
    check(|pages| pages.clear(), "", "1 is missing").await;
    let close_the_gap = |pages: &mut Pages| {
        pages.remove(2);
        pages[2].0 = 3;
        pages[3].0 = 4;
    };
    check(close_the_gap, "", "3 was changed, or does not follow the row before it").await;
}

#[tokio::test]
async fn an_end_that_was_taken_out_is_damage_and_no_want_of_space() {
    check(|_| {}, "DELETE FROM audit_head", "5 is the last one that is left, and what the log keeps of its end is gone").await;
}

#[tokio::test]
async fn an_inserted_or_swapped_row_is_named() {
    let again = |pages: &mut Pages| pages.push((6, 1, pages[4].2.clone()));
    check(again, "", "6 was put in by somebody else").await;
    check(|pages| pages.push((0, 1, pages[0].2.clone())), "", "1 is missing").await;
    check(|pages| pages.push((-1, 1, pages[0].2.clone())), "", "1 is missing").await;
    let swap = |pages: &mut Pages| {
        let (left, right) = pages.split_at_mut(2);
        std::mem::swap(&mut left[1].2, &mut right[0].2);
    };
    check(swap, "", "2 was changed, or does not follow the row before it").await;
}

#[tokio::test]
async fn a_tail_cut_off_together_with_the_end_is_shown_by_a_checkpoint() {
    let (pages, tree, hash) = forged(&["{}", "{}"]);
    let end = format!("UPDATE audit_head SET number = 2, hash = x'{}', tree = x'{}'", hex(&hash), hex(&tree.to_bytes()));
    check(|all| *all = pages, &end, "cut from 3 to 2").await;
}

#[tokio::test]
async fn a_chain_built_anew_is_shown_by_a_checkpoint() {
    let (pages, tree, hash) = forged(&["{}", "{}", "{}", "{}", "{}"]);
    let end = format!("UPDATE audit_head SET hash = x'{}', tree = x'{}'", hex(&hash), hex(&tree.to_bytes()));
    check(|all| *all = pages, &end, "rewritten in 1 to 3").await;
}

#[tokio::test]
async fn a_checkpoint_without_the_right_signature_is_named() {
    let other = Checkpoint { size: 4, root: [1; 32] }.sign(&SecretKey::from_seed(&[8; 32]));
    check(|_| {}, &format!("INSERT INTO audit_checkpoints VALUES (4, 0, '{other}')"), "bad checkpoint 4").await;
    let another = Checkpoint { size: 5, root: [1; 32] }.sign(&key());
    check(|_| {}, &format!("INSERT INTO audit_checkpoints VALUES (4, 0, '{another}')"), "bad checkpoint 4").await;
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 1).await;
    store.checkpoint().await.unwrap().unwrap();
    drop(store);
    assert!(matches!(scratch.open().verify_audit(Vec::new()).await, Err(AuditFault::NoKey)));
}

#[tokio::test]
async fn more_rows_than_a_host_leaves_unsigned_are_a_fault_and_looking_signs_nothing() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, CHECKPOINT_ROWS + 5).await;
    assert_eq!(store.verify_audit(Vec::new()).await.unwrap().unsigned, 5);
    tamper(&scratch, |_| {}, "DELETE FROM audit_checkpoints; UPDATE audit_head SET sealed = 0");
    for _ in 0..2 {
        let found = store.verify_audit(Vec::new()).await;
        assert!(matches!(found, Err(AuditFault::Unsigned { from: 1, to }) if to == CHECKPOINT_ROWS + 5), "{found:?}");
    }
}

#[tokio::test]
async fn a_checkpoint_kept_elsewhere_shows_what_the_holder_of_the_key_did() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 5).await;
    let kept = Checkpoint::verify(&store.checkpoint().await.unwrap().unwrap(), &key().public()).unwrap();
    assert_eq!(store.verify_audit(vec![kept.clone()]).await.unwrap().checkpoints, 2);
    // Rows and checkpoints made anew, all of it well signed.
    for (texts, said) in [(vec!["{}"; 5], "rewritten"), (vec!["{}"; 3], "cut")] {
        let (pages, tree, hash) = forged(&texts);
        let end = format!(
            "DELETE FROM audit_checkpoints; UPDATE audit_head SET number = {}, hash = x'{}', tree = x'{}', sealed = 0",
            texts.len(),
            hex(&hash),
            hex(&tree.to_bytes())
        );
        let scratch = Scratch::new();
        let store = with_rows(&scratch, 5).await;
        tamper(&scratch, |all| *all = pages, &end);
        assert!(store.verify_audit(Vec::new()).await.is_ok(), "nothing in the file shows it");
        let found = store.verify_audit(vec![kept.clone()]).await.unwrap_err();
        let found = match found {
            AuditFault::Rewritten { .. } => "rewritten",
            AuditFault::Cut { had: 5, left: 3 } => "cut",
            other => panic!("{other}"),
        };
        assert_eq!(found, said);
    }
}

#[tokio::test]
async fn new_rows_after_a_cut_do_not_heal_the_chain() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 5).await;
    tamper(&scratch, |pages| pages.truncate(4), "");
    store.record(row("6")).await.unwrap();
    assert!(matches!(store.verify_audit(Vec::new()).await, Err(AuditFault::Row { number: 5, .. })));
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_rows() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 2).await;
    store.checkpoint().await.unwrap().unwrap();
    let raw = scratch.raw();
    for sql in [
        "UPDATE audit_pages SET body = x'' WHERE first = 1",
        "DELETE FROM audit_pages WHERE first = 2",
        "INSERT OR REPLACE INTO audit_pages SELECT 1, rows, body FROM audit_pages WHERE first = 2",
        "INSERT INTO audit_pages SELECT 9, rows, body FROM audit_pages WHERE first = 2",
        "UPDATE audit_checkpoints SET note = ''",
        "DELETE FROM audit_checkpoints",
        "INSERT OR REPLACE INTO audit_checkpoints VALUES (2, 0, '')",
    ] {
        let error = raw.execute(sql, []).unwrap_err().to_string();
        assert!(error.starts_with("audit "), "{sql}: {error}");
    }
    assert_eq!(verdict(&store).await, "2 rows, 1 checkpoints");
}

#[tokio::test]
async fn a_checkpoint_is_signed_by_itself_after_so_many_rows() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, CHECKPOINT_ROWS - 1).await;
    assert_eq!(verdict(&store).await, format!("{} rows, 0 checkpoints", CHECKPOINT_ROWS - 1));
    store.record(row("one more")).await.unwrap();
    assert_eq!(verdict(&store).await, format!("{CHECKPOINT_ROWS} rows, 1 checkpoints"));
    let note = store.checkpoint().await.unwrap().unwrap();
    assert_eq!(store.checkpoint().await.unwrap().unwrap(), note, "nothing new to sign");
}

#[tokio::test]
async fn every_row_can_be_proved_to_somebody_who_sees_nothing_else() {
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 7).await;
    for number in 1..=7 {
        let proof = store.prove_audit(number).await.unwrap();
        assert_eq!(proof.check(Some(&key().public())).unwrap().size, 7);
        assert!(proof.row.contains(&format!("\"subject\":\"{number}\"")), "{}", proof.row);
    }
    for number in [0, 8, u64::MAX] {
        assert!(matches!(store.prove_audit(number).await, Err(AuditFault::NoRow { last: 7, .. })), "{number}");
    }
}

#[tokio::test]
async fn a_run_that_did_not_end_is_known_at_the_next() {
    let scratch = Scratch::new();
    let store = scratch.open();
    assert!(!store.begin_run().await.unwrap());
    assert!(store.begin_run().await.unwrap());
    store.end_run().await.unwrap();
    assert!(!store.begin_run().await.unwrap());
    let again = AuditRow { kind: "host".into(), verdict: "recovered".into(), ..row("start") };
    store.record(again).await.unwrap();
    assert_eq!(store.verify_audit(Vec::new()).await.unwrap().crashes, 1);
}

#[tokio::test]
async fn a_log_of_an_older_format_goes_on_where_it_was() {
    let scratch = Scratch::new();
    let raw = scratch.raw();
    raw.execute_batch(include_str!("../../migrations/001.sql")).unwrap();
    raw.execute_batch(include_str!("../../migrations/002.sql")).unwrap();
    raw.execute_batch("PRAGMA application_id = 0x536b794e; PRAGMA user_version = 2").unwrap();
    let mut hash = BEFORE_FIRST;
    for number in 1..=3_u64 {
        let text = serde_json::to_string(&row(&number.to_string())).unwrap();
        let next = link(&hash, number, number, text.as_bytes());
        let sql = "INSERT INTO audit (number, at_ms, row, previous, hash) VALUES (?1, ?1, ?2, ?3, ?4)";
        raw.execute(sql, (number as i64, text, hash, next)).unwrap();
        hash = next;
    }
    raw.execute("UPDATE audit_head SET number = 3, hash = ?1", [hash]).unwrap();
    drop(raw);
    std::fs::set_permissions(scratch.path(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let store = scratch.open().with_audit_key(key());
    store.record(row("4")).await.unwrap();
    assert_eq!(verdict(&store).await, "4 rows, 0 checkpoints");
    assert_eq!(store.tail(9).await.unwrap()[3], (1, 1, row("1")));
    assert_eq!(store.prove_audit(2).await.unwrap().check(None).unwrap().size, 4);
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
    assert_eq!(store.verify_audit(Vec::new()).await.unwrap().rows, 4);
}

#[tokio::test]
async fn an_enqueued_row_is_on_disk_before_a_write_that_follows_it_is_answered() {
    let scratch = Scratch::new();
    let store = scratch.open();
    for number in 1..=20_i64 {
        store.enqueue(row(&number.to_string())).await.unwrap();
        store.next_generation().await.unwrap();
        let seen: i64 = scratch.raw().query_row("SELECT coalesce(sum(rows), 0) FROM audit_pages", [], |row| row.get(0)).unwrap();
        assert_eq!(seen, number, "another connection sees it");
    }
}

#[tokio::test]
async fn an_enqueued_row_needs_no_other_write_to_get_to_the_disk() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.enqueue(row("1")).await.unwrap();
    let raw = scratch.raw();
    while raw.query_row("SELECT coalesce(sum(rows), 0) FROM audit_pages", [], |row| row.get::<_, i64>(0)).unwrap() == 0 {
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
    store.settle().await.unwrap();
    assert_eq!(store.verify_audit(Vec::new()).await.unwrap().rows, rows);
    assert_eq!(store.tail(1).await.unwrap()[0].2.subject, rows.to_string());
}

#[tokio::test]
async fn while_the_disk_takes_no_rows_nothing_is_taken_and_what_was_taken_is_kept() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let raw = scratch.raw();
    raw.execute_batch("CREATE TRIGGER full BEFORE INSERT ON audit_pages BEGIN SELECT RAISE(ABORT, 'no space left'); END").unwrap();
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
    assert_eq!(store.verify_audit(Vec::new()).await.unwrap().rows, 2);
}

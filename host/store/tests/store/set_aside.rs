//! The way on from a damaged log: what is sound stays and verifies, the rest is in a file,
//! and both are said plainly.

use crate::audit::{Pages, forged, hex, key, row, tamper, verdict, with_rows};
use crate::scratch::Scratch;
use sha2::{Digest as _, Sha256};
use skynet_core::StoreError;
use skynet_core::ports::Audit as _;
use skynet_policy::audit::Checkpoint;
use skynet_policy::signature::SecretKey;
use skynet_store::{AuditFault, Store};

/// Rows 1 to 5, each in a page, with a checkpoint of three of them.
async fn five(scratch: &Scratch) -> Store {
    let store = with_rows(scratch, 3).await;
    store.checkpoint().await.unwrap().unwrap();
    store.record(row("4")).await.unwrap();
    store.record(row("5")).await.unwrap();
    store
}

/// Sets the damage aside; gives what the file has, and the number of the row that says so.
async fn set_aside(store: &Store, anchors: Vec<Checkpoint>) -> (String, u64) {
    let damage = store.audit_damage(anchors).await.unwrap().unwrap();
    let (file, sha256) = store.export_damage(&damage, Vec::new()).await.unwrap();
    assert_eq!(hex(&Sha256::digest(&file)), sha256);
    let number = store.set_aside(&damage, "aside.jsonl", &sha256, "cli uid 7").await.unwrap();
    (String::from_utf8(file).unwrap(), number)
}

/// After this was done to five rows: which rows are set aside, whether a host could write
/// before, and that it can after, all of it verified.
async fn check(change: impl FnOnce(&mut Pages), sql: &str, (from, to): (u64, u64), could_write: bool) -> String {
    let scratch = Scratch::new();
    let store = five(&scratch).await;
    tamper(&scratch, change, sql);
    assert!(store.verify_audit(Vec::new()).await.is_err(), "{sql}");
    if !could_write {
        match store.record(row("refused")).await {
            Err(StoreError::Corrupt(why)) => assert!(why.contains("skynet audit set-aside"), "{why}"),
            other => panic!("{sql}: {other:?}"),
        }
    }
    let (file, number) = set_aside(&store, Vec::new()).await;
    assert_eq!(number, to + 1, "{sql}");
    drop(store);
    let store = scratch.open().with_audit_key(key());
    store.record(row("next")).await.unwrap();
    let report = store.verify_audit(Vec::new()).await.unwrap();
    let (at, _, part) = &report.set_aside[0];
    assert_eq!((report.set_aside.len(), *at, part.from, part.to), (1, number, from, to), "{sql}");
    assert_eq!((report.rows, part.file.as_str(), part.sha256.as_str()), (to + 2, "aside.jsonl", hex(&Sha256::digest(&file)).as_str()));
    let rows = store.audit_after(0, 99).await.unwrap();
    let numbers: Vec<u64> = rows.iter().map(|row| row.number).collect();
    assert_eq!(numbers, (1..from).chain([to + 1, to + 2]).collect::<Vec<_>>(), "{sql}");
    assert!(rows[rows.len() - 2].text.contains("\"actor\":\"cli uid 7\""), "{rows:?}");
    for number in numbers {
        assert_eq!(store.prove_audit(number).await.unwrap().check(Some(&key().public())).unwrap().size, to + 2);
    }
    let raw = scratch.raw();
    let guarded = raw.execute("DELETE FROM audit_pages", []).unwrap_err().to_string();
    assert!(guarded.starts_with("audit "), "the guards stand again: {guarded}");
    file
}

#[tokio::test]
async fn a_damaged_end_that_stops_every_write_is_set_aside_and_no_row_is_lost() {
    for sql in ["UPDATE audit_head SET tree = x'00'", "UPDATE audit_head SET number = 8", "DELETE FROM audit_head"] {
        let file = check(|_| {}, sql, (6, if sql.contains('8') { 8 } else { 5 }), false).await;
        assert_eq!(file.lines().count(), 1, "the end alone: {file}");
    }
    // Set back, so that rows stand where the next ones belong.
    let (_, tree, hash) = forged(&["{}"]);
    let back = format!("UPDATE audit_head SET number = 1, hash = x'{}', tree = x'{}'", hex(&hash), hex(&tree.to_bytes()));
    check(|_| {}, &back, (6, 5), false).await;
    let file = check(|_| {}, "UPDATE audit_head SET hash = zeroblob(32)", (6, 5), true).await;
    assert!(file.contains("is not the row that the end of the log speaks of"), "{file}");
}

#[tokio::test]
async fn damage_in_the_middle_or_at_the_beginning_takes_what_follows_with_it() {
    let file = check(|pages| *pages[3].2.last_mut().unwrap() = b'!', "", (4, 5), true).await;
    let pages: Vec<serde_json::Value> = file.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(pages.iter().filter_map(|line| line["page"]["first"].as_u64()).collect::<Vec<_>>(), [4, 5]);
    assert_eq!(pages.iter().filter_map(|line| line["row"]["number"].as_u64()).collect::<Vec<_>>(), [4, 5], "readable too");
    let file = check(|pages| pages[1].2.clear(), "", (2, 5), true).await;
    assert!(file.contains("\"checkpoint\":{"), "what was signed of it goes with it: {file}");
    check(|pages| pages.clear(), "", (1, 5), true).await;
}

#[tokio::test]
async fn a_page_that_is_damaged_in_its_middle_keeps_its_sound_rows() {
    let scratch = Scratch::new();
    let store = scratch.open().with_audit_key(key());
    for number in 1..=4 {
        store.enqueue(row(&number.to_string())).await.unwrap();
    }
    store.settle().await.unwrap();
    tamper(&scratch, |pages| *pages.last_mut().unwrap().2.last_mut().unwrap() = b'!', "");
    let (_, number) = set_aside(&store, Vec::new()).await;
    assert_eq!(number, 5);
    let report = store.verify_audit(Vec::new()).await.unwrap();
    assert_eq!((report.set_aside[0].2.from, report.set_aside[0].2.to), (4, 4));
    assert_eq!(store.audit_after(0, 3).await.unwrap()[2].number, 3);
}

#[tokio::test]
async fn rows_that_a_damaged_checkpoint_spoke_of_are_set_aside_unless_a_later_one_proves_them() {
    let other = Checkpoint { size: 4, root: [1; 32] }.sign(&SecretKey::from_seed(&[8; 32]));
    let bad = format!("INSERT INTO audit_checkpoints VALUES (4, 0, '{other}')");
    check(|_| {}, &bad, (4, 5), true).await;
    let changed = "DROP TRIGGER checkpoints_are_never_changed; UPDATE audit_checkpoints SET note = 'gone'";
    check(|_| {}, changed, (1, 5), true).await;

    let scratch = Scratch::new();
    let store = five(&scratch).await;
    store.checkpoint().await.unwrap().unwrap();
    tamper(&scratch, |_| {}, &format!("{changed} WHERE size = 3"));
    assert_eq!(set_aside(&store, Vec::new()).await.1, 6, "no row went: a checkpoint of all five proves them");
    assert_eq!(verdict(&store).await, "6 rows, 2 checkpoints");
}

#[tokio::test]
async fn a_cut_or_a_log_built_anew_goes_on_behind_every_number_that_was_signed() {
    let (pages, tree, hash) = forged(&["{}", "{}"]);
    let end = format!("UPDATE audit_head SET number = 2, hash = x'{}', tree = x'{}'", hex(&hash), hex(&tree.to_bytes()));
    check(|all| *all = pages, &end, (3, 3), true).await;

    // What was kept elsewhere speaks of rows that are gone, and then of none that is here.
    let scratch = Scratch::new();
    let store = with_rows(&scratch, 5).await;
    let kept = Checkpoint::verify(&store.checkpoint().await.unwrap().unwrap(), &key().public()).unwrap();
    let (pages, tree, hash) = forged(&["{}", "{}", "{}"]);
    let end = format!(
        "DELETE FROM audit_checkpoints; UPDATE audit_head SET number = 3, hash = x'{}', tree = x'{}', sealed = 0",
        hex(&hash),
        hex(&tree.to_bytes())
    );
    tamper(&scratch, |all| *all = pages, &end);
    assert_eq!(set_aside(&store, vec![kept.clone()]).await.1, 6);
    let report = store.verify_audit(vec![kept]).await.unwrap();
    assert_eq!((report.set_aside[0].2.from, report.set_aside[0].2.to, report.not_compared), (4, 5, 1));
}

#[tokio::test]
async fn nobody_without_the_key_explains_a_hole_or_moves_one() {
    let scratch = Scratch::new();
    let store = five(&scratch).await;
    tamper(&scratch, |pages| pages[3].2.clear(), "");
    set_aside(&store, Vec::new()).await;
    store.record(row("7")).await.unwrap();
    // A row more is taken out in front of the hole.
    tamper(&scratch, |pages| drop(pages.remove(2)), "");
    assert_eq!(verdict(&store).await, "6 says that a part was set aside, and is not signed for this place");
    let forged_row = r#"{"kind":"audit.set-aside","actor":"x","subject":"x","verdict":"ok","detail":{"from":1,"to":8,"why":"","file":"","sha256":"","signature":"00"}}"#;
    let scratch = Scratch::new();
    let store = five(&scratch).await;
    let (pages, _, _) = forged(&[forged_row]);
    tamper(&scratch, |all| *all = vec![(9, 1, pages[0].2.clone())], "");
    assert_eq!(verdict(&store).await, "9 says that a part was set aside, and is not signed for this place");
}

#[tokio::test]
async fn a_sound_log_has_nothing_to_set_aside_and_without_its_key_nothing_is_done() {
    let scratch = Scratch::new();
    let store = five(&scratch).await;
    assert_eq!(store.audit_damage(Vec::new()).await.unwrap(), None);
    tamper(&scratch, |pages| pages[4].2.clear(), "");
    let damage = store.audit_damage(Vec::new()).await.unwrap().unwrap();
    assert!(matches!(scratch.open().audit_damage(Vec::new()).await, Err(AuditFault::NoKey)));
    // The file must hold what goes.
    let (_, sha256) = store.export_damage(&damage, Vec::new()).await.unwrap();
    let wrong = store.set_aside(&damage, "aside.jsonl", &sha256.replace(|_| true, "0"), "me").await;
    assert!(matches!(wrong, Err(AuditFault::Changed)), "{wrong:?}");
    assert!(matches!(scratch.open().set_aside(&damage, "aside.jsonl", &sha256, "me").await, Err(AuditFault::NoKey)));
    tamper(&scratch, |pages| pages[4].2.push(1), "");
    let changed = store.set_aside(&damage, "aside.jsonl", &sha256, "me").await;
    assert!(changed.unwrap_err().to_string().contains("changed while it was set aside"));
}

#[tokio::test]
async fn a_log_can_be_set_aside_again() {
    let scratch = Scratch::new();
    let store = five(&scratch).await;
    tamper(&scratch, |pages| pages[4].2.clear(), "");
    set_aside(&store, Vec::new()).await;
    store.record(row("7")).await.unwrap();
    tamper(&scratch, |pages| pages.last_mut().unwrap().2.clear(), "");
    set_aside(&store, Vec::new()).await;
    let parts: Vec<_> = store.verify_audit(Vec::new()).await.unwrap().set_aside;
    let parts: Vec<_> = parts.iter().map(|(at, _, part)| (*at, part.from, part.to)).collect();
    assert_eq!(parts, [(6, 5, 5), (8, 7, 7)]);
}

/// All of the log as the file has it: pages, checkpoints, the end, and what guards them.
fn whole(scratch: &Scratch) -> Vec<String> {
    let raw = scratch.raw();
    let everything = "SELECT 'page ' || first || ' ' || rows || ' ' || hex(body) FROM audit_pages
        UNION ALL SELECT 'note ' || size || ' ' || note FROM audit_checkpoints
        UNION ALL SELECT 'end ' || number || ' ' || hex(hash) || ' ' || hex(tree) || ' ' || sealed FROM audit_head
        UNION ALL SELECT sql FROM sqlite_master WHERE type = 'trigger'";
    let mut query = raw.prepare(everything).unwrap();
    let found = query.query_map([], |row| row.get(0)).unwrap();
    found.collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn a_set_aside_that_fails_half_way_changes_nothing_and_can_be_done_again() {
    let steps = ["BEFORE DELETE ON audit_checkpoints", "BEFORE UPDATE ON audit_head", "BEFORE INSERT ON audit_pages"];
    for step in steps.into_iter().chain(["BEFORE INSERT ON audit_checkpoints"]) {
        let scratch = Scratch::new();
        let store = five(&scratch).await;
        tamper(&scratch, |pages| pages[1].2.clear(), &format!("CREATE TRIGGER late {step} BEGIN SELECT RAISE(FAIL, 'late'); END"));
        let before = whole(&scratch);
        let damage = store.audit_damage(Vec::new()).await.unwrap().unwrap();
        let (_, sha256) = store.export_damage(&damage, Vec::new()).await.unwrap();
        let failed = store.set_aside(&damage, "aside.jsonl", &sha256, "me").await.unwrap_err();
        assert!(matches!(failed, AuditFault::Store(_)) && failed.to_string().contains("late"), "{step}: {failed}");
        assert_eq!(whole(&scratch), before, "{step}");
        scratch.raw().execute_batch("DROP TRIGGER late").unwrap();
        assert_eq!(store.set_aside(&damage, "aside.jsonl", &sha256, "me").await.unwrap(), 6, "{step}");
        assert_eq!(verdict(&store).await, "6 rows, 1 checkpoints", "{step}");
    }
}

#[tokio::test]
async fn a_log_that_would_not_verify_after_it_is_left_as_it_was() {
    let scratch = Scratch::new();
    let store = five(&scratch).await;
    // The end is changed as soon as it is signed.
    let spoils = "CREATE TRIGGER spoils AFTER UPDATE ON audit_head WHEN new.sealed = new.number BEGIN
        UPDATE audit_head SET hash = zeroblob(32); END";
    tamper(&scratch, |pages| pages[3].2.clear(), spoils);
    let before = whole(&scratch);
    let damage = store.audit_damage(Vec::new()).await.unwrap().unwrap();
    let (_, sha256) = store.export_damage(&damage, Vec::new()).await.unwrap();
    let failed = store.set_aside(&damage, "aside.jsonl", &sha256, "me").await.unwrap_err().to_string();
    assert!(failed.contains("would still not verify") && failed.contains("the end of the log speaks of"), "{failed}");
    assert_eq!(whole(&scratch), before);
}

/// Rows 1 to 5 in one page, 6 to 8 in one each.
async fn five_and_three(scratch: &Scratch) -> Store {
    let store = scratch.open().with_audit_key(key());
    for number in 1..=5 {
        store.enqueue(row(&number.to_string())).await.unwrap();
    }
    store.settle().await.unwrap();
    for number in 6..=8 {
        store.record(row(&number.to_string())).await.unwrap();
    }
    store
}

/// After these pages were put in: what stands in the file, once no good row is lost.
async fn check_foreign(change: impl FnOnce(&mut Pages), (from, to): (u64, u64)) -> String {
    let scratch = Scratch::new();
    let store = five_and_three(&scratch).await;
    let pages = |whole: Vec<String>| whole.into_iter().filter(|line| line.starts_with("page ")).collect::<Vec<_>>();
    let sound = pages(whole(&scratch));
    tamper(&scratch, change, "");
    assert!(store.verify_audit(Vec::new()).await.is_err());
    let (file, number) = set_aside(&store, Vec::new()).await;
    assert_eq!(number, to + 1);
    let left = pages(whole(&scratch));
    assert_eq!((left.len(), &left[..4]), (5, &sound[..]), "every good page stays, byte for byte, and nothing else does");
    store.record(row("next")).await.unwrap();
    let report = store.verify_audit(Vec::new()).await.unwrap();
    let part = &report.set_aside[0].2;
    assert_eq!((report.rows, part.from, part.to), (to + 2, from, to));
    assert_eq!(store.audit_damage(Vec::new()).await.unwrap(), None, "once is enough");
    assert_eq!(store.audit_after(2, 1).await.unwrap()[0].number, 3, "the good row is read");
    file
}

fn firsts(file: &str) -> Vec<i64> {
    let lines = file.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines.filter_map(|line| line["page"]["first"].as_i64()).collect()
}

#[tokio::test]
async fn a_page_put_in_goes_alone_and_the_good_rows_around_it_stay() {
    let one = |pages: &Pages| pages[1].2.clone();
    let inside = check_foreign(|pages| pages.push((3, 1, one(pages))), (9, 8)).await;
    assert_eq!(firsts(&inside), [3]);
    assert!(inside.contains("\"row\":{") && inside.contains("\"number\":3"), "its rows are told too: {inside}");
    let border = check_foreign(|pages| pages.push((5, 2, [one(pages), one(pages)].concat())), (9, 8)).await;
    assert_eq!(firsts(&border), [5]);
    let follows = check_foreign(|pages| pages.push((4, 3, [one(pages), one(pages), one(pages)].concat())), (9, 8)).await;
    assert_eq!(firsts(&follows), [4], "it ends where a good page does");
    let several = |pages: &mut Pages| {
        let one = one(pages);
        pages.extend([-1, 0, 2, 3, 12].map(|first| (first, 1, one.clone())));
        pages.push((4, 0, Vec::new()));
    };
    assert_eq!(firsts(&check_foreign(several, (9, 12)).await), [-1, 0, 2, 3, 4, 12]);
    let empty = check_foreign(|pages| pages.push((3, 0, Vec::new())), (9, 8)).await;
    assert_eq!(firsts(&empty), [3], "without a row it hides those of the page before it");
}

#[tokio::test]
async fn a_page_that_says_more_rows_than_it_has_keeps_those_it_has() {
    let file = check_foreign(|pages| pages[0].1 = 7, (9, 8)).await;
    assert_eq!((firsts(&file), file.contains("\"row\":")), (vec![1], false), "its rows are all in the log: {file}");
}

#[tokio::test]
async fn damage_beside_a_page_put_in_takes_both_and_no_more() {
    let scratch = Scratch::new();
    let store = five_and_three(&scratch).await;
    tamper(
        &scratch,
        |pages| {
            *pages[0].2.last_mut().unwrap() = b'!';
            pages.push((3, 1, pages[2].2.clone()));
        },
        "",
    );
    let (file, number) = set_aside(&store, Vec::new()).await;
    assert_eq!((firsts(&file), number), (vec![1, 3, 6, 7, 8], 9));
    let report = store.verify_audit(Vec::new()).await.unwrap();
    assert_eq!((report.set_aside[0].2.from, report.set_aside[0].2.to), (5, 8));
    let left: Vec<u64> = store.audit_after(0, 99).await.unwrap().iter().map(|row| row.number).collect();
    assert_eq!(left, [1, 2, 3, 4, 9]);
}

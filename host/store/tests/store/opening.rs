//! What is opened, what is refused, and with which words.

use crate::scratch::{Scratch, append, key, texts};
use skynet_core::StoreError;
use skynet_core::facts::{Facts as _, NewFact};
use skynet_core::ports::Memory as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// Opening is refused, and the text says this.
fn check_refused(scratch: &Scratch, says: &str) {
    let error = scratch.try_open().unwrap_err().to_string();
    assert!(error.contains(says), "{error}");
}

#[tokio::test]
async fn all_files_are_private_to_their_owner() {
    let scratch = Scratch::new();
    let store = scratch.open();
    store.open_session(&key("a")).await.unwrap();
    let mut names = Vec::new();
    for entry in fs::read_dir(scratch.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{path:?}");
        names.push(path.file_name().unwrap().to_owned());
    }
    names.sort();
    assert_eq!(names, ["skynet.db", "skynet.db-shm", "skynet.db-wal"]);
}

#[test]
fn a_folder_or_file_that_others_can_reach_is_refused_with_the_remedy() {
    let scratch = Scratch::new();
    drop(scratch.open());
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o640)).unwrap();
    check_refused(&scratch, "open to other users (mode 640). Run: chmod 600");
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(scratch.folder.path(), Permissions::from_mode(0o750)).unwrap();
    check_refused(&scratch, "open to other users (mode 750). Run: chmod 700");
}

#[test]
fn a_read_only_folder_is_refused_and_nothing_is_made_in_it() {
    let scratch = Scratch::new();
    fs::set_permissions(scratch.folder.path(), Permissions::from_mode(0o500)).unwrap();
    check_refused(&scratch, "is read-only. Run: chmod 700");
    fs::set_permissions(scratch.folder.path(), Permissions::from_mode(0o700)).unwrap();
    assert_eq!(fs::read_dir(scratch.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_missing_folder_a_link_and_a_folder_in_the_files_place_are_refused() {
    let scratch = Scratch::new();
    let elsewhere = tempfile::tempdir().unwrap();
    symlink(elsewhere.path().join("other.db"), scratch.path()).unwrap();
    check_refused(&scratch, "is not a plain file");
    fs::remove_file(scratch.path()).unwrap();
    fs::create_dir(scratch.path()).unwrap();
    check_refused(&scratch, "is not a plain file");
    fs::remove_dir_all(scratch.folder.path()).unwrap();
    check_refused(&scratch, "`skynet init` makes it");
}

#[test]
fn a_file_that_is_no_database_is_corrupt_and_stays_as_it_is() {
    let scratch = Scratch::new();
    drop(scratch.open());
    let junk = b"this is not a database, but somebody's text file".repeat(100);
    for suffix in ["", "-wal", "-shm"] {
        drop(fs::remove_file(format!("{}{suffix}", scratch.path().display())));
    }
    fs::write(scratch.path(), &junk).unwrap();
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o600)).unwrap();
    assert!(matches!(scratch.try_open(), Err(StoreError::Corrupt(_))));
    assert_eq!(fs::read(scratch.path()).unwrap(), junk);
}

#[tokio::test]
async fn a_damaged_page_is_found_by_the_check_and_never_read_as_data() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    for _ in 0..50 {
        append(&store, "a", lease, &"x".repeat(3000)).await.unwrap();
    }
    store.check().await.unwrap();
    drop(store);
    scratch.raw().query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    let mut bytes = fs::read(scratch.path()).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0x5a);
    fs::write(scratch.path(), &bytes).unwrap();
    let store = scratch.open();
    assert!(matches!(store.check().await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.history(&key("a"), 100).await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn a_row_that_does_not_parse_is_corrupt_and_not_skipped() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    append(&store, "a", lease, "x").await.unwrap();
    scratch.raw().execute("UPDATE messages SET message = '{broken'", []).unwrap();
    assert!(matches!(store.history(&key("a"), 1).await, Err(StoreError::Corrupt(_))));
}

#[test]
fn the_database_of_a_newer_version_is_refused_and_not_touched() {
    let scratch = Scratch::new();
    drop(scratch.open());
    scratch.raw().execute_batch("PRAGMA user_version = 99").unwrap();
    check_refused(&scratch, "has format 99");
    check_refused(&scratch, "Run the newer skynet");
    let version: i64 = scratch.raw().query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn the_database_of_another_program_is_refused_and_not_touched() {
    let scratch = Scratch::new();
    drop(scratch.open());
    fs::remove_file(scratch.path()).unwrap();
    scratch.raw().execute_batch("CREATE TABLE theirs (a)").unwrap();
    fs::set_permissions(scratch.path(), Permissions::from_mode(0o600)).unwrap();
    check_refused(&scratch, "another program");
    let tables: i64 = scratch.raw().query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test]
async fn opening_again_keeps_everything() {
    let scratch = Scratch::new();
    for round in 1..=3 {
        let store = scratch.open();
        let lease = store.take_lease(&key("a")).await.unwrap();
        append(&store, "a", lease, &round.to_string()).await.unwrap();
    }
    assert_eq!(texts(&scratch.open(), "a").await, "1|2|3");
}

#[test]
fn eight_first_starts_at_once_all_find_the_same_format() {
    let scratch = Scratch::new();
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| scratch.try_open())).collect();
        for start in starts {
            start.join().unwrap().unwrap();
        }
    });
}

#[tokio::test]
async fn after_a_fold_the_file_alone_is_a_whole_copy() {
    let scratch = Scratch::new();
    let store = scratch.open();
    let lease = store.take_lease(&key("a")).await.unwrap();
    append(&store, "a", lease, "kept").await.unwrap();
    store.fold().await.unwrap();
    let copy = Scratch::new();
    std::fs::copy(scratch.path(), copy.path()).unwrap();
    assert_eq!(texts(&copy.open(), "a").await, "kept");
}

#[tokio::test]
async fn a_database_of_format_6_keeps_what_it_holds_and_learns_to_remember() {
    let scratch = Scratch::new();
    let lease = scratch.open().take_lease(&key("a")).await.unwrap();
    append(&scratch.open(), "a", lease, "kept").await.unwrap();
    let added = "DROP TABLE facts_fts; DROP TABLE facts; DROP TABLE articles_fts; DROP TABLE articles; DROP TABLE fires; DROP TABLE jobs; DROP TABLE proposals; \
        DROP TABLE ended_tokens;";
    scratch.raw().execute_batch(&format!("{added} PRAGMA user_version = 6")).unwrap();
    let store = scratch.open();
    assert_eq!(texts(&store, "a").await, "kept");
    append(&store, "a", lease, "more").await.unwrap();
    let user = skynet_core::UserId::owner();
    let fact =
        NewFact { category: "fact".into(), key: "k".into(), value: "v".into(), confidence: 1.0, source: "user".into(), expires_ms: None };
    assert!(store.learn(&user, fact).await.unwrap());
    assert_eq!(store.search_facts(&user, "v", 1).await.unwrap().len(), 1);
    store.check().await.unwrap();
}

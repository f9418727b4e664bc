//! What binds the next visit, and what new keys set free.

use super::*;
use crate::author::{Author, Setup};

async fn roots() -> (tempfile::TempDir, Vec<u8>, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let (registry, keys) = (folder.path().join("r"), folder.path().join("k"));
    let mut author = Author::init(&registry, &keys, &Setup::default(), Timestamp::now()).await.unwrap();
    let one = author.root().unwrap().1;
    author.rotate(&[RoleType::Timestamp], &folder.path().join("n"), &[&keys], Timestamp::now()).await.unwrap();
    let two = author.root().unwrap().1;
    (folder, one, two)
}

fn parsed(root: &[u8]) -> Root {
    serde_json::from_slice::<Signed<Root>>(root).unwrap().signed
}

#[tokio::test]
async fn no_list_may_go_back_unless_its_keys_were_replaced() {
    let (_folder, one, two) = roots().await;
    let seen = |root, timestamp, snapshot, targets| Seen { root, timestamp, snapshot, targets };
    let at = Some(Timestamp::UNIX_EPOCH);
    let memory = Memory::new(&one).unwrap().after(&parsed(&one), None, seen(1, 9, 8, 7), at).unwrap();
    for (now, role) in
        [(seen(1, 8, 8, 7), "timestamp"), (seen(1, 9, 7, 7), "snapshot"), (seen(1, 10, 9, 6), "targets"), (seen(0, 9, 8, 7), "root")]
    {
        assert_eq!(memory.after(&parsed(&one), None, now, at).unwrap_err().0, role);
    }
    memory.after(&parsed(&one), None, seen(1, 9, 8, 7), at).unwrap();
    let text = String::from_utf8(two.clone()).unwrap();
    let after = memory.after(&parsed(&two), Some(text.clone()), seen(2, 1, 1, 1), at).unwrap();
    assert_eq!((after.root.as_str(), after.seen.timestamp), (text.as_str(), 1));
    assert!(memory.after(&parsed(&two), Some(text), seen(0, 1, 1, 1), at).is_err(), "the root itself never goes back");
}

#[tokio::test]
async fn a_root_that_does_not_sign_itself_is_no_beginning() {
    let (_folder, one, two) = roots().await;
    let mixed = String::from_utf8(one.clone()).unwrap().replace("\"version\": 1", "\"version\": 2");
    let spaces = vec![b' '; 100_000];
    for evil in [mixed.as_bytes(), b"{}", b"\xff", &spaces, &two[..two.len() - 9]] {
        assert!(Memory::new(evil).is_err());
    }
    Memory::new(&one).unwrap();
}

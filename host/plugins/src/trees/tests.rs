//! Folders as they come: whole, hostile, changed while they are read.

use super::*;
use std::os::unix::fs::{PermissionsExt as _, symlink};

struct Ground {
    folder: tempfile::TempDir,
    trees: Trees,
}

impl Ground {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let trees = Trees::open(&folder.path().join("tools"), &folder.path().join("private")).unwrap();
        let ground = Self { folder, trees };
        std::fs::create_dir_all(ground.at("greet/lib")).unwrap();
        for (path, text) in [("greet/tool.toml", "x"), ("greet/main.py", "y"), ("greet/lib/words.py", "z")] {
            std::fs::write(ground.at(path), text).unwrap();
        }
        ground
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join("tools").join(path)
    }

    fn refusal(&self) -> String {
        self.trees.read("tools/greet").unwrap_err().to_string()
    }
}

#[test]
fn a_folder_is_read_whole_but_for_what_nobody_wrote_for_it() {
    let ground = Ground::new();
    std::fs::create_dir(ground.at("greet/__pycache__")).unwrap();
    for left in ["greet/.main.py.swp", "greet/main.py~", "greet/__pycache__/main.pyc"] {
        std::fs::write(ground.at(left), "").unwrap();
    }
    let files = ground.trees.read("tools/greet").unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["lib/words.py", "main.py", "tool.toml"]);
}

#[test]
fn folders_without_a_manifest_and_hidden_ones_are_not_listed() {
    let ground = Ground::new();
    std::fs::create_dir_all(ground.at("no-tool")).unwrap();
    std::fs::create_dir_all(ground.at(".hidden")).unwrap();
    std::fs::write(ground.at(".hidden/tool.toml"), "").unwrap();
    symlink("greet", ground.at("link")).unwrap();
    assert_eq!(ground.trees.list().unwrap().into_keys().collect::<Vec<_>>(), ["tools/greet", "tools/link"]);
    assert!(ground.trees.read("tools/link").unwrap_err().to_string().contains("a link"));
}

#[test]
fn each_change_anywhere_in_a_folder_changes_its_stamp() {
    let ground = Ground::new();
    let stamp = || ground.trees.list().unwrap().remove("tools/greet").unwrap();
    let first = stamp();
    assert_eq!(first, stamp());
    std::fs::write(ground.at("greet/lib/words.py"), "other").unwrap();
    let second = stamp();
    assert_ne!(first, second);
    std::fs::rename(ground.at("greet/main.py"), ground.at("greet/again.py")).unwrap();
    assert_ne!(second, stamp());
}

#[test]
fn links_pipes_and_floods_are_refused() {
    let ground = Ground::new();
    symlink("/etc/passwd", ground.at("greet/data")).unwrap();
    assert!(ground.refusal().contains("link"), "{}", ground.refusal());
    std::fs::remove_file(ground.at("greet/data")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, ground.at("greet/pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert!(ground.refusal().contains("pipe"), "{}", ground.refusal());
    std::fs::remove_file(ground.at("greet/pipe")).unwrap();
    std::fs::File::create(ground.at("greet/large")).unwrap().set_len(TREE_BYTES).unwrap();
    assert!(ground.refusal().contains("bytes"), "{}", ground.refusal());
    std::fs::remove_file(ground.at("greet/large")).unwrap();
    for number in 0..TREE_FILES {
        std::fs::write(ground.at("greet").join(number.to_string()), "").unwrap();
    }
    assert!(ground.refusal().contains("files"), "{}", ground.refusal());
}

#[test]
fn a_copy_is_kept_once_healed_when_changed_and_nobody_elses() {
    let ground = Ground::new();
    let files = ground.trees.read("tools/greet").unwrap();
    let digest = ground.trees.keep(&files).unwrap();
    assert_eq!(ground.trees.kept(&digest).unwrap(), files);
    let copy = kept_in(&ground.folder.path().join("private")).join(&digest).join("main.py");
    std::fs::set_permissions(&copy, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(&copy, "evil").unwrap();
    assert!(ground.trees.kept(&digest).unwrap_err().to_string().contains("was changed"));
    assert_eq!(ground.trees.keep(&files).unwrap(), digest);
    assert_eq!(std::fs::read_to_string(copy).unwrap(), "y");
    assert!(ground.trees.kept("../../etc").is_err());
}

#[test]
fn a_folder_that_cannot_be_walked_is_listed_so_that_its_refusal_is_told() {
    use std::os::unix::ffi::OsStrExt as _;
    let ground = Ground::new();
    let listed = || ground.trees.list().unwrap().contains_key("tools/greet");
    let deep = ground.at("greet/1/2/3/4/5/6/7/8/9");
    std::fs::create_dir_all(deep).unwrap();
    assert!(listed() && ground.refusal().contains("too many folders"), "{}", ground.refusal());
    std::fs::remove_dir_all(ground.at("greet/1")).unwrap();
    std::fs::write(ground.at("greet").join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    assert!(listed() && ground.refusal().contains("UTF-8"), "{}", ground.refusal());
}

#[test]
fn copies_that_nothing_runs_from_are_removed_and_the_others_stay() {
    let ground = Ground::new();
    let files = |word: &str| {
        let manifest = format!("name = 'greet'\ndescription = '{word}'\n[run]\ncommand = 'sh'\nscript = 'main.sh'\n");
        Files::from([("tool.toml".to_owned(), manifest.into_bytes()), ("main.sh".to_owned(), b"echo".to_vec())])
    };
    let keep = |word: &str| {
        let tree = ground.trees.keep(&files(word)).unwrap();
        let manifest = skynet_policy::script::ScriptManifest::of(&files(word)).unwrap();
        let folder = Arc::new(FolderPlugin { tree: tree.clone(), manifest });
        ground.trees.meet(&folder);
        (tree, folder)
    };
    let ((serves, serving), (old, gone), (signed, _)) = (keep("serves"), keep("old"), keep("signed"));
    let half = kept_in(&ground.folder.path().join("private")).join(".new-half");
    std::fs::create_dir(&half).unwrap();
    let called = Arc::clone(&gone);
    drop(gone);
    let needed = BTreeSet::from([signed.clone()]);
    assert_eq!(ground.trees.sweep(&needed).unwrap(), 1, "what was left half");
    assert!(!half.exists() && ground.trees.kept(&old).is_ok(), "a call still runs from it");
    drop(called);
    assert_eq!(ground.trees.sweep(&needed).unwrap(), 1);
    assert!(ground.trees.kept(&old).is_err() && ground.trees.kept(&serves).is_ok() && ground.trees.kept(&signed).is_ok());
    drop(serving);
    assert_eq!(ground.trees.sweep(&BTreeSet::new()).unwrap(), 2);
}

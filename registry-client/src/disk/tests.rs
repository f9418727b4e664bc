//! What a folder refuses, and what is left after a write.

use super::*;

#[test]
fn links_and_ways_out_are_refused_for_reading_and_writing() {
    let home = tempfile::tempdir().unwrap();
    let (inside, outside) = (home.path().join("in"), home.path().join("out"));
    std::fs::create_dir_all(inside.join("sub")).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "s").unwrap();
    std::os::unix::fs::symlink(&outside, inside.join("folder-link")).unwrap();
    std::os::unix::fs::symlink(outside.join("secret"), inside.join("sub/file-link")).unwrap();
    std::os::unix::fs::symlink("sub", inside.join("inner-link")).unwrap();
    let folder = Folder::open(&inside).unwrap();
    for evil in [
        "folder-link/secret",
        "sub/file-link",
        "inner-link/x",
        "../out/secret",
        "sub/../../out/secret",
        outside.join("secret").to_str().unwrap(),
    ] {
        assert!(folder.read(evil, 10).is_err(), "{evil}");
        assert!(folder.write(evil, b"x", 0o600).is_err(), "{evil}");
        assert!(folder.append(evil).is_err(), "{evil}");
    }
    assert_eq!(std::fs::read_to_string(outside.join("secret")).unwrap(), "s");
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
}

#[test]
fn a_write_leaves_the_whole_file_with_its_mode_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::open(home.path()).unwrap();
    folder.write("a/b.json", b"one", 0o444).unwrap();
    folder.write("a/b.json", b"two", 0o444).unwrap();
    assert_eq!(folder.read("a/b.json", 10).unwrap().unwrap(), b"two");
    assert_eq!(folder.names("a").unwrap(), ["b.json"]);
    assert_eq!(std::fs::metadata(home.path().join("a/b.json")).unwrap().permissions().mode() & 0o777, 0o444);
    assert!(matches!(folder.read("a/b.json", 2), Err(DiskError::TooLarge { .. })));
    assert_eq!(folder.read("a/none", 2).unwrap(), None);
}

#[test]
fn what_a_killed_writer_left_is_swept_away() {
    let home = tempfile::tempdir().unwrap();
    let folder = Folder::open(home.path()).unwrap();
    std::fs::write(home.path().join(".new-1-2"), "half").unwrap();
    std::fs::write(home.path().join("whole"), "x").unwrap();
    folder.sweep("").unwrap();
    assert_eq!(folder.names("").unwrap(), ["whole"]);
}

#[test]
fn a_private_folder_that_others_may_enter_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("p");
    Folder::private(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o750)).unwrap();
    assert!(matches!(Folder::private(&path), Err(DiskError::Open { .. })));
    let link = home.path().join("l");
    std::os::unix::fs::symlink(home.path(), &link).unwrap();
    assert!(Folder::private(&link).is_err());
}

#[test]
fn a_full_disk_has_its_own_words() {
    let full = failed(Path::new("x"), std::io::Error::from(ErrorKind::StorageFull)).to_string();
    assert!(full.contains("disk is full") && full.contains("make room"), "{full}");
}

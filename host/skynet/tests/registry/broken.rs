//! Disks that are full and processes that end in the middle: old or new, never neither.

use crate::keeper::{CLOCK, Keeper};
use std::process::{Command, Stdio};

#[test]
fn a_download_that_was_killed_goes_on_where_it_broke_off() {
    let mut keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    keeper.home.start();
    let half = keeper.server.stall("blobs/");
    let mut command = keeper.home.command(&["plugin", "install", CLOCK, "--yes", "--unseen"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    half.recv().unwrap();
    // What came is on the disk before it is ended.
    let quarantine = keeper.home.home().join("registries/quarantine");
    keeper.home.until("half of it", |_| {
        let parts = std::fs::read_dir(&quarantine).ok()?.flatten();
        parts.filter_map(|entry| entry.metadata().ok()).any(|meta| meta.len() > 0).then_some(())
    });
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!((keeper.locked(), keeper.in_folder()), (None, None));

    keeper.server.behave();
    keeper.server.heard("");
    keeper.install();
    let asked = keeper.server.heard("blobs/");
    assert!(asked.iter().any(|head| head.contains("range: bytes=")), "{asked:?}");
    keeper.serves("1.0.0");
}

#[test]
fn a_full_disk_changes_nothing_and_is_said() {
    let keeper = Keeper::serving("1.0.0");
    let before = keeper.in_folder();
    keeper.publish("1.1.0", "");
    // No file of this process may grow beyond 350 KiB: room for the database, not for the component.
    let inner = keeper.home.command(&["plugin", "update", "--yes", "--unseen"]);
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 700; exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    let said: crate::household::Said = command.output().unwrap().into();
    said.refused(1, &["registries/", "try again"]);
    assert_eq!((keeper.in_folder(), keeper.locked().as_deref()), (before, Some("1.0.0")));
    keeper.serves("1.0.0");
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    keeper.serves("1.1.0");
}

/// Runs an update where this folder of the household lies on a disk with so much room left; all
/// of it is gone with the command, so nothing else is changed.
fn on_a_small_disk(keeper: &Keeper, folder: &str, room_kib: u64) -> crate::household::Said {
    let folder = keeper.home.home().join(folder);
    let inner = keeper.home.command(&["plugin", "update", "--yes", "--unseen"]);
    let script = r#"
        set -e
        folder=$1 room=$2 copy=$3; shift 3
        cp -a "$folder/." "$copy"
        size=$(du -s --block-size=4096 "$copy" | cut -f1)
        mount -t tmpfs -o "size=$(( size * 4 + room ))k,mode=700" none "$folder"
        cp -a "$copy/." "$folder"
        code=0; "$@" || code=$?
        # What is there afterwards is what was there before: nothing half done, under no name.
        diff -r --exclude=.lock --exclude=known --exclude=tuf --exclude=updates.json "$copy" "$folder" >&2 || code=200
        exit "$code""#;
    let copy = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
    command.arg(&folder).arg(room_kib.to_string()).arg(copy.path()).arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command.stdin(Stdio::null()).output().unwrap().into()
}

#[test]
fn a_disk_that_fills_up_is_named_with_what_is_needed_and_nothing_is_half_installed() {
    let probe = ["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "none", "/tmp"];
    if !Command::new("unshare").args(probe).status().is_ok_and(|status| status.success()) {
        eprintln!("left out: this machine lets nobody mount a small disk of their own (unshare --user --mount)");
        return;
    }
    let keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    keeper.install();
    let before = keeper.in_folder();
    keeper.publish("1.1.0", "");
    for (folder, named) in [("registries", "registries/quarantine/"), ("plugins", "plugins/.acme--clock.wasm.next")] {
        let said = on_a_small_disk(&keeper, folder, 64);
        said.refused(74, &[named, "the disk is full", "bytes are free there, and", "are needed", "make room and try again"]);
        assert_eq!((keeper.in_folder(), keeper.locked()), (before.clone(), Some("1.0.0".to_owned())), "{folder}");
        assert!(!keeper.home.home().join("registries/intent.json").exists(), "{folder}");
    }
    keeper.home.run(&["plugin", "update", "--yes", "--unseen"]).done();
    assert_eq!(keeper.locked().as_deref(), Some("1.1.0"));
}

#[test]
fn a_release_that_does_not_serve_is_taken_away_or_gone_back_from_as_the_message_says() {
    let mut keeper = Keeper::new();
    keeper.publish_broken("1.0.0");
    keeper.home.start();
    let said = keeper.home.run(&["plugin", "install", CLOCK, "--yes", "--unseen"]);
    said.refused(4, &["does not serve it", "SyntaxError", "Take it away with: skynet plugin remove acme/clock"]);
    keeper.home.run(&["plugin", "remove", CLOCK, "--yes"]).done();

    let keeper = Keeper::serving("1.0.0");
    keeper.publish_broken("1.1.0");
    let said = keeper.home.run(&["plugin", "update", "--yes", "--unseen"]);
    said.refused(4, &["does not serve it", "Go back with: skynet plugin rollback acme/clock"]);
    keeper.home.run(&["plugin", "rollback", CLOCK]).done();
}

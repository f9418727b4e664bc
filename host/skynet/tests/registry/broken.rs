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
    let mut keeper = Keeper::new();
    keeper.publish("1.0.0", "");
    keeper.install();
    keeper.home.start();
    keeper.serves("1.0.0");
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

//! The daemon in the background.

use crate::lifeline::Lifeline;
use rustix::process::{Pid, Signal, WaitOptions, getpgid, getpgrp, kill_process, waitpid};
use skynet_scripts::detach::{DetachError, DetachSpec, start_detached};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

fn spec(line: &Lifeline, script: &str) -> DetachSpec {
    DetachSpec { program: "/bin/sh".into(), args: line.args(script), log: line.folder.path().join("log") }
}

fn end(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    kill_process(pid.unwrap(), Signal::KILL).unwrap();
    waitpid(pid, WaitOptions::empty()).unwrap();
}

#[tokio::test]
async fn a_detached_program_lives_in_its_own_group_and_logs_both_outputs() {
    let mut line = Lifeline::new();
    let mut spec = spec(&line, "");
    fs::write(&spec.log, "before\n").unwrap();
    spec.args[1] = "pwd; echo err >&2; cat; exec 9>\"$1\"; echo up >&9; exec sleep 1000".into();
    let pid = start_detached(&spec).unwrap().id();
    line.is_up().await;
    let group = getpgid(Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
    assert_eq!(u32::try_from(group.as_raw_nonzero().get()).unwrap(), pid);
    assert_ne!(group, getpgrp());
    assert_eq!(fs::read_to_string(&spec.log).unwrap(), "before\n/\nerr\n");
    end(pid);
    line.is_dead().await;
}

#[tokio::test]
async fn its_log_is_made_private_and_a_link_in_its_place_is_refused() {
    let mut line = Lifeline::new();
    let spec = spec(&line, "exec sleep 1000");
    let pid = start_detached(&spec).unwrap().id();
    line.is_up().await;
    assert_eq!(fs::metadata(&spec.log).unwrap().permissions().mode() & 0o777, 0o600);
    end(pid);
    fs::remove_file(&spec.log).unwrap();
    symlink(line.folder.path().join("elsewhere"), &spec.log).unwrap();
    let error = start_detached(&spec).unwrap_err();
    assert!(matches!(error, DetachError::Log { .. }), "{error}");
    assert!(!line.folder.path().join("elsewhere").exists());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let line = Lifeline::new();
    let missing = DetachSpec { program: "/no/such/skynet".into(), ..spec(&line, "") };
    let error = start_detached(&missing).unwrap_err();
    assert!(error.to_string().contains("/no/such/skynet"), "{error}");
}

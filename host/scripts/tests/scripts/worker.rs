//! Workers: fed, read, bounded, and dead when they should be.

use crate::lifeline::{Lifeline, PATIENCE};
use skynet_scripts::limits::STDERR_BYTES;
use skynet_scripts::worker::{End, WorkerError, WorkerOutput, WorkerSpec, run_worker};
use std::time::Duration;

const MIB: usize = 1024 * 1024;

/// Time enough for a shell to come up on a loaded machine; spent by tests of the deadline only.
const SHORT: Duration = Duration::from_secs(2);

fn spec(program: &str, args: &[&str]) -> WorkerSpec {
    let args = args.iter().map(|arg| (*arg).to_owned()).collect();
    WorkerSpec { program: program.into(), args, input: Vec::new(), deadline: PATIENCE, max_output: 16 * MIB }
}

fn sh(script: &str) -> WorkerSpec {
    spec("/bin/sh", &["-c", script])
}

async fn stdout(spec: WorkerSpec) -> String {
    String::from_utf8(run_worker(spec).await.unwrap().stdout).unwrap()
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|n| (n % 251) as u8).collect()
}

#[tokio::test]
async fn ten_megabytes_go_in_and_come_out_at_once() {
    let input = pattern(10 * MIB);
    let output = run_worker(WorkerSpec { input: input.clone(), ..spec("/bin/cat", &[]) }).await.unwrap();
    assert!(output.stdout == input);
}

#[tokio::test]
async fn a_worker_that_writes_ten_megabytes_and_never_reads_its_input_is_heard_out() {
    let input = pattern(10 * MIB);
    let output = run_worker(WorkerSpec { input, ..sh("exec head -c 10485760 /dev/zero") }).await.unwrap();
    assert_eq!(output, WorkerOutput { stdout: vec![0; 10 * MIB], stderr: String::new() });
}

#[tokio::test]
async fn output_up_to_the_limit_passes_and_one_byte_more_does_not() {
    let limited = |bytes: usize| WorkerSpec { max_output: 1000, ..sh(&format!("exec head -c {bytes} /dev/zero")) };
    assert_eq!(run_worker(limited(1000)).await.unwrap().stdout.len(), 1000);
    assert!(matches!(run_worker(limited(1001)).await, Err(WorkerError::OutputTooLarge { max: 1000 })));
}

#[tokio::test]
async fn a_worker_that_never_stops_writing_is_killed_at_its_limit() {
    let mut line = Lifeline::new();
    let endless = WorkerSpec { args: line.args("while :; do echo y; done"), max_output: 1000, ..sh("") };
    assert!(matches!(run_worker(endless).await, Err(WorkerError::OutputTooLarge { .. })));
    line.is_dead().await;
}

#[tokio::test]
async fn a_worker_sees_no_environment_and_no_folder_of_ours() {
    assert_eq!(stdout(spec("/usr/bin/env", &[])).await, "");
    assert_eq!(stdout(spec("/bin/pwd", &[])).await, "/\n");
}

#[tokio::test]
async fn a_worker_that_fails_says_how_and_why() {
    let error = run_worker(sh("echo first >&2; echo no such luck >&2; exit 3")).await.unwrap_err();
    assert_eq!(error.to_string(), "the worker ended with code 3; it said: no such luck");
    assert!(matches!(&error, WorkerError::Exited { end: End::Code(3), stderr } if stderr == "first\nno such luck\n"));
    let error = run_worker(sh("kill -SEGV $$")).await.unwrap_err();
    assert_eq!(error.to_string(), "the worker ended by signal 11: it crashed; it said: nothing");
}

#[tokio::test]
async fn a_worker_cannot_forge_lines_in_our_log() {
    let error = run_worker(sh("printf 'a\\033[2Jb\\rc' >&2; exit 1")).await.unwrap_err();
    assert_eq!(error.to_string(), "the worker ended with code 1; it said: a[2Jbc");
}

#[tokio::test]
async fn of_a_flood_on_stderr_the_end_is_kept() {
    let output = run_worker(sh("head -c 3000000 /dev/zero | tr '\\0' '\\377' >&2; echo the end >&2")).await.unwrap();
    assert!(output.stderr.ends_with("the end\n"));
    assert!(output.stderr.len() <= STDERR_BYTES && output.stderr.len() > STDERR_BYTES - 4, "{}", output.stderr.len());
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = run_worker(spec("/no/such/program", &[])).await.unwrap_err();
    assert!(matches!(error, WorkerError::Spawn { .. }));
    assert!(error.to_string().contains("/no/such/program"), "{error}");
}

#[tokio::test]
async fn a_worker_that_ignores_sigterm_dies_at_the_deadline() {
    let mut line = Lifeline::new();
    let args = line.args("trap '' TERM INT HUP; echo busy >&2; while :; do :; done");
    let error = run_worker(WorkerSpec { args, deadline: SHORT, ..sh("") }).await.unwrap_err();
    assert!(matches!(error, WorkerError::Deadline { after: SHORT, stderr } if stderr == "busy\n"));
    line.is_up().await;
    line.is_dead().await;
}

#[tokio::test]
async fn grandchildren_die_with_the_worker_at_the_deadline() {
    let mut line = Lifeline::new();
    let args = line.args("(trap '' TERM; sleep 1000 & sleep 1000) & sleep 1000 & wait");
    let result = run_worker(WorkerSpec { args, deadline: SHORT, ..sh("") }).await;
    assert!(matches!(result, Err(WorkerError::Deadline { .. })));
    line.is_up().await;
    line.is_dead().await;
}

#[tokio::test]
async fn a_grandchild_that_outlives_its_worker_is_killed_and_holds_nothing_up() {
    let mut line = Lifeline::new();
    let args = line.args("sleep 1000 & echo done");
    assert_eq!(stdout(WorkerSpec { args, ..sh("") }).await, "done\n");
    line.is_up().await;
    line.is_dead().await;
}

#[tokio::test]
async fn a_worker_whose_caller_goes_away_is_dead_with_its_children() {
    let mut line = Lifeline::new();
    let args = line.args("sleep 1000 & wait");
    let caller = tokio::spawn(run_worker(WorkerSpec { args, ..sh("") }));
    line.is_up().await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    line.is_dead().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_workers_at_once_each_get_their_own_answer() {
    let runs: Vec<_> =
        (0..16).map(|n| tokio::spawn(stdout(WorkerSpec { input: vec![b'a' + n; 100_000], ..spec("/bin/cat", &[]) }))).collect();
    for (n, run) in runs.into_iter().enumerate() {
        let text = run.await.unwrap();
        assert!(text.len() == 100_000 && text.bytes().all(|byte| usize::from(byte) == usize::from(b'a') + n));
    }
}

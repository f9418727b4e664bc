//! A worker that confined itself meets its limits.
//!
//! Each test starts this program again as the worker, which confines itself and
//! then does what its limit forbids. The role comes in by a variable that `sh` sets,
//! as a worker has no environment.

use crate::lifeline::PATIENCE;
use skynet_scripts::confine::{WorkerLimits, confine_worker};
use skynet_scripts::worker::{End, WorkerError, WorkerSpec, run_worker};
use std::fs::File;

const ROLE: &str = "SKYNET_SCRIPTS_TEST_ROLE";
const LIMITS: WorkerLimits = WorkerLimits { address_space: 1 << 30, cpu_seconds: 1, file_size: 1 << 20, open_files: 64 };

/// Runs the worker's part of a test; gives what it printed behind `says`.
async fn check(role: &str, expected: Result<&str, End>) {
    let exe = std::env::current_exe().unwrap().display().to_string();
    let script = format!("{ROLE}={role} exec \"$0\" --exact confine::the_worker_itself --nocapture");
    let args = vec!["-c".into(), script, exe];
    let spec = WorkerSpec { program: "/bin/sh".into(), args, input: Vec::new(), deadline: PATIENCE, max_output: 100_000 };
    match (run_worker(spec).await, expected) {
        (Ok(output), Ok(expected)) => {
            let text = String::from_utf8(output.stdout).unwrap();
            let said = text.split("says ").nth(1).and_then(|rest| rest.lines().next());
            assert_eq!(said, Some(expected), "{role}: {text}");
        }
        (Err(WorkerError::Exited { end, .. }), Err(expected)) => assert_eq!(end, expected, "{role}"),
        (other, _) => panic!("{role}: {other:?}"),
    }
}

/// Does nothing in an ordinary run of the tests.
#[test]
fn the_worker_itself() {
    let Ok(role) = std::env::var(ROLE) else { return };
    confine_worker(LIMITS).unwrap();
    let said = match role.as_str() {
        "memory" => format!("{}", Vec::<u8>::new().try_reserve_exact(2 << 30).is_err()),
        "files" => {
            let open: Vec<_> = std::iter::repeat_with(|| File::open("/dev/null")).take_while(Result::is_ok).take(1000).collect();
            format!("{}", open.len() < 64)
        }
        "file" => {
            let mut file = tempfile::tempfile().unwrap();
            format!("{:?}", std::io::Write::write_all(&mut file, &vec![0; 2 << 20]))
        }
        "cpu" => loop {
            std::hint::spin_loop();
        },
        "twice" => {
            let wider = WorkerLimits { open_files: 128, ..LIMITS };
            confine_worker(wider).unwrap();
            format!("{:?}", rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum)
        }
        "core" => format!("{:?}", rustix::process::getrlimit(rustix::process::Resource::Core).maximum),
        #[cfg(target_os = "linux")]
        "privileges" => format!("{:?}", rustix::thread::no_new_privs()),
        other => panic!("no role {other}"),
    };
    println!("\nsays {said}");
}

#[tokio::test]
async fn memory_beyond_the_limit_is_refused() {
    check("memory", Ok("true")).await;
}

#[tokio::test]
async fn files_beyond_the_limit_are_refused() {
    check("files", Ok("true")).await;
}

#[tokio::test]
async fn a_loop_that_uses_up_its_cpu_time_is_ended_by_the_signal_that_says_so() {
    check("cpu", Err(End::Signal(rustix::process::Signal::XCPU.as_raw()))).await;
}

#[tokio::test]
async fn a_file_beyond_the_limit_ends_the_worker() {
    check("file", Err(End::Signal(rustix::process::Signal::XFSZ.as_raw()))).await;
}

#[tokio::test]
async fn a_second_confinement_cannot_widen_the_first() {
    check("twice", Ok("Some(64)")).await;
}

#[tokio::test]
async fn a_confined_worker_leaves_no_core_dump() {
    check("core", Ok("Some(0)")).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_confined_worker_gains_no_privileges() {
    check("privileges", Ok("Ok(true)")).await;
}

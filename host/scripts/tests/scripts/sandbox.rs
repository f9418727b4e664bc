//! Scripts in their cells: what they may do works, what they may not is refused, nothing is left.
//!
//! The launcher is this program again: the test `the_launcher_itself` plays it when it is
//! called with a role, on one thread, as the binary will. Poorer machines are played by hiding system calls.
#![allow(unsafe_code, reason = "a fork, so that the launcher has one thread, as it has in the binary")]

mod contract;
mod escape;
mod floods;
mod ground;
mod kept;
mod machine;
mod shells;
mod tree;

/// Does nothing in an ordinary run of the tests.
#[test]
fn the_launcher_itself() {
    let Some(role) = std::env::args().find_map(|argument| argument.strip_prefix(ground::ROLE).map(str::to_owned)) else { return };
    // SAFETY: the main thread waits for this one and holds no lock that the child would want.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let served = std::panic::catch_unwind(|| ground::play(&role));
        std::process::exit(i32::from(!matches!(served, Ok(Ok(())))));
    }
    let child = rustix::process::Pid::from_raw(child).unwrap();
    let (_, status) = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0), "{role}");
}

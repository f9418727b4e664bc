//! A process behind the wall: what it wants outside is refused, its work goes on.
//!
//! Each test starts this program again, on one thread, as the host would be; it
//! raises the wall, tries one thing after another and prints what the system said.
#![allow(unsafe_code, reason = "system calls that no crate offers, with arguments that do nothing where they are let through")]
#![allow(clippy::print_stdout, reason = "it is how the confined process tells what it met")]

use libc::{SYS_ioctl, SYS_socket, c_long};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use seccompiler::{SeccompAction, SeccompFilter};
use skynet_scripts::wall::{Layers, State, WallError, WallSpec, close_memory, raise};
use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

const ROLE: &str = "SKYNET_WALL_TEST_ROLE";

/// A data folder, two roots, and what belongs to somebody else.
struct Ground(tempfile::TempDir);

impl Ground {
    fn new() -> Self {
        let ground = Self(tempfile::tempdir().unwrap());
        for folder in ["home", "shown", "shared", "elsewhere"] {
            fs::create_dir(ground.0.path().join(folder)).unwrap();
            fs::write(ground.0.path().join(folder).join("file"), "text").unwrap();
        }
        symlink("../elsewhere/file", ground.0.path().join("home/way-out")).unwrap();
        ground
    }

    /// Runs the role in a process of its own; gives what it printed.
    fn run(&self, role: &str) -> String {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "wall::the_confined_process_itself", "--nocapture", "--test-threads=1"]);
        let output = command.env(ROLE, role).current_dir(self.0.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{role}: {text}\n{}", String::from_utf8_lossy(&output.stderr));
        text.lines().filter_map(|line| line.split_once("| ")).map(|(_, said)| format!("{said}\n")).collect()
    }
}

#[track_caller]
fn check(role: &str, expected: &str) {
    let lines = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(lines(&Ground::new().run(role)), lines(expected), "{role}");
}

fn spec() -> WallSpec {
    let here = std::env::current_dir().unwrap();
    let at = |name: &str| here.join(name);
    WallSpec { write: vec![at("home"), at("shared")], read: vec![at("shown"), at("not-there")], listen: 0, landlock: true, seccomp: true }
}

fn say(what: &str, result: io::Result<()>) {
    let said = match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => match Errno::from_io_error(&error).unwrap() {
            Errno::ACCESS => "ACCESS".to_owned(),
            Errno::PERM => "PERM".to_owned(),
            Errno::NOSYS => "NOSYS".to_owned(),
            Errno::XDEV => "XDEV".to_owned(),
            other => format!("{}", other.raw_os_error()),
        },
    };
    println!("| {what}={said}");
}

/// A call with nothing in its arguments, which does nothing even where it is let through.
fn call(number: c_long, arguments: [c_long; 3]) -> io::Result<()> {
    // SAFETY: every pointer is null and every length nothing; the kernel checks both.
    let result = unsafe { libc::syscall(number, arguments[0], arguments[1], arguments[2], 0, 0) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Does nothing in an ordinary run of the tests. A test runs on a thread beside the
/// main one, so the role is played by a fork, which has one thread, as the host has then.
#[test]
fn the_confined_process_itself() {
    let Ok(role) = std::env::var(ROLE) else { return };
    println!();
    // SAFETY: the main thread waits for this one and holds no lock that the child would want.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let played = std::panic::catch_unwind(|| play(&role));
        std::process::exit(i32::from(played.is_err()));
    }
    let child = rustix::process::Pid::from_raw(child).unwrap();
    let (_, status) = rustix::process::waitpid(Some(child), rustix::process::WaitOptions::empty()).unwrap().unwrap();
    assert_eq!(status.exit_status(), Some(0), "{role}");
}

fn play(role: &str) {
    match role {
        "files" => files(),
        "calls" => calls(true),
        "calls without a wall" => calls(false),
        "work" => work(),
        "threads" => threads(),
        "late" => late(),
        "hidden landlock" => hidden(libc::SYS_landlock_create_ruleset),
        "hidden seccomp" => hidden(libc::SYS_seccomp),
        "switched off" => say_layers(&raise(&WallSpec { landlock: false, seccomp: false, ..spec() }).unwrap()),
        "stacked" => stacked(),
        other => panic!("no role {other}"),
    }
}

fn files() {
    raise(&spec()).unwrap();
    let read = |path: &str| fs::read(path).map(drop);
    let write = |path: &str| fs::write(path, "x");
    say("read-elsewhere", read("elsewhere/file"));
    say("read-through-a-link", read("home/way-out"));
    say("list-elsewhere", fs::read_dir("elsewhere").map(drop));
    say("list-all", fs::read_dir("/").map(drop));
    say("read-shadow", if rustix::process::geteuid().is_root() { read("/etc/shadow") } else { Err(Errno::ACCESS.into()) });
    say("write-elsewhere", write("elsewhere/new"));
    say("write-beside", write("new"));
    say("write-shown", write("shown/file"));
    say("move-out", fs::rename("home/file", "elsewhere/moved"));
    say("link-in", fs::hard_link("elsewhere/file", "home/linked"));
    say("make-a-pipe", rustix::fs::mkfifoat(rustix::fs::CWD, "home/pipe", Mode::RWXU).map_err(Into::into));
    say("run-a-shell", Command::new("/bin/sh").args(["-c", "true"]).status().map(drop));
    say(
        "signal-outward",
        rustix::process::kill_process(rustix::process::getppid().unwrap(), rustix::process::Signal::CONT).map_err(Into::into),
    );
    say("read-home", read("home/file"));
    say("write-home", write("home/file"));
    say("move-inside", fs::rename("home/file", "shared/moved"));
    say("read-shown", read("shown/file"));
    say("list-shown", fs::read_dir("shown").map(drop));
    say("write-shared", write("shared/file"));
}

#[test]
fn files_outside_are_refused_and_those_inside_are_not() {
    check(
        "files",
        "read-elsewhere=ACCESS read-through-a-link=ACCESS list-elsewhere=ACCESS list-all=ACCESS read-shadow=ACCESS
         write-elsewhere=ACCESS write-beside=ACCESS write-shown=ACCESS move-out=ACCESS link-in=XDEV make-a-pipe=ACCESS
         run-a-shell=ACCESS signal-outward=PERM
         read-home=ok write-home=ok move-inside=ok read-shown=ok list-shown=ok write-shared=ok",
    );
}

fn calls(wanted: bool) {
    raise(&WallSpec { landlock: wanted, seccomp: wanted, ..spec() }).unwrap();
    let nothing = [0, 0, 0];
    // A request that no kernel knows, so that one that is let through says INVAL.
    say("ptrace", call(libc::SYS_ptrace, [0x7fff, 0, 0]));
    say("process_vm_readv", call(libc::SYS_process_vm_readv, nothing));
    say("unshare", call(libc::SYS_unshare, nothing));
    say("clone-with-a-namespace", call(libc::SYS_clone, [(libc::CLONE_NEWUSER | libc::CLONE_FS).into(), 0, 0]));
    say("clone3", call(libc::SYS_clone3, nothing));
    say("setns", call(libc::SYS_setns, [-1, 0, 0]));
    say("mount", call(libc::SYS_mount, nothing));
    say("fsopen", call(libc::SYS_fsopen, nothing));
    say("bpf", call(libc::SYS_bpf, [-1, 0, 0]));
    say("io_uring_setup", call(libc::SYS_io_uring_setup, nothing));
    say("userfaultfd", call(libc::SYS_userfaultfd, [-1, 0, 0]));
    say("keyctl", call(libc::SYS_keyctl, [0xffff, 0, 0]));
    say("open_by_handle_at", call(libc::SYS_open_by_handle_at, [-1, 0, 0]));
    say("clock_settime", call(libc::SYS_clock_settime, [-1, 0, 0]));
    say("personality", call(libc::SYS_personality, [0xffff_ffff, 0, 0]));
    say("packet-socket", call(SYS_socket, [libc::AF_PACKET.into(), libc::SOCK_RAW.into(), 0]));
    say("crypto-socket", call(SYS_socket, [libc::AF_ALG.into(), libc::SOCK_SEQPACKET.into(), 0]));
    say("type-into-the-terminal", call(SYS_ioctl, [-1, 0x5412, 0]));
    #[cfg(target_arch = "x86_64")]
    say("second-convention", call(0x4000_0000 + libc::SYS_getpid, nothing));
}

#[test]
fn calls_that_no_host_makes_are_refused() {
    let mut expected = "ptrace=PERM process_vm_readv=PERM unshare=PERM clone-with-a-namespace=PERM clone3=NOSYS setns=PERM mount=PERM
         fsopen=PERM bpf=PERM io_uring_setup=PERM userfaultfd=PERM keyctl=PERM open_by_handle_at=PERM clock_settime=PERM
         personality=PERM packet-socket=PERM crypto-socket=PERM type-into-the-terminal=PERM"
        .to_owned();
    if cfg!(target_arch = "x86_64") {
        expected.push_str(" second-convention=PERM");
    }
    check("calls", &expected);
}

/// Else the test above would pass where the system itself refuses.
#[test]
fn calls_are_refused_by_the_wall_and_nothing_else() {
    let said = Ground::new().run("calls without a wall");
    assert!(!rustix::process::geteuid().is_root() || !said.contains("=PERM"), "{said}");
}

fn work() {
    let mut layers = raise(&spec()).unwrap();
    close_memory(&mut layers);
    say_layers(&layers);
    let names: Result<Vec<_>, _> = std::net::ToSocketAddrs::to_socket_addrs("localhost:80").map(Iterator::collect);
    say("look-up-a-name", names.map(drop));
    say(
        "read-settings",
        ["/etc/hosts", "/etc/resolv.conf"].iter().filter(|path| Path::new(path).exists()).try_for_each(|p| fs::read(p).map(drop)),
    );
    say("read-memory-map", fs::File::open("/proc/self/maps").map(drop));
    say("listen", TcpListener::bind("127.0.0.1:0").map(drop));
    say("throw-away", rustix::fs::open("/dev/null", OFlags::RDWR, Mode::empty()).map(drop).map_err(Into::into));
    let again = Command::new("/proc/self/exe").args(["--list", "--exact", "none"]).output();
    say("run-itself", again.map(|output| assert!(output.status.success(), "{output:?}")));
    let (sender, heard) = mpsc::channel();
    std::thread::spawn(move || sender.send(fs::read("home/file").map(drop)));
    say("thread", heard.recv().unwrap());
}

fn say_layers(layers: &Layers) {
    for (name, layer) in layers.named() {
        println!("| {}={:?}", name.replace(' ', "-"), layer.state);
    }
}

#[test]
fn the_work_of_a_host_goes_on() {
    check(
        "work",
        "no-new-privileges=On landlock=On seccomp=On no-core-dumps=On look-up-a-name=ok read-settings=ok read-memory-map=ok
         listen=ok throw-away=ok run-itself=ok thread=ok",
    );
}

fn threads() {
    raise(&spec()).unwrap();
    let (sender, heard) = mpsc::channel::<bool>();
    let workers: Vec<_> = (0..3)
        .map(|_| mpsc::channel::<()>())
        .map(|(stop, wait)| {
            let sender = sender.clone();
            let handle = std::thread::spawn(move || {
                sender.send(fs::read("elsewhere/file").is_err()).unwrap();
                let _ = wait.recv();
            });
            (stop, handle)
        })
        .collect();
    let refused = heard.iter().take(3).filter(|refused| *refused).count();
    println!("| refused={refused}");
    let tasks: Vec<PathBuf> = fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path()).collect();
    let confined = tasks.iter().filter(|task| {
        let status = fs::read_to_string(task.join("status")).unwrap();
        status.contains("NoNewPrivs:\t1\n") && status.contains("Seccomp:\t2\n")
    });
    println!("| tasks={} confined={}", tasks.len(), confined.count());
    for (stop, handle) in workers {
        drop(stop);
        handle.join().unwrap();
    }
}

#[test]
fn every_thread_that_starts_later_is_behind_it() {
    check("threads", "refused=3 tasks=4 confined=4");
}

fn late() {
    let (stop, wait) = mpsc::channel::<()>();
    let thread = std::thread::spawn(move || wait.recv());
    let error = raise(&spec()).unwrap_err();
    println!("| {}", matches!(error, WallError::Threads(2)));
    drop(stop);
    let _ = thread.join();
}

#[test]
fn it_is_not_raised_beside_a_running_thread() {
    check("late", "true");
}

/// Plays a kernel that does not know this call.
fn hide(number: c_long) {
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let rules = [(number, Vec::new())].into_iter().collect();
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, absent, arch).unwrap();
    let program: seccompiler::BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

fn hidden(number: c_long) {
    hide(number);
    let layers = raise(&spec()).unwrap();
    say_layers(&layers);
    say("read-elsewhere", fs::read("elsewhere/file").map(drop));
}

#[test]
fn a_kernel_without_a_layer_is_reported_and_the_other_layer_holds() {
    check("hidden landlock", "no-new-privileges=On landlock=Off seccomp=On no-core-dumps=Partly read-elsewhere=ok");
    check("hidden seccomp", "no-new-privileges=On landlock=On seccomp=Off no-core-dumps=Partly read-elsewhere=ACCESS");
}

#[test]
fn a_layer_that_is_switched_off_is_off() {
    check("switched off", "no-new-privileges=On landlock=Off seccomp=Off no-core-dumps=Partly");
}

/// What a child that runs scripts will do: a narrower wall inside the first.
fn stacked() {
    raise(&spec()).unwrap();
    let narrower = raise(&WallSpec { write: vec![spec().write.remove(0)], read: Vec::new(), ..spec() }).unwrap();
    println!("| landlock={:?} seccomp={:?}", narrower.landlock.state == State::On, narrower.seccomp.state == State::On);
    say("write-home", fs::write("home/file", "x"));
    say("write-shared", fs::write("shared/file", "x"));
    say("read-shown", fs::read("shown/file").map(drop));
}

#[test]
fn a_narrower_wall_stands_inside_the_first() {
    check("stacked", "landlock=true seccomp=true write-home=ok write-shared=ACCESS read-shown=ACCESS");
}

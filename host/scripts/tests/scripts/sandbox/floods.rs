//! Scripts that want all of something: each is held at its bound, and says so or is told.

use super::ground::{Ground, MIB, grounds, limits};
use skynet_scripts::limits::STDERR_BYTES;
use skynet_scripts::sandbox::{Contract, ScriptError, ScriptLimits};
use skynet_scripts::worker::End;

#[tokio::test]
async fn a_fork_bomb_goes_no_further_than_its_number() {
    // Counts those that live at one time: each holds on until the first has tried often enough.
    let text = "import os, errno, signal
made = 0
refused = None
while made < 2000:
    try:
        child = os.fork()
    except OSError as error:
        refused = errno.errorcode[error.errno]
        break
    if child == 0:
        signal.pause()
    made += 1
print(made, refused)";
    for machine in ["rich", "user"] {
        let Some(ground) = Ground::full_as(machine) else { continue };
        let script = ground.script("python3", text);
        let printed = ground.prints(&script).await;
        // The script itself is one of them.
        assert_eq!(printed, format!("{} EAGAIN\n", limits().processes - 1), "{machine}");
    }
    // Where this user's other processes count too, it may come to fewer or a few more, as they come and go.
    let Some(ground) = Ground::confined("no namespaces") else { return };
    let mut script = ground.script("python3", text);
    script.limits.processes = limits().processes;
    let printed = ground.prints(&script).await;
    assert!(printed.ends_with(" EAGAIN\n"), "{printed}");
}

#[tokio::test]
async fn bombs_of_each_kind_are_over_with_their_deadline() {
    for (machine, ground) in grounds() {
        let mut bomb = ground.script("sh", "f() { f | f & }; f; while :; do f; done");
        bomb.limits = ScriptLimits { wall: std::time::Duration::from_millis(500), ..limits() };
        assert!(matches!(ground.run(&bomb).await, Err(ScriptError::Deadline { .. } | ScriptError::Failed { .. })), "{machine}");
        assert_eq!(ground.prints(&ground.script("sh", "echo next")).await, "next\n", "{machine}");
    }
}

#[tokio::test]
async fn memory_ends_where_its_limit_is() {
    let text = format!("try:\n    b'x' * {}\nexcept MemoryError:\n    print('no more')", 2 * limits().address_space);
    for (machine, ground) in grounds() {
        assert_eq!(ground.python(&text).await, "no more\n", "{machine}");
    }
}

#[tokio::test]
async fn endless_output_is_cut_off_and_endless_complaints_are_not_kept() {
    for (machine, ground) in grounds() {
        let endless = ground.script("sh", "while :; do echo y; done");
        assert!(matches!(ground.run(&endless).await, Err(ScriptError::OutputTooLarge { max: MIB })), "{machine}");
        let mut endless = ground.script("sh", "while :; do printf '{\"delta\": \"'; done");
        endless.contract = Contract::Lines;
        assert!(matches!(ground.run(&endless).await, Err(ScriptError::OutputTooLarge { max: MIB })), "{machine}");
        let complains = ground.script("sh", "head -c 3000000 /dev/zero | tr '\\0' 'x' >&2; echo the end >&2");
        let stderr = ground.run(&complains).await.unwrap().stderr;
        assert!(stderr.len() == STDERR_BYTES && stderr.ends_with("the end\n"), "{machine}");
    }
}

#[tokio::test]
async fn files_have_a_size_and_so_has_the_scratch_folder() {
    let Some(ground) = Ground::full() else { return };
    let text = "os.chdir('/scratch')
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
megabyte = b'x' * (1024 * 1024)
def fill(name, count):
    with open(name, 'wb', buffering=0) as file:
        for _ in range(count):
            if file.write(megabyte) != len(megabyte):
                file.write(b'x')
said('one', lambda: fill('one', 8))
said('larger', lambda: fill('larger', 9))
os.remove('larger')
said('two', lambda: fill('two', 8))
said('three', lambda: fill('three', 1))
os.remove('one')
def many():
    for number in range(100000):
        open(str(number), 'w').close()
said('many', many)";
    assert_eq!(ground.python(text).await, "one ok\nlarger EFBIG\ntwo ok\nthree ENOSPC\nmany ENOSPC\n");
}

#[tokio::test]
async fn computing_ends_with_its_time() {
    for (machine, ground) in grounds() {
        let mut busy = ground.script("sh", "trap '' XCPU; while :; do :; done");
        busy.limits = ScriptLimits { cpu_seconds: 1, ..limits() };
        let error = ground.run(&busy).await.unwrap_err();
        assert!(matches!(error, ScriptError::Failed { end: End::Signal(9), .. }), "{machine}: {error}");
    }
}

#[tokio::test]
async fn open_files_end_at_their_number() {
    let text = "def many():
    kept = [open('/dev/null') for _ in range(1000)]
said('many', many)";
    let Some(ground) = Ground::full() else { return };
    assert_eq!(ground.python(text).await, "many EMFILE\n");
}

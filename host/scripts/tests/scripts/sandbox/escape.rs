//! Scripts that look for a way out, on each kind of machine.

use super::ground::{Ground, compile};
use libc::c_long;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[tokio::test]
async fn files_outside_are_neither_read_nor_changed() {
    let text = "os.chdir(os.environ['HOME'])
os.symlink('GROUND/elsewhere/file', 'way-out')
said('shadow', lambda: open('/etc/shadow'))
said('passwords', lambda: open('/etc/passwd'))
said('elsewhere', lambda: open('GROUND/elsewhere/file'))
said('by-link', lambda: open('way-out'))
said('write-by-link', lambda: open('way-out', 'w'))
said('truncate', lambda: os.truncate('GROUND/elsewhere/file', 0))
said('mode', lambda: os.chmod('GROUND/elsewhere/file', 0o666))
said('times', lambda: os.utime('GROUND/elsewhere/file'))
said('attribute', lambda: os.setxattr('GROUND/elsewhere/file', 'user.x', b'x'))
said('link-in', lambda: os.link('GROUND/elsewhere/file', 'linked'))
said('move-out', lambda: os.rename('way-out', 'GROUND/elsewhere/moved'))
said('move-in', lambda: os.rename('GROUND/elsewhere/file', 'moved'))
said('delete', lambda: os.remove('GROUND/elsewhere/file'))
said('write-beside', lambda: open('GROUND/new', 'w'))
said('write-to-system', lambda: open('/usr/lib/new', 'w'))
said('change-plugin', lambda: open('GROUND/plugins/p/main', 'a'))
said('change-shown', lambda: open('GROUND/shown/file', 'a'))
said('mode-of-plugin', lambda: os.chmod('GROUND/plugins/p/main', 0o777))
said('list-elsewhere', lambda: os.listdir('GROUND/elsewhere'))
said('list-homes', lambda: os.listdir('/home'))
said('devices', lambda: open('/dev/mem'))
said('terminal', lambda: open('/dev/tty'))
said('device', lambda: os.mknod('device', 0o600 | 0x2000, os.makedev(1, 1)))
said('system-settings', lambda: open('/proc/sys/kernel/core_pattern', 'w'))
said('cgroups', lambda: os.listdir('/sys/fs/cgroup'))
said('read-shown', lambda: open('GROUND/shown/file').read())
said('write-shared', lambda: open('GROUND/shared/new', 'w'))
said('write-scratch', lambda: open('new', 'w'))
said('null', lambda: open('/dev/null', 'w').write('x'))
said('random', lambda: open('/dev/urandom', 'rb').read(1))";
    let expected = "shadow ENOENT|EACCES
        passwords ENOENT|EACCES
        elsewhere ENOENT|EACCES
        by-link ENOENT|EACCES
        write-by-link ENOENT|EACCES|EROFS
        truncate ENOENT|EACCES
        mode ENOENT|EPERM
        times ENOENT|EPERM
        attribute ENOENT|EPERM
        link-in ENOENT|EXDEV|EACCES|EPERM
        move-out ENOENT|EXDEV|EACCES
        move-in ENOENT|EXDEV|EACCES
        delete ENOENT|EACCES
        write-beside EROFS|EACCES
        write-to-system EROFS|EACCES
        change-plugin EROFS|EACCES
        change-shown EROFS|EACCES
        mode-of-plugin EROFS|EPERM
        list-elsewhere ENOENT|EACCES
        list-homes ENOENT|EACCES
        devices ENOENT|EACCES
        terminal ENOENT|EACCES
        device EACCES|EPERM
        system-settings ENOENT|EACCES
        cgroups ENOENT|EACCES
        read-shown ok
        write-shared ok
        write-scratch ok
        null ok
        random ok";
    Ground::everywhere(text, expected).await;
}

#[tokio::test]
async fn no_socket_leads_anywhere() {
    let text = "def opens(family, kind=socket.SOCK_STREAM, protocol=0):
    return lambda: socket.socket(family, kind, protocol)
said('inet', opens(socket.AF_INET))
said('inet6', opens(socket.AF_INET6))
said('datagram', opens(socket.AF_INET, socket.SOCK_DGRAM))
said('raw', opens(socket.AF_INET, socket.SOCK_RAW, 1))
said('unix', opens(socket.AF_UNIX))
said('netlink', opens(socket.AF_NETLINK, socket.SOCK_RAW))
said('packet', opens(socket.AF_PACKET, socket.SOCK_RAW))
said('vsock', opens(socket.AF_VSOCK))
said('crypto', opens(socket.AF_ALG, socket.SOCK_SEQPACKET))
said('bluetooth', opens(socket.AF_BLUETOOTH, socket.SOCK_RAW))
said('inet-pair', lambda: socket.socketpair(socket.AF_INET))
said('pair', lambda: socket.socketpair())
said('sequence-pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
said('datagram-pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
said('raw-pair', lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_RAW))
said('name', lambda: socket.getaddrinfo('localhost', 80, socket.AF_INET))";
    let expected = "inet EPERM
        inet6 EPERM
        datagram EPERM
        raw EPERM
        unix EPERM
        netlink EPERM
        packet EPERM
        vsock EPERM
        crypto EPERM
        bluetooth EPERM
        inet-pair EPERM
        pair ok
        sequence-pair ok
        datagram-pair EPERM
        raw-pair EPERM
        name -3|-2|ok";
    Ground::everywhere(text, expected).await;
}

#[tokio::test]
async fn calls_that_no_script_needs_are_refused() {
    let calls: &[(&str, c_long)] = &[
        ("ptrace", libc::SYS_ptrace),
        ("process_vm_readv", libc::SYS_process_vm_readv),
        ("mount", libc::SYS_mount),
        ("umount", libc::SYS_umount2),
        ("pivot_root", libc::SYS_pivot_root),
        ("chroot", libc::SYS_chroot),
        ("fsopen", libc::SYS_fsopen),
        ("unshare", libc::SYS_unshare),
        ("setns", libc::SYS_setns),
        ("bpf", libc::SYS_bpf),
        ("userfaultfd", libc::SYS_userfaultfd),
        ("keyctl", libc::SYS_keyctl),
        ("add_key", libc::SYS_add_key),
        ("io_uring_setup", libc::SYS_io_uring_setup),
        ("perf_event_open", libc::SYS_perf_event_open),
        ("kexec_load", libc::SYS_kexec_load),
        ("init_module", libc::SYS_init_module),
        ("reboot", libc::SYS_reboot),
        ("personality", libc::SYS_personality),
        ("open_by_handle_at", libc::SYS_open_by_handle_at),
        ("clone3", libc::SYS_clone3),
        ("memfd_create", libc::SYS_memfd_create),
        ("shmget", libc::SYS_shmget),
        ("mq_open", libc::SYS_mq_open),
    ];
    let mut text = "import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), 'refused')
"
    .to_owned();
    let mut expected = String::new();
    for (name, number) in calls {
        text.push_str(&format!("said('{name}', lambda: call({number}, 0, 0, 0, 0, 0))\n"));
        let answer = if ["clone3", "memfd_create", "shmget", "mq_open"].contains(name) { "ENOSYS" } else { "EPERM" };
        expected.push_str(&format!("{name} {answer}\n"));
    }
    text.push_str(&format!("said('clone-with-users', lambda: call({}, {}, 0, 0, 0, 0))\n", libc::SYS_clone, libc::CLONE_NEWUSER));
    text.push_str(&format!("said('limits-of-others', lambda: call({}, os.getppid(), 7, 0, 0))\n", libc::SYS_prlimit64));
    expected.push_str("clone-with-users EPERM\nlimits-of-others EPERM");
    Ground::everywhere(&text, &expected).await;
}

#[tokio::test]
async fn other_processes_are_out_of_reach() {
    let text = format!(
        "said('kill-the-host', lambda: os.kill({}, 0))
said('kill-its-starter', lambda: os.kill(os.getppid(), 9))
said('memory-of-its-starter', lambda: open('/proc/1/mem', 'rb'))
said('variables-of-its-starter', lambda: open('/proc/1/environ').read())
said('files-of-its-starter', lambda: os.readlink('/proc/1/fd/0'))
said('others', lambda: open('/proc/{}/status'))",
        std::process::id(),
        std::process::id()
    );
    // In its own namespace the first process takes no signal that it does not wait for: nothing happens.
    let expected = "kill-the-host ESRCH|EPERM
        kill-its-starter EPERM
        memory-of-its-starter EACCES|EPERM|ENOENT
        variables-of-its-starter EACCES|EPERM|ENOENT
        files-of-its-starter EACCES|EPERM|ENOENT
        others EACCES|ENOENT";
    Ground::everywhere(&text, expected).await;
}

#[tokio::test]
async fn a_plain_cell_changes_no_mode_owner_or_attribute_by_a_descriptor_either_and_tools_do_their_work() {
    let Some(ground) = Ground::confined("no namespaces") else { return };
    let text = "os.chdir(os.environ['HOME'])
own = os.open('own', os.O_CREAT | os.O_RDWR)
said('mode', lambda: os.fchmod(own, 0o666))
said('owner', lambda: os.fchown(own, -1, -1))
said('attribute', lambda: os.setxattr(own, 'user.x', b'x'))
said('no-attribute', lambda: os.removexattr(own, 'user.x'))
said('write', lambda: os.write(own, b'x'))";
    let expected = "mode EPERM\nowner EPERM\nattribute EPERM\nno-attribute EPERM\nwrite ok\n";
    assert_eq!(ground.python(text).await, expected);
    let tools = "set -e; cd; echo one > a; cp a b; mv b c; mkdir d; cp -r d e; tar -cf t a c d; sed s/one/two/ c > f; sort -o g f a
        ln a h; rm h; : > i; gzip -c a > j; gzip -dc j; cat g; python3 -c 'import shutil; print(shutil.copyfile(\"g\", \"k\"))'";
    assert_eq!(ground.prints(&ground.script("sh", tools)).await, "one\none\ntwo\nk\n");
}

#[tokio::test]
async fn a_script_stands_back_behind_what_else_runs() {
    for (machine, ground) in super::ground::grounds() {
        let own = rustix::process::getpriority_process(None).unwrap();
        let said = ground.python("print(os.getpriority(os.PRIO_PROCESS, 0))").await;
        assert_eq!(said.trim(), (own + 10).min(19).to_string(), "{machine}");
    }
}

#[tokio::test]
async fn a_setuid_program_gives_nothing() {
    let Some(ground) = Ground::full_as("user") else { return };
    let program = "#include <unistd.h>\n#include <stdio.h>\nint main() { printf(\"%d\\n\", geteuid() == 0); return 0; }";
    assert!(compile(&ground, program), "these tests need a C compiler");
    fs::set_permissions(ground.at("plugins/p/program"), fs::Permissions::from_mode(0o4755)).unwrap();
    assert_eq!(ground.python("os.execv('program', ['program'])").await, "0\n");
}

#[tokio::test]
async fn no_capability_is_left_and_none_is_gained() {
    let text = "status = open('/proc/self/status').read()
for line in status.splitlines():
    if line.startswith(('CapPrm', 'CapEff', 'CapInh', 'CapAmb', 'NoNewPrivs', 'Seccomp:')):
        print(line)
print(os.getuid())";
    let none = "0000000000000000";
    let expected = format!("CapInh:\t{none}\nCapPrm:\t{none}\nCapEff:\t{none}\nCapAmb:\t{none}\nNoNewPrivs:\t1\nSeccomp:\t2\n1000\n");
    for machine in ["rich", "user"] {
        let Some(ground) = Ground::full_as(machine) else { continue };
        assert_eq!(ground.python(text).await, expected);
    }
}

#[tokio::test]
async fn its_network_its_processes_and_its_name_are_its_own() {
    let text = "numbers = [int(name) for name in os.listdir('/proc') if name.isdigit()]
interfaces = [line.split(':')[0].strip() for line in open('/proc/self/net/dev') if ':' in line]
print(socket.gethostname(), sorted(numbers) == [1, os.getpid()], interfaces)";
    let Some(ground) = Ground::full() else { return };
    assert_eq!(ground.python(text).await, "script True ['lo']\n");
}

#[tokio::test]
async fn nothing_of_the_old_root_is_left() {
    let text = "at = [line.split()[4] for line in open('/proc/self/mountinfo')]
there = [name for name in ('home', 'var', 'run', 'sys', 'boot', 'mnt') if os.path.lexists('/' + name)]
print(at.count('/'), '/sys' in at, there)";
    let Some(ground) = Ground::full() else { return };
    assert_eq!(ground.python(text).await, "1 False []\n");
}

#[tokio::test]
async fn a_compiled_program_of_the_plugin_runs_behind_the_same_wall() {
    let Some(ground) = Ground::full() else { return };
    let program = "#include <sys/socket.h>\n#include <stdio.h>\n#include <errno.h>\n#include <fcntl.h>
int main() { int s = socket(AF_INET, SOCK_STREAM, 0); printf(\"%d \", s < 0 ? errno : 0);
int f = open(\"/etc/shadow\", O_RDONLY); printf(\"%d\\n\", f < 0 ? errno : 0); return 0; }";
    assert!(compile(&ground, program), "these tests need a C compiler");
    let expected = format!("{} {}\n", libc::EPERM, libc::ENOENT);
    assert_eq!(ground.prints(&ground.script("sh", "exec ./program")).await, expected);
}

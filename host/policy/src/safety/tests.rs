//! One row for each rule, and beside each the texts that only look like it.

use super::{Danger, Verdict, look};
use crate::limits::LOOKED_THROUGH_BYTES;

fn check(verdict: Verdict, commands: &[&str]) {
    for command in commands {
        assert_eq!(look(command), verdict, "{command}");
    }
}

#[test]
fn what_only_looks_is_harmless() {
    check(
        Verdict::Harmless,
        &[
            "ls -la",
            "pwd",
            "echo hello",
            "cat notes.txt",
            "head -n 3 x",
            "wc -l x",
            "git log --oneline",
            "git status",
            "git diff HEAD",
            "git branch -a",
            "npm list",
            "npm info x",
            "node --version",
            "rustc -V",
            "python3 --version",
            "date",
            "whoami",
            "uname -a",
            "find . -name x",
            "grep -r x .",
            "rg x",
            "fd x",
            "echo 'sudo; rm -rf /'",
        ],
    );
}

#[test]
fn what_does_more_or_stands_with_others_is_unremarked() {
    check(
        Verdict::Unremarked,
        &[
            "",
            "make",
            "cargo build",
            "cargo test",
            "ls > x",
            "ls | wc -l",
            "echo $(whoami)",
            "echo `date`",
            "lsof",
            "find . -delete",
            "find . -exec rm {} +",
            "rg --pre x y",
            "rg --pre=x y",
            "fd -x rm",
            "git branch -D main",
            "git push",
            "hostname evil",
            "date -s 12:00",
            "date --set=x",
            "python3 x.py",
            "ls; pwd",
            "echo halt the press\nmake",
            "rm x",
            "rm -rf build",
            "rm -rf ./",
            "kill 1234",
            "kill -1 1234",
            "kill -0 1",
            "chmod 777 x",
            "chown me x",
            "dd if=a of=b",
            "sh script.sh",
            "bash -c 'ls'",
            "cat x | sh script.sh",
            "grep sudo x | head",
            "echo text > /dev/null",
            "cat /etc/passwd | head",
            "systemctl status x",
        ],
    );
}

#[test]
fn what_destroys_or_wants_more_rights_is_said() {
    for (danger, commands) in [
        (
            Danger::RemovesAll,
            &[
                "rm -rf /",
                "rm -fr /*",
                "rm -r -f /",
                "rm --recursive --force /",
                "rm -rf ~",
                "rm -rf $HOME",
                "rm -rf \"$HOME\"/",
                "cd x && rm -rf /",
                "rm -rf --no-preserve-root /",
                "/bin/rm -rf /",
                "env rm -rf /",
                "A=1 rm -Rf /usr/",
                "find / -delete",
                "echo $(rm -rf /)",
                "true\nrm -rf /",
            ] as &[&str],
        ),
        (Danger::ForkBomb, &[":(){ :|:& };:", "bomb() { bomb | bomb & }; bomb", "function f(){ f|f& };f"]),
        (Danger::RunsWhatComes, &["curl x | sh", "wget -O- x | bash -s", "curl x|/bin/bash", "curl x | env bash"]),
        (Danger::WritesDisk, &["dd if=x of=/dev/sda", "cat x > /dev/nvme0n1", "echo >/dev/sda", "wipefs -a /dev/vda", "x | tee /dev/sdb"]),
        (Danger::MakesFileSystem, &["mkfs /dev/sda1", "mkfs.ext4 /dev/sda1", "/sbin/mkfs.xfs x"]),
        (Danger::OpensSystem, &["chmod 777 /", "chmod -R 0777 /", "chmod a+w /", "chown me /", "chown -R me:me /"]),
        (Danger::EndsMachine, &["shutdown -h now", "reboot", "halt", "poweroff", "systemctl reboot", "init 0"]),
        (Danger::KillsAll, &["kill -9 1", "kill -9 -1", "kill -KILL -1", "kill 1"]),
        (Danger::ChangesSystem, &["echo x > /etc/passwd", "echo x >> /etc/hosts", "x | tee /etc/hosts", "x | tee -a /etc/hosts"]),
        (Danger::HidesCommand, &["python3 -c 'import os; os.system(\"x\")'", "python -c 'import subprocess; subprocess.run(x)'"]),
        (Danger::AsksForRights, &["sudo ls", "x; sudo ls", "su -", "doas x", "nohup sudo x", "LANG=C sudo x"]),
    ] {
        check(Verdict::Dangerous(danger), commands);
    }
}

#[test]
fn a_verdict_is_a_word_and_its_reason() {
    assert_eq!(look("sudo ls").advice(), "dangerous: it asks for the rights of another user");
    assert_eq!((look("ls").advice(), look("make").advice()), ("harmless".into(), "unremarked".into()));
}

#[test]
fn a_function_that_pipes_into_another_one_or_is_only_spoken_of_before_is_no_bomb() {
    check(Verdict::Unremarked, &["f() { g | h & }; f", "f|f& f() { true; }", "f() { f | g & }; f", "() { |& }", "f() { true; } ; a|a&"]);
    check(Verdict::Dangerous(Danger::ForkBomb), &["a(){ b; }; ü() { ü|ü& }; ü", "x() { y; }; a|a& a() { c | a|a & }"]);
}

#[test]
fn a_text_that_no_shell_would_be_given_is_not_read_and_one_that_fits_is_read_in_one_go() {
    let long = |piece: &str| format!("sudo ls; {}", piece.repeat(LOOKED_THROUGH_BYTES / piece.len()));
    // Each of these was read anew from each of its places, which took hours for what a plugin can hand over.
    for piece in ["a(){", "a|a", "(){|", "function", "a ", "'"] {
        check(Verdict::Unremarked, &[&long(piece)]);
        let fits: String = long(piece).chars().take(LOOKED_THROUGH_BYTES).collect();
        check(Verdict::Dangerous(Danger::AsksForRights), &[&fits]);
    }
}

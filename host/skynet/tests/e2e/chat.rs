//! The chat path and the tool path: command line → gateway → turn → provider
//! component → tool component → answer.

use crate::household::Household;

fn talking() -> Household {
    let mut home = Household::new();
    for plugin in ["provider-offline", "tool-time", "tool-files", "tool-fetch"] {
        home.install(plugin);
    }
    home.start();
    home.until_state("skynet/tool-files", "pending");
    home.until_state("skynet/tool-fetch", "pending");
    home.run(&["plugin", "grant", "--yes", "skynet/tool-files"]).done();
    home.run(&["plugin", "grant", "--yes", "skynet/tool-fetch"]).done();
    home.until_state("skynet/tool-time", "serving");
    home.until_model();
    home
}

#[test]
fn a_message_is_answered_through_components() {
    let home = talking();

    let hello = home.run(&["chat", "hello"]).done();
    assert!(hello.contains("not a language model"), "the offline provider says what it is: {hello}");

    let time = home.run(&["chat", "what time is it?"]);
    assert!(time.err.contains("time__now"), "the tool call is shown: {}", time.err);
    assert!(time.done().starts_with("It is "));

    std::fs::write(home.home().join("notes/notes.md"), "buy é milk").unwrap();
    assert!(home.run(&["chat", "/tool files__read {\"path\":\"notes/notes.md\"}"]).done().contains("buy é milk"));

    home.run(&["chat", "/tool files__write {\"path\":\"workspace/a/b.txt\",\"content\":\"hi\"}"]).done();
    assert_eq!(std::fs::read_to_string(home.home().join("workspace/a/b.txt")).unwrap(), "hi");

    let denied = home.run(&["chat", "/tool files__write {\"path\":\"notes/x\",\"content\":\"hi\"}"]).done();
    assert!(denied.contains("did not work") && !home.home().join("notes/x").exists(), "{denied}");

    let escape = home.run(&["chat", "/tool files__read {\"path\":\"workspace/../owner.token\"}"]).done();
    let token = std::fs::read_to_string(home.home().join("owner.token")).unwrap();
    assert!(escape.contains("did not work") && !escape.contains(token.trim()), "{escape}");

    let loopback = home.run(&["chat", "fetch http://127.0.0.1:9/"]).done();
    assert!(loopback.contains("did not work") && loopback.contains("skynet plugin grant"), "the remedy is named: {loopback}");

    let unknown = home.run(&["chat", "/tool nosuch__tool {}"]).done();
    assert!(!unknown.is_empty());

    let answer = home.run(&["--json", "chat", "help"]).json();
    assert!(answer["text"].as_str().unwrap().contains("time__now"));
}

#[test]
fn history_survives_a_stop_and_a_start() {
    let mut home = talking();
    home.run(&["chat", "-s", "diary", "hello"]).done();
    assert_eq!(home.terminate(), 0);

    home.start();
    home.until_model();
    let status = home.run(&["--json", "status"]).json();
    assert!(status["sessions"].as_u64().unwrap() >= 1, "{status}");
    home.run(&["chat", "-s", "diary", "hello again"]).done();
}

/// Both ends of a terminal.
fn terminal() -> (std::fs::File, std::fs::File) {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let theirs = open(ptsname(&ours, Vec::new()).unwrap().as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (ours.into(), theirs.into())
}

/// Reads on until the terminal has shown that.
fn shows(terminal: &mut std::fs::File, wanted: &str) {
    use std::io::Read;
    let (mut shown, mut bytes) = (String::new(), [0; 4096]);
    while !shown.contains(wanted) {
        let read = terminal.read(&mut bytes).unwrap();
        shown.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
}

#[test]
fn a_chat_outlives_its_host_and_keeps_each_line_at_once() {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    let mut home = Household::new();
    home.install("provider-offline");
    home.start();
    home.until_model();
    let (mut ours, theirs) = terminal();
    let mut command = home.command(&["chat"]);
    command.env("TERM", "xterm").stdin(theirs.try_clone().unwrap()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
    let mut chat = command.spawn().unwrap();
    drop(command);
    shows(&mut ours, "> ");
    home.kill();
    ours.write_all(b"lost line\r").unwrap();
    shows(&mut ours, "no host answers");
    shows(&mut ours, "> ");
    home.start();
    home.until_model();
    ours.write_all(b"hello again\r").unwrap();
    shows(&mut ours, "not a language model");
    // As a terminal that hangs up ends it.
    chat.kill().unwrap();
    chat.wait().unwrap();
    let history = home.home().join("chat.history");
    let kept = std::fs::read_to_string(&history).unwrap();
    assert!(kept.contains("lost line") && kept.contains("hello again"), "{kept}");
    assert_eq!(std::fs::metadata(&history).unwrap().permissions().mode() & 0o777, 0o600);
}

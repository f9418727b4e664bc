//! The owner's token: what could be guessed, was ended or is missing never opens the host.

use crate::household::Household;
use std::os::unix::fs::PermissionsExt as _;

const BAD_CONFIG: i32 = 78;

fn token(home: &Household) -> String {
    std::fs::read_to_string(home.home().join("owner.token")).unwrap()
}

fn put(home: &Household, text: &str) {
    std::fs::write(home.home().join("owner.token"), text).unwrap();
}

#[test]
fn an_ended_owner_token_stays_ended_whoever_puts_it_back() {
    let mut home = Household::new();
    home.start();
    let first = token(&home);
    let said = home.run(&["token", "revoke", "owner"]).done();
    assert!(said.contains("a new one is in"), "{said}");
    let second = token(&home);
    assert_ne!(first, second);
    home.run(&["status"]).done();

    put(&home, &first);
    home.run(&["status"]).refused(4, &["owner.token"]);
    assert_eq!(home.terminate(), 0);
    home.run(&["start"]).refused(BAD_CONFIG, &["was ended", "skynet token revoke owner"]);
    home.run(&["init"]).refused(BAD_CONFIG, &["was ended"]);
    assert!(home.run(&["doctor"]).out.contains("was ended"));

    home.run(&["token", "revoke", "owner"]).done();
    home.start();
    home.run(&["status"]).done();
    put(&home, &second);
    home.run(&["status"]).refused(4, &[]);
}

#[test]
fn a_host_does_not_start_with_a_token_that_somebody_could_guess_or_without_one() {
    let home = Household::new();
    for weak in ["", "\n", "changeme", &"0".repeat(64), &"ab".repeat(32), &"g".repeat(64)] {
        put(&home, weak);
        home.run(&["start"]).refused(BAD_CONFIG, &["owner.token", "skynet token revoke owner"]);
        home.run(&["status"]).refused(BAD_CONFIG, &["owner.token"]);
        assert!(home.run(&["doctor"]).out.contains("could guess it"));
    }
    std::fs::remove_file(home.home().join("owner.token")).unwrap();
    home.run(&["start"]).refused(BAD_CONFIG, &["is missing", "skynet init"]);
    home.run(&["init"]).done();
    home.run(&["token", "list"]).done();
}

#[test]
fn a_token_that_ends_is_written_down_before_it_does() {
    let home = Household::new();
    let file = home.home().join("owner.token");
    std::fs::remove_file(&file).unwrap();
    // Nothing can take the place of a folder that holds something.
    std::fs::create_dir_all(file.join("full")).unwrap();
    home.run(&["token", "revoke", "owner"]).refused(1, &["owner.token"]);
    let row = home.run(&["--json", "audit", "tail", "--kind", "auth"]).done();
    assert!(row.contains("\"renew\"") && row.contains("token owner"), "{row}");
}

#[test]
fn names_of_tokens_are_plain_words() {
    let home = Household::new();
    for name in ["", "a b/../", "é", &"a".repeat(65)] {
        home.run(&["token", "new", name]).refused(2, &["letters, digits"]);
    }
    home.run(&["token", "new", "my-phone_2.0"]).done();
}

#[test]
fn a_script_for_completions_ends_quietly_where_its_reader_has_enough() {
    let home = Household::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = home.command(&["completions", "bash"]);
    let said = command.stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty(), "{}", String::from_utf8_lossy(&said.stderr));
}

#[test]
fn what_is_not_there_and_what_is_badly_set_up_have_their_exit_codes() {
    let mut home = Household::new();
    home.start();
    const VERBS: [&str; 9] = ["info", "enable", "disable", "rollback", "grants", "grant", "deny", "revoke", "why-denied"];
    for verb in VERBS {
        home.run(&["plugin", verb, "acme/nowhere"]).refused(5, &["acme/nowhere"]);
    }
    // What no plugin can be called is a slip of the keys.
    for verb in VERBS.into_iter().chain(["pin", "unpin", "remove"]) {
        home.run(&["plugin", verb, "Not An Id"]).refused(2, &["Not An Id"]);
    }
    home.run(&["audit", "export", "--from", "10", "--to", "3"]).refused(2, &["--from is the lower number"]);
    let kinds = home.run(&["audit", "tail", "--kind", "nope"]).done();
    assert!(kinds.contains("no row of the kind `nope`") && kinds.contains("host"), "{kinds}");
    let much = home.run_with(&["secret", "set", "much", "--anywhere"], &"x".repeat(100_000));
    much.refused(4, &["more than 65536 bytes"]);
    home.terminate();
    std::fs::write(home.home().join("NOTE.md"), [0xff, 0xfe, b'x']).unwrap();
    home.run(&["start"]).refused(BAD_CONFIG, &["NOTE.md", "UTF-8"]);
    std::fs::remove_file(home.home().join("NOTE.md")).unwrap();
    std::fs::set_permissions(home.home(), std::fs::Permissions::from_mode(0o755)).unwrap();
    home.run(&["status"]).refused(BAD_CONFIG, &["chmod 700"]);
}

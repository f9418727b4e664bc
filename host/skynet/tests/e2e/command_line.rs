//! Commands that need no host: idempotent, honest about faults, exact exit codes.

use crate::household::Household;
use std::os::unix::fs::PermissionsExt;

#[test]
fn init_twice_changes_nothing_and_keeps_edits() {
    let home = Household::new();
    let token = std::fs::read(home.home().join("owner.token")).unwrap();
    std::fs::write(home.home().join("SOUL.md"), "mine").unwrap();
    let again = home.run(&["--json", "init"]).json();
    assert_eq!(again["made"], serde_json::json!([]));
    assert_eq!(std::fs::read(home.home().join("owner.token")).unwrap(), token);
    assert_eq!(std::fs::read_to_string(home.home().join("SOUL.md")).unwrap(), "mine");
    for file in ["owner.token", "vault.key", "trust.toml", "keys/dev.key", "skynet.toml", "skynet.db"] {
        let mode = std::fs::metadata(home.home().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
}

#[test]
fn bad_configuration_is_named_with_exit_code_78() {
    let home = Household::new();
    let config = home.home().join("skynet.toml");
    for (text, words) in [
        ("[gateway]\nprot = 1\n", vec!["skynet.toml", "prot"]),
        ("[gateway]\nport = \"x\"\n", vec!["port"]),
        ("[plugins]\nscan_interval_ms = 1\n", vec!["plugins.scan_interval_ms", "100 to 600000"]),
        ("[gateway]\nbind = \"0.0.0.0\"\n", vec!["gateway.bind", "behind_tls_proxy"]),
        ("not toml", vec!["skynet.toml"]),
    ] {
        std::fs::write(&config, text).unwrap();
        home.run(&["start"]).refused(78, &words);
    }
}

#[test]
fn a_secrets_file_that_others_can_read_keeps_the_host_from_starting() {
    let home = Household::new();
    let secrets = home.home().join("secrets.toml");
    std::fs::write(&secrets, "api_key = \"canary-value\"\n").unwrap();
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o644)).unwrap();
    home.run(&["start"]).refused(78, &["secrets.toml", "chmod 600"]);

    std::fs::write(&secrets, "api_key = canary-value\n").unwrap();
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o600)).unwrap();
    let said = home.run(&["start"]);
    assert!(!said.err.contains("canary-value"), "a broken line is not quoted: {}", said.err);
    said.refused(78, &["secrets.toml", "line 1"]);
}

#[test]
fn commands_say_what_they_need_when_there_is_no_folder_and_no_host() {
    let home = Household::new();
    home.run(&["chat", "hi"]).refused(3, &["skynet daemon start"]);
    std::fs::remove_file(home.home().join("skynet.toml")).unwrap();
    for words in [&["chat", "hi"][..], &["status"], &["start"], &["plugin", "list"], &["token", "list"]] {
        home.run(words).refused(78, &["skynet init"]);
    }
}

#[test]
fn a_file_is_packed_signed_verified_and_a_changed_one_refused() {
    let home = Household::new();
    let file = home.packed("tool-time");
    let path = file.to_str().unwrap().to_owned();
    let checked = home.run(&["--json", "plugin", "verify", &path]).json();
    assert_eq!(checked["release"]["id"], "skynet/tool-time");
    assert_eq!(checked["kinds"], serde_json::json!(["tool"]));
    assert!(home.run(&["plugin", "verify", &path]).done().contains("\n  serves as: tool\n"));

    let good = std::fs::read(&file).unwrap();
    let mut bytes = good.clone();
    bytes[100] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    home.run(&["plugin", "verify", &path]).refused(4, &["sha256", "Get the file again"]);

    std::fs::write(&file, &good[..good.len() - 1]).unwrap();
    home.run(&["plugin", "verify", &path]).refused(4, &["refused"]);

    let bare = crate::household::guest("tool-time");
    home.run(&["plugin", "verify", bare.to_str().unwrap()]).refused(4, &["skynet plugin sign"]);
}

#[test]
fn keys_are_made_listed_trusted_and_revoked() {
    let home = Household::new();
    let made = home.run(&["--json", "key", "new", "acme"]).json();
    home.run(&["key", "new", "acme"]).refused(4, &["never overwritten"]);
    home.run(&["key", "new", "../x"]).refused(2, &["no name"]);
    let public = made["public"].as_str().unwrap();
    home.run(&["key", "trust", public, "--namespace", "acme"]).done();
    let keyid = made["keyid"].as_str().unwrap();
    home.run(&["key", "revoke", keyid]).done();
    let listed = home.run(&["--json", "key", "list"]).json();
    let trusted = listed["trusted"].as_array().unwrap().iter().find(|key| key["keyid"] == keyid).unwrap();
    assert!(trusted["revoked"].is_string(), "{trusted}");
    home.run(&["key", "trust", public, "--namespace", "acme"]).refused(4, &["revoked"]);
    let rows = home.run(&["--json", "audit", "tail", "--kind", "auth", "-n", "100"]).done();
    let trusted = rows.lines().filter(|row| row.contains(keyid) && row.contains("\"trust\"")).count();
    assert_eq!(trusted, 1, "no row says that a key was trusted that was not: {rows}");
}

#[test]
fn a_secret_keys_file_stands_for_its_public_half_and_what_is_trusted_adds_up() {
    let home = Household::new();
    for number in 0..8 {
        let name = format!("k{number}");
        let made = home.run(&["--json", "key", "new", &name]).json();
        let file = home.home().join(format!("keys/{name}.key"));
        let trusted = home.run(&["--json", "key", "trust", file.to_str().unwrap(), "--namespace", "acme"]).json();
        assert_eq!((&trusted["keyid"], &trusted["public"]), (&made["keyid"], &made["public"]));
    }
    let file = home.home().join("keys/k0.key");
    let said = home.run(&["key", "trust", file.to_str().unwrap(), "--namespace", "bob"]).done();
    assert!(said.contains("acme, bob"), "{said}");
    home.run(&["key", "trust", file.to_str().unwrap(), "--namespace", "Bad NS"]).refused(2, &["Bad NS"]);
    home.run(&["key", "revoke", "nokey"]).refused(2, &["nokey"]);
}

#[test]
fn doctor_says_of_each_private_file_that_others_can_read_it_and_of_a_leaked_or_revoked_key_what_to_do() {
    let home = Household::new();
    let set = |name: &str, mode: u32| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(home.home().join(name), mode).unwrap();
    };
    let wrong = || {
        let said = home.run(&["doctor"]);
        assert_eq!(said.code, 1, "{}", said.out);
        said.out
    };
    std::fs::write(home.home().join("secrets.toml"), "a = \"b\"\n").unwrap();
    for name in ["secrets.toml", "trust.toml", "owner.token", "keys/dev.key"] {
        set(name, 0o644);
        let said = wrong();
        let remedy = format!("chmod 600 {}", home.home().join(name).display());
        assert_eq!(said.matches(&remedy).count(), 1, "{name}: {said}");
        set(name, 0o600);
    }
    std::fs::remove_file(home.home().join("secrets.toml")).unwrap();

    // What `key trust` once made of a secret key's file.
    let dev = home.home().join("keys/dev.key");
    let seed = std::fs::read_to_string(&dev).unwrap();
    let own = std::fs::read_to_string(home.home().join("trust.toml")).unwrap();
    // Half of all seeds are no public key at all; this one is: of another key, by its digits alone.
    let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    home.run(&["key", "trust", public, "--namespace", "acme"]).done();
    std::fs::write(&dev, format!("{public}\n")).unwrap();
    let said = wrong();
    assert!(said.contains("as if it were public") && said.contains("skynet key revoke"), "{said}");
    std::fs::write(&dev, seed).unwrap();
    std::fs::write(home.home().join("trust.toml"), own).unwrap();

    let listed = home.run(&["--json", "key", "list"]).json();
    let keyid = listed["own"].as_array().unwrap().iter().find(|key| key["name"] == "dev").unwrap()["keyid"].as_str().unwrap().to_owned();
    home.run(&["key", "revoke", &keyid]).done();
    let remedy = format!("mv {0} {0}.revoked && skynet init", dev.display());
    let said = wrong();
    assert!(said.contains(&remedy), "{said}");
    home.run(&["init"]).refused(4, &["was revoked", &remedy]);
    std::fs::rename(&dev, dev.with_extension("key.revoked")).unwrap();
    home.run(&["init"]).done();
    home.run(&["doctor"]).done();
}

#[test]
fn tokens_are_shown_once_and_ended() {
    let home = Household::new();
    let token = home.run(&["--json", "token", "new", "phone"]).json();
    assert_eq!(token["token"].as_str().unwrap().len(), 64);
    home.run(&["token", "new", "phone"]).refused(4, &["exists"]);
    home.run(&["token", "new", "x", "--scope", "root"]).refused(2, &["operator.read"]);
    let list = home.run(&["--json", "token", "list"]).done();
    assert!(!list.contains(token["token"].as_str().unwrap()));
    home.run(&["token", "revoke", "phone"]).done();
    home.run(&["token", "revoke", "phone"]).refused(5, &["token list"]);
}

#[test]
fn completions_and_help_are_there_for_every_command() {
    let home = Household::new();
    assert!(home.run(&["completions", "bash"]).done().contains("skynet"));
    for command in
        ["init", "start", "daemon", "status", "doctor", "chat", "plugin", "memory", "knowledge", "secret", "key", "token", "config"]
    {
        assert!(home.run(&[command, "--help"]).done().contains("Usage:"), "{command}");
    }
    assert_eq!(home.run(&["nonsense"]).code, 2);
}

#[test]
fn a_command_that_is_not_understood_is_told_to_programs_in_their_form() {
    let home = Household::new();
    for arguments in [&["--json", "nonsense"][..], &["plugin", "nonsense", "--json"], &["--json"], &["--json", "start", "--color", "x"]] {
        let said = home.command(arguments).output().unwrap();
        let error: serde_json::Value = serde_json::from_slice(&said.stderr).unwrap();
        assert_eq!((said.status.code(), &error["code"]), (Some(2), &2.into()), "{arguments:?}");
        assert!(error["error"].as_str().is_some_and(|text| !text.is_empty() && !text.starts_with("error:")), "{error}");
    }
    assert!(home.run(&["--json", "--version"]).done().starts_with("skynet "));
    home.run(&["nonsense"]).refused(2, &["error: unrecognized"]);
}

#[test]
fn a_time_to_wait_that_nobody_can_wait_is_wrong_usage() {
    let home = Household::new();
    for time in ["0", "86401", "18446744073709551615"] {
        home.run(&["chat", "--timeout", time, "hello"]).refused(2, &["--timeout", "86400"]);
    }
}

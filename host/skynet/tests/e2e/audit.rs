//! The audit log as its owner has it: read, checked, proved, tampered with.

use crate::household::Household;
use serde_json::Value;

/// A home whose host ran, did a little, and ended well.
fn lived_in() -> Household {
    let mut home = Household::new();
    home.run(&["config", "set", "audit.anchor_file", "anchors.txt"]).done();
    home.install("provider-offline");
    home.install("tool-time");
    home.start();
    home.until_state("skynet/tool-time", "serving");
    home.until_model();
    home.run(&["chat", "/tool time__now {}"]).done();
    assert_eq!(home.terminate(), 0);
    home
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
}

#[test]
fn an_owner_reads_checks_and_proves_what_was_done() {
    let home = lived_in();
    let calls = lines(&home.run(&["--json", "audit", "tail", "--kind", "tool.call"]).done());
    assert_eq!((&calls[0]["subject"], &calls[0]["verdict"]), (&"time__now".into(), &"ok".into()), "{calls:?}");
    let all = lines(&home.run(&["audit", "export"]).done());
    let numbers: Vec<u64> = all.iter().map(|row| row["number"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>());
    let last = lines(&home.run(&["--json", "audit", "tail", "-n", "1"]).done());
    assert_eq!((&last[0]["kind"], &last[0]["subject"]), (&"host".into(), &"stop".into()), "{last:?}");

    let report = home.run(&["--json", "audit", "verify"]).json();
    assert_eq!((&report["rows"], &report["crashes"]), (&all.len().into(), &0.into()), "{report}");
    assert!(report["anchors"].as_u64().unwrap() > 0, "the checkpoint of the end was kept: {report}");

    let number = calls[0]["number"].to_string();
    let proof = home.home().join("proof.json");
    std::fs::write(&proof, home.run(&["audit", "prove", &number]).done()).unwrap();
    let key = home.run(&["--json", "audit", "checkpoint"]).json()["key"].as_str().unwrap().to_owned();
    // Somebody who has nothing but the proof and the key.
    let stranger = |proof: &str| home.run(&["--home", "/nowhere", "audit", "prove", "--check", proof, "--key", &key]);
    let said = stranger(proof.to_str().unwrap()).done();
    assert!(said.contains("time__now"), "{said}");
    let forged = std::fs::read_to_string(&proof).unwrap().replace("time__now", "time__not");
    std::fs::write(&proof, forged).unwrap();
    stranger(proof.to_str().unwrap()).refused(4, &["is not in the log"]);
    home.run(&["audit", "prove", "9999"]).refused(5, &["no row 9999"]);
    home.run(&["audit", "prove", "first"]).refused(5, &["no row number"]);
}

#[test]
fn a_row_changed_in_the_file_is_named_with_exit_code_6() {
    let home = lived_in();
    let database = home.home().join("skynet.db");
    let calls = lines(&home.run(&["--json", "audit", "tail", "--kind", "tool.call"]).done());
    let mut bytes = std::fs::read(&database).unwrap();
    let old = br#""subject":"time__now""#;
    let at = bytes.windows(old.len()).position(|part| part == old).expect("the row is in the file");
    bytes[at + 12] = b'T';
    std::fs::write(&database, bytes).unwrap();
    home.run(&["audit", "verify"]).refused(6, &[&format!("audit row {} was changed", calls[0]["number"])]);
    let doctor = home.run(&["doctor"]);
    assert!(doctor.out.contains("was changed"), "{}", doctor.out);
}

#[test]
fn an_older_copy_put_in_place_is_shown_by_a_checkpoint_kept_elsewhere_with_exit_code_7() {
    let home = lived_in();
    let database = home.home().join("skynet.db");
    let older = std::fs::read(&database).unwrap();
    let rows = home.run(&["--json", "audit", "verify"]).json()["rows"].clone();
    let mut home = home;
    home.start();
    assert_eq!(home.terminate(), 0);
    std::fs::write(&database, older).unwrap();
    let left = format!("{rows} are left");
    home.run(&["audit", "verify"]).refused(7, &["cut off", &left]);
}

#[test]
fn a_start_after_a_crash_says_so_in_the_log() {
    let mut home = Household::new();
    home.start();
    home.kill();
    home.start();
    assert_eq!(home.terminate(), 0);
    let starts = lines(&home.run(&["--json", "audit", "tail", "--kind", "host"]).done());
    let verdicts: Vec<&str> = starts.iter().map(|row| row["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["ok", "recovered", "ok"], "start, start, stop");
    assert_eq!(home.run(&["--json", "audit", "verify"]).json()["crashes"], 1);
}

#[test]
fn a_start_that_fails_with_a_reason_is_no_crash_in_the_log() {
    let mut home = Household::new();
    home.start();
    assert_eq!(home.terminate(), 0);
    let key = home.home().join("vault.key");
    let away = home.home().join("away");
    std::fs::rename(&key, &away).unwrap();
    home.run(&["start"]).refused(78, &["does not open"]);
    std::fs::rename(&away, &key).unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    home.run(&["config", "set", "gateway.port", &taken.local_addr().unwrap().port().to_string()]).done();
    home.run(&["start"]).refused(1, &["in use"]);
    home.run(&["config", "set", "gateway.port", "0"]).done();
    home.start();
    assert_eq!(home.terminate(), 0);
    let rows = lines(&home.run(&["--json", "audit", "tail", "--kind", "host"]).done());
    let told = |row: &Value| format!("{} {}", row["subject"].as_str().unwrap(), row["verdict"].as_str().unwrap());
    let run = |end: &str| ["start ok".to_owned(), format!("stop {end}")];
    assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), [run("ok"), run("error"), run("error"), run("ok")].concat());
    assert_eq!(home.run(&["--json", "audit", "verify"]).json()["crashes"], 0);
}

#[test]
fn a_program_that_the_owner_names_gets_each_checkpoint() {
    let home = lived_in();
    let kept = home.home().join("kept.txt");
    let command = format!("[\"tee\", \"{}\"]", kept.display());
    home.run(&["config", "set", "audit.anchor_command", &command]).done();
    let printed = home.run(&["audit", "checkpoint"]).done();
    assert_eq!(std::fs::read_to_string(&kept).unwrap().trim(), printed.trim());
    home.run(&["config", "set", "audit.anchor_command", "[\"false\"]"]).done();
    home.run(&["audit", "checkpoint"]).refused(1, &["anchor_command"]);
    let other = home.home().join("other.txt");
    std::fs::write(&other, "of another log\n").unwrap();
    home.run(&["audit", "verify", "--anchor", other.to_str().unwrap()]).refused(4, &["not a checkpoint"]);
}

#[test]
fn a_log_begun_anew_with_another_key_is_shown_by_the_anchors_with_exit_code_8() {
    let mut home = lived_in();
    for file in ["skynet.db", "keys/audit.key"] {
        std::fs::remove_file(home.home().join(file)).unwrap();
    }
    for left in ["skynet.db-wal", "skynet.db-shm"] {
        drop(std::fs::remove_file(home.home().join(left)));
    }
    home.start();
    assert_eq!(home.terminate(), 0);
    home.run(&["audit", "verify"]).refused(8, &["anchors.txt", "of the log"]);
}

#[test]
fn a_damaged_part_is_set_aside_and_the_host_goes_on_with_verify_saying_so() {
    let mut home = lived_in();
    let database = home.home().join("skynet.db");
    home.run(&["audit", "set-aside", "--yes"]).done();
    let calls = lines(&home.run(&["--json", "audit", "tail", "--kind", "tool.call"]).done());
    let number = calls[0]["number"].as_u64().unwrap();
    let mut bytes = std::fs::read(&database).unwrap();
    let old = br#""subject":"time__now""#;
    let at = bytes.windows(old.len()).position(|part| part == old).expect("the row is in the file");
    bytes[at + 11] = b'T';
    std::fs::write(&database, &bytes).unwrap();
    home.run(&["audit", "verify"]).refused(6, &["skynet audit set-aside"]);
    home.run(&["audit", "set-aside"]).refused(4, &["nothing was changed", "--yes"]);
    home.start();
    home.run(&["audit", "set-aside", "--yes"]).refused(4, &["a host already runs", "skynet daemon stop"]);
    assert_eq!(home.terminate(), 0);
    let aside = home.run(&["--json", "audit", "set-aside", "--yes"]).json()["set_aside"].clone();
    let file = aside["file"].as_str().unwrap().to_owned();
    assert!(std::fs::read_to_string(&file).unwrap().contains("Time__now"), "the row as it was found");
    home.start();
    assert_eq!(home.terminate(), 0);
    let report = home.run(&["--json", "audit", "verify"]).json();
    let part = &report["set_aside"][0];
    assert_eq!((&part["row"], &part["state"]), (&aside["row"], &"which is as it was written".into()), "{report}");
    // What is set aside may begin earlier: at the first row that nothing signed proves.
    assert!(part["from"].as_u64().unwrap() <= number && part["to"].as_u64().unwrap() >= number, "{report}");
    assert!(report["not_compared"].as_u64().unwrap() > 0, "the anchors of before speak of that part: {report}");
    let said = home.run(&["audit", "verify"]).done();
    assert!(said.starts_with("SET ASIDE on ") && said.contains("was changed"), "{said}");
    std::fs::remove_file(&file).unwrap();
    assert!(home.run(&["audit", "verify"]).done().contains("NOT THERE"));
    let rows = lines(&home.run(&["--json", "audit", "tail", "--kind", "audit.set-aside"]).done());
    assert!(rows[0]["actor"].as_str().unwrap().starts_with("cli uid "), "{rows:?}");
}

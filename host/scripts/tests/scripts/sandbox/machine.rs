//! Machines that lack something: refused with the reason, or weaker by leave, and never silently.

use super::ground::{Ground, ROLE, limits};
use skynet_scripts::sandbox::{Ceiling, Launcher, Part, ScriptError, Strength};
use skynet_scripts::wall::State;
use std::collections::BTreeMap;

async fn check(machine: &str, without_namespaces: bool, reason: &str) {
    let ground = Ground::on(machine, without_namespaces);
    let error = ground.run(&ground.script("sh", "echo ran")).await.unwrap_err();
    let ScriptError::Refused(refusal) = error else { panic!("{machine}: {error}") };
    assert!(refusal.part == Part::Machine && refusal.reason.contains(reason), "{machine}: {refusal}");
    let [(_, scripts), ..] = ground.launcher.abilities().named();
    assert!(scripts.state == State::Off && scripts.says.contains(reason), "{machine}: {scripts:?}");
}

#[tokio::test]
async fn a_machine_without_landlock_or_seccomp_runs_no_script() {
    check("no landlock", true, "need landlock, and it is not to be had here").await;
    check("no seccomp", true, "need seccomp").await;
}

#[tokio::test]
async fn a_machine_without_namespaces_runs_scripts_by_leave_only() {
    let Some(_) = Ground::confined("no namespaces") else { return };
    check("no namespaces", false, "Operation not permitted").await;
    check("no mounts", false, "allow scripts to run without them").await;
    for machine in ["no namespaces", "no mounts"] {
        let Some(ground) = Ground::confined(machine) else { continue };
        assert_eq!(ground.launcher.abilities().strength, Ok(Strength::Plain), "{machine}");
        assert_eq!(ground.prints(&ground.script("sh", "echo ran")).await, "ran\n");
        let [(_, scripts), ..] = ground.launcher.abilities().named();
        assert!(scripts.state == State::Partly && scripts.says.contains("without namespaces"), "{scripts:?}");
    }
}

#[tokio::test]
async fn root_without_namespaces_runs_no_script() {
    if rustix::process::geteuid().is_root() && Ground::confined("no namespaces").is_some() {
        check("no namespaces for root", true, "Run skynet as an ordinary user").await;
    }
}

#[test]
fn a_host_behind_its_wall_runs_scripts_outside_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = std::process::Command::new(std::env::current_exe().unwrap());
    host.args(["sandbox::the_launcher_itself", "--exact", "--nocapture", "--test-threads=1", "--"]);
    let output = host.arg(format!("{ROLE}host behind its wall")).env("TMPDIR", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_launcher_with_a_second_thread_does_not_serve() {
    let folder = tempfile::tempdir().unwrap();
    let ceiling = Ceiling {
        plugins: folder.path().join("plugins"),
        scratch: folder.path().join("scratch"),
        roots: BTreeMap::new(),
        tools: Vec::new(),
        limits: limits(),
        commands: limits(),
        kept: limits(),
        without_namespaces: true,
    };
    let role = format!("{ROLE}threads");
    let arguments = ["sandbox::the_launcher_itself", "--exact", "--nocapture", "--test-threads=1", "--", &role];
    assert!(Launcher::start(&std::env::current_exe().unwrap(), &arguments, &ceiling).is_err());
}

#[tokio::test]
async fn without_namespaces_a_folder_to_read_inside_one_to_change_is_refused() {
    let Some(ground) = Ground::confined("no namespaces") else { return };
    let script = ground.script("sh", "echo ran");
    // The plugin's own folder lies in neither root, so both together are fine.
    let mut both = script.clone();
    both.roots = ["shown".to_owned(), "shared".to_owned()].into();
    assert_eq!(ground.prints(&both).await, "ran\n");
    let mut around = script;
    around.roots = ["around".to_owned()].into();
    let error = ground.run(&around).await.unwrap_err();
    assert!(error.to_string().contains("needs namespaces to tell apart"), "{error}");
}

#[tokio::test]
async fn a_folder_that_was_exchanged_for_a_link_is_not_followed() {
    for machine in ["user", "no namespaces"] {
        let Some(ground) = Ground::confined(machine) else { continue };
        let mut script = ground.script("sh", "echo ran");
        script.roots = ["shown".to_owned()].into();
        for folder in ["shown", "plugins"] {
            let (here, kept) = (ground.at(folder), ground.at("kept"));
            std::fs::rename(&here, &kept).unwrap();
            std::os::unix::fs::symlink(&kept, &here).unwrap();
            let error = ground.run(&script).await.unwrap_err();
            assert!(matches!(&error, ScriptError::Refused(refusal) if refusal.part == Part::Request), "{machine}: {error}");
            std::fs::remove_file(&here).unwrap();
            std::fs::rename(&kept, &here).unwrap();
        }
        assert_eq!(ground.prints(&script).await, "ran\n");
    }
}

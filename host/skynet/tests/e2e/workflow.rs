//! The workflow of a registry's repository: nobody's actions, nothing left to fill in, and
//! steps that do what they say, carried out here one after the other on a repository of ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn workflow() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../registry-client/templates/registry/.github/workflows/review.yml");
    std::fs::read_to_string(path).unwrap()
}

/// The scripts of all steps of this name.
fn scripts(name: &str) -> Vec<String> {
    let text = workflow();
    let begins = format!("- name: {name}");
    let steps = text.split("\n      - ").filter(|step| format!("- {step}").starts_with(&begins));
    let script = |step: &str| {
        let lines = step.split_once("run: |\n").unwrap().1.lines().take_while(|line| line.is_empty() || line.starts_with("          "));
        lines.map(|line| line.get(10..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
    };
    steps.map(script).collect()
}

#[test]
fn it_needs_no_action_of_strangers_and_leaves_nothing_to_fill_in() {
    let text = workflow();
    for word in ["uses:", "000000", "example.org", "pull_request_target:", "secrets."] {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        assert!(!lines.clone().any(|line| line.contains(word)), "`{word}` is in it");
    }
    assert!(text.contains("permissions:\n  contents: read\n"));
    let installs = scripts("Install skynet");
    assert!(installs.len() == 2 && installs[0] == installs[1], "both jobs install the same, in the same way");
}

/// A repository with a registry, a pull request as GitHub keeps it, and a place to run steps in.
struct Stage {
    folder: tempfile::TempDir,
}

impl Stage {
    /// What is proposed: paths with their contents.
    fn new(proposed: &[(&str, &str)]) -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        let there = stage.path("origin");
        std::fs::create_dir_all(&there).unwrap();
        stage.git(&["init", "--quiet", "--initial-branch=main"]);
        std::fs::create_dir_all(there.join("metadata")).unwrap();
        std::fs::write(there.join("metadata/timestamp.json"), "{}").unwrap();
        stage.commit("a registry");
        stage.git(&["checkout", "--quiet", "-b", "proposal"]);
        for (path, text) in proposed {
            std::fs::create_dir_all(there.join(path).parent().unwrap()).unwrap();
            std::fs::write(there.join(path), text).unwrap();
        }
        stage.commit("a proposal");
        stage.git(&["checkout", "--quiet", "main"]);
        std::fs::write(there.join("README.md"), "Meanwhile.").unwrap();
        stage.commit("something else");
        stage.git(&["checkout", "--quiet", "--detach", "main"]);
        stage.git(&["merge", "--quiet", "--no-ff", "-m", "as it would be merged", "proposal"]);
        stage.git(&["update-ref", "refs/pull/7/merge", "HEAD"]);
        std::fs::create_dir(stage.path("work")).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=a", "-c", "user.email=a@example.org", "-C"]).arg(self.path("origin")).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    fn commit(&self, what: &str) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", what]);
    }

    /// Runs a step as the runner does. A program named `skynet` notes what it is asked.
    fn step(&self, script: &str, more: &[(&str, &str)]) -> Output {
        let bin = self.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        let json = format!("{{\"id\":\"x\",\"component_sha256\":\"{}\",\"size\":1}}", "c".repeat(64));
        let fake = format!("#!/bin/sh\necho \"$@\" >> \"$ASKED\"\ncase \"$*\" in *bad*) exit 4;; *build*) echo '{json}';; esac\n");
        std::fs::write(bin.join("skynet"), fake).unwrap();
        std::fs::set_permissions(bin.join("skynet"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let mut command = Command::new("bash");
        command.args(["-euo", "pipefail", "-c", script]).current_dir(self.path("work")).env_clear();
        command.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", bin.display())).env("HOME", self.folder.path());
        command.env("REPOSITORY", self.path("origin")).env("NUMBER", "7").env("HEAD", self.git(&["rev-parse", "proposal"]));
        command.env("TOKEN", "t").env("GITHUB_STEP_SUMMARY", self.path("summary")).env("ASKED", self.path("asked"));
        command.envs(more.iter().copied()).output().unwrap()
    }

    /// The steps of the review, up to the first that fails.
    fn review(&self) -> bool {
        let steps = ["Fetch the registry and the proposal", "Only submissions are proposed", "Review"];
        let built = format!(" other={} acme-weather={}", "b".repeat(64), "a".repeat(64));
        steps.iter().all(|name| {
            let output = self.step(&scripts(name)[0], &[("BUILT", &built)]);
            assert!(output.status.success() || !output.stderr.is_empty() || self.path("summary").exists() || self.path("asked").exists());
            output.status.success()
        })
    }

    fn said(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }
}

#[test]
fn a_proposal_is_reviewed_against_the_registry_of_the_target_branch() {
    let stage = Stage::new(&[("submissions/acme-weather/README.md", "Weather."), ("submissions/acme-weather/w.wasm", "w")]);
    assert!(stage.review());
    let asked = stage.said("asked");
    assert!(asked.contains("registry review proposal/submissions/acme-weather --registry registry"), "{asked}");
    assert!(asked.contains(&format!("--rebuilt-sha256 {}", "a".repeat(64))), "{asked}");
    assert!(stage.path("work/registry/README.md").is_file() && !stage.path("work/registry/submissions").exists());
    let stage = Stage::new(&[("submissions/bad-one/w.wasm", "w"), ("submissions/good/w.wasm", "w")]);
    assert!(!stage.review(), "one that fails fails the job");
    assert_eq!(stage.said("asked").lines().count(), 2, "and the others are reviewed all the same");
}

#[test]
fn a_proposal_that_changes_anything_else_is_refused_before_it_is_looked_at() {
    for path in [
        "metadata/timestamp.json",
        ".github/workflows/review.yml",
        "submissions/loose.wasm",
        "submissions/a b/x",
        "submissions/x/na\u{ef}ve",
    ] {
        let stage = Stage::new(&[("submissions/acme-weather/w.wasm", "w"), (path, "evil")]);
        assert!(!stage.review(), "{path}");
        assert!(stage.said("summary").contains("nothing else") && stage.said("asked").is_empty(), "{path}: {}", stage.said("summary"));
    }
}

#[test]
fn what_brings_its_source_is_built_and_its_digest_handed_on() {
    let stage = Stage::new(&[("submissions/acme-weather/source/plugin.toml", ""), ("submissions/bad-one/source/plugin.toml", "")]);
    assert!(stage.step(&scripts("Fetch the proposal")[0], &[]).status.success());
    let output = stage.path("output");
    let built = stage.step(&scripts("Build what brings its source")[0], &[("GITHUB_OUTPUT", output.to_str().unwrap())]);
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    assert_eq!(stage.said("output"), format!("built= acme-weather={}\n", "c".repeat(64)), "what does not build is left out");
}

#[test]
fn without_the_keepers_word_on_which_skynet_reviews_it_fails_and_says_so() {
    let stage = Stage::new(&[("submissions/acme-weather/w.wasm", "w")]);
    let output = stage.step(&scripts("Install skynet")[0], &[("SKYNET_URL", ""), ("SKYNET_SHA256", "")]);
    assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("SKYNET_URL"));
}

//! Plugins in Python and JavaScript, from nothing to a call: new, test, build, sign, install, call,
//! with the tools that others wrote.
//!
//! `SKYNET_POLYGLOT` names the folder that `.ci/polyglot.sh` filled. Built only with `peers`.
//! One test for each language: a build takes 20 s of computing, and so does compiling it.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

#[path = "e2e/household.rs"]
#[allow(dead_code)]
mod household;

use household::{Household, Said};
use std::path::{Path, PathBuf};

fn tools() -> PathBuf {
    std::env::var_os("SKYNET_POLYGLOT").expect("SKYNET_POLYGLOT names no folder; .ci/polyglot.sh fills one").into()
}

/// The command line with the author's tools on PATH.
fn author(home: &Household, arguments: &[&str]) -> Said {
    let path = format!("{}:/usr/bin:/bin", tools().join("bin").display());
    // The project's own folder holds no program.
    home.command(arguments).env("PATH", path).env("WASM_JS_TOOLS", tools().join("js")).output().expect("the binary runs").into()
}

fn begun(home: &Household, lang: &str, name: &str) -> PathBuf {
    begun_as(home, lang, "tool", name)
}

fn begun_as(home: &Household, lang: &str, kind: &str, name: &str) -> PathBuf {
    let folder = home.home().join("..").join(name);
    author(home, &["plugin", "new", "--lang", lang, "--kind", kind, name, "--path", folder.to_str().unwrap()]).done();
    folder
}

/// The template itself holds what every plugin must hold, and its own golden call.
fn tested(home: &Household, folder: &Path) {
    let report = author(home, &["--json", "plugin", "test", folder.to_str().unwrap()]).json();
    assert!(report["failed"] == 0 && report["passed"].as_u64().unwrap() >= 6, "{report}");
}

fn serving(home: &mut Household, folder: &Path, name: &str) {
    let built = author(home, &["--json", "plugin", "build", folder.to_str().unwrap()]).json();
    home.install("provider-offline");
    home.drop_file(built["file"].as_str().unwrap().as_ref(), &format!("{name}.wasm"));
    home.start();
    home.until_model();
    home.until_state(&format!("local/{name}"), "serving");
}

const PYTHON: &str = r#"
from skynet_plugin import Denied, host
from skynet_plugin.http import fetch

@tool
def boom():
    """Raises."""
    return [][1]

@tool
def deny():
    """Denies."""
    raise Denied("not you")

@tool
def fall():
    """Recurses."""
    return fall()

@tool
def reach():
    """Fetches."""
    return fetch("http://127.0.0.1:9/").text()

@tool
def keep():
    """Keeps what it may not."""
    return host.kv.get("k")
"#;

const SCRIPT: &str = r#"
const any = { type: "object" };
tools.push(
  { name: "boom", description: "Throws.", parameters: any, call() { return nothing.there; } },
  { name: "deny", description: "Denies.", parameters: any, call() { throw new ToolError("denied", "not you"); } },
  { name: "fall", description: "Recurses.", parameters: any, call() { const f = () => f() + 1; return f(); } },
  { name: "reach", description: "Fetches.", parameters: any, async call() { return await (await fetch("http://127.0.0.1:9/")).text(); } },
  { name: "keep", description: "Keeps what it may not.", parameters: any, call(_, ctx) { return ctx.kv.get("k"); } },
);
"#;

/// What each language's plugin of these tests does, right and wrong: `errors` are the names of what it raises
/// for nothing there, and for calling itself without end.
fn answers_and_errs(home: &Household, name: &str, errors: [&str; 2]) {
    let check = |call: &str, expected: &str| {
        let said = home.run(&["chat", &format!("/tool {name}__{call}")]).done();
        assert!(said.contains(expected), "{call}: {said}");
    };
    check(r#"greet {"name":"Ada"}"#, "Hello, Ada.");
    check("deny {}", "not you");
    check("reach {}", "denied");
    check("keep {}", "does not ask for `kv`");
    let [missing, endless] = errors;
    for _ in 0..4 {
        check("boom {}", missing);
        check("fall {}", endless);
    }
    // Three crashes would have taken it out of service.
    assert_eq!(home.plugin(&format!("local/{name}")).unwrap()["state"], "serving");
}

/// The same from nothing, for one language: new, test, build, sign, install, call.
fn walk(lang: &str, name: &str, source: &str, more: &str, errors: [&str; 2]) {
    let mut home = Household::new();
    let folder = begun(&home, lang, name);
    tested(&home, &folder);
    let source = folder.join(source);
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text + more).unwrap();
    serving(&mut home, &folder, name);
    answers_and_errs(&home, name, errors);
}

#[test]
fn a_plugin_in_python_goes_from_nothing_to_a_call_and_its_exceptions_are_errors() {
    walk("python", "serpent", "app.py", PYTHON, ["IndexError", "RecursionError"]);
}

#[test]
fn a_plugin_in_javascript_goes_from_nothing_to_a_call_and_its_exceptions_are_errors() {
    walk("js", "plain", "src/plugin.js", SCRIPT, ["ReferenceError", "InternalError"]);
}

#[test]
fn a_plugin_in_typescript_goes_from_nothing_to_a_call_and_its_exceptions_are_errors() {
    walk("ts", "script", "src/plugin.ts", SCRIPT, ["ReferenceError", "InternalError"]);
}

/// The template of each other kind holds what every plugin of that kind must, and its own golden questions.
fn every_other_kind(lang: &str) {
    let home = Household::new();
    for kind in ["provider", "channel", "hook"] {
        let folder = begun_as(&home, lang, kind, &format!("some-{kind}"));
        tested(&home, &folder);
    }
}

#[test]
fn every_other_kind_in_python_passes_the_tests_that_each_plugin_must() {
    every_other_kind("python");
}

#[test]
fn every_other_kind_in_javascript_passes_the_tests_that_each_plugin_must() {
    every_other_kind("js");
}

#[test]
fn a_missing_tool_is_named_with_how_to_get_it() {
    let home = Household::new();
    let folder = begun(&home, "python", "lonely");
    let build = ["plugin", "build", folder.to_str().unwrap()];
    home.command(&build).env("PATH", "/nowhere").output().map(Said::from).unwrap().refused(5, &["componentize-py", "pip install"]);
    let folder = begun(&home, "js", "alone");
    let build = ["plugin", "build", folder.to_str().unwrap()];
    home.command(&build).env("PATH", "/nowhere").output().map(Said::from).unwrap().refused(5, &["Node.js", "--instant"]);
}

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
    home.command(arguments).env("PATH", path).output().expect("the binary runs").into()
}

fn begun(home: &Household, lang: &str, name: &str) -> PathBuf {
    let folder = home.home().join("..").join(name);
    author(home, &["plugin", "new", "--lang", lang, name, "--path", folder.to_str().unwrap()]).done();
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

#[track_caller]
fn check(home: &Household, call: &str, expected: &str) {
    let said = home.run(&["chat", &format!("/tool {call}")]).done();
    assert!(said.contains(expected), "{call}: {said}");
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

#[test]
fn a_plugin_in_python_goes_from_nothing_to_a_call_and_its_exceptions_are_errors() {
    let mut home = Household::new();
    let folder = begun(&home, "python", "serpent");
    tested(&home, &folder);
    let app = folder.join("app.py");
    let text = std::fs::read_to_string(&app).unwrap();
    std::fs::write(&app, text + PYTHON).unwrap();
    serving(&mut home, &folder, "serpent");
    check(&home, r#"serpent__greet {"name":"Ada"}"#, "Hello, Ada.");
    check(&home, "serpent__deny {}", "not you");
    check(&home, "serpent__reach {}", "denied");
    check(&home, "serpent__keep {}", "does not ask for `kv`");
    for _ in 0..4 {
        check(&home, "serpent__boom {}", "IndexError");
        check(&home, "serpent__fall {}", "RecursionError");
    }
    // Three crashes would have taken it out of service.
    assert_eq!(home.plugin("local/serpent").unwrap()["state"], "serving");
}

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

#[test]
fn a_plugin_in_typescript_goes_from_nothing_to_a_call_and_its_exceptions_are_errors() {
    let mut home = Household::new();
    let folder = begun(&home, "ts", "script");
    std::os::unix::fs::symlink(tools().join("js/node_modules"), folder.join("node_modules")).unwrap();
    tested(&home, &folder);
    let source = folder.join("src/plugin.ts");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text + SCRIPT).unwrap();
    serving(&mut home, &folder, "script");
    check(&home, r#"script__greet {"name":"Ada"}"#, "Hello, Ada.");
    check(&home, "script__deny {}", "not you");
    check(&home, "script__reach {}", "denied");
    check(&home, "script__keep {}", "does not ask for `kv`");
    for _ in 0..4 {
        check(&home, "script__boom {}", "ReferenceError");
        check(&home, "script__fall {}", "InternalError");
    }
    assert_eq!(home.plugin("local/script").unwrap()["state"], "serving");
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

//! Scripts as plugins, as their author has them: one command, no toolchain, and what goes
//! wrong in a script stays in it.

use crate::household::{Household, Said, guest};
use std::path::PathBuf;

const SCRIPT: &str = r#"
export const plugin = { name: "Counter", summary: "Counts." };
const any = { type: "object" };
export const tools = [
  { name: "greet", description: "Greets.", parameters: any, async call({ name }) { return `Hello, ${await Promise.resolve(name)}.`; } },
  { name: "count", description: "Counts.", parameters: any, call(_, ctx) {
      const n = Number(ctx.kv.get("n") ?? 0) + 1; ctx.kv.set("n", n); return `counted ${n}`; } },
  { name: "recall", description: "Asks what it may not.", parameters: any, call(_, ctx) { return ctx.memory.search("x"); } },
  { name: "reach", description: "Fetches.", parameters: any, async call() { return (await fetch("http://127.0.0.1:9/")).status; } },
  { name: "boom", description: "Throws.", parameters: any, call() { return nothing.there; } },
  { name: "deep", description: "Reads deep data.", parameters: any, call() { JSON.parse('{"a":'.repeat(120) + "1" + "}".repeat(120)); return "deep enough"; } },
  { name: "fall", description: "Recurses.", parameters: any, call() { const f = () => f() + 1; return f(); } },
];
"#;

const MANIFEST: &str = "schema = 1\nid = \"local/counter\"\nversion = \"0.1.0\"\nsummary = \"Counts.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n\
                        [permissions]\nkv = { bytes = 1024, keys = 4 }\n";

fn script(home: &Household, name: &str, text: &str, manifest: Option<&str>) -> PathBuf {
    let folder = home.home().join("..").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    if let Some(manifest) = manifest {
        std::fs::write(folder.join("plugin.toml"), manifest).unwrap();
    }
    std::fs::write(folder.join(format!("{name}.js")), text).unwrap();
    folder
}

fn made(home: &Household, name: &str, text: &str, manifest: Option<&str>) -> Said {
    let folder = script(home, name, text, manifest);
    let runtime = guest("js-runtime");
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let (from, to) = (text(folder.join(format!("{name}.js"))), text(folder));
    home.run(&["--json", "plugin", "new", "--instant", &from, "--path", &to, "--runtime", &text(runtime)])
}

#[test]
fn a_script_becomes_a_plugin_that_serves_and_its_mistakes_stay_its_own() {
    let mut home = Household::compiling();
    let made = made(&home, "counter", SCRIPT, Some(MANIFEST)).json();
    assert_eq!((&made["id"], &made["version"]), (&"local/counter".into(), &"0.1.0".into()));
    assert_eq!(made["tools"].as_array().unwrap().len(), 7, "{made}");
    let file = PathBuf::from(made["file"].as_str().unwrap());
    let imports = home.run(&["--json", "plugin", "verify", file.to_str().unwrap()]).json()["release"]["wit"]["imports"].to_string();
    assert!(imports.contains("skynet:plugin/kv@") && !imports.contains("skynet:plugin/memory@"), "{imports}");

    home.install("provider-offline");
    home.drop_file(&file, "counter.wasm");
    home.start();
    home.until_model();
    home.until_state("local/counter", "pending");
    home.run(&["plugin", "grant", "local/counter", "--yes"]).done();
    home.until_state("local/counter", "serving");
    let check = |call: &str, expected: &str| {
        let said = home.run(&["chat", &format!("/tool counter__{call}")]).done();
        assert!(said.contains(expected), "{call}: {said}");
    };
    check(r#"greet {"name":"Ada"}"#, "Hello, Ada.");
    check("count {}", "counted 1");
    check("count {}", "counted 2");
    check("deep {}", "deep enough");
    check("recall {}", "does not ask for `memory`");
    check("reach {}", "denied");
    for _ in 0..4 {
        check("boom {}", "ReferenceError: nothing is not defined");
        check("fall {}", "RuntimeLimitError");
    }
    // Three crashes would have taken it out of service.
    assert_eq!(home.plugin("local/counter").unwrap()["state"], "serving");
}

#[test]
fn a_script_that_does_not_load_is_refused_with_its_line() {
    let home = Household::compiling();
    let said = made(&home, "broken", "export const tools = [\n  { name: 'x', call( };\n", None);
    assert!(!said.err.contains("rollback"), "there is nothing to go back to: {}", said.err);
    said.refused(4, &["local/broken 0.1.0", "the script does not load: SyntaxError", "line 2", "Nothing was written"]);
    assert!(!home.home().join("../broken/broken.wasm").exists());
    // Nor is one that offers nothing, or tools that no host takes.
    made(&home, "empty", "export const tools = [];", None).refused(4, &["it offers no tools"]);
    let ill = "export const tools = [{ name: 'No!', description: 'x', parameters: { type: 'object' }, call() {} }];";
    made(&home, "ill", ill, None).refused(4, &["tool 1 needs a name of a-z", "Nothing was written"]);
}

#[test]
fn what_cannot_become_a_plugin_is_refused_before_anything_is_written() {
    let home = Household::new();
    made(&home, "long", &format!("// {}", "x".repeat(300_000)), None).refused(4, &["may have 262144"]);
    made(&home, "hooked", SCRIPT, Some(&MANIFEST.replace("tool-plugin", "hook-plugin"))).refused(4, &["tool-plugin", "hook-plugin"]);
    let folder = script(&home, "plain", SCRIPT, None);
    let from = folder.join("plain.js");
    home.run(&["plugin", "new", "--instant", from.to_str().unwrap()]).refused(5, &["setup.sh", "--runtime"]);
    home.run(&["plugin", "new", "--instant", from.to_str().unwrap(), "--runtime", from.to_str().unwrap()])
        .refused(4, &["not the JavaScript runtime"]);
    assert!(!folder.join("plain.wasm").exists());
}

//! Each language and each kind of plugin: a folder that has what it needs, or a refusal that
//! says which languages can. Whether they build and pass is what the tests with compilers ask.

use crate::household::Household;

const LANGUAGES: [&str; 6] = ["rust", "python", "js", "ts", "go", "c"];
const KINDS: [&str; 4] = ["tool", "provider", "channel", "hook"];

/// What the SDK of a language has no way to say yet.
fn is_missing(lang: &str, kind: &str) -> bool {
    lang == "go" && kind == "provider"
}

#[test]
fn every_language_begins_every_kind_or_names_those_that_can() {
    let home = Household::new();
    for lang in LANGUAGES {
        for kind in KINDS {
            let name = format!("{lang}-{kind}");
            let folder = home.home().join("..").join(&name);
            let said = home.run(&["--json", "plugin", "new", "--lang", lang, "--kind", kind, &name, "--path", folder.to_str().unwrap()]);
            if is_missing(lang, kind) {
                said.refused(4, &[&format!("the SDK for {lang}"), kind, "rust, python, ts, js, c"]);
                assert!(!folder.exists(), "{name}");
                continue;
            }
            let made = said.json();
            assert_eq!((&made["language"], &made["kind"]), (&lang.into(), &kind.into()));
            let manifest = std::fs::read_to_string(folder.join("plugin.toml")).unwrap();
            assert!(manifest.contains(&format!("world = \"{kind}-plugin\"")), "{name}: {manifest}");
            // Its own golden questions come with it.
            assert!(folder.join("calls.json").is_file(), "{name}");
        }
    }
}

#[test]
fn an_instant_plugin_of_another_kind_is_refused_with_the_way_that_there_is() {
    let home = Household::new();
    let script = home.home().join("../x.js");
    std::fs::write(&script, "export const tools = [];").unwrap();
    let said = home.run(&["plugin", "new", "--instant", script.to_str().unwrap(), "--kind", "hook"]);
    said.refused(4, &["offers tools", "--lang js --kind hook"]);
}

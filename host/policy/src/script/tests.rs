//! `tool.toml` files, old and new, good and bad.

use super::*;

const SEED: &str = r#"
name = "word-count"
description = "Counts the words of a text."
version = "1.0"
author = "somebody"

[run]
command = "/usr/bin/python3"
script = "main.py"
timeout = 10

[[input.params]]
name = "text"
type = "string"
description = "What to count"
required = true

[[input.params]]
name = "times"
type = "integer"
description = "How often"
required = false
default = 1
"#;

const STRICT: &str = "name = 'a'\ndescription = 'b'\n[run]\ncommand = 'python3 -u'\nscript = './a.py'\ncontract = 'json-lines'\n";

#[test]
fn a_file_of_the_first_plugins_is_read_as_it_is() {
    let manifest = ScriptManifest::parse(SEED.as_bytes()).unwrap();
    assert_eq!((manifest.tool.as_str(), manifest.program.as_str(), manifest.script.as_str()), ("word_count", "python3", "main.py"));
    assert_eq!((manifest.version.to_string().as_str(), manifest.timeout.as_secs()), ("1.0.0", 10));
    assert_eq!(manifest.contract, ScriptContract::Environment);
    assert_eq!(manifest.parameters["required"], json!(["text"]));
    assert_eq!(manifest.parameters["properties"]["times"], json!({ "type": "integer", "description": "How often", "default": 1 }));
    assert_eq!(manifest.permissions.sentences(), ["Run the script `word_count` in the sandbox.", "Take up to 15 s for one call."]);
}

#[test]
fn one_that_names_its_contract_is_read_strictly() {
    let manifest = ScriptManifest::parse(STRICT.as_bytes()).unwrap();
    assert_eq!((manifest.options, manifest.script.as_str()), (vec!["-u".to_owned()], "a.py"));
    assert_eq!(manifest.contract, ScriptContract::JsonLines);
    let fault = ScriptManifest::parse(format!("pemissions = 1\n{STRICT}").as_bytes()).unwrap_err();
    assert!(fault.contains("unknown key `pemissions`"), "{fault}");
}

#[test]
fn what_cannot_be_held_to_is_refused_with_its_key() {
    let check = |from: &str, to: &str, says: &str| {
        assert!(SEED.contains(from), "{from}");
        let fault = ScriptManifest::parse(SEED.replace(from, to).as_bytes()).unwrap_err();
        assert!(fault.contains(says), "{fault}");
    };
    check("name = \"word-count\"", "name = \"9lives\"", "name: `9lives`");
    check("name = \"word-count\"", "name = \"wörter\"", "is no name for a tool");
    check("\"main.py\"", "\"../main.py\"", "run.script");
    check("\"/usr/bin/python3\"", "\" \"", "run.command");
    check("\"/usr/bin/python3\"", "\"sh \\u001b[2J\"", "run.command");
    check("timeout = 10", "timeout = 0", "run.timeout");
    check("timeout = 10", "timeout = 999999", "run.timeout");
    check("\"integer\"", "\"object\"", "known are string");
    check("author = \"somebody\"", "permissions = { messages = [\"x\"] }", "`net`, `fs` and `secrets`");
    check("author = \"somebody\"", "permissions = { fs = [{ root = \"/etc\", access = \"read\" }] }", "root");
    check("author = \"somebody\"", "permissions = { network = true }", "network");
    check("[run]", "[ruin]", "run");
}

#[test]
fn a_folder_without_its_script_is_refused() {
    let mut files = Files::from([(MANIFEST_FILE.to_owned(), SEED.as_bytes().to_vec())]);
    assert!(ScriptManifest::of(&files).unwrap_err().contains("there is no file `main.py`"));
    files.insert("main.py".into(), Vec::new());
    let manifest = ScriptManifest::of(&files).unwrap();
    let release = manifest.release(PluginId::new("local/word-count").unwrap(), &files, "1970-01-01T00:00:00Z");
    assert_eq!(release.faults(), Vec::<String>::new());
    assert_eq!(Release::parse(&release.to_bytes()).unwrap(), release);
}

#[test]
fn a_slip_under_input_is_refused_by_its_name_where_the_contract_is_named() {
    let check = |more: &str, key: &str| {
        let fault = ScriptManifest::parse(format!("{STRICT}{more}").as_bytes()).unwrap_err();
        assert!(fault.contains(&format!("input: unknown key `{key}`")), "{fault}");
    };
    check("[[input.parms]]\nname = 'x'\n", "parms");
    check("[[input.params]]\nname = 'x'\ntype = 'string'\nrequird = true\n", "requird");
    let old = SEED.replace("required = true", "required = true\nrequird = true");
    assert!(ScriptManifest::parse(old.as_bytes()).is_ok(), "files of the first plugins are read as they are");
}

#[test]
fn words_that_an_owner_cannot_see_do_not_reach_the_model() {
    let check = |from: &str, to: &str, says: &str| {
        assert!(SEED.contains(from), "{from}");
        let fault = ScriptManifest::parse(SEED.replace(from, to).as_bytes()).unwrap_err();
        assert!(fault.contains(says), "{fault}");
    };
    check("the words of", "the words\u{200b} of", "description: holds a character that cannot be seen (U+200B)");
    check("What to count", "What\u{e0041} to count", "input: holds a character that cannot be seen (U+E0041)");
    check("default = 1", "default = 'a\u{202e}b'", "U+202E");
    check("name = \"text\"", "name = \"te\u{2063}xt\"", "U+2063");
    let schema = "[input.schema.properties.x]\ndescription = \"a\u{2063}b\"\n";
    assert!(ScriptManifest::parse(format!("{STRICT}{schema}").as_bytes()).unwrap_err().contains("U+2063"));
    let lines = SEED.replace("\"Counts the words of a text.\"", "\"\"\"Counts\n\tthe words: grüße 🦀.\"\"\"");
    assert!(ScriptManifest::parse(lines.as_bytes()).is_ok());
}

const KEPT: &str = "name = 'sums'\ndescription = 'Tools of a server.'\n[server]\nprogram = '/usr/bin/python3'\narguments = ['-u', 'server.py']\n\
    sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'\ntimeout = 60\n[server.environment]\nMODE = 'quiet'\n";

fn kept(manifest: &str, tools: &str) -> Result<ScriptManifest, String> {
    let files = [("tool.toml", manifest), ("tools.json", tools), ("server.py", "")];
    ScriptManifest::of(&files.into_iter().map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect())
}

#[test]
fn a_program_that_is_kept_has_its_digest_its_words_and_its_approved_tools() {
    let manifest = kept(KEPT, r#"[{"name":"add","tool":{"name":"Add"}}]"#).unwrap();
    assert_eq!((manifest.contract, manifest.program.as_str(), manifest.script.as_str()), (ScriptContract::Kept, "/usr/bin/python3", ""));
    assert_eq!(manifest.options, ["-u", "server.py"]);
    let program = manifest.kept.unwrap();
    assert_eq!(program.tool_names().collect::<Vec<_>>(), ["add"]);
    assert_eq!((program.look, program.environment["MODE"].as_str()), (false, "quiet"));
    assert_eq!(manifest.permissions.sentences(), ["Run the script `sums` in the sandbox.", "Take up to 65 s for one call."]);
    assert!(kept(&KEPT.replace("/usr/bin/python3", "./server.py"), "[]").is_ok());
}

#[test]
fn a_program_that_nobody_could_agree_to_is_refused() {
    let check = |from: &str, to: &str, tools: &str, says: &str| {
        let fault = kept(&KEPT.replace(from, to), tools).unwrap_err();
        assert!(fault.contains(says), "{fault}");
    };
    check("/usr/bin/python3", "./other.py", "[]", "no file `other.py`");
    check("/usr/bin/python3", "./../x", "[]", "server.program");
    check("/usr/bin/python3", "", "[]", "server.program");
    check("ba78", "BA78", "[]", "server.sha256");
    check("'server.py'", "'a\u{200b}b'", "[]", "no plain line");
    check("MODE", "LD_PRELOAD", "[]", "`LD_PRELOAD` cannot be set");
    check("MODE", "mode", "[]", "`mode` cannot be set");
    check("timeout = 60", "timeout = 0", "[]", "out of range");
    check("timeout = 60", "tiemout = 60", "[]", "tiemout");
    check("[server]", "sort = 1\n[server]", "[]", "unknown key `sort`");
    check("[server.env", "[run]\ncommand = 'sh'\nscript = 'server.py'\n[server.env", "[]", "not both");
    check("", "", "{}", "tools.json");
    check("", "", r#"[{"name":"A","tool":{}}]"#, "`A` is no tool");
    check("", "", r#"[{"name":"a","tool":{}},{"name":"a","tool":{}}]"#, "`a` is no tool");
    let unseen = "[{\"name\":\"a\",\"tool\":{\"inputSchema\":{\"title\":\"x\u{e0049}y\"}}}]";
    check("", "", unseen, "tools.json: `a` holds a character that cannot be seen (U+E0049)");
    let long = format!(r#"[{{"name":"a","tool":{{"description":"{}"}}}}]"#, "x".repeat(crate::limits::SERVER_TOOLS_BYTES));
    check("", "", &long, "tools.json: has 10");
    let fault = kept(&format!("{KEPT}[[permissions.net]]\nurl = 'https://a.example'\nmethods = ['GET']\n"), "[]").unwrap_err();
    assert!(fault.contains("no way to the network"), "{fault}");
    assert!(ScriptManifest::parse(b"name = 'a'\ndescription = 'b'\n").unwrap_err().contains("`[run]`"));
}

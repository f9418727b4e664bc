//! What the model may propose and only the owner can approve: from a tool call in a chat to
//! a tool that serves, and everything in between that must not be enough.

use crate::household::{Household, guest};
use serde_json::{Value, json};

const DICE: &str = r#"export const tools = [{
  name: "roll", description: "Adds up dice.",
  parameters: { type: "object", properties: { dice: { type: "array", items: { type: "integer" } } }, required: ["dice"] },
  call({ dice }) { return "sum " + dice.reduce((a, b) => a + b, 0); },
}];"#;

/// A host with the offline model, the tools that propose, and the engine that scripts need.
fn workshop() -> Household {
    let mut home = Household::new();
    home.install("provider-offline");
    home.install("tool-plugins");
    std::fs::create_dir_all(home.home().join("runtimes")).unwrap();
    std::fs::copy(guest("js-runtime"), home.home().join("runtimes/js-runtime.wasm")).unwrap();
    home.start();
    home.until_model();
    home.until_state("skynet/tool-plugins", "pending");
    home.run(&["plugin", "grant", "skynet/tool-plugins", "--yes"]).done();
    home.until_state("skynet/tool-plugins", "serving");
    home
}

fn draft(change: impl FnOnce(&mut Value)) -> String {
    let mut draft = json!({
        "name": "dice", "summary": "Adds up dice.", "source": DICE,
        "trials": [{"tool": "roll", "arguments": {"dice": [1, 2]}, "expect": "sum 3"}],
    });
    change(&mut draft);
    draft.to_string()
}

fn author(home: &Household, draft: &str) -> String {
    home.run(&["chat", &format!("/tool plugin_author {draft}")]).done()
}

fn open(home: &Household) -> Vec<Value> {
    home.run(&["--json", "proposals", "list"]).json().as_array().unwrap().clone()
}

fn proposed(home: &Household) -> String {
    let open = open(home);
    assert_eq!(open.len(), 1, "{open:?}");
    open[0]["id"].as_str().unwrap().to_owned()
}

fn code(home: &Household, id: &str) -> String {
    home.run(&["--json", "proposals", "show", id]).json()["code"].as_str().unwrap().to_owned()
}

fn nothing_installed(home: &Household) {
    assert!(home.plugin("made/dice").is_none());
    assert!(!home.home().join("plugins/made--dice.wasm").exists());
    let said = home.run(&["chat", r#"/tool dice__roll {"dice":[1]}"#]).done();
    assert!(said.contains("not offered"), "{said}");
}

#[test]
fn a_tool_that_the_model_wrote_serves_once_the_owner_has_typed_its_code() {
    let home = workshop();
    let said = author(&home, &draft(|_| {}));
    assert!(said.contains("not installed") && said.contains("skynet proposals show"), "{said}");
    nothing_installed(&home);
    let id = proposed(&home);
    let shown = home.run(&["proposals", "show", &id]).done();
    for part in ["made/dice 0.1.0", "Adds up dice.", "dice.reduce", "gave `sum 3`", "written by a model", "skynet proposals approve"] {
        assert!(shown.contains(part), "`{part}` is not in: {shown}");
    }
    let code = code(&home, &id);
    assert!(!said.contains(&code) && !home.run(&["proposals", "list"]).done().contains(&code));
    nothing_installed(&home);
    home.run(&["proposals", "approve", &id, &code.to_lowercase()]).done();
    home.until_state("made/dice", "serving");
    let said = home.run(&["chat", r#"/tool dice__roll {"dice":[2,5]}"#]).done();
    assert!(said.contains("sum 7"), "{said}");
    home.run(&["proposals", "approve", &id, &code]).refused(4, &["no longer waits", "done"]);
    let audit = home.run(&["--json", "audit", "tail", "-n", "100", "--kind", "proposal"]).done();
    for action in ["propose", "show", "approve", "install"] {
        assert!(audit.contains(&format!("\"action\":\"{action}\"")), "{action} is not in: {audit}");
    }
    let everything = home.run(&["audit", "export"]).done();
    assert!(!everything.contains(&code) && !everything.contains("dice.reduce"), "neither code nor source is in the log");
}

#[test]
fn the_owner_answers_in_the_chat_and_the_model_hears_nothing_of_it() {
    let home = workshop();
    author(&home, &draft(|_| {}));
    let id = proposed(&home);
    assert!(home.run(&["chat", "/proposals"]).done().contains(&id));
    let shown = home.run(&["chat", &format!("/proposals {id}")]).done();
    assert!(shown.contains("dice.reduce"), "{shown}");
    home.run(&["chat", "/approve AAAA-AAAA"]).refused(4, &["not the code"]);
    for wrong in ["/approve", "/approve a b c", "/refuse"] {
        home.run(&["chat", wrong]).refused(4, &["the model was not told"]);
    }
    let code = code(&home, &id);
    // What comes out of a pipe was typed by nobody.
    home.run_with(&["chat"], &format!("/approve {code}")).refused(4, &["not piped"]);
    nothing_installed(&home);
    home.run(&["chat", &format!("/approve {code}")]).done();
    home.until_state("made/dice", "serving");
    home.run(&["chat", &format!("/approve {code}")]).refused(4, &["nothing waits"]);
    // Neither a session nor the log has it.
    let everything = home.run(&["audit", "export"]).done();
    assert!(!everything.contains(&code), "the code is in the log");
    author(&home, &draft(|draft| draft["version"] = json!("0.2.0")));
    let id = proposed(&home);
    home.run(&["chat", &format!("/refuse {id}")]).done();
    assert_eq!(home.plugin("made/dice").unwrap()["serving"]["version"], "0.1.0");
}

#[test]
fn a_wrong_an_old_and_a_strangers_code_install_nothing_and_five_end_it() {
    let home = workshop();
    author(&home, &draft(|_| {}));
    let id = proposed(&home);
    home.run(&["proposals", "approve", &id, "AAAA-AAAA"]).refused(4, &["no code is out"]);
    let old = code(&home, &id);
    let new = code(&home, &id);
    home.run(&["proposals", "approve", &id, &old]).refused(4, &["not the code", "4 more tries"]);
    home.run(&["proposals", "approve", "zzzzzz", &new]).refused(5, &["there is no proposal"]);
    home.run(&["proposals", "approve", &id]).refused(4, &["skynet proposals show"]);
    for left in ["3 more", "2 more", "1 more", "refused now"] {
        home.run(&["proposals", "approve", &id, "BBBB-BBBB"]).refused(4, &[left]);
    }
    home.run(&["proposals", "approve", &id, &new]).refused(4, &["no longer waits"]);
    nothing_installed(&home);
    assert!(open(&home).is_empty());
}

#[test]
fn what_was_changed_after_it_was_proposed_is_not_installed() {
    let home = workshop();
    author(&home, &draft(|_| {}));
    let id = proposed(&home);
    let code = code(&home, &id);
    let kept = std::fs::read_dir(home.home().join("private/proposals")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&kept).unwrap();
    let at = bytes.windows(4).position(|four| four == b"sum ").expect("the script lies in the component");
    bytes[at] = b'b';
    std::fs::write(&kept, bytes).unwrap();
    home.run(&["proposals", "approve", &id, &code]).refused(4, &["as it was proposed"]);
    std::fs::remove_file(&kept).unwrap();
    home.run(&["proposals", "approve", &id, &code]).refused(4, &["it has to be proposed again"]);
    nothing_installed(&home);
}

#[test]
fn a_proposal_and_its_code_outlive_a_crash_and_a_no_is_final() {
    let mut home = workshop();
    author(&home, &draft(|_| {}));
    let id = proposed(&home);
    let first = code(&home, &id);
    home.kill();
    home.start();
    nothing_installed(&home);
    home.run(&["proposals", "approve", &id, &first]).done();
    home.until_state("made/dice", "serving");
    author(&home, &draft(|draft| draft["version"] = json!("0.2.0")));
    let id = proposed(&home);
    let second = code(&home, &id);
    home.run(&["proposals", "refuse", &id]).done();
    home.run(&["proposals", "approve", &id, &second]).refused(4, &["refused"]);
    assert_eq!(home.plugin("made/dice").unwrap()["serving"]["version"], "0.1.0");
}

#[test]
fn what_does_not_work_or_asks_wrongly_is_not_proposed_and_the_model_is_told_why() {
    let home = workshop();
    let check = |change: &dyn Fn(&mut Value), why: &str| {
        let said = author(&home, &draft(change));
        assert!(said.contains("did not work") && said.contains(why), "`{why}` is not in: {said}");
    };
    check(&|draft| draft["trials"][0]["expect"] = json!("sum 4"), "gave `sum 3`");
    check(&|draft| draft["trials"][0]["tool"] = json!("other"), "no tool of that name");
    check(&|draft| draft["source"] = json!("export const tools = [;"), "SyntaxError");
    check(&|draft| draft["permissions"] = json!({"propose": true}), "does not ask to propose");
    check(&|draft| draft["permissions"] = json!({"everything": true}), "unknown field");
    check(&|draft| draft["permissions"] = json!({"net": [{"url": "http://127.0.0.1", "private": true}]}), "private");
    check(&|draft| draft["name"] = json!("plugins/x"), "`name` is");
    let shadow = |draft: &mut Value| {
        draft["name"] = json!("plugins");
        draft["source"] = json!(DICE.replace("roll", "plugin_search"));
        draft["trials"][0]["tool"] = json!("plugin_search");
    };
    check(&shadow, "already taken by skynet/tool-plugins");
    assert!(open(&home).is_empty());
    assert!(home.run(&["chat", r#"/tool plugin_proposals {}"#]).done().contains("Nothing was proposed"));
}

#[test]
fn what_it_asks_for_is_shown_and_granted_with_the_approval() {
    let home = workshop();
    let said = author(&home, &draft(|draft| draft["permissions"] = json!({"kv": {"bytes": 1024, "keys": 4}})));
    assert!(said.contains("asks: Keep up to 4 keys"), "{said}");
    let id = proposed(&home);
    assert!(home.run(&["plugin", "grants"]).done().contains("tool-plugins"));
    assert!(!home.run(&["plugin", "grants"]).done().contains("made/dice"));
    assert!(home.run(&["proposals", "show", &id]).done().contains("Keep up to 4 keys"));
    home.run(&["proposals", "approve", &id, &code(&home, &id)]).done();
    home.until_state("made/dice", "serving");
    assert!(home.run(&["plugin", "grants", "made/dice"]).done().contains("Keep up to 4 keys"));
}

#[test]
fn no_tool_of_the_model_approves_and_a_revoked_tool_proposes_no_more() {
    let home = workshop();
    author(&home, &draft(|_| {}));
    let id = proposed(&home);
    let code = code(&home, &id);
    let tools = home.plugin("skynet/tool-plugins").unwrap()["tools"].to_string();
    assert!(!tools.contains("approve") && !tools.contains("grant"), "{tools}");
    for call in
        [format!(r#"plugin_approve {{"id":"{id}","code":"{code}"}}"#), format!(r#"proposals__approve {{"id":"{id}","code":"{code}"}}"#)]
    {
        assert!(home.run(&["chat", &format!("/tool {call}")]).done().contains("not offered"));
    }
    let said = home.run(&["chat", &format!(r#"/tool plugin_install {{"id":"made/dice","code":"{code}"}}"#)]).done();
    assert!(said.contains("did not work"), "{said}");
    let said = home.run(&["chat", "/tool plugin_proposals {}"]).done();
    assert!(said.contains(&id) && said.contains("open") && !said.contains(&code), "{said}");
    nothing_installed(&home);
    home.run(&["plugin", "revoke", "skynet/tool-plugins"]).done();
    assert!(author(&home, &draft(|draft| draft["name"] = json!("other"))).contains("not offered"));
}

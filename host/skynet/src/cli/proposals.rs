//! `skynet proposals`: plugins that somebody asks you for, and your answer.
//!
//! A running host is asked over the gateway. Everything that a model or a stranger wrote
//! is shown as plain lines, with what would hide or reorder text made visible.

use super::plugin::text;
use crate::args::Proposals;
use crate::client;
use crate::clock;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::{ANSWER, PLUGIN_CHANGE};
use crate::output::Out;
use crate::plain::visible;
use anyhow::Result;
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};

pub(crate) async fn run(home: &Home, verb: Proposals, out: &Out) -> Result<()> {
    match verb {
        Proposals::List { all } => list(home, all, out).await,
        Proposals::Show { id } => show(home, &id, out).await.map(drop),
        Proposals::Approve { id, code: Some(code) } => approve(home, &id, &code, out).await,
        Proposals::Approve { id, code: None } => ask(home, &id, out).await,
        Proposals::Refuse { id } => {
            let answer = client::call(home, "proposals.refuse", json!({ "id": id }), ANSWER).await?;
            out.both(&format!("proposal {id} is refused; nothing was installed"), &answer["proposal"]);
            Ok(())
        }
    }
}

async fn list(home: &Home, all: bool, out: &Out) -> Result<()> {
    let answer = client::call(home, "proposals.list", json!({ "all": all }), ANSWER).await?;
    let proposals = answer["proposals"].as_array().cloned().unwrap_or_default();
    out.value(&answer["proposals"]);
    if proposals.is_empty() {
        out.line("nothing waits for your answer");
    }
    for proposal in &proposals {
        let candidate = &proposal["candidate"];
        let state = if proposal["state"] == "open" { String::new() } else { format!(" ({})", text(&proposal["state"])) };
        let id = out.paint("1", text(&proposal["id"]));
        out.line(&format!(
            "{id}{state}  {} {}  {}",
            text(&candidate["subject"]),
            text(&candidate["version"]),
            visible(text(&candidate["summary"]))
        ));
        lines(candidate, "asks").iter().for_each(|ask| out.line(&format!("        asks: {ask}")));
        let by = format!("{} in {}", text(&proposal["by"]["plugin"]), visible(text(&proposal["by"]["session"])));
        out.line(&out.paint("2", &format!("        proposed by {by}, {}", when(&proposal["created_ms"]))));
    }
    if !proposals.is_empty() && !all {
        out.line("look at one, and get the code that approves it: skynet proposals show ID");
    }
    Ok(())
}

/// Lines of a list in an answer, made plain.
fn lines(candidate: &Value, key: &str) -> Vec<String> {
    candidate[key].as_array().into_iter().flatten().map(|line| visible(text(line))).collect()
}

fn when(ms: &Value) -> String {
    ms.as_u64().map_or_else(|| "-".into(), clock::minute)
}

/// Shows it; gives the code, where it still waits.
async fn show(home: &Home, id: &str, out: &Out) -> Result<Option<String>> {
    let answer = client::call(home, "proposals.show", json!({ "id": id }), ANSWER).await?;
    out.value(&answer);
    let (proposal, candidate) = (&answer["proposal"], &answer["proposal"]["candidate"]);
    out.line(&out.paint("1", &format!("{} {}", text(&candidate["subject"]), text(&candidate["version"]))));
    out.line(&format!("  in its author's words: {}", visible(text(&candidate["summary"]))));
    let from = match text(&candidate["registry"]) {
        "" => "written by a model, built here; your dev key would sign it".to_owned(),
        registry => format!("from the registry {}, signed by {}", visible(registry), text(&candidate["publisher"])),
    };
    out.line(&format!("  {from}"));
    out.line(&format!("  digest {}", text(&candidate["digest"])));
    if let Some(replaces) = candidate["replaces"].as_str() {
        out.line(&format!("  replaces version {replaces}"));
    }
    let by = &proposal["by"];
    out.line(&format!("  proposed by {} in {}, {}", text(&by["plugin"]), visible(text(&by["session"])), when(&proposal["created_ms"])));
    for (title, key, none) in [
        ("It asks to:", "asks", "nothing: it computes, and reaches neither files nor network"),
        ("Its tools:", "tools", "none"),
        ("What was found in it:", "findings", "nothing of note"),
        ("Its trials, with nothing granted:", "trials", "none"),
    ] {
        out.line(&out.paint("1", title));
        let found = lines(candidate, key);
        found.iter().for_each(|line| out.line(&format!("  {line}")));
        if found.is_empty() {
            out.line(&format!("  {none}"));
        }
    }
    if let Some(source) = candidate["source"].as_str() {
        out.line(&out.paint("1", "Its source (a model's; characters that hide or reorder text are shown as <U+…>):"));
        source.lines().for_each(|line| out.line(&format!("  | {}", visible(line))));
    }
    match answer["code"].as_str() {
        Some(code) => {
            let until = when(&answer["codeUntilMs"]);
            out.line(&format!("To install exactly this, until {until}:  skynet proposals approve {id} {}", out.paint("1", code)));
            out.line(&format!("To say no:  skynet proposals refuse {id}"));
            Ok(Some(code.to_owned()))
        }
        None => {
            let why = visible(text(&proposal["why"]));
            out.line(&format!("It no longer waits: {} {why}", text(&proposal["state"])));
            Ok(None)
        }
    }
}

/// For a person at a terminal: shows it and asks.
async fn ask(home: &Home, id: &str, out: &Out) -> Result<()> {
    if out.json || !std::io::stdin().is_terminal() {
        let why = format!("nothing was approved: it takes the code that this prints: skynet proposals show {id}");
        return Err(fail(Kind::Refused, why));
    }
    let Some(code) = show(home, id, out).await? else {
        return Err(fail(Kind::Refused, format!("proposal {id} no longer waits")));
    };
    let mut stdout = std::io::stdout();
    write!(stdout, "Install this? [y/N] ")?;
    stdout.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    if !matches!(line.trim(), "y" | "Y" | "yes") {
        return Err(fail(Kind::Refused, format!("nothing was approved; to say no for good: skynet proposals refuse {id}")));
    }
    approve(home, id, &code, out).await
}

async fn approve(home: &Home, id: &str, code: &str, out: &Out) -> Result<()> {
    let answer = client::call(home, "proposals.approve", json!({ "id": id, "code": code }), PLUGIN_CHANGE).await?;
    let candidate = &answer["proposal"]["candidate"];
    let said = format!("{} {} is installed and serves", text(&candidate["subject"]), text(&candidate["version"]));
    out.both(&said, &answer["proposal"]);
    Ok(())
}

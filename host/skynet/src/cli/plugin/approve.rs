//! `skynet plugin approve`: the owner reads what a script plugin is, then says yes to these very files.
//!
//! What is approved is bound to the digest that was shown: files that change in between are refused.

use super::add_mcp::describe;
use super::grant::confirmed;
use super::text;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use crate::plain::wrapped;
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::PluginId;
use std::path::Path;

pub(crate) async fn run(home: &Home, plugin: &str, yes: bool, out: &Out) -> Result<()> {
    let id = id(plugin)?;
    let info = client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await?;
    let script = &info["script"];
    if script.is_null() {
        return Err(fail(Kind::Refused, format!("{id} is no script plugin; see: skynet plugin info {id}")));
    }
    let files = text(&script["files"]);
    // What an approval is for: a release that waits, else one that was denied.
    let release = ["waiting", "denied"].into_iter().map(|key| &info[key]).find(|release| !release.is_null());
    let publisher = text(&release.unwrap_or(&info)["publisher"]);
    if !publisher.ends_with(files) {
        return Err(fail(Kind::Refused, format!("{id} is signed by {publisher}; allow what it asks for with: skynet plugin grant {id}")));
    }
    let Some(release) = release else {
        if text(&info["status"]["state"]) == "serving" {
            out.both(&format!("these files of {id} are approved already"), &json!({ "id": id, "files": files, "changed": false }));
            return Ok(());
        }
        // Nobody says yes to what cannot be shown.
        return Err(fail(
            Kind::Refused,
            format!("nothing of {id} waits for an approval; skynet plugin info {id} says why it does not serve"),
        ));
    };
    let asks: Vec<&str> = release["asks"].as_array().into_iter().flatten().map(text).collect();
    out.line(&format!("{id} {}:", text(&release["version"])));
    // All that the model will read of it, whole.
    text(&script["description"]).lines().flat_map(wrapped).for_each(|line| out.line(&format!("    {line}")));
    words(script, out);
    out.line(&format!("  runs       {}", runs(script)));
    if let Some(digest) = script["sha256"].as_str() {
        out.line(&format!("  program    {digest}"));
    }
    let variables: Vec<&str> = script["environment"].as_array().into_iter().flatten().map(text).collect();
    if !variables.is_empty() {
        out.line(&format!("  variables  {}", variables.join(", ")));
    }
    out.line(&format!("  folder     {}", home.root().join(text(&info["file"])).display()));
    out.line(&format!("  files      {files}"));
    let denied = if info["waiting"].is_null() { " You said no to it before." } else { "" };
    out.line(&format!("  Nobody signed these files.{denied} It asks:"));
    asks.iter().for_each(|ask| out.line(&format!("    {ask}")));
    for (what, key) in [("folders", "fs"), ("servers", "net")] {
        if release["request"][key].as_array().is_none_or(Vec::is_empty) {
            out.line(&format!("  {what:<10} none but its own"));
        }
    }
    if !yes && !confirmed("Approve of these files?", out)? {
        return Err(fail(Kind::Refused, format!("nothing was approved; `skynet plugin approve --yes {id}` does not ask")));
    }
    client::call(home, "plugins.approve", json!({ "id": id, "files": files }), PLUGIN_CHANGE).await?;
    out.both(&format!("approved {id}"), &json!({ "id": id, "files": files, "granted": asks, "changed": true }));
    Ok(())
}

/// What the model reads of its arguments, or of each tool of a program that is kept.
fn words(script: &Value, out: &Out) {
    if script["contract"] == "kept" {
        let tools = script["tools"].as_array().map(Vec::as_slice).unwrap_or_default();
        out.line(&format!("  offers     {} {}:", tools.len(), if tools.len() == 1 { "tool" } else { "tools" }));
        tools.iter().for_each(|tool| describe(tool, out));
        return;
    }
    out.line("  takes");
    format!("{:#}", script["parameters"]).lines().flat_map(wrapped).for_each(|line| out.line(&format!("    {line}")));
}

/// Interpreter, script and bounds in one line.
pub(super) fn runs(script: &Value) -> String {
    let options: Vec<&str> = script["options"].as_array().into_iter().flatten().map(text).collect();
    let script_file = Some(text(&script["script"])).filter(|file| !file.is_empty());
    let words = [text(&script["program"])].into_iter().chain(options).chain(script_file);
    let words: Vec<String> = words.map(one_word).collect();
    let stays = if script["contract"] == "kept" { "kept between calls, each " } else { "" };
    format!("{} ({stays}up to {} s)", words.join(" "), script["timeout_s"])
}

/// So that two arguments cannot pass for one.
pub(super) fn one_word(word: &str) -> String {
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=:@%+,".contains(c));
    if plain { word.to_owned() } else { format!("'{}'", word.replace('\'', "'\\''")) }
}

/// A folder's path or name, or an id.
fn id(plugin: &str) -> Result<PluginId> {
    let path = Path::new(plugin);
    if !path.is_dir()
        && let Ok(id) = PluginId::new(plugin)
    {
        return Ok(id);
    }
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or(plugin);
    skynet_plugins::trees::plugin_of(name).map_err(|why| fail(Kind::Usage, why))
}

#[cfg(test)]
mod tests {
    use super::one_word;

    #[test]
    fn an_argument_is_shown_as_one_word() {
        for (word, shown) in
            [("server.py", "server.py"), ("two words", "'two words'"), ("", "''"), ("it's", r"'it'\''s'"), ("a;b", "'a;b'")]
        {
            assert_eq!(one_word(word), shown);
        }
    }
}

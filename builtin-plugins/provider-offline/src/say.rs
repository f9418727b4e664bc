//! The sentences. Each general one says what is speaking.

use crate::limits::LISTED_TOOLS;
use skynet_plugin_sdk::provider::ToolDefinition;

/// What this is, in one honest sentence.
pub(crate) const IDENTITY: &str = "I am the built-in offline responder: a short list of fixed rules, not a language model.";

/// How to get a real one.
pub(crate) const SETUP: &str = "To talk to a real model, set a key with: skynet secret set anthropic_api_key, or set ANTHROPIC_API_KEY or OPENAI_API_KEY and run \
     ./setup.sh again. A local Ollama server works without a key.";

pub(crate) fn greeting() -> String {
    format!("Hello! {IDENTITY} Say \"help\" to see what I understand.")
}

pub(crate) fn thanks() -> String {
    "You are welcome.".to_owned()
}

pub(crate) fn setup() -> String {
    format!("{IDENTITY} {SETUP}")
}

pub(crate) fn help(tools: &[ToolDefinition]) -> String {
    format!(
        "{IDENTITY} I understand:\n\
         - \"what time is it\" or \"what time is it in Europe/Rome\"\n\
         - \"list files\", \"read notes.md\", \"search notes for cat\"\n\
         - \"fetch https://example.org\"\n\
         - `/tool NAME {{json}}` for any tool\n\n{}\n\n{SETUP} What I report as usage counts words, not tokens.",
        offered(tools)
    )
}

pub(crate) fn unknown(tools: &[ToolDefinition]) -> String {
    format!("{IDENTITY} I did not understand that. Say \"help\" to see the forms I know. {}\n\n{SETUP}", offered(tools))
}

pub(crate) fn no_such_tool(name: &str, tools: &[ToolDefinition]) -> String {
    format!("That needs the tool `{name}`, which is not offered in this session. {}", offered(tools))
}

pub(crate) fn ambiguous(name: &str, found: &[&str]) -> String {
    format!(
        "`{name}` could be any of {}. Write the whole name.",
        found.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    )
}

/// The tools there are, as a sentence.
fn offered(tools: &[ToolDefinition]) -> String {
    if tools.is_empty() {
        return "No tools are offered in this session.".to_owned();
    }
    let names: Vec<String> = tools.iter().take(LISTED_TOOLS).map(|tool| format!("`{}`", tool.name)).collect();
    let more = tools.len().saturating_sub(LISTED_TOOLS);
    let tail = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("Tools offered here: {}{tail}.", names.join(", "))
}

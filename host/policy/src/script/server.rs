//! `[server]` of a `tool.toml`: a program that is kept between calls, an MCP server, in the place of a script.
//!
//! Owns what an approval of it is bound to: the program's place and digest, its arguments, its environment, and
//! the tools as they were when the owner saw them, which lie beside the manifest. Refuses words that a person
//! would not read as they are.

use crate::digest::is_sha256_hex;
use crate::limits::{SERVER_TOOLS, SERVER_TOOLS_BYTES, SERVER_WORD_CHARS, SERVER_WORDS};
use crate::naming::{hidden_in, is_plain_line, is_tool_name, plain_line};
use crate::tree::{self, Files};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The approved tools' place in a plugin's folder: a JSON list of `{"name": NAME, "tool": WORDS}`.
pub const TOOLS_FILE: &str = "tools.json";

/// As it is written.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct KeptProgram {
    /// A name, a whole path, or one that begins with `./`: a file of the folder.
    pub program: String,
    /// SHA-256 of the program's file, hex. Another file is not started.
    pub sha256: String,
    /// What it is started with.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Whether its owner looks at what it offers now.
    #[serde(default)]
    pub look: bool,
    /// Seconds that one call may take.
    pub timeout: Option<u64>,
    /// Variables beside those that every script has.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The approved tools, by name here and in the server's own words.
    #[serde(skip)]
    pub tools: Vec<Value>,
}

impl KeptProgram {
    /// What is wrong with it.
    pub(super) fn fault(&self) -> Option<String> {
        if self.program.is_empty() || !is_plain_line(&self.program, SERVER_WORD_CHARS) {
            return Some("server.program: is no plain line".into());
        }
        if let Some(fault) = self.inside().and_then(tree::path_fault) {
            return Some(format!("server.program: {fault}"));
        }
        if !is_sha256_hex(&self.sha256) {
            return Some("server.sha256: is no SHA-256 in lower-case hex".into());
        }
        let words = self.arguments.iter().chain(self.environment.values());
        if self.arguments.len().max(self.environment.len()) > SERVER_WORDS {
            return Some(format!("server: has more than {SERVER_WORDS} arguments or variables"));
        }
        if let Some(word) = words.into_iter().find(|word| !is_plain_line(word, SERVER_WORD_CHARS)) {
            let shown = plain_line(word, 60);
            return Some(format!("server: `{shown}` is no plain line of at most {SERVER_WORD_CHARS} characters without double spaces"));
        }
        let bad = self.environment.keys().find(|name| !is_variable(name))?;
        Some(format!("server.environment: `{}` cannot be set; use A-Z, 0-9 and _", plain_line(bad, 60)))
    }

    /// The file of the folder that is started, if it is one of these.
    pub fn inside(&self) -> Option<&str> {
        self.program.strip_prefix("./")
    }

    /// The names under which its approved tools are called.
    pub fn tool_names(&self) -> impl Iterator<Item = &str> {
        self.tools.iter().filter_map(|tool| tool.get("name")?.as_str())
    }

    /// Reads what lies beside the manifest.
    pub(super) fn complete(&mut self, files: &Files) -> Result<(), String> {
        if let Some(inside) = self.inside()
            && (!files.contains_key(inside) || tree::is_sidecar(inside))
        {
            return Err(format!("server.program: there is no file `{}` in the folder", plain_line(inside, 100)));
        }
        let text = files.get(TOOLS_FILE).ok_or_else(|| format!("it has no {TOOLS_FILE}; make it with: skynet plugin add-mcp"))?;
        if text.len() > SERVER_TOOLS_BYTES {
            return Err(format!("{TOOLS_FILE}: has {} bytes; at most {SERVER_TOOLS_BYTES} are read", text.len()));
        }
        let tools: Vec<Value> = serde_json::from_slice(text).map_err(|error| format!("{TOOLS_FILE}: {error}"))?;
        if tools.len() > SERVER_TOOLS {
            return Err(format!("{TOOLS_FILE}: has {} tools; at most {SERVER_TOOLS} are taken", tools.len()));
        }
        let mut names = BTreeSet::new();
        for tool in &tools {
            let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
            if !is_tool_name(name) || !names.insert(name) || !tool.get("tool").is_some_and(Value::is_object) {
                return Err(format!("{TOOLS_FILE}: `{}` is no tool with a name of its own", plain_line(name, 60)));
            }
            // As in the manifest: what no eye can check does not reach the model.
            if let Some(c) = hidden_in(tool) {
                return Err(format!("{TOOLS_FILE}: `{name}` holds a character that cannot be seen (U+{:04X})", u32::from(c)));
            }
        }
        self.tools = tools;
        Ok(())
    }
}

/// As the sandbox takes them: those that every script has, and the loader's, are not anybody's to set.
fn is_variable(name: &str) -> bool {
    let spelled = name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
    let taken = ["PATH", "HOME", "TMPDIR", "LANG"].contains(&name) || name.starts_with("LD_") || name.starts_with("SKYNET_");
    spelled && !taken && name.len() <= 100
}

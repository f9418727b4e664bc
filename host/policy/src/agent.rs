//! A whole agent as data: its prompt files, its plugins by digest, what can be set.
//!
//! Owns `agent.json` and what is signed over it. It holds no secret, no grant, no memory,
//! and nothing in it is an instruction to the host: who installs it decides on each part.
//! Unknown keys, names and schemas are refused.

pub mod bundle;
pub mod seal;
pub mod secretive;

use crate::digest::is_sha256_hex;
use crate::limits::{AGENT_FILES, AGENT_JSON_BYTES, AGENT_PLUGINS, SUMMARY_CHARS, VERSION_CHARS};
use crate::naming::{is_plain_line, plain_line};
use crate::signature::KeyId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use skynet_core::PluginId;
use std::collections::BTreeSet;

/// The schema of `agent.json` that is written and read.
pub const AGENT_SCHEMA: u32 = 1;

/// Prompt files that an agent may bring. Those about its owner (`USER.md`, `MEMORY.md`)
/// are not among them: they stay where they are.
pub const PROMPT_FILES: [&str; 4] = ["SOUL.md", "IDENTITY.md", "AGENTS.md", "TOOLS.md"];

/// `agent.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentManifest {
    /// 1.
    pub schema: u32,
    /// `namespace/name`, as of a plugin: whose key may sign it goes by the namespace.
    pub id: PluginId,
    /// Its version.
    pub version: semver::Version,
    /// One line.
    pub summary: String,
    /// RFC 3339.
    pub created: String,
    /// Its prompt files.
    pub files: Vec<AgentFile>,
    /// Its plugins.
    pub plugins: Vec<AgentPlugin>,
    /// A JSON Schema of each plugin's settings, by the plugin's id. No values.
    pub config_schema: serde_json::Map<String, Value>,
}

/// A prompt file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentFile {
    /// One of `PROMPT_FILES`.
    pub name: String,
    /// Of its bytes, hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
}

/// A plugin, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentPlugin {
    /// Which.
    pub id: PluginId,
    /// Its version.
    pub version: semver::Version,
    /// SHA-256 of its `release.json`, hex.
    pub release: String,
    /// Whose signature it had where the agent was exported.
    pub publisher: KeyId,
}

/// Why an agent is refused: what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// The archive or its contents.
    #[error("the bundle is refused: {0}. Get it again from whoever made it")]
    Malformed(String),
    /// The signature.
    #[error("{0}")]
    Untrusted(String),
}

pub(crate) fn malformed(why: impl Into<String>) -> AgentError {
    AgentError::Malformed(plain_line(&why.into(), 300))
}

impl AgentManifest {
    /// Reads the exact bytes that were signed.
    pub fn parse(bytes: &[u8]) -> Result<Self, AgentError> {
        if bytes.len() > AGENT_JSON_BYTES {
            return Err(malformed(format!("agent.json has {} bytes; at most {AGENT_JSON_BYTES} are read", bytes.len())));
        }
        crate::unique_keys::check(bytes).map_err(malformed)?;
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| malformed(format!("agent.json: {error}")))?;
        match manifest.faults().as_slice() {
            [] => Ok(manifest),
            faults => Err(malformed(faults.join("; "))),
        }
    }

    /// The document's bytes, to be signed as they are.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Only a map with keys that are not text can fail here, and there is none.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// What the types cannot say: one sentence per fault.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut unless = |legal: bool, fault: &str| {
            if !legal {
                faults.push(fault.to_owned());
            }
        };
        unless(self.schema == AGENT_SCHEMA, "agent.json must have schema 1");
        let summary = is_plain_line(&self.summary, SUMMARY_CHARS) && !self.summary.is_empty();
        unless(summary, "summary must be one plain line of at most 200 characters");
        unless(self.version.to_string().len() <= VERSION_CHARS, "the version is too long");
        unless(is_plain_line(&self.created, 40), "created must be a time as in RFC 3339");
        unless(self.files.len() <= AGENT_FILES, "it has too many files");
        let names: BTreeSet<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        unless(names.len() == self.files.len(), "it names a file twice");
        unless(names.iter().all(|name| PROMPT_FILES.contains(name)), "it brings a file that an agent may not bring");
        unless(self.files.iter().all(|file| is_sha256_hex(&file.sha256)), "a file's sha256 must be 64 lower-case hex digits");
        unless(self.plugins.len() <= AGENT_PLUGINS, "it has too many plugins");
        let ids: BTreeSet<&PluginId> = self.plugins.iter().map(|plugin| &plugin.id).collect();
        unless(ids.len() == self.plugins.len(), "it names a plugin twice");
        unless(self.plugins.iter().all(|plugin| is_sha256_hex(&plugin.release)), "a plugin's release must be 64 lower-case hex digits");
        let known = |key: &String| self.plugins.iter().any(|plugin| plugin.id.as_str() == key);
        unless(self.config_schema.keys().all(known), "config_schema names a plugin that it does not have");
        unless(self.config_schema.values().all(Value::is_object), "config_schema must hold a JSON Schema for each plugin");
        faults
    }
}

#[cfg(test)]
mod tests;

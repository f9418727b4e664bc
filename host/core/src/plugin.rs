//! What the host remembers of plugins: receipts and states, as plain data.

use crate::completion::ModelInfo;
use crate::ids::{Generation, PluginId, PluginRef};
use crate::tool::ToolSpec;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a component can be, seen from its exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// Exports `tool`.
    Tool,
    /// Exports `provider`.
    Provider,
    /// Exports `channel`.
    Channel,
    /// Exports `hook`.
    Hook,
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tool => "tool",
            Self::Provider => "provider",
            Self::Channel => "channel",
            Self::Hook => "hook",
        })
    }
}

/// Everything needed to serve a release again after a restart, without its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Who.
    pub plugin: PluginRef,
    /// SHA-256 of the component's bytes, hex.
    pub component: String,
    /// SHA-256 of the exact bytes of `release.json`, hex.
    pub release: String,
    /// The exact bytes of `release.json`.
    pub release_json: String,
    /// Key ids whose signatures were checked.
    pub signers: Vec<String>,
    /// `registry`, `local` or `builtin`: the kind of key that was trusted.
    pub trust: String,
    /// The file in the inbox, by name.
    pub source: String,
    /// From its exports.
    pub kinds: Vec<PluginKind>,
    /// What `describe` said: name and one sentence.
    pub title: String,
    /// What `describe` said.
    pub summary: String,
    /// What `tools` said.
    pub tools: Vec<ToolSpec>,
    /// What `models` said when it could be asked.
    pub models: Vec<ModelInfo>,
    /// JSON Schema of the settings.
    #[serde(default)]
    pub config_schema: Option<serde_json::Value>,
    /// Milliseconds since the Unix epoch.
    pub admitted_ms: u64,
}

/// The state of one plugin, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum PluginState {
    /// Calls reach it.
    Serving,
    /// Its permission request waits for the owner; an older version may serve.
    Pending {
        /// What is asked for beyond the grant, one sentence a line.
        asks: Vec<String>,
    },
    /// The owner switched it off, or its file is gone.
    Disabled {
        /// Which of the two.
        reason: String,
    },
    /// Its file was refused.
    Refused {
        /// What, why, remedy.
        reason: String,
    },
    /// It trapped too often and nothing good is left to fall back to.
    Sick {
        /// The last fault.
        reason: String,
    },
}

/// One line of `plugin list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginStatus {
    /// Its id, or the file name when no id could be read.
    pub name: String,
    /// What serves now.
    pub serving: Option<PluginRef>,
    /// Its state.
    #[serde(flatten)]
    pub state: PluginState,
    /// From its exports.
    pub kinds: Vec<PluginKind>,
    /// One sentence.
    pub summary: String,
    /// Tool names as the model sees them.
    pub tools: Vec<String>,
    /// `registry`, `local` or `builtin`.
    pub trust: String,
    /// What its owner should know although it serves, such as a provider's missing key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The version that waits for its owner's word while another serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<String>,
}

/// Something that happened to a plugin, for logs, events and the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum PluginEvent {
    /// A new generation serves.
    Published {
        /// Which.
        plugin: PluginRef,
        /// What served before.
        replaced: Option<Generation>,
    },
    /// A file was refused.
    Refused {
        /// The file's name.
        file: String,
        /// What, why, remedy.
        reason: String,
    },
    /// A release waits for the owner.
    Pending {
        /// Which.
        id: PluginId,
        /// Its version.
        version: String,
        /// What it asks beyond the grant.
        asks: Vec<String>,
    },
    /// It no longer serves.
    Withdrawn {
        /// Which.
        plugin: PluginRef,
        /// Why.
        reason: String,
    },
    /// The breaker put an older generation back.
    RolledBack {
        /// What failed.
        from: PluginRef,
        /// What serves again.
        to: Option<PluginRef>,
        /// The last fault.
        reason: String,
    },
}

//! `skynet agent`, as types.

use crate::args::registry::Agreement;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use skynet_core::PluginId;
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
#[command(after_help = "An agent is a file: SOUL.md and the other prompt files, the plugins by the digest of their release, and the\n\
form of their settings. No secret, no grant, nothing that is remembered about you.")]
pub(crate) enum Agent {
    /// Write this agent into one file, signed, to be given away.
    #[command(after_help = "Example: skynet agent export me/butler --summary \"Keeps house\" --with-plugins")]
    Export(AgentExport),
    /// Search the registries for whole agents; without words, all that they list.
    Search {
        /// Words of its name or summary.
        words: Vec<String>,
    },
    /// Show what is in an agent's file, without installing anything.
    Inspect {
        /// The file, or namespace/name[@version] of an agent that a registry lists.
        file: PathBuf,
    },
    /// Install an agent: you are asked before your own prompt files change, and once for all its plugins.
    #[command(
        after_help = "Plugins that the agent does not carry are fetched from your registries, each by the digest that the agent names,\n\
and looked through like any other. What it would replace is kept beside it, as SOUL.md.before-TIME. Doing it again\n\
changes nothing.\n\
Example: skynet agent install butler-1.0.0.agent, or: skynet agent install acme/butler"
    )]
    Install(AgentInstall),
}

fn plugin_id(text: &str) -> Result<PluginId, String> {
    PluginId::new(text).map_err(|error| error.to_string())
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AgentExport {
    /// Its name: namespace/name. The namespace is one that your key is trusted for elsewhere.
    #[arg(value_parser = plugin_id)]
    pub(crate) id: PluginId,
    /// Its version.
    #[arg(long = "as", value_name = "VERSION", default_value = "0.1.0")]
    pub(crate) version: semver::Version,
    /// What it is for, one line.
    #[arg(long, default_value = "An agent.")]
    pub(crate) summary: String,
    /// A plugin that it has; may be given more than once. Without: all that serve and did not come with the host.
    #[arg(long = "plugin", value_name = "ID", value_parser = plugin_id)]
    pub(crate) plugins: Vec<PluginId>,
    /// Put the plugins' own files in, so that nothing has to be fetched.
    #[arg(long)]
    pub(crate) with_plugins: bool,
    /// The key file to sign with; the dev key of this machine when absent.
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// Where to write; NAME-VERSION.agent in this folder when absent.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
}

/// What becomes of a prompt file that is there and differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mine {
    /// It stays.
    Keep,
    /// The agent's takes its place; yours is kept beside it.
    Replace,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AgentInstall {
    /// The file, or namespace/name[@version] of an agent that a registry lists.
    pub(crate) file: PathBuf,
    /// Show what would be done, and what its plugins may do, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
    /// What to do about prompt files of yours that differ; asked when absent.
    #[arg(long, value_name = "KEEP")]
    pub(crate) mine: Option<Mine>,
    /// A folder with signed plugin files, where the agent's own file does not hold them; may be given more than once.
    #[arg(long = "from", value_name = "FOLDER")]
    pub(crate) folders: Vec<PathBuf>,
}

//! Author tools on the command line: `plugin new`, `build` and so on.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use skynet_policy::manifest::World;
use std::path::PathBuf;

/// Verbs for those who write plugins; they stand among those of `plugin`.
#[derive(Debug, Subcommand)]
pub(crate) enum Author {
    /// Begin a plugin: a folder that builds.
    #[command(after_help = "Example: skynet plugin new --lang rust weather && cd weather && skynet plugin build")]
    New(NewPlugin),
    /// Build a plugin's folder into one signed file, dist/NAME.wasm.
    Build(Build),
}

/// What a plugin is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PluginKind {
    /// Tools for the model.
    Tool,
    /// A model.
    Provider,
    /// A chat system.
    Channel,
    /// Watches or changes what passes.
    Hook,
}

impl PluginKind {
    pub(crate) fn world(self) -> World {
        match self {
            Self::Tool => World::ToolPlugin,
            Self::Provider => World::ProviderPlugin,
            Self::Channel => World::ChannelPlugin,
            Self::Hook => World::HookPlugin,
        }
    }
}

#[derive(Debug, ClapArgs)]
pub(crate) struct NewPlugin {
    /// Its name, or namespace/name; `local` is the namespace of one's own.
    pub(crate) name: String,
    /// rust, c, go, python, js or ts.
    #[arg(long, short, default_value = "rust")]
    pub(crate) lang: String,
    /// What it is for.
    #[arg(long, short, value_enum, default_value = "tool")]
    pub(crate) kind: PluginKind,
    /// The new folder; NAME in the present one when absent.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) path: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Its language, where its files do not tell.
    #[arg(long)]
    pub(crate) lang: Option<String>,
    /// The key file; the dev key of this machine when absent.
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// Do not sign it.
    #[arg(long, conflicts_with = "key")]
    pub(crate) unsigned: bool,
}

//! Author tools on the command line: `plugin new`, `build` and so on.

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use skynet_policy::manifest::World;
use std::path::PathBuf;

/// Verbs for those who write plugins; they stand among those of `plugin`.
#[derive(Debug, Subcommand)]
pub(crate) enum Author {
    /// Begin a plugin: a folder that builds.
    #[command(
        after_help = "Example: skynet plugin new --lang rust weather && cd weather && skynet plugin build\n         skynet plugin new --lang js --instant weather.js"
    )]
    New(NewPlugin),
    /// Build a plugin's folder into one signed file, dist/NAME.wasm.
    Build(Build),
    /// Build on each change and let the running host take it up, until Ctrl-C.
    Dev(Dev),
    /// Test a plugin in a host of its own: what every plugin must hold, and its own calls.json.
    #[command(
        after_help = "calls.json: {\"settings\": {}, \"calls\": [{\"name\": \"greets\", \"tool\": \"greet\", \"arguments\": {\"name\": \"Ada\"},\n\
\"now_ms\": 0, \"seed\": 1, \"expect\": {\"text\": \"Hello, Ada.\"}}]}; expect takes text, structured or error.\n\
{\"hooks\": [{\"point\", \"payload\", \"expect\": {\"verdict\"}}]}, {\"events\": [{\"event\", \"expect\": {\"actions\"}}]} and\n\
{\"completions\": [{\"ask\": {\"messages\"}, \"expect\": {\"text\"}}]} are for the other kinds; the templates have one of each.\n\
Servers are played back from exchanges.json, which --record makes; a secret stands there as [secret NAME]."
    )]
    Test(Test),
    /// Measure its calls, beside an empty component of the same kind, and its tools called bare.
    Bench(BenchPlugin),
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
    /// Its name, or namespace/name; `local` is the namespace of one's own. With --instant, the
    /// script's file name when absent.
    #[arg(required_unless_present = "instant")]
    pub(crate) name: Option<String>,
    /// rust, c, go, python, js or ts.
    #[arg(long, short, default_value = "rust", default_value_if("instant", clap::builder::ArgPredicate::IsPresent, "js"))]
    pub(crate) lang: String,
    /// Turn this script into a signed plugin at once, without any toolchain. What it may do
    /// stands in plugin.toml beside it; without that file it asks for nothing.
    #[arg(long, value_name = "FILE.js")]
    pub(crate) instant: Option<PathBuf>,
    /// With --instant: the engine's file, where it is not in the data folder.
    #[arg(long, value_name = "FILE", requires = "instant", env = "SKYNET_JS_RUNTIME")]
    pub(crate) runtime: Option<PathBuf>,
    /// What it is for.
    #[arg(long, short, value_enum, default_value = "tool")]
    pub(crate) kind: PluginKind,
    /// The new folder; NAME in the present one when absent. With --instant, the folder for
    /// NAME.wasm.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) path: Option<PathBuf>,
}

/// Which folder, and how far it is trusted.
#[derive(Debug, ClapArgs)]
pub(crate) struct ProjectFolder {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// Its language, where its files do not tell.
    #[arg(long)]
    pub(crate) lang: Option<String>,
    /// Whoever made this folder may run programs on this machine: take compilers that lie in it
    /// before those on PATH, and install what it depends on, without asking.
    #[arg(long)]
    pub(crate) trust_project: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Build {
    #[command(flatten)]
    pub(crate) project: ProjectFolder,
    /// The key file; the dev key of this machine when absent.
    #[arg(long)]
    pub(crate) key: Option<PathBuf>,
    /// Do not sign it.
    #[arg(long, conflicts_with = "key")]
    pub(crate) unsigned: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dev {
    #[command(flatten)]
    pub(crate) project: ProjectFolder,
    /// Build and drop once, then end.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Test {
    #[command(flatten)]
    pub(crate) project: ProjectFolder,
    /// Make the calls of calls.json with the real servers, and keep what they answer in exchanges.json.
    #[arg(long)]
    pub(crate) record: bool,
    /// Do not ask before recording.
    #[arg(long, short, requires = "record")]
    pub(crate) yes: bool,
    /// A secret that the calls are recorded with, read from this file; asked for at the terminal
    /// where it is not named. It goes to its servers, and into no recording.
    #[arg(long = "secret", value_name = "NAME=FILE", requires = "record")]
    pub(crate) secrets: Vec<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct BenchPlugin {
    #[command(flatten)]
    pub(crate) project: ProjectFolder,
    /// Which tool; the first when absent.
    #[arg(long)]
    pub(crate) tool: Option<String>,
    /// How many calls.
    #[arg(long, default_value_t = 1000)]
    pub(crate) calls: usize,
}

//! The command line, as types. Help texts say what a command does, its unit and an
//! example where one helps.

use crate::output::Color;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;

/// A self-hosted AI agent whose every ability is a signed, sandboxed component.
#[derive(Debug, Parser)]
#[command(name = "skynet", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Data lives in $SKYNET_HOME, else ~/.skynet.\n\
Exit codes: 0 done, 1 failed, 2 usage, 3 host does not run, 4 refused, 5 not found, 75 try later, 78 bad configuration.\n\
Start here: skynet init && skynet start")]
pub(crate) struct Args {
    /// One JSON value in place of text.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// When to colour.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: Color,
    /// Data folder, in place of $SKYNET_HOME or ~/.skynet.
    #[arg(long, global = true, value_name = "FOLDER")]
    pub(crate) home: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the data folder: settings, dev key, owner token. Changes nothing that is there.
    Init,
    /// Run the host in the foreground until Ctrl-C or SIGTERM.
    Start,
    /// Run the host in the background.
    #[command(subcommand)]
    Daemon(Daemon),
    /// Show what runs: version, models, plugins, sessions.
    Status,
    /// Check everything that could be wrong, each with its remedy.
    Doctor,
    /// Talk to the agent, in a terminal or with one message.
    Chat(Chat),
    /// Manage plugins.
    #[command(subcommand)]
    Plugin(Plugin),
    /// Manage signing keys and whom this machine trusts.
    #[command(subcommand)]
    Key(Key),
    /// Manage tokens that clients connect with.
    #[command(subcommand)]
    Token(Token),
    /// Read or change one key of skynet.toml.
    #[command(subcommand)]
    Config(Config),
    /// Measure this host beside a baseline in the same run.
    Bench(Bench),
    /// Print a completion script for your shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
}

#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Daemon {
    /// Write the service file (systemd user unit, launchd plist) and enable it.
    Install {
        /// Print the service file and change nothing.
        #[arg(long)]
        print: bool,
        /// Leave out what needs a user namespace, even where one can be made.
        #[arg(long)]
        plain: bool,
    },
    /// Start it; done when it is ready.
    Start,
    /// Stop it; running turns are finished first.
    Stop,
    /// Stop it and start it.
    Restart,
    /// Say whether it runs.
    Status,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Chat {
    /// One message; its answer goes to stdout and the command ends.
    pub(crate) message: Option<String>,
    /// Session to talk in.
    #[arg(long, short, default_value = "main")]
    pub(crate) session: String,
    /// provider/model for this session.
    #[arg(long, short)]
    pub(crate) model: Option<String>,
    /// How long to wait for an answer, seconds.
    #[arg(long, default_value_t = 600)]
    pub(crate) timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    /// List plugins and refused files.
    List,
    /// Show all that is known of one plugin.
    Info {
        /// namespace/name
        id: String,
    },
    /// Switch a plugin on.
    Enable {
        /// namespace/name
        id: String,
    },
    /// Switch a plugin off; its state is kept.
    Disable {
        /// namespace/name
        id: String,
    },
    /// Grant a plugin what it asks for, after showing it.
    Grant(Grant),
    /// Take a plugin's grant back; it stops at once.
    Revoke {
        /// namespace/name
        id: String,
    },
    /// Put the version before the present one back.
    Rollback {
        /// namespace/name
        id: String,
    },
    /// Put a component and its plugin.toml into one file, ready to be signed.
    Pack(Pack),
    /// Sign a packed file.
    Sign {
        /// The packed file; changed in place.
        file: PathBuf,
        /// The key file; the dev key of this machine when absent.
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Check a file as the host would, without installing it.
    Verify {
        /// The packed and signed file.
        file: PathBuf,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Grant {
    /// namespace/name
    pub(crate) id: String,
    /// Do not ask.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Let the servers that its settings name be on this machine or the private network.
    #[arg(long)]
    pub(crate) private: bool,
    /// Grant only this part, as JSON in the form that `plugin info --json` shows under `request`.
    #[arg(long, value_name = "JSON")]
    pub(crate) only: Option<String>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Pack {
    /// The built component.
    pub(crate) component: PathBuf,
    /// Its plugin.toml.
    #[arg(long, short, default_value = "plugin.toml")]
    pub(crate) manifest: PathBuf,
    /// Where to write; beside the component when absent.
    #[arg(long, short)]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Key {
    /// Make a key.
    New {
        /// Its name on this machine.
        name: String,
        /// Write it there in place of the data folder.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// List own and trusted keys.
    List,
    /// Trust plugins that a key signed.
    Trust {
        /// ed25519:… , or a file that holds a key.
        key: String,
        /// Your name for it.
        #[arg(long, default_value = "")]
        name: String,
        /// Namespace it may sign for; may be given more than once. `*` is all.
        #[arg(long = "namespace", required = true)]
        namespaces: Vec<String>,
        /// The key came with this build of the host.
        #[arg(long, hide = true)]
        builtin: bool,
    },
    /// No longer trust a key; plugins that only it signed stop at the next start.
    Revoke {
        /// The key id, as `key list` shows it.
        id: String,
        /// Why, for the record.
        #[arg(long, default_value = "revoked by the owner")]
        reason: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, once.
    New {
        /// Its name.
        name: String,
        /// operator.read, operator.write, operator.approvals, operator.pairing or operator.admin.
        #[arg(long = "scope", default_values_t = ["operator.read".to_owned(), "operator.write".to_owned()])]
        scopes: Vec<String>,
    },
    /// List tokens by name; values are not kept.
    List,
    /// End a token.
    Revoke {
        /// Its name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Print one key as written.
    Get {
        /// Such as gateway.port
        key: String,
    },
    /// Set one key; the file is changed only if it stays good.
    Set {
        /// Such as gateway.port, or settings."skynet/provider-openai".base_url
        key: String,
        /// A TOML value; anything that is none is taken as text.
        value: String,
    },
    /// Print the file's path.
    Path,
}

/// A part of `skynet bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPart {
    /// A tool call, beside a bare one and beside starting a program.
    Calls,
    /// Start, memory, connections and turns of a host process.
    Host,
    /// New versions under running calls.
    Swaps,
    /// The model in the sandbox, beside the same code built for this machine.
    Model,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Bench {
    /// What to measure; everything when absent.
    #[arg(value_enum)]
    pub(crate) parts: Vec<BenchPart>,
    /// Short rounds: to see that it runs, not to quote.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also write the results there, as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Folder of signed plugin files to measure with; the data folder's own when absent.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) plugins: Option<PathBuf>,
    /// The local model's program as built for this machine, as a baseline
    /// (`cargo build --release --example measure` in builtin-plugins/provider-local).
    #[arg(long, value_name = "PROGRAM")]
    pub(crate) native_model: Option<PathBuf>,
}

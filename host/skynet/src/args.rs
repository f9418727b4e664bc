//! The command line, as types. Help texts say what a command does, its unit and an
//! example where one helps.

mod agent;
pub(crate) mod author;
mod mcp;
mod proposals;
mod recall;
pub(crate) mod registry;
pub(crate) mod review;
pub(crate) mod schedule;

use crate::output::Color;
use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use skynet_store::vault::SlotKind;
use std::path::PathBuf;

pub(crate) use agent::{Agent, AgentExport, AgentInstall, Mine};
pub(crate) use mcp::{AddMcp, Mcp, ServeMcp};
pub(crate) use proposals::Proposals;
pub(crate) use recall::{Knowledge, Learn, Memory, WriteArticle};

/// A self-hosted AI agent whose every ability is a signed, sandboxed component.
#[derive(Debug, Parser)]
#[command(name = "skynet", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Data lives in $SKYNET_HOME, else ~/.skynet.\n\
Exit codes: 0 done, 1 failed, 2 usage, 3 host does not run, 4 refused, 5 not found,\n\
6 audit log damaged, 7 its end cut off, 8 it was built anew,\n\
9 a part was done, 74 the disk is full, 75 try later, 78 bad configuration.\n\
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
    #[command(
        after_help = "Lines that begin with /proposals, /approve or /refuse are answered by this program, as `skynet proposals` is:\n\
    the model hears nothing of them. /help lists what the host itself answers."
    )]
    Chat(Chat),
    /// Manage plugins.
    #[command(subcommand)]
    Plugin(Plugin),
    /// Name registries that plugins come from, and keep one.
    #[command(subcommand)]
    Registry(registry::Registry),
    /// Give this whole agent away in one file, or install another's.
    #[command(subcommand)]
    Agent(Agent),
    /// Look at plugins that somebody asks you for, and approve or refuse them.
    #[command(subcommand)]
    Proposals(Proposals),
    /// See and correct what is remembered about you.
    #[command(subcommand)]
    Memory(Memory),
    /// Read and write articles that everybody on this host shares.
    #[command(subcommand)]
    Knowledge(Knowledge),
    /// Plan work for later: jobs that the agent does by itself.
    #[command(subcommand)]
    Schedule(schedule::Schedule),
    /// Manage secrets, such as API keys: only the host ever holds one.
    #[command(subcommand)]
    Secret(Secret),
    /// Manage signing keys and whom this machine trusts.
    #[command(subcommand)]
    Key(Key),
    /// Offer the tools of this host to other programs (Model Context Protocol).
    #[command(subcommand)]
    Mcp(Mcp),
    /// Manage tokens that clients connect with.
    #[command(subcommand)]
    Token(Token),
    /// Look into the audit log, check it, prove what is in it.
    #[command(subcommand)]
    Audit(Audit),
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
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(crate) timeout: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Plugin {
    #[command(flatten)]
    Author(author::Author),
    /// List plugins and refused files.
    List,
    /// Show all that is known of one plugin: here, or in its registry when it is not here.
    Info {
        /// namespace/name
        id: String,
        /// Also ask its registry which versions there are.
        #[arg(long)]
        versions: bool,
    },
    /// Search what the registries list.
    Search {
        /// Words in a plugin's name or its line; everything when absent.
        words: Vec<String>,
    },
    /// Install plugins from their registry, after showing what they ask for.
    #[command(after_help = "Examples: skynet plugin install acme/weather\n\
skynet plugin install acme/weather@1.2.0 --plan\n\
skynet plugin install --locked")]
    Install(registry::Install),
    /// Publish a packed and signed file: to a registry's folder that you keep, or to an OCI registry.
    #[command(after_help = "Example: skynet plugin publish hello.wasm --to oci://registry.example.org/acme/hello")]
    Publish(registry::keeper::PublishPlugin),
    /// Update plugins from their registries, after showing what changes.
    Update(registry::Update),
    /// Say which plugins have newer releases, and what would change.
    Outdated(registry::keeper::OciAccount),
    /// Hold a plugin at its version.
    Pin {
        /// namespace/name
        id: String,
    },
    /// Let a pinned plugin be updated again.
    Unpin {
        /// namespace/name
        id: String,
    },
    /// Take a plugin away that came from a registry, with its grant. What it stored stays.
    Remove {
        /// namespace/name
        id: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Say what registries warn of among what is installed, and check the kept files.
    Audit {
        /// Ask nobody; go by what was last heard.
        #[arg(long)]
        offline: bool,
    },
    /// Write plugins with all that proves them into one file, for a machine without a network.
    Export(registry::Export),
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
    /// Show every grant in force, or that of one plugin: what it allows, by whom, until when.
    Grants {
        /// namespace/name
        id: Option<String>,
    },
    /// Grant a plugin what it asks for, after showing it.
    Grant(Grant),
    /// Approve of a script plugin's files that nobody signed, after showing what they are.
    #[command(after_help = "Example: skynet plugin approve ~/.skynet/tools/greet")]
    Approve {
        /// Its folder in tools/, by path or name, or namespace/name.
        plugin: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Say no to what a waiting version asks for; the version that serves goes on.
    Deny {
        /// namespace/name
        id: String,
    },
    /// Take a plugin's grant back; it stops at once, calls that run too.
    Revoke {
        /// namespace/name
        id: String,
    },
    /// Show what a plugin was refused lately, why, and what would allow it.
    WhyDenied {
        /// namespace/name
        id: String,
        /// At most so many refusals.
        #[arg(short = 'n', long, default_value_t = 20)]
        rows: u64,
    },
    /// Put the version before the present one back. One from a registry is pinned by it.
    Rollback {
        /// namespace/name
        id: String,
        /// For one from a registry: this former version.
        #[arg(long = "to", value_name = "VERSION")]
        version: Option<String>,
    },
    /// Add the tools of an MCP server as a plugin, after showing them.
    AddMcp(AddMcp),
    /// Put a component and its plugin.toml into one file, ready to be signed.
    Pack(Pack),
    /// Sign a packed file, or the folder of a script plugin.
    Sign {
        /// The packed file, changed in place, or the folder, which gets release.json and signatures.json.
        file: PathBuf,
        /// The key file; the dev key of this machine when absent.
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Look for what a person should know before a plugin is installed.
    Review(review::PluginReview),
    /// Check a file as the host would, without installing it.
    Verify {
        /// The packed and signed file, or the folder of a script plugin.
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
    /// Let one server, or those that its settings name, be on this machine or the private network.
    #[arg(long, value_name = "URL", num_args = 0..=1, require_equals = true)]
    pub(crate) private: Option<Option<String>>,
    /// Grant it for so long: 30m, 12h or 7d. For good when absent.
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) lasts: Option<String>,
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
    /// The release before it, which a registry wants each new one to name: its file, or its digest.
    #[arg(long, value_name = "FILE|SHA256")]
    pub(crate) after: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Secret {
    /// Set a secret: typed without echo, or from stdin; never an argument.
    #[command(after_help = "Example: skynet secret set openrouter_key --for https://openrouter.ai < key.txt")]
    Set(SetSecret),
    /// List secrets by name, with who uses them; values are never shown.
    List,
    /// Remove a secret.
    #[command(visible_alias = "remove")]
    Rm {
        /// Its name.
        name: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Give a secret a new value, or, without a name, give the vault a new key.
    Rotate {
        /// The secret; its servers stay. The new value is typed, or read from stdin.
        name: Option<String>,
    },
    /// Open a secret and say where it would go by the grants now in force.
    Test {
        /// Its name.
        name: String,
    },
    /// Manage what unlocks the vault.
    #[command(subcommand)]
    Slot(Slot),
    /// Remove the vault with all secrets in it and begin an empty one.
    Reset {
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct SetSecret {
    /// Its name, as the plugin that uses it asks for it.
    pub(crate) name: String,
    /// A server that it may go to, such as https://api.example.com or https://*.example.com;
    /// may be given more than once. Without any: wherever a grant says.
    #[arg(long = "for", value_name = "SERVER", conflicts_with = "anywhere")]
    pub(crate) servers: Vec<String>,
    /// Wherever a grant says, also where it was bound to servers before.
    #[arg(long)]
    pub(crate) anywhere: bool,
    /// Keep the value and change only the servers.
    #[arg(long, conflicts_with = "none")]
    pub(crate) keep: bool,
    /// There is none: requests go out without it. For servers of your own that take no key.
    #[arg(long)]
    pub(crate) none: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Slot {
    /// List the ways to unlock the vault.
    List,
    /// Add a way to unlock the vault.
    #[command(after_help = "keyfile: a file that only you can read (vault.keyfile in skynet.toml says where)\n\
passphrase: typed at each start, or read from the file that SKYNET_PASSPHRASE_FILE names\n\
systemd: a credential that systemd-creds seals for this machine; afterwards: skynet daemon install\n\
keyring: the system's keyring; on Linux it forgets at a restart, so it needs another slot beside it")]
    Add {
        /// keyfile, passphrase, systemd or keyring.
        kind: SlotKind,
    },
    /// Take a way to unlock the vault away; the last one stays.
    Rm {
        /// keyfile, passphrase, systemd or keyring.
        kind: SlotKind,
    },
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
    /// No longer trust a key; plugins that only it signed stop at once, or at the next start of a host that does not run.
    Revoke {
        /// The key id, as `key list` shows it.
        id: String,
        /// Why, for the record.
        #[arg(long, default_value = "revoked by the owner")]
        reason: String,
    },
}

/// Longest name of a token: it stands in lists and audit rows.
const TOKEN_NAME: usize = 64;

fn token_name(name: &str) -> Result<String, String> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-');
    if name.is_empty() || name.len() > TOKEN_NAME || !name.chars().all(plain) {
        return Err(format!("a name has 1 to {TOKEN_NAME} letters, digits, `.`, `_` and `-`"));
    }
    Ok(name.to_owned())
}

#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    /// Make a token and print it, once.
    New {
        /// Its name: letters, digits, `.`, `_` and `-`.
        #[arg(value_parser = token_name)]
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

#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Show the newest rows, oldest of them first.
    Tail {
        /// How many.
        #[arg(short = 'n', long, default_value_t = 20)]
        rows: usize,
        /// Only of this kind, such as tool.call, egress, grant, admission, auth, secret, host.
        #[arg(long)]
        kind: Option<String>,
        /// Only rows whose actor or subject holds this text.
        #[arg(long)]
        about: Option<String>,
        /// Go on with new rows until Ctrl-C.
        #[arg(short, long)]
        follow: bool,
    },
    /// Write rows as JSON lines, each with its number, time and hash.
    Export {
        /// First row.
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// Last row; the newest when absent.
        #[arg(long)]
        to: Option<u64>,
        /// Write them there in place of the terminal.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Check the whole log: every row, the chain, the tree, every signed checkpoint.
    ///
    /// Parts that were set aside are named first. Exit codes: 6 a row is damaged, 7 the end
    /// was cut off, 8 the log was built anew.
    Verify {
        /// Also compare with checkpoints that were kept elsewhere: a file with one or more.
        #[arg(long = "anchor", value_name = "FILE")]
        anchors: Vec<PathBuf>,
    },
    /// Keep the damaged part of the log in a file and go on behind it.
    ///
    /// For a log that `verify` finds damaged, and above all for one whose end is, which takes no
    /// more rows, so that the host refuses to act. Shows what is damaged; with --yes all pages and
    /// checkpoints from the first bad row on go, byte for byte, into audit-set-aside-ROW-TIME.jsonl
    /// beside the database. The log goes on with a signed row that names the rows, the reason, the
    /// file and its digest, and `verify` says so from then on. Stop the host first, and keep a
    /// copy of skynet.db: it is the evidence.
    SetAside {
        /// Also compare with checkpoints that were kept elsewhere: a file with one or more.
        #[arg(long = "anchor", value_name = "FILE")]
        anchors: Vec<PathBuf>,
        /// Do it.
        #[arg(long)]
        yes: bool,
    },
    /// Print a proof that one row is in the log, for somebody who sees nothing else of it.
    Prove {
        /// The row's number; with --check the file that holds a proof, - for standard input.
        what: String,
        /// Check a proof. Needs no data folder.
        #[arg(long)]
        check: bool,
        /// Public key of the log that the proof must be of, as `audit checkpoint` shows it.
        #[arg(long, requires = "check")]
        key: Option<String>,
    },
    /// Print a signed checkpoint of the log as it is now, to be kept elsewhere.
    Checkpoint,
}

/// A part of `skynet bench`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPart {
    /// A tool call, beside a bare one and beside starting a program.
    Calls,
    /// A tool call while hostile plugins run, beside the same alone.
    Neighbours,
    /// A request through the egress door, beside a plain client's.
    Door,
    /// Start, memory, connections and turns of a host process.
    Host,
    /// New versions under running calls.
    Swaps,
    /// An installation from a registry, and how fast files are looked at.
    Install,
    /// A script plugin's call, beside a bare start of its interpreter.
    Scripts,
    /// From a script to the first answer of its tool, beside compiling it whole.
    Instant,
    /// A host with a thousand tools, beside one with none of them.
    Scale,
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

//! What `skynet plugin review` and `skynet registry review` take, as types.

use clap::Args as ClapArgs;
use skynet_review::{Policy, Severity};
use std::path::PathBuf;

/// Which findings keep a plugin out.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Blocking {
    /// Findings of this severity and above fail: info, low, medium or high. Without it only the
    /// few rules do that no honest plugin breaks.
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    pub(crate) block_from: Option<Severity>,
    /// Findings of this rule fail too; may be given more than once.
    #[arg(long, value_name = "RULE")]
    pub(crate) block: Vec<String>,
    /// Findings of this rule never fail, because somebody looked; may be given more than once.
    #[arg(long, value_name = "RULE")]
    pub(crate) allow: Vec<String>,
}

fn severity(text: &str) -> Result<Severity, String> {
    Severity::parse(text).ok_or_else(|| "use info, low, medium or high".into())
}

impl Blocking {
    /// The default with these words added.
    pub(crate) fn policy(&self) -> Policy {
        let mut policy = Policy { block_from: self.block_from, ..Policy::default() };
        policy.block.extend(self.block.iter().cloned());
        policy.allow.extend(self.allow.iter().cloned());
        policy
    }
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "Looks, and runs nothing. Exit code 4: the policy keeps it out. It does not check signatures; that is\n\
`skynet plugin verify`.\n\
Example: skynet plugin review weather-1.0.0.wasm --readme README.md --block-from high")]
pub(crate) struct PluginReview {
    /// A plugin file, a built component, or the folder of a script plugin.
    #[arg(required_unless_present = "rules")]
    pub(crate) file: Option<PathBuf>,
    /// A text for people that belongs to it; may be given more than once.
    #[arg(long, value_name = "FILE")]
    pub(crate) readme: Vec<PathBuf>,
    /// What its tools say to the model: a JSON array of objects with `name` and `description`.
    #[arg(long, value_name = "FILE")]
    pub(crate) tools: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) blocking: Blocking,
    /// List all rules in place of looking.
    #[arg(long, conflicts_with = "file")]
    pub(crate) rules: bool,
}

#[derive(Debug, ClapArgs)]
#[command(after_help = "A submission holds plugin files (*.wasm), perhaps their publisher's record (publisher.json), texts for readers\n\
(README.md), its author's calls (calls.json, exchanges.json), and a folder `source`. A plugin is run by the checks of\n\
`skynet plugin test` alone, in the sandbox, without servers and files. No keys are needed. Exit code 4: it fails.\n\
Example: skynet registry review submissions/acme-weather --registry . --markdown report.md")]
pub(crate) struct RegistryReview {
    /// The submission.
    pub(crate) folder: PathBuf,
    /// The registry that it is for.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) registry: PathBuf,
    /// What somebody built from the submission's source; its component must be the submitted one.
    #[arg(long, value_name = "FILE")]
    pub(crate) rebuilt: Option<PathBuf>,
    /// The same, where only the digest of what was built is at hand (`component_sha256` of `skynet --json plugin build`).
    #[arg(long, value_name = "SHA256", conflicts_with = "rebuilt")]
    pub(crate) rebuilt_sha256: Option<String>,
    /// A name that looks like another is honest.
    #[arg(long)]
    pub(crate) allow_similar: bool,
    /// Run nothing, not even in the sandbox: the conformance check is left out and says so.
    #[arg(long)]
    pub(crate) no_run: bool,
    /// Write the report there as Markdown too, for the proposal.
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) blocking: Blocking,
}

//! `skynet registry`, and what of `skynet plugin` asks a registry, as types.

pub(crate) mod keeper;

use crate::args::review::{Blocking, RegistryReview};
use crate::exit::{Kind, fail};
use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    #[command(flatten)]
    Keeper(keeper::Keeper),
    /// Check a submission: what a registry's continuous integration runs on a proposal.
    Review(RegistryReview),
    /// Add a registry: a server or a folder, and whose plugins come from it.
    #[command(after_help = "Its root comes from its keeper, as a file or as a fingerprint; nobody is trusted at first sight.\n\
Example: skynet registry add https://plugins.example.org/ --root root.json --namespace acme")]
    Add(AddRegistry),
    /// Take a registry away. What came from it stays installed, and what it said of that stays known.
    Remove {
        /// Its name.
        name: String,
    },
    /// List registries with their namespaces and when they were last seen.
    List,
    /// Forget what was seen of a registry and begin again from a root: for one that was built anew.
    Reset {
        /// Its name.
        name: String,
        #[command(flatten)]
        root: Root,
    },
}

#[derive(Debug, ClapArgs)]
pub(crate) struct AddRegistry {
    /// https://…, http:// for a literal loopback address, or a folder.
    pub(crate) place: String,
    /// Your name for it; made of its address when absent.
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) root: Root,
    /// Whose plugins come from there; may be given more than once. `*` is all that no other registry has.
    #[arg(long = "namespace", required = true, value_name = "NAMESPACE")]
    pub(crate) namespaces: Vec<String>,
    /// Its name may lead to this machine or the private network.
    #[arg(long)]
    pub(crate) private: bool,
    /// A file with the certificate (PEM) of the authority that vouches for its server: it alone does, and the
    /// system's do not. For a registry on a network of one's own.
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
}

/// How the right root is known.
#[derive(Debug, Clone, ClapArgs)]
#[group(required = true, multiple = false)]
pub(crate) struct Root {
    /// A root.json from the registry's keeper.
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
    /// SHA-256 of its 1.root.json, from the registry's keeper.
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<String>,
}

/// The owner's yes, where nobody is asked, and what no yes lets in.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Agreement {
    /// Do not ask. Without a terminal this needs --release or --unseen beside it.
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Agree to this release only, by its whole digest as --plan shows it; may be given more than once.
    #[arg(long = "release", value_name = "SHA256")]
    pub(crate) releases: Vec<String>,
    /// With --yes: agree to whatever is listed, unseen.
    #[arg(long, requires = "yes")]
    pub(crate) unseen: bool,
    #[command(flatten)]
    pub(crate) blocking: Blocking,
}

impl Agreement {
    /// Which findings of the review keep a plugin out.
    pub(crate) fn review_policy(&self) -> anyhow::Result<skynet_review::Policy> {
        let policy = self.blocking.policy();
        policy.check().map_err(|error| fail(Kind::Refused, error.to_string()))?;
        Ok(policy)
    }
}

/// Where from, and whether anything is done.
#[derive(Debug, Clone, Default, ClapArgs)]
pub(crate) struct Source {
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(crate) plan: bool,
    /// Take it from a bundle that `plugin export` made, without a network.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
    /// With --bundle: take lists whose dates are over for up to so many days.
    #[arg(long, value_name = "DAYS", requires = "bundle")]
    pub(crate) accept_stale: Option<u32>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Install {
    /// namespace/name, or namespace/name@version; with --locked a part of the lockfile, else all of it.
    /// Or oci://host/repository:tag, for a plugin whose publisher's key you trust (`key trust`).
    pub(crate) plugins: Vec<String>,
    /// Only what registries/plugins.lock says, to the byte.
    #[arg(long)]
    pub(crate) locked: bool,
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
    #[command(flatten)]
    pub(crate) account: keeper::OciAccount,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Update {
    /// namespace/name; all that are not pinned when absent.
    pub(crate) plugins: Vec<String>,
    #[command(flatten)]
    pub(crate) source: Source,
    #[command(flatten)]
    pub(crate) agreement: Agreement,
    #[command(flatten)]
    pub(crate) account: keeper::OciAccount,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Export {
    /// namespace/name, or namespace/name@version, all from one registry.
    #[arg(required = true)]
    pub(crate) plugins: Vec<String>,
    /// The file to write.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

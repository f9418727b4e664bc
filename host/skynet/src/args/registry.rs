//! `skynet registry` and what of `skynet plugin` asks a registry, as types.

use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
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

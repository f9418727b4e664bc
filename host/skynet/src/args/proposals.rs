//! `skynet proposals`, as types.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
#[command(after_help = "A tool can propose a plugin: one from a registry, or one that the model wrote. Nothing of it is\n\
installed before you approve it here, with the code that `show` prints for exactly what it shows.")]
pub(crate) enum Proposals {
    /// List the plugins that wait for your answer.
    List {
        /// Also those that are answered or over.
        #[arg(long)]
        all: bool,
    },
    /// Show all of one: what it may do, what was found in it, its source, and the code that approves it.
    Show {
        /// Its id, as `proposals list` shows it.
        id: String,
    },
    /// Install it, with what it asks for. Without a code you are shown it first, and asked.
    Approve {
        /// Its id, as `proposals list` shows it.
        id: String,
        /// The code that `proposals show` printed; it works once, for 15 minutes.
        code: Option<String>,
    },
    /// Say no.
    Refuse {
        /// Its id, as `proposals list` shows it.
        id: String,
    },
}

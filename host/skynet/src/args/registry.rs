//! `skynet registry` on the command line, as types.

pub(crate) mod keeper;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    #[command(flatten)]
    Keeper(keeper::Keeper),
}

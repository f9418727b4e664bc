//! `skynet registry`, as types.

use crate::args::review::RegistryReview;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Registry {
    /// Check a submission: what a registry's continuous integration runs on a proposal.
    Review(RegistryReview),
}

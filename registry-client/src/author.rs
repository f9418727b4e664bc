//! The registry as its keeper sees it: made, published to, kept fresh.
//!
//! Works on a folder, so a registry can be kept in any version control or copied to any
//! server. What is written never changes afterwards, but for `timestamp.json`, which is
//! renamed into its place last: a client sees the old registry or the new one.

mod advise;
mod change;
mod init;
mod keys;
mod namespace;
mod publish;
mod publish_agent;
mod refresh;
mod repository;
mod rotate;
mod settings;
mod standing;
mod submission;
mod timer;
mod unfinished;

pub use init::Setup;
pub use keys::{Keys, RoleKey};
pub use publish::{Review, Warrant};
pub use publish_agent::AgentReview;
pub use repository::Author;
pub(crate) use repository::{METADATA, sweep};
pub use settings::Expiries;
pub use standing::{RoleStanding, Standing};
pub use submission::{Check, Examination, Outcome, Submission};
pub use timer::{Tick, keep_fresh};
pub use tough::schema::RoleType;

use crate::error::RegistryError;

/// `tough` explains well but in debug style; people get its one line.
fn refused_by(what: &str) -> impl Fn(tough::error::Error) -> RegistryError {
    move |error| RegistryError::refused(what, error, "See that the registry's folder is whole and that the right keys are given")
}

fn unreadable(what: &str, why: impl ToString) -> RegistryError {
    RegistryError::refused(what, why, "Restore the registry's folder from a backup or from its version control")
}

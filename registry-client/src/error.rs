//! Why something was not done, in words for a person, in kinds for a caller.
//!
//! Each says what, where, why and what to do. None of them leaves anything half done:
//! what served before serves on.

use crate::disk::DiskError;
use skynet_policy::registry::DocumentError;
use skynet_policy::registry::publisher::PublisherError;
use skynet_policy::release::ReleaseError;

/// All ways to fail.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The bytes did not come. Trying again later may help.
    #[error("{what} could not be fetched: {why}. Nothing was changed; try again later, or use another mirror")]
    Unreachable {
        /// Which file of which registry.
        what: String,
        /// What happened.
        why: String,
    },
    /// The server answers, and has not got it. Another one may have.
    #[error("{what} could not be fetched: the server does not have it. Nothing was changed; try again later, or use another mirror")]
    Lacking {
        /// Which file of which registry.
        what: String,
    },
    /// The bytes came and are not what they must be. Trying again does not help.
    #[error("{what} is refused: {why}. Nothing was changed. {remedy}")]
    Refused {
        /// Which file or wish.
        what: String,
        /// What is wrong.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// A date is over.
    #[error(
        "the {role} of registry `{registry}` was good until {until}: it is not renewed, or somebody holds back newer ones. \
         Nothing was changed. Whoever keeps the registry runs `skynet registry refresh`; for an offline copy, --accept-stale takes it all the same"
    )]
    Expired {
        /// Which registry.
        registry: String,
        /// root, targets, snapshot or timestamp.
        role: String,
        /// RFC 3339.
        until: String,
    },
    /// Something older than what was seen before.
    #[error(
        "the {role} of registry `{registry}` is version {offered}, but version {known} was seen before: an old copy is being served. \
         Nothing was changed. Use another mirror. If the registry was really built anew, `skynet registry reset {registry}` forgets what was seen"
    )]
    Rollback {
        /// Which registry.
        registry: String,
        /// Of which role.
        role: String,
        /// Seen before.
        known: u64,
        /// Served now.
        offered: u64,
    },
    /// Somebody else is at it. Trying again later helps.
    #[error("{what} is being changed by another process. Nothing was changed; wait until it is done, and try again")]
    Busy {
        /// Which folder.
        what: String,
    },
    /// What this machine remembers of a registry cannot be read.
    #[error(
        "what was seen of registry `{registry}` cannot be read: {why}. Without it, an old copy could be passed off as new, so nothing is taken from it. \
         Restore it from a backup, or run `skynet registry reset {registry}`, which starts again from the root that you name"
    )]
    Forgotten {
        /// Which registry.
        registry: String,
        /// What is wrong.
        why: String,
    },
    /// What it said before is not known, and it was not asked since.
    #[error(
        "what registry `{registry}` said of releases was lost, and it was not heard since. Until it is, nothing that came from it runs. \
         Run `skynet plugin audit`, which asks it"
    )]
    Unheard {
        /// Which registry.
        registry: String,
    },
    /// There is no such thing.
    #[error("{what} was not found. {remedy}")]
    NotFound {
        /// What.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A document of a registry.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// Signatures of a publisher.
    #[error(transparent)]
    Publisher(#[from] PublisherError),
    /// A plugin file or its release.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The disk.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

impl RegistryError {
    pub(crate) fn refused(what: impl Into<String>, why: impl ToString, remedy: impl Into<String>) -> Self {
        Self::Refused { what: what.into(), why: skynet_policy::naming::plain_line(&why.to_string(), 400), remedy: remedy.into() }
    }

    pub(crate) fn missing(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::NotFound { what: what.into(), remedy: remedy.into() }
    }
}

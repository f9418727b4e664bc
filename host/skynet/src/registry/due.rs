//! One change that its owner decides on: fetched, checked and looked through, from a
//! registry or from OCI. Whoever shows, asks and does need not know which.

use super::carry::{self, Ready, Word};
use super::findings;
use super::proposal::Proposal;
use super::pulled::Pull;
use crate::home::Home;
use crate::output::Out;
use anyhow::Result;
use serde_json::Value;
use skynet_core::PluginId;
use skynet_policy::permission::Permissions;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Locked;
use skynet_review::Report;

/// One.
pub(crate) enum Due {
    /// A registry lists it.
    Listed(Box<(Proposal, Ready)>),
    /// It was pulled.
    Pulled(Box<Pull>),
}

impl Due {
    /// Its name and the digest of its release, to be agreed to.
    pub(crate) fn release(&self) -> (String, String) {
        match self {
            Self::Listed(one) => (one.0.offer.name(), one.0.offer.digest.clone()),
            Self::Pulled(pull) => (pull.name(), pull.pulled.digest.clone()),
        }
    }

    /// Which plugin, and which version of it.
    pub(crate) fn version(&self) -> (PluginId, String) {
        let release = match self {
            Self::Listed(one) => &one.0.offer.release,
            Self::Pulled(pull) => &pull.pulled.release,
        };
        (release.id.clone(), release.version.to_string())
    }

    /// What a review found in its file.
    pub(crate) fn findings(&self) -> &Report {
        match self {
            Self::Listed(one) => &one.1.findings,
            Self::Pulled(pull) => &pull.ready.findings,
        }
    }

    /// Refuses what the policy keeps out.
    pub(crate) fn pass(&self) -> Result<()> {
        findings::pass(&self.release().0, self.findings())
    }

    /// All that it asks for, in sentences.
    pub(crate) fn asks(&self) -> Vec<String> {
        match self {
            Self::Listed(one) => one.0.offer.release.permissions.sentences(),
            Self::Pulled(pull) => pull.pulled.release.permissions.sentences(),
        }
    }

    /// Digest of what its publisher's grant on this machine allows.
    pub(crate) fn granted(&self) -> Option<String> {
        let granted = match self {
            Self::Listed(one) => one.0.granted(),
            Self::Pulled(pull) => pull.granted(),
        };
        granted.as_ref().map(Permissions::digest)
    }

    /// What beyond the present grant it would be allowed, in sentences.
    pub(crate) fn widens(&self) -> Vec<String> {
        match self {
            Self::Listed(one) => one.0.widens(),
            Self::Pulled(pull) => pull.widens(),
        }
    }

    /// Everything its owner needs, line by line.
    pub(crate) fn show(&self, out: &Out) {
        match self {
            Self::Listed(one) => one.0.show(Some(&one.1.findings), out),
            Self::Pulled(pull) => pull.show(out),
        }
    }

    /// The same for programs.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Listed(one) => one.0.value(Some(&one.1.findings)),
            Self::Pulled(pull) => pull.value(),
        }
    }

    /// Does it.
    pub(crate) async fn carry_out(&self, home: &Home, held: &Registries, lock: &HomeLock, word: &Word) -> Result<()> {
        match self {
            Self::Listed(one) => carry::change(home, held, lock, &one.0, &one.1, word).await,
            Self::Pulled(pull) => pull.carry_out(home, held, lock, word).await,
        }
    }

    /// Puts the very release of the lockfile back.
    pub(crate) async fn reproduce(&self, home: &Home, held: &Registries, lock: &HomeLock, locked: &Locked, word: &Word) -> Result<()> {
        match self {
            Self::Listed(one) => carry::reproduce(home, held, lock, (&one.0, locked), &one.1, word).await,
            Self::Pulled(pull) => pull.reproduce(home, held, lock, locked, word).await,
        }
    }
}

//! Whole agents in a registry: listed as one signed document each, verified like a release.
//!
//! The document is what `skynet agent export` wrote, without plugin files: those are listed by
//! themselves, and the agent names them by digest. What it says is a stranger's word; who
//! installs it decides on each part.

use crate::error::RegistryError;
use crate::offer::Wish;
use crate::visit::Visit;
use semver::Version;
use skynet_core::PluginId;
use skynet_policy::agent::bundle::{self, Bundle};
use skynet_policy::limits::AGENT_LISTED_BYTES;
use skynet_policy::registry::advisories::Standing;
use skynet_policy::registry::target::Target;
use skynet_policy::sha256_hex;
use skynet_policy::signature::KeyId;
use std::collections::BTreeSet;

/// An agent that could be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAgent {
    /// Where it is.
    pub registry: String,
    /// What it holds.
    pub bundle: Bundle,
    /// SHA-256 of its `agent.json`.
    pub digest: String,
    /// Keys of its publisher that signed it.
    pub signers: Vec<KeyId>,
    /// What the registry says about it.
    pub standing: Standing,
}

impl ListedAgent {
    /// `acme/butler 1.0.0`.
    pub fn name(&self) -> String {
        format!("{} {}", self.bundle.manifest.id, self.bundle.manifest.version)
    }
}

impl Visit {
    /// All agents that can be had from here, by name.
    pub fn agents(&self) -> BTreeSet<PluginId> {
        let of = |target: &Target| match target {
            Target::Agent(id, _) if self.check_namespace(id).is_ok() => Some(id.clone()),
            _ => None,
        };
        self.listed().filter_map(|(target, _, _)| of(target)).collect()
    }

    /// All versions of an agent, the newest first.
    pub fn agent_versions(&self, id: &PluginId) -> Vec<Version> {
        let of = |target: &Target| match target {
            Target::Agent(found, version) if found == id => Some(version.clone()),
            _ => None,
        };
        let mut versions: Vec<_> = self.listed().filter_map(|(target, _, _)| of(target)).collect();
        versions.sort_by(|one, other| other.cmp(one));
        versions
    }

    /// The newest agent that fits and was not withdrawn. One that was named exactly is
    /// refused with the reason, not replaced by another.
    pub async fn agent(&self, wish: &Wish) -> Result<ListedAgent, RegistryError> {
        self.check_namespace(&wish.id)?;
        for version in self.agent_versions(&wish.id).iter().filter(|version| wish.takes(version)) {
            let agent = self.verified_agent(&wish.id, version).await?;
            if agent.standing.may_install() {
                return Ok(agent);
            }
            if wish.is_exact() {
                let said: Vec<String> = agent.standing.said.iter().map(ToString::to_string).collect();
                return Err(RegistryError::refused(agent.name(), said.join("; "), "Choose another version"));
            }
        }
        let what = format!("an agent {} in registry `{}`", wish.id, self.registry());
        Err(RegistryError::missing(what, "Ask its publisher where it is listed, or for its file"))
    }

    /// The same by its exact version, for whoever passes agents on and installs nothing.
    pub(crate) async fn verified_agent(&self, id: &PluginId, version: &Version) -> Result<ListedAgent, RegistryError> {
        let file = self.document(&Target::Agent(id.clone(), version.clone()), AGENT_LISTED_BYTES).await?;
        self.judged_agent(id, version, &file).await
    }

    /// The same from bytes that are the listed ones.
    pub(crate) async fn judged_agent(&self, id: &PluginId, version: &Version, file: &[u8]) -> Result<ListedAgent, RegistryError> {
        let what = format!("the agent {id} {version} of registry `{}`", self.registry());
        let remedy = "Use another version, and tell the registry's keeper";
        let refused = |why: String| RegistryError::refused(&what, why, remedy);
        let bundle = bundle::read(file).map_err(|error| refused(error.to_string()))?;
        let (said, spoken) = (&bundle.manifest.id, &bundle.manifest.version);
        if said != id || spoken != version {
            return Err(refused(format!("it says of itself that it is {said} {spoken}")));
        }
        let publisher = self.publisher(id.namespace()).await?;
        let signers = publisher.verify_agent(&bundle.manifest_json, &bundle.signatures_json).map_err(|error| refused(error.to_string()))?;
        let digest = sha256_hex(&bundle.manifest_json);
        let standing = self.advisories().judge(&digest, &signers);
        Ok(ListedAgent { registry: self.registry().to_owned(), bundle, digest, signers, standing })
    }
}

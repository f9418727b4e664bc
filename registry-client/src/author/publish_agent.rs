//! A signed agent becomes a listed one, if nothing speaks against it.
//!
//! Its plugins are listed by themselves: a bundle that carries their files is refused, so
//! that nothing is listed that no list names.

use super::change::Change;
use super::keys::Keys;
use super::repository::Author;
use crate::error::RegistryError;
use jiff::Timestamp;
use skynet_policy::agent::AgentManifest;
use skynet_policy::agent::bundle::{self, Bundle};
use skynet_policy::limits::AGENT_LISTED_BYTES;
use skynet_policy::registry::target::{Target, is_listable};
use skynet_policy::sha256_hex;
use skynet_policy::signature::KeyId;

/// What was found about an agent's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentReview {
    /// What it says of itself.
    pub manifest: AgentManifest,
    /// SHA-256 of its `agent.json`.
    pub digest: String,
    /// Keys that signed it.
    pub signers: Vec<KeyId>,
    /// Plugins of it that this registry does not list; it may be another that does.
    pub elsewhere: Vec<String>,
    /// Why it cannot be listed; empty when it can.
    pub faults: Vec<String>,
    /// The very same is listed already.
    pub listed: bool,
}

impl Author {
    /// Looks at an agent's file without changing anything.
    pub fn review_agent(&self, file: &[u8]) -> Result<AgentReview, RegistryError> {
        let refused = |why: String| RegistryError::refused("the agent", why, "Export it again with `skynet agent export`");
        let bundle = bundle::read(file).map_err(|error| refused(error.to_string()))?;
        let (id, version) = (bundle.manifest.id.clone(), bundle.manifest.version.clone());
        let record = self.publisher(id.namespace())?.ok_or_else(|| {
            let what = format!("a publisher's record of namespace {}", id.namespace());
            RegistryError::missing(what, "Add the publisher's record first with `skynet registry publisher add`")
        })?;
        let signers = record.verify()?.verify_new_agent(&bundle.manifest_json, &bundle.signatures_json)?;
        let digest = sha256_hex(&bundle.manifest_json);
        let listed = self.document(&Target::Agent(id, version))?;
        let plugins = bundle.manifest.plugins.iter();
        let here = |target: Target| Ok::<_, RegistryError>(self.document(&target)?.is_some());
        let mut elsewhere = Vec::new();
        for plugin in plugins {
            if !here(Target::Release(plugin.id.clone(), plugin.version.clone()))? {
                elsewhere.push(format!("{} {}", plugin.id, plugin.version));
            }
        }
        let faults = self.agent_faults(&bundle, file, &digest, &signers, listed.as_deref())?;
        Ok(AgentReview {
            listed: listed.is_some_and(|listed| listed == file),
            manifest: bundle.manifest,
            digest,
            signers,
            elsewhere,
            faults,
        })
    }

    fn agent_faults(
        &self,
        bundle: &Bundle,
        file: &[u8],
        digest: &str,
        signers: &[KeyId],
        listed: Option<&[u8]>,
    ) -> Result<Vec<String>, RegistryError> {
        let (id, version) = (&bundle.manifest.id, &bundle.manifest.version);
        let mut faults = Vec::new();
        if !is_listable(version) {
            faults.push("its version has build metadata, or is too long for a file name".into());
        }
        if !bundle.plugins.is_empty() {
            faults.push("it carries the files of its plugins, which are listed by themselves; export it without --with-plugins".into());
        } else if file.len() > AGENT_LISTED_BYTES {
            faults.push(format!("it has {} bytes; at most {AGENT_LISTED_BYTES} are listed", file.len()));
        }
        match listed {
            Some(known) if known == file => return Ok(faults),
            Some(_) => faults.push("this version is listed with other bytes; take a new version".into()),
            None => {}
        }
        let versions = self.listed().filter_map(|target| match target {
            Target::Agent(of, listed) if of == *id => Some(listed),
            _ => None,
        });
        if let Some(before) = versions.max().filter(|newest| newest > version) {
            faults.push(format!("version {before} is listed; a new one must be above it"));
        }
        let standing = self.advisories()?.judge(digest, signers);
        faults.extend(standing.said.iter().map(|said| format!("it is {said}")));
        Ok(faults)
    }

    /// Lists an agent. The same file again changes nothing.
    pub async fn publish_agent(&mut self, file: &[u8], keys: &Keys, now: Timestamp) -> Result<AgentReview, RegistryError> {
        let review = self.review_agent(file)?;
        let (id, version) = (review.manifest.id.clone(), review.manifest.version.clone());
        if let Some(fault) = review.faults.first() {
            let remedy = "Correct it, export it again with `skynet agent export`, and publish that";
            return Err(RegistryError::refused(format!("the agent {id} {version}"), fault, remedy));
        }
        if review.listed {
            return Ok(review);
        }
        let mut change = Change::default();
        change.document(&Target::Agent(id, version), file.to_vec());
        self.commit(change, keys, now).await?;
        Ok(review)
    }
}

//! A signed plugin file becomes a listed release, if nothing speaks against it.
//!
//! `review` makes all checks and writes nothing, for people who look at a proposal;
//! `publish` makes the same ones and lists the release. Neither runs the component.

use super::change::Change;
use super::keys::Keys;
use super::repository::Author;
use crate::error::RegistryError;
use jiff::Timestamp;
use skynet_core::PluginId;
use skynet_policy::diff::{PermissionDiff, diff};
use skynet_policy::registry::advisories::Standing;
use skynet_policy::registry::publisher::PublisherRecord;
use skynet_policy::registry::similar::similar;
use skynet_policy::registry::target::{Target, is_listable};
use skynet_policy::release::{Release, Split, split};
use skynet_policy::signature::KeyId;
use skynet_policy::{Permissions, sha256_hex};

/// What the keeper allows in spite of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Warrant {
    /// A name that looks like another.
    pub similar: bool,
}

/// What was found about a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Which release it is.
    pub release: Release,
    /// SHA-256 of its `release.json`.
    pub digest: String,
    /// Keys that signed it.
    pub signers: Vec<KeyId>,
    /// The newest release before it.
    pub before: Option<semver::Version>,
    /// What it asks for beyond and below the one before; all of it for a first one.
    pub diff: PermissionDiff,
    /// Why it cannot be listed; empty when it can.
    pub faults: Vec<String>,
    /// A known name that it could be taken for.
    pub similar: Option<String>,
    /// The very same release is listed already.
    pub listed: bool,
}

impl Author {
    /// Looks at a file without changing anything.
    pub fn review(&self, file: &[u8]) -> Result<Review, RegistryError> {
        self.review_with(file, None)
    }

    /// The same, by the keys of a record that is not listed yet.
    pub(super) fn review_with(&self, file: &[u8], offered: Option<&PublisherRecord>) -> Result<Review, RegistryError> {
        let parts = split(file)?;
        // The publisher's keys hang on the namespace, so it is read ahead of the check, for nothing else.
        let release = Release::parse(parts.release_json)?;
        let digest = sha256_hex(parts.release_json);
        let signers = self.check_signers(&release.id, &parts, offered)?;
        release.check_component(parts.component)?;
        let before = self.newest_below(&release)?;
        let mut review = Review {
            diff: diff(&before.as_ref().map_or_else(Permissions::default, |(old, _)| old.permissions.clone()), &release.permissions),
            before: before.as_ref().map(|(old, _)| old.version.clone()),
            listed: false,
            similar: None,
            faults: Vec::new(),
            digest,
            signers,
            release,
        };
        self.check_place(&mut review, before.map(|(_, digest)| digest), &parts)?;
        Ok(review)
    }

    /// Lists a file's release. The same file again changes nothing.
    pub async fn publish(&mut self, file: &[u8], warrant: Warrant, keys: &Keys, now: Timestamp) -> Result<Review, RegistryError> {
        let review = self.review(file)?;
        let what = format!("{} {}", review.release.id, review.release.version);
        if let Some(fault) = review.faults.first() {
            return Err(RegistryError::refused(what, fault, "Correct it, make and sign it anew, and publish that"));
        }
        if let (Some(alike), false) = (&review.similar, warrant.similar) {
            return Err(RegistryError::refused(what, alike, "Choose another name, or allow it with --allow-similar if both are honest"));
        }
        if review.listed {
            return Ok(review);
        }
        let parts = split(file)?;
        let (id, version) = (review.release.id.clone(), review.release.version.clone());
        let mut index = self.index()?;
        index.add(&review.release, &review.digest, &now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        let mut change = Change::default();
        change.blob(review.release.component.sha256.clone(), parts.component.to_vec());
        change.document(&Target::Release(id.clone(), version.clone()), parts.release_json.to_vec());
        change.document(&Target::Signatures(id, version), parts.signatures_json.to_vec());
        change.document(&Target::Index, index.to_bytes());
        self.commit(change, keys, now).await?;
        Ok(review)
    }

    fn check_signers(&self, id: &PluginId, parts: &Split<'_>, offered: Option<&PublisherRecord>) -> Result<Vec<KeyId>, RegistryError> {
        let offered = offered.filter(|record| record.namespace == id.namespace()).cloned();
        let record = offered.map_or_else(|| self.publisher(id.namespace()), |record| Ok(Some(record)))?.ok_or_else(|| {
            let what = format!("a publisher's record of namespace {}", id.namespace());
            RegistryError::missing(what, "Add the publisher's record first with `skynet registry publisher add`")
        })?;
        Ok(record.verify()?.verify_new(parts.release_json, parts.signatures_json)?)
    }

    fn check_place(&self, review: &mut Review, newest: Option<String>, parts: &Split<'_>) -> Result<(), RegistryError> {
        let (id, version) = (review.release.id.clone(), review.release.version.clone());
        if !is_listable(&version) {
            review.faults.push("its version has build metadata, or is too long for a file name".into());
        }
        if let Some(listed) = self.document(&Target::Release(id.clone(), version.clone()))? {
            let signatures = self.document(&Target::Signatures(id, version))?.unwrap_or_default();
            review.listed = listed == parts.release_json && signatures == parts.signatures_json;
            if !review.listed {
                review.faults.push("this version is listed with other bytes; a release never changes, so take a new version".into());
            }
            return Ok(());
        }
        if let Some(before) = self.newest(&id)?.filter(|newest| *newest > review.release.version) {
            review.faults.push(format!("version {before} is listed; a new release must be above it"));
        }
        if review.release.prev != newest {
            review.faults.push(match newest {
                // It is under the signature, so it is made anew and not only signed again.
                Some(digest) => format!(
                    "its `prev` must be {digest}, the release before it; make it with: skynet plugin build --after {digest} \
                     (`plugin new --instant` and `plugin pack` take --after too)"
                ),
                None => "its `prev` names a release that is not listed here; make it anew without --after".into(),
            });
        }
        let standing: Standing = self.advisories()?.judge(&review.digest, &review.signers);
        review.faults.extend(standing.said.iter().map(|said| format!("it is {said}")));
        let index = self.index()?;
        let known = index.plugins.iter().map(|entry| &entry.id);
        review.similar = similar(&id, known).map(|(old, why)| format!("its name is like {old}: {why}"));
        Ok(())
    }

    fn versions<'a>(&'a self, id: &'a PluginId) -> impl Iterator<Item = semver::Version> + 'a {
        self.listed().filter_map(move |target| match target {
            Target::Release(of, version) if of == *id => Some(version),
            _ => None,
        })
    }

    fn newest(&self, id: &PluginId) -> Result<Option<semver::Version>, RegistryError> {
        Ok(self.versions(id).max())
    }

    /// The newest release that is not this version, with the digest of its `release.json`.
    fn newest_below(&self, release: &Release) -> Result<Option<(Release, String)>, RegistryError> {
        let Some(version) = self.versions(&release.id).filter(|version| *version != release.version).max() else {
            return Ok(None);
        };
        let bytes = self.document(&Target::Release(release.id.clone(), version))?.unwrap_or_default();
        Ok(Some((Release::parse(&bytes)?, sha256_hex(&bytes))))
    }
}

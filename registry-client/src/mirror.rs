//! A whole registry, looked through, and copied where that is wanted.
//!
//! Everything that a client would check is checked, blobs and chains of releases too.
//! A copy gets only what passed, the timestamp last: a client of the copy sees the old
//! state or the new one.

use crate::disk::Folder;
use crate::error::RegistryError;
use crate::home::named;
use crate::limits::{BLOB_TIMEOUT, ROOT_BYTES, TARGETS_BYTES};
use crate::offer::Offer;
use crate::progress::Progress;
use crate::receive::blob;
use crate::visit::Visit;
use skynet_policy::registry::target::Target;
use skynet_policy::sha256_hex;
use std::collections::BTreeMap;
use tough::schema::{Root, Signed};

/// Where verified files go, by their path in the registry.
pub(crate) trait Sink {
    /// Whether a blob is there already, whole.
    fn has(&mut self, path: &str, size: u64, sha256: &str) -> Result<bool, RegistryError>;
    /// Takes a file.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), RegistryError>;
}

/// Nowhere.
struct Nowhere;

impl Sink for Nowhere {
    fn has(&mut self, _: &str, _: u64, _: &str) -> Result<bool, RegistryError> {
        Ok(false)
    }

    fn put(&mut self, _: &str, _: &[u8]) -> Result<(), RegistryError> {
        Ok(())
    }
}

impl Sink for Folder {
    fn has(&mut self, path: &str, size: u64, sha256: &str) -> Result<bool, RegistryError> {
        Ok(self.size(path)? == Some(size) && self.read(path, size)?.is_some_and(|bytes| sha256_hex(&bytes) == sha256))
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        Ok(self.write(path, bytes, 0o644)?)
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    /// Releases that passed.
    pub releases: usize,
    /// Bytes of their components.
    pub bytes: u64,
    /// What did not pass, in words.
    pub faults: Vec<String>,
}

impl Visit {
    /// Looks through everything.
    pub async fn verify(&self, progress: &dyn Progress) -> Result<Census, RegistryError> {
        let all: Vec<Target> = self.listed().map(|(target, _, _)| target.clone()).collect();
        self.walk(&all, &mut Nowhere, progress).await
    }

    /// Looks through everything and copies it. Refuses to finish a copy of what has faults.
    pub async fn mirror(&self, folder: &std::path::Path, progress: &dyn Progress) -> Result<Census, RegistryError> {
        let mut folder = Folder::create(folder)?;
        let all: Vec<Target> = self.listed().map(|(target, _, _)| target.clone()).collect();
        let census = self.walk(&all, &mut folder, progress).await?;
        if let Some(fault) = census.faults.first() {
            let what = format!("the copy of registry `{}`", self.registry());
            return Err(RegistryError::refused(
                what,
                fault,
                "Copy from another mirror, and tell the registry's keeper; the lists of the copy are as they were",
            ));
        }
        self.put_lists(&mut folder).await?;
        Ok(census)
    }

    /// Checks documents and blobs and hands them on.
    pub(crate) async fn walk(&self, targets: &[Target], sink: &mut dyn Sink, progress: &dyn Progress) -> Result<Census, RegistryError> {
        let mut census = Census::default();
        let digests: BTreeMap<&Target, &str> = self.listed().map(|(target, digest, _)| (target, digest)).collect();
        for target in targets {
            let checked = self.check(target, sink, progress).await;
            match checked {
                Ok(None) => {}
                Ok(Some(offer)) => {
                    census.releases += 1;
                    census.bytes = census.bytes.saturating_add(offer.release.component.size);
                    census.faults.extend(self.chain_fault(&offer, &digests));
                }
                // A full disk is nobody's fault but ours, and the rest would fail as well.
                Err(error @ RegistryError::Disk(_)) => return Err(error),
                Err(error) => census.faults.push(error.to_string()),
            }
        }
        Ok(census)
    }

    async fn check(&self, target: &Target, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<Option<Offer>, RegistryError> {
        let bytes = self.document(target, usize::try_from(TARGETS_BYTES).unwrap_or(usize::MAX)).await?;
        let mut offer = None;
        match target {
            Target::Release(id, version) => {
                let found = self.verified(id, version).await?;
                self.carry_blob(&found, sink, progress).await?;
                offer = Some(found);
            }
            Target::Agent(id, version) => drop(self.verified_agent(id, version).await?),
            Target::Publisher(namespace) => drop(self.publisher(namespace).await?),
            Target::Index => drop(self.index().await?),
            Target::Signatures(..) | Target::Advisories => {}
        }
        sink.put(&format!("targets/{}.{target}", sha256_hex(&bytes)), &bytes)?;
        Ok(offer)
    }

    async fn carry_blob(&self, offer: &Offer, sink: &mut dyn Sink, progress: &dyn Progress) -> Result<(), RegistryError> {
        let component = &offer.release.component;
        let path = blob(&component.sha256);
        if sink.has(&path, component.size, &component.sha256)? {
            return Ok(());
        }
        progress.begin(&offer.name(), component.size, 0);
        let bytes = self.courier.bytes_within(&path, component.size, BLOB_TIMEOUT).await;
        progress.end();
        let bytes = bytes.map_err(|error| named(&format!("the component of {}", offer.name()), error))?;
        progress.advance(component.size);
        let remedy = "Tell the registry's keeper";
        offer.release.check_component(&bytes).map_err(|error| RegistryError::refused(offer.name(), error, remedy))?;
        sink.put(&path, &bytes)
    }

    /// The chain of a plugin's releases: each names the one before it.
    fn chain_fault(&self, offer: &Offer, digests: &BTreeMap<&Target, &str>) -> Option<String> {
        let id = &offer.release.id;
        let before = self.versions(id).into_iter().find(|version| *version < offer.release.version);
        let before = before.and_then(|version| digests.get(&Target::Release(id.clone(), version)).copied());
        (before != offer.release.prev.as_deref()).then(|| format!("{} does not name the release before it", offer.name()))
    }

    /// All roots, then the lists, the timestamp last.
    pub(crate) async fn put_lists(&self, sink: &mut dyn Sink) -> Result<(), RegistryError> {
        let mut before: Option<Signed<Root>> = None;
        for number in 1..=self.root_version() {
            let path = format!("metadata/{number}.root.json");
            let what = format!("{path} of registry `{}`", self.registry());
            let bytes = match self.metadata.get(&path) {
                Some(bytes) => bytes.clone(),
                None => self.courier.bytes(&path, ROOT_BYTES).await.map_err(|error| named(&what, error))?,
            };
            let refused = |why: String| RegistryError::refused(what.clone(), why, "Tell the registry's keeper");
            let root: Signed<Root> = serde_json::from_slice(&bytes).map_err(|error| refused(error.to_string()))?;
            for by in before.iter().chain([&root]) {
                by.signed.verify_role(&root).map_err(|error| refused(error.to_string()))?;
            }
            sink.put(&path, &bytes)?;
            before = Some(root);
        }
        let last = "metadata/timestamp.json";
        let lists = self.metadata.iter().filter(|(path, _)| !path.ends_with(".root.json") && path.as_str() != last);
        for (path, bytes) in lists.chain(self.metadata.get_key_value(last)) {
            sink.put(path, bytes)?;
        }
        Ok(())
    }
}

//! A whole registry, looked through, and copied where that is wanted.
//!
//! Everything that a client would check is checked, blobs and chains of releases too.
//! A copy gets only what passed, the timestamp last: a client of the copy sees the old
//! state or the new one. What is there under its digest is not fetched again.

use crate::author::{METADATA, sweep};
use crate::disk::{Folder, failed};
use crate::error::RegistryError;
use crate::home::named;
use crate::limits::ROOT_BYTES;
use crate::offer::Offer;
use crate::progress::Progress;
use crate::receive::{Expected, blob, part, receive};
use crate::roots::follow;
use crate::visit::Visit;
use skynet_policy::limits::{
    ADVISORIES_BYTES, AGENT_LISTED_BYTES, INDEX_BYTES, PUBLISHER_BYTES, RELEASE_JSON_BYTES, SIGNATURES_JSON_BYTES,
};
use skynet_policy::registry::index::Index;
use skynet_policy::registry::target::Target;
use skynet_policy::sha256_hex;
use std::collections::BTreeMap;
use tough::schema::{Root, Signed};

/// Where verified files go, by their path in the registry.
pub(crate) trait Sink {
    /// A file that is there already, if it is the one of this digest.
    fn get(&mut self, path: &str, size: u64, sha256: &str) -> Result<Option<Vec<u8>>, RegistryError>;
    /// Whether it is.
    fn has(&mut self, path: &str, size: u64, sha256: &str) -> Result<bool, RegistryError>;
    /// Takes a file.
    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), RegistryError>;
}

/// Nowhere.
struct Nowhere;

impl Sink for Nowhere {
    fn get(&mut self, _: &str, _: u64, _: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        Ok(None)
    }

    fn has(&mut self, _: &str, _: u64, _: &str) -> Result<bool, RegistryError> {
        Ok(false)
    }

    fn put(&mut self, _: &str, _: &[u8]) -> Result<(), RegistryError> {
        Ok(())
    }
}

impl Sink for Folder {
    fn get(&mut self, path: &str, size: u64, sha256: &str) -> Result<Option<Vec<u8>>, RegistryError> {
        if self.size(path)? != Some(size) {
            return Ok(None);
        }
        Ok(self.read(path, size)?.filter(|bytes| sha256_hex(bytes) == sha256))
    }

    fn has(&mut self, path: &str, size: u64, sha256: &str) -> Result<bool, RegistryError> {
        Ok(self.get(path, size, sha256)?.is_some())
    }

    fn put(&mut self, path: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        Ok(self.write(path, bytes, 0o644)?)
    }
}

/// Components that are not whole yet, in the folder of a copy. No server shows a hidden name.
const UNFINISHED: &str = ".unfinished";

/// A copy is shown to everybody, so it is made in an empty folder or where an earlier one was begun: anything else
/// that lies there, keys for one, would be shown with it.
fn is_ours(folder: &Folder) -> Result<(), RegistryError> {
    let names = folder.names("")?;
    if names.is_empty() || names.iter().any(|name| name == METADATA || name == UNFINISHED) {
        return Ok(());
    }
    let what = format!("a copy in {}", folder.path().display());
    Err(RegistryError::refused(what, "the folder holds other things, and no copy of a registry", "Choose an empty folder"))
}

/// Whether a plugin's releases must all be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Chain {
    /// Each names the one before it.
    Whole,
    /// Some of them were chosen.
    Part,
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

/// A document, and where it goes if it is not there yet.
struct Taken {
    path: Option<String>,
    bytes: Vec<u8>,
}

impl Taken {
    fn put(&self, sink: &mut dyn Sink) -> Result<(), RegistryError> {
        self.path.as_ref().map_or(Ok(()), |path| sink.put(path, &self.bytes))
    }
}

impl Visit {
    /// Looks through everything.
    pub async fn verify(&self, progress: &dyn Progress) -> Result<Census, RegistryError> {
        let scratch = tempfile::tempdir().map_err(|error| failed(&std::env::temp_dir(), error))?;
        self.walk((&self.targets(), Chain::Whole), &mut Nowhere, &Folder::open(scratch.path())?, progress).await
    }

    /// Looks through everything and copies it, from where an earlier try ended. Refuses to
    /// finish a copy of what has faults.
    pub async fn mirror(&self, folder: &std::path::Path, progress: &dyn Progress) -> Result<Census, RegistryError> {
        let mut folder = Folder::create(folder)?;
        is_ours(&folder)?;
        sweep(&folder)?;
        let unfinished = folder.private_below(UNFINISHED)?;
        let census = self.walk((&self.targets(), Chain::Whole), &mut folder, &unfinished, progress).await?;
        if let Some(fault) = census.faults.first() {
            let what = format!("the copy of registry `{}`", self.registry());
            return Err(RegistryError::refused(
                what,
                fault,
                "Copy from another mirror, and tell the registry's keeper; the lists of the copy are as they were",
            ));
        }
        self.put_lists(&mut folder).await?;
        folder.remove_all(UNFINISHED)?;
        Ok(census)
    }

    /// All that is listed; publishers first, for each of their releases is judged by them.
    fn targets(&self) -> Vec<Target> {
        let (publishers, others): (Vec<_>, Vec<_>) =
            self.listed().map(|(target, _, _)| target.clone()).partition(|target| matches!(target, Target::Publisher(_)));
        publishers.into_iter().chain(others).collect()
    }

    /// Checks documents and blobs and hands them on. A server that gives no answer ends it:
    /// what it would have said of the rest is not known.
    pub(crate) async fn walk(
        &self,
        (targets, chain): (&[Target], Chain),
        sink: &mut dyn Sink,
        unfinished: &Folder,
        progress: &dyn Progress,
    ) -> Result<Census, RegistryError> {
        let mut census = Census::default();
        let listed: BTreeMap<&Target, (&str, u64)> = self.listed().map(|(target, digest, size)| (target, (digest, size))).collect();
        for target in targets {
            match self.check(target, &listed, sink, (unfinished, progress)).await {
                Ok(None) => {}
                Ok(Some(offer)) => {
                    census.releases += 1;
                    census.bytes = census.bytes.saturating_add(offer.release.component.size);
                    if chain == Chain::Whole {
                        census.faults.extend(self.chain_fault(&offer, &listed));
                    }
                }
                // Nobody's fault but ours, and nobody's at all; the rest would fail as well.
                Err(error @ (RegistryError::Disk(_) | RegistryError::Unreachable { .. })) => return Err(error),
                Err(error) => census.faults.push(error.to_string()),
            }
        }
        Ok(census)
    }

    async fn check(
        &self,
        target: &Target,
        listed: &BTreeMap<&Target, (&str, u64)>,
        sink: &mut dyn Sink,
        (unfinished, progress): (&Folder, &dyn Progress),
    ) -> Result<Option<Offer>, RegistryError> {
        match target {
            Target::Release(id, version) => {
                let signatures = Target::Signatures(id.clone(), version.clone());
                let release_json = self.taken(target, RELEASE_JSON_BYTES, listed, sink).await?;
                let signatures_json = self.taken(&signatures, SIGNATURES_JSON_BYTES, listed, sink).await?;
                let found = self.judged(id, version, release_json.bytes.clone(), signatures_json.bytes.clone()).await?;
                self.carry_blob(&found, sink, (unfinished, progress)).await?;
                release_json.put(sink)?;
                signatures_json.put(sink)?;
                return Ok(Some(found));
            }
            // Judged with its release.
            Target::Signatures(id, version) if listed.contains_key(&Target::Release(id.clone(), version.clone())) => {}
            Target::Signatures(..) => self.taken(target, SIGNATURES_JSON_BYTES, listed, sink).await?.put(sink)?,
            Target::Publisher(namespace) => {
                let taken = self.taken(target, PUBLISHER_BYTES, listed, sink).await?;
                self.read_publisher(namespace, &taken.bytes)?;
                taken.put(sink)?;
            }
            Target::Index => {
                let taken = self.taken(target, INDEX_BYTES, listed, sink).await?;
                Index::parse(&taken.bytes)?;
                taken.put(sink)?;
            }
            Target::Advisories => self.taken(target, ADVISORIES_BYTES, listed, sink).await?.put(sink)?,
            Target::Agent(id, version) => {
                let taken = self.taken(target, AGENT_LISTED_BYTES, listed, sink).await?;
                drop(self.judged_agent(id, version, &taken.bytes).await?);
                taken.put(sink)?;
            }
        }
        Ok(None)
    }

    /// A document: the one that is there already, or from the server.
    async fn taken(
        &self,
        target: &Target,
        max: usize,
        listed: &BTreeMap<&Target, (&str, u64)>,
        sink: &mut dyn Sink,
    ) -> Result<Taken, RegistryError> {
        let (digest, size) = listed.get(target).copied().unwrap_or_default();
        let path = format!("targets/{digest}.{target}");
        if usize::try_from(size).is_ok_and(|size| size <= max)
            && let Some(bytes) = sink.get(&path, size, digest)?
        {
            return Ok(Taken { path: None, bytes });
        }
        Ok(Taken { bytes: self.document(target, max).await?, path: Some(path) })
    }

    async fn carry_blob(
        &self,
        offer: &Offer,
        sink: &mut dyn Sink,
        (unfinished, progress): (&Folder, &dyn Progress),
    ) -> Result<(), RegistryError> {
        let component = &offer.release.component;
        let path = blob(&component.sha256);
        if sink.has(&path, component.size, &component.sha256)? {
            return Ok(());
        }
        let name = offer.name();
        let expected = Expected { what: &name, sha256: &component.sha256, size: component.size, said: "its publisher signed" };
        let bytes = receive(&self.courier, unfinished, expected, progress).await?;
        offer.release.check_component(&bytes).map_err(|error| RegistryError::refused(&name, error, "Tell the registry's keeper"))?;
        sink.put(&path, &bytes)?;
        Ok(unfinished.remove(&part(&component.sha256))?)
    }

    /// The chain of a plugin's releases: each names the one before it.
    fn chain_fault(&self, offer: &Offer, listed: &BTreeMap<&Target, (&str, u64)>) -> Option<String> {
        let id = &offer.release.id;
        let before = self.versions(id).into_iter().find(|version| *version < offer.release.version);
        let before = before.and_then(|version| listed.get(&Target::Release(id.clone(), version)).map(|(digest, _)| *digest));
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
            before = Some(follow(before.as_ref(), &bytes).map_err(refused)?);
            sink.put(&path, &bytes)?;
        }
        let last = "metadata/timestamp.json";
        let lists = self.metadata.iter().filter(|(path, _)| !path.ends_with(".root.json") && path.as_str() != last);
        for (path, bytes) in lists.chain(self.metadata.get_key_value(last)) {
            sink.put(path, bytes)?;
        }
        Ok(())
    }
}

//! An opened registry folder: what its newest lists say, checked against its own root.
//!
//! Holds a lock while it lives, so that two publications cannot write one version
//! twice. Refuses lists that the root's keys did not sign.

use super::change::Lists;
use super::settings::Expiries;
use super::{refused_by, unfinished, unreadable};
use crate::disk::Folder;
use crate::error::RegistryError;
use crate::limits::{ROOT_BYTES, ROOT_UPDATES, SNAPSHOT_BYTES, TARGETS_BYTES, TIMESTAMP_BYTES};
use crate::roots::follow;
use serde::Serialize;
use serde::de::DeserializeOwned;
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::registry::index::Index;
use skynet_policy::registry::publisher::PublisherRecord;
use skynet_policy::registry::target::Target;
use std::path::Path;
use tough::TargetName;
use tough::schema::{Metafile, Role, Root, Signed, Snapshot, Targets, Timestamp};

pub(crate) const METADATA: &str = "metadata";
pub(super) const TIMESTAMP: &str = "timestamp.json";
pub(super) const TARGETS: &str = "targets";
pub(super) const BLOBS: &str = "blobs/sha256";
pub(super) const SPEC: &str = "1.0.0";
const LOCK: &str = ".lock";

/// A registry that can be published to.
#[derive(Debug)]
pub struct Author {
    pub(super) folder: Folder,
    pub(super) root: Signed<Root>,
    pub(super) lists: Lists,
    pub(super) expiries: Expiries,
    _lock: std::fs::File,
}

impl Author {
    /// Opens a registry's folder.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let folder = Folder::open(path)?;
        let lock = lock(&folder)?;
        sweep(&folder)?;
        let root = newest_root(&folder)?;
        unfinished::finish(&folder, &root.signed)?;
        let timestamp: Signed<Timestamp> = signed_by(&folder, &root.signed, TIMESTAMP, TIMESTAMP_BYTES)?;
        let snapshot = format!("{}.snapshot.json", version(timestamp.signed.meta.get("snapshot.json"), TIMESTAMP)?);
        let snapshot: Signed<Snapshot> = signed_by(&folder, &root.signed, &snapshot, SNAPSHOT_BYTES)?;
        let targets = format!("{}.targets.json", version(snapshot.signed.meta.get("targets.json"), "the snapshot")?);
        let targets: Signed<Targets> = signed_by(&folder, &root.signed, &targets, TARGETS_BYTES)?;
        let expiries = Expiries::read(&folder)?;
        let lists = Lists { targets: targets.signed, snapshot: snapshot.signed, timestamp: timestamp.signed };
        Ok(Self { folder, root, lists, expiries, _lock: lock })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Everything that is listed.
    pub fn listed(&self) -> impl Iterator<Item = Target> + '_ {
        self.lists.targets.targets.keys().filter_map(|name| Target::parse(name.raw()))
    }

    /// A listed document's bytes; `None` when it is not listed.
    pub fn document(&self, target: &Target) -> Result<Option<Vec<u8>>, RegistryError> {
        let name = target.to_string();
        let key = TargetName::new(name.clone()).map_err(refused_by(&name))?;
        let Some(listed) = self.lists.targets.targets.get(&key) else {
            return Ok(None);
        };
        let digest = hex::encode(&listed.hashes.sha256);
        let bytes = self.folder.read(&format!("{TARGETS}/{digest}.{name}"), TARGETS_BYTES)?;
        let bytes = bytes.ok_or_else(|| unreadable(&name, "it is listed, but not there"))?;
        if skynet_policy::sha256_hex(&bytes) != digest {
            return Err(unreadable(&name, "it is not what was listed"));
        }
        Ok(Some(bytes))
    }

    /// The search index.
    pub fn index(&self) -> Result<Index, RegistryError> {
        Ok(Index::parse(&self.document(&Target::Index)?.unwrap_or_default())?)
    }

    /// What was said about releases and keys.
    pub fn advisories(&self) -> Result<Advisories, RegistryError> {
        Ok(Advisories::parse(&self.document(&Target::Advisories)?.unwrap_or_default())?)
    }

    /// The record of a namespace, if it has one.
    pub fn publisher(&self, namespace: &str) -> Result<Option<PublisherRecord>, RegistryError> {
        let document = self.document(&Target::Publisher(namespace.to_owned()))?;
        Ok(document.map(|bytes| PublisherRecord::parse(&bytes)).transpose()?)
    }

    /// The root that clients are given to begin with, and its version.
    pub fn root(&self) -> Result<(u64, Vec<u8>), RegistryError> {
        let number = self.root.signed.version.get();
        let bytes = self.folder.read(&format!("{METADATA}/{number}.root.json"), ROOT_BYTES)?;
        Ok((number, bytes.unwrap_or_default()))
    }

    /// The root that everything began with.
    pub fn first_root(&self) -> Result<Vec<u8>, RegistryError> {
        let first = self.folder.read(&format!("{METADATA}/1.root.json"), ROOT_BYTES)?;
        first.ok_or_else(|| unreadable("1.root.json", "it is not there"))
    }

    /// When the first of its four dates is over.
    pub fn earliest_end(&self) -> jiff::Timestamp {
        let lists = &self.lists;
        [self.root.signed.expires, lists.targets.expires, lists.snapshot.expires].into_iter().fold(lists.timestamp.expires, std::cmp::min)
    }
}

fn lock(folder: &Folder) -> Result<std::fs::File, RegistryError> {
    let file = folder.append(LOCK)?.into_std();
    file.try_lock().map_err(|_| RegistryError::Busy { what: folder.path().display().to_string() })?;
    Ok(file)
}

/// Takes away what a killed publication had not finished.
pub(crate) fn sweep(folder: &Folder) -> Result<(), RegistryError> {
    folder.sweep(METADATA)?;
    folder.sweep(TARGETS)?;
    for prefix in folder.names(BLOBS)? {
        folder.sweep(&format!("{BLOBS}/{prefix}"))?;
    }
    Ok(())
}

fn newest_root(folder: &Folder) -> Result<Signed<Root>, RegistryError> {
    let mut newest: Option<Signed<Root>> = None;
    for number in 1..=ROOT_UPDATES {
        let name = format!("{number}.root.json");
        let Some(bytes) = folder.read(&format!("{METADATA}/{name}"), ROOT_BYTES)? else {
            break;
        };
        newest = Some(follow(newest.as_ref(), &bytes).map_err(|error| unreadable(&name, error))?);
    }
    newest.ok_or_else(|| RegistryError::missing("a registry in this folder", "Make one with `skynet registry init`"))
}

fn signed_by<T: Role + Serialize + DeserializeOwned>(
    folder: &Folder,
    root: &Root,
    name: &str,
    max: u64,
) -> Result<Signed<T>, RegistryError> {
    let bytes = folder.read(&format!("{METADATA}/{name}"), max)?;
    let bytes = bytes.ok_or_else(|| unreadable(name, "it is not there"))?;
    let role: Signed<T> = serde_json::from_slice(&bytes).map_err(|error| unreadable(name, error))?;
    root.verify_role(&role).map_err(|error| unreadable(name, error))?;
    Ok(role)
}

fn version(entry: Option<&Metafile>, of: &str) -> Result<u64, RegistryError> {
    entry.map(|entry| entry.version.get()).ok_or_else(|| unreadable(of, "it does not name the next list"))
}

//! One change of a registry: new documents and blobs, then the lists, timestamp last.
//!
//! Everything is signed and verified before the first byte is written. A process that is
//! killed anywhere before the last rename has changed nothing that a client sees; the
//! same change can be made again over what it left.

use super::keys::Keys;
use super::repository::{Author, BLOBS, METADATA, SPEC, TARGETS, TIMESTAMP};
use super::settings::{Expiries, ends};
use super::{refused_by, unreadable};
use crate::disk::Folder;
use crate::error::RegistryError;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp as Now;
use serde::Serialize;
use skynet_policy::registry::target::Target;
use skynet_policy::sha256_hex;
use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;
use tough::TargetName;
use tough::editor::signed::SignedRole;
use tough::schema::{Hashes, KeyHolder, Metafile, Role, Root, Snapshot, Target as Listed, Targets, Timestamp};

/// The three lists that change.
#[derive(Debug, Clone)]
pub(super) struct Lists {
    pub(super) targets: Targets,
    pub(super) snapshot: Snapshot,
    pub(super) timestamp: Timestamp,
}

impl Lists {
    pub(super) fn empty(now: Now) -> Self {
        let one = NonZeroU64::MIN;
        // No delegated roles: one that expired would stop the whole registry for every client.
        let targets = Targets { delegations: None, ..Targets::new(SPEC.into(), one, now) };
        Self { targets, snapshot: Snapshot::new(SPEC.into(), one, now), timestamp: Timestamp::new(SPEC.into(), one, now) }
    }

    /// The same, each with its next version.
    pub(super) fn next(&self) -> Result<Self, RegistryError> {
        let mut lists = self.clone();
        lists.targets.version = next(lists.targets.version)?;
        lists.snapshot.version = next(lists.snapshot.version)?;
        lists.timestamp.version = next(lists.timestamp.version)?;
        Ok(lists)
    }
}

/// What is to be added or replaced.
#[derive(Debug, Default)]
pub(super) struct Change {
    documents: BTreeMap<String, Vec<u8>>,
    blobs: Vec<(String, Vec<u8>)>,
}

impl Change {
    pub(super) fn document(&mut self, target: &Target, bytes: Vec<u8>) {
        self.documents.insert(target.to_string(), bytes);
    }

    pub(super) fn blob(&mut self, digest: String, bytes: Vec<u8>) {
        self.blobs.push((digest, bytes));
    }

    /// Signs lists that name it and have their new versions already. Writes nothing yet: a
    /// key that is missing is found before anything is changed.
    pub(super) async fn sign(&self, by: &Signer<'_>, mut lists: Lists) -> Result<SignedLists, RegistryError> {
        for (name, bytes) in &self.documents {
            let hashes = Hashes { sha256: hex::decode(sha256_hex(bytes)).unwrap_or_default().into(), _extra: HashMap::new() };
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let key = TargetName::new(name.clone()).map_err(refused_by(name))?;
            lists.targets.add_target(key, Listed { length, hashes, custom: HashMap::new(), _extra: HashMap::new() });
        }
        lists.targets.expires = ends(by.now, by.expiries.targets);
        let targets = by.sign(lists.targets.clone()).await?;
        let signed = by.snapshot(lists, meta(&targets)).await?;
        Ok(SignedLists { targets: Some(targets), ..signed })
    }

    /// Writes blobs and documents, which no list names yet.
    pub(super) fn put(&self, folder: &Folder) -> Result<(), RegistryError> {
        for (digest, bytes) in &self.blobs {
            let prefix = digest.get(..2).unwrap_or_default();
            keep(folder, &format!("{BLOBS}/{prefix}/{digest}"), bytes)?;
        }
        for (name, bytes) in &self.documents {
            keep(folder, &format!("{TARGETS}/{}.{name}", sha256_hex(bytes)), bytes)?;
        }
        Ok(())
    }
}

/// By what lists are signed, and until when they are good.
#[derive(Debug)]
pub(super) struct Signer<'a> {
    pub(super) root: &'a Root,
    pub(super) keys: &'a Keys,
    pub(super) expiries: Expiries,
    pub(super) now: Now,
}

/// Lists in the bytes that were signed; none of those that stay as they are.
#[derive(Debug)]
pub(super) struct SignedLists {
    lists: Lists,
    targets: Option<SignedRole<Targets>>,
    snapshot: Option<SignedRole<Snapshot>>,
    timestamp: SignedRole<Timestamp>,
}

impl Signer<'_> {
    /// A snapshot over `targets`, and a timestamp over it.
    pub(super) async fn snapshot(&self, mut lists: Lists, targets: Metafile) -> Result<SignedLists, RegistryError> {
        lists.snapshot.expires = ends(self.now, self.expiries.snapshot);
        lists.snapshot.meta.insert("targets.json".into(), targets);
        let snapshot = self.sign(lists.snapshot.clone()).await?;
        lists.timestamp.meta = HashMap::from([("snapshot.json".to_owned(), meta(&snapshot))]);
        let signed = self.timestamp(lists).await?;
        Ok(SignedLists { snapshot: Some(snapshot), ..signed })
    }

    /// A timestamp over the snapshot that is there.
    pub(super) async fn timestamp(&self, mut lists: Lists) -> Result<SignedLists, RegistryError> {
        lists.timestamp.expires = ends(self.now, self.expiries.timestamp);
        let timestamp = self.sign(lists.timestamp.clone()).await?;
        Ok(SignedLists { lists, targets: None, snapshot: None, timestamp })
    }

    async fn sign<T: Role + Serialize>(&self, role: T) -> Result<SignedRole<T>, RegistryError> {
        let what = format!("signing the {}", T::TYPE);
        let holder = KeyHolder::Root(self.root.clone());
        let signed = SignedRole::new(role, &holder, self.keys.sources(), &SystemRandom::new()).await.map_err(refused_by(&what))?;
        self.root
            .verify_role(signed.signed())
            .map_err(|error| RegistryError::refused(&what, error, "Give the folders of enough keys of this role; nothing was changed"))?;
        Ok(signed)
    }
}

impl SignedLists {
    /// Writes the lists that no client reads yet.
    pub(super) fn put_new(&self, folder: &Folder) -> Result<(), RegistryError> {
        if let Some(targets) = &self.targets {
            write_list(folder, &format!("{}.targets.json", self.lists.targets.version), targets)?;
        }
        if let Some(snapshot) = &self.snapshot {
            write_list(folder, &format!("{}.snapshot.json", self.lists.snapshot.version), snapshot)?;
        }
        Ok(())
    }

    /// Writes the timestamp under this name.
    pub(super) fn put_timestamp(&self, folder: &Folder, name: &str) -> Result<(), RegistryError> {
        write_list(folder, name, &self.timestamp)
    }

    /// Writes all of them, the timestamp in its place last: from there on, clients see the change.
    pub(super) fn put(self, folder: &Folder) -> Result<Lists, RegistryError> {
        self.put_new(folder)?;
        self.put_timestamp(folder, TIMESTAMP)?;
        Ok(self.lists)
    }

    /// What they say.
    pub(super) fn into_lists(self) -> Lists {
        self.lists
    }
}

impl Author {
    /// Makes a change: each list gets its next version.
    pub(super) async fn commit(&mut self, change: Change, keys: &Keys, now: Now) -> Result<(), RegistryError> {
        let signed = change.sign(&self.signer(keys, now), self.lists.next()?).await?;
        change.put(&self.folder)?;
        self.lists = signed.put(&self.folder)?;
        Ok(())
    }

    pub(super) fn signer<'a>(&'a self, keys: &'a Keys, now: Now) -> Signer<'a> {
        Signer { root: &self.root.signed, keys, expiries: self.expiries, now }
    }
}

fn write_list<T: Role + Serialize>(folder: &Folder, name: &str, list: &SignedRole<T>) -> Result<(), RegistryError> {
    Ok(folder.write(&format!("{METADATA}/{name}"), list.buffer(), 0o644)?)
}

pub(super) fn meta<T: Role + Serialize>(list: &SignedRole<T>) -> Metafile {
    let hashes = Some(Hashes { sha256: list.sha256().to_vec().into(), _extra: HashMap::new() });
    Metafile { hashes, length: Some(*list.length()), version: list.signed().signed.version(), _extra: HashMap::new() }
}

pub(super) fn next(version: NonZeroU64) -> Result<NonZeroU64, RegistryError> {
    version.checked_add(1).ok_or_else(|| unreadable("a version", "it is the last number"))
}

/// Writes what never changes: under a name that says its digest, or leaves it there.
fn keep(folder: &Folder, name: &str, bytes: &[u8]) -> Result<(), RegistryError> {
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if folder.size(name)? == Some(size) && folder.read(name, size)?.as_deref() == Some(bytes) {
        return Ok(());
    }
    Ok(folder.write(name, bytes, 0o644)?)
}

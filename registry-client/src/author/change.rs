//! One change of a registry: new documents and blobs, then the lists, timestamp last.
//!
//! A process that is killed anywhere before the last rename has changed nothing that a
//! client sees; the same change can be made again over what it left.

use super::keys::Keys;
use super::repository::{Author, BLOBS, METADATA, SPEC, TARGETS};
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

    /// Writes it, with lists that have their new versions already.
    pub(super) async fn write(
        self,
        folder: &Folder,
        root: &Root,
        mut lists: Lists,
        keys: &Keys,
        expiries: &Expiries,
        now: Now,
    ) -> Result<Lists, RegistryError> {
        for (digest, bytes) in &self.blobs {
            let prefix = digest.get(..2).unwrap_or_default();
            keep(folder, &format!("{BLOBS}/{prefix}/{digest}"), bytes)?;
        }
        for (name, bytes) in self.documents {
            let digest = sha256_hex(&bytes);
            keep(folder, &format!("{TARGETS}/{digest}.{name}"), &bytes)?;
            let hashes = Hashes { sha256: hex::decode(&digest).unwrap_or_default().into(), _extra: HashMap::new() };
            let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            let key = TargetName::new(name.clone()).map_err(refused_by(&name))?;
            lists.targets.add_target(key, Listed { length, hashes, custom: HashMap::new(), _extra: HashMap::new() });
        }
        lists.targets.expires = ends(now, expiries.targets);
        let targets = sign(lists.targets.clone(), root, keys).await?;
        write_list(folder, &format!("{}.targets.json", lists.targets.version), &targets)?;
        write_snapshot(folder, root, &mut lists, meta(&targets), keys, expiries, now).await?;
        Ok(lists)
    }
}

impl Author {
    /// Makes a change: each list gets its next version.
    pub(super) async fn commit(&mut self, change: Change, keys: &Keys, now: Now) -> Result<(), RegistryError> {
        let mut lists = self.lists.clone();
        lists.targets.version = next(lists.targets.version)?;
        lists.snapshot.version = next(lists.snapshot.version)?;
        lists.timestamp.version = next(lists.timestamp.version)?;
        self.lists = change.write(&self.folder, &self.root.signed, lists, keys, &self.expiries, now).await?;
        Ok(())
    }
}

/// Signs and writes a snapshot over `targets`, and a timestamp over it.
pub(super) async fn write_snapshot(
    folder: &Folder,
    root: &Root,
    lists: &mut Lists,
    targets: Metafile,
    keys: &Keys,
    expiries: &Expiries,
    now: Now,
) -> Result<(), RegistryError> {
    lists.snapshot.expires = ends(now, expiries.snapshot);
    lists.snapshot.meta.insert("targets.json".into(), targets);
    let snapshot = sign(lists.snapshot.clone(), root, keys).await?;
    write_list(folder, &format!("{}.snapshot.json", lists.snapshot.version), &snapshot)?;
    lists.timestamp.meta = HashMap::from([("snapshot.json".to_owned(), meta(&snapshot))]);
    write_timestamp(folder, root, lists, keys, expiries, now).await
}

/// Signs the timestamp and puts it in its place: from here on, clients see the change.
pub(super) async fn write_timestamp(
    folder: &Folder,
    root: &Root,
    lists: &mut Lists,
    keys: &Keys,
    expiries: &Expiries,
    now: Now,
) -> Result<(), RegistryError> {
    lists.timestamp.expires = ends(now, expiries.timestamp);
    let timestamp = sign(lists.timestamp.clone(), root, keys).await?;
    write_list(folder, "timestamp.json", &timestamp)
}

async fn sign<T: Role + Serialize>(role: T, root: &Root, keys: &Keys) -> Result<SignedRole<T>, RegistryError> {
    let what = format!("signing the {}", T::TYPE);
    SignedRole::new(role, &KeyHolder::Root(root.clone()), keys.sources(), &SystemRandom::new()).await.map_err(refused_by(&what))
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

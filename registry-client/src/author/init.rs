//! A new registry: its keys, its first root, and empty lists.
//!
//! One key for each role is enough for a registry at home; a public one takes three
//! keys for the root, of which two must sign, and keeps them in drawers.

use super::change::{Change, Lists, Signer};
use super::keys::{self, Keys, Made};
use super::repository::{Author, METADATA, SPEC};
use super::rotate;
use super::settings::{Expiries, ends};
use super::unfinished;
use crate::disk::Folder;
use crate::error::RegistryError;
use jiff::Timestamp;
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::registry::index::Index;
use skynet_policy::registry::target::Target;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::Path;
use tough::schema::{RoleKeys, RoleType, Root};

/// What a new registry is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setup {
    /// Keys of the root, and how many of them must sign.
    pub root: (u32, u32),
    /// Keys of the targets, and how many of them must sign.
    pub targets: (u32, u32),
    /// For how long each role signs.
    pub expiries: Expiries,
}

impl Default for Setup {
    fn default() -> Self {
        Self { root: (1, 1), targets: (1, 1), expiries: Expiries::default() }
    }
}

impl Setup {
    /// Three keys for the root, two must sign; two for the targets, one must.
    pub fn public() -> Self {
        Self { root: (3, 2), targets: (2, 1), expiries: Expiries::default() }
    }
}

impl Author {
    /// Makes keys in `keys` and a registry in `folder`. Refuses a folder that has one.
    pub async fn init(folder: &Path, keys: &Path, setup: &Setup, now: Timestamp) -> Result<Self, RegistryError> {
        let place = Folder::create(folder)?;
        // Gets its name last, so a first try that was cut short can be made again.
        let first = format!("{METADATA}/1.root.json");
        if place.size(&first)?.is_some() {
            return Err(RegistryError::refused(
                folder.display().to_string(),
                "there is a registry already",
                "Choose an empty folder, or use the one that is there",
            ));
        }
        let drawer = keys::place(keys, &place)?;
        unfinished::forget(&place, &drawer, None)?;
        let (root, made) = first_root(&drawer, setup, now)?;
        let at_hand = Keys::default().with(&made);
        let signed = rotate::signed_root(root.clone(), &[&root], &at_hand).await?;
        let mut change = Change::default();
        change.document(&Target::Index, Index::default().to_bytes());
        change.document(&Target::Advisories, Advisories::default().to_bytes());
        let signer = Signer { root: &root, keys: &at_hand, expiries: setup.expiries, now };
        let lists = change.sign(&signer, Lists::empty(now)).await?;
        let put = || -> Result<(), RegistryError> {
            unfinished::begin(&place, &drawer, signed.buffer(), &made)?;
            setup.expiries.write(&place)?;
            change.put(&place)?;
            lists.put(&place)?;
            unfinished::publish(&place, root.version.get())
        };
        if let Err(error) = put() {
            unfinished::give_up(&place, &drawer, &root, None);
            return Err(error);
        }
        Self::open(folder)
    }
}

fn first_root(folder: &Folder, setup: &Setup, now: Timestamp) -> Result<(Root, Vec<Made>), RegistryError> {
    let wanted = [
        (RoleType::Root, "root", setup.root),
        (RoleType::Targets, "targets", setup.targets),
        (RoleType::Snapshot, "snapshot", (1, 1)),
        (RoleType::Timestamp, "timestamp", (1, 1)),
    ];
    let (mut keys, mut roles, mut all) = (HashMap::new(), HashMap::new(), Vec::new());
    for (role, name, (count, threshold)) in wanted {
        let threshold = NonZeroU64::new(u64::from(threshold)).filter(|_| threshold <= count);
        let threshold = threshold.ok_or_else(|| {
            RegistryError::refused(
                format!("the wish for {name}"),
                "a threshold is 1 or more, and not more than its keys",
                "Choose other numbers",
            )
        })?;
        let made: Vec<Made> = (1..=count).map(|at| Made::new(folder, format!("{name}-{at}.key"))).collect::<Result<_, _>>()?;
        roles.insert(role, holders(&mut keys, &made, threshold)?);
        all.extend(made);
    }
    let one = NonZeroU64::MIN;
    let expires = ends(now, setup.expiries.root);
    let root = Root { spec_version: SPEC.into(), consistent_snapshot: true, version: one, expires, keys, roles, _extra: HashMap::new() };
    Ok((root, all))
}

/// Names keys in the root and gives them a role.
pub(super) fn holders(
    keys: &mut HashMap<tough::schema::decoded::Decoded<tough::schema::decoded::Hex>, tough::schema::key::Key>,
    made: &[Made],
    threshold: NonZeroU64,
) -> Result<RoleKeys, RegistryError> {
    let mut keyids = Vec::new();
    for made in made {
        let (id, public) = made.key.public()?;
        keys.insert(id.clone(), public);
        keyids.push(id);
    }
    Ok(RoleKeys { keyids, threshold, _extra: HashMap::new() })
}

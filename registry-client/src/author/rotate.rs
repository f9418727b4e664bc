//! The next root: new dates, new keys, other thresholds.
//!
//! Signed by enough keys of the old root and of the new one, so that clients can follow
//! from one to the next. Everything below is signed anew, by the keys that count then.

use super::change::{Change, next};
use super::init::holders;
use super::keys::{self, Keys};
use super::refused_by;
use super::repository::{Author, METADATA};
use super::settings::ends;
use crate::error::RegistryError;
use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use std::num::NonZeroU64;
use std::path::Path;
use tough::editor::signed::SignedRole;
use tough::schema::{KeyHolder, RoleType, Root};

impl Author {
    /// Renews the root. For each role that is named, new keys are made in `folder` and
    /// take the place of the old ones; the threshold stays.
    pub async fn rotate(&mut self, replace: &[RoleType], folder: &Path, old: &[&Path], now: Timestamp) -> Result<(), RegistryError> {
        let place = keys::place(folder, &self.folder)?;
        let before = self.root.signed.clone();
        let mut root = before.clone();
        root.version = next(root.version)?;
        root.expires = ends(now, self.expiries.root);
        for role in replace {
            let (count, threshold) = before.roles.get(role).map_or((1, NonZeroU64::MIN), |held| (held.keyids.len(), held.threshold));
            let name = |at: usize| format!("{role}-{at}-of-root-{}.key", root.version);
            let made = (1..=count).map(|at| keys::create(&place, &name(at))).collect::<Result<Vec<_>, _>>()?;
            let held = holders(&mut root.keys, &made, threshold)?;
            root.roles.insert(*role, held);
        }
        let named: Vec<_> = root.roles.values().flat_map(|held| held.keyids.iter().cloned()).collect();
        root.keys.retain(|id, _| named.contains(id));
        let folders: Vec<&Path> = old.iter().copied().chain((!old.contains(&folder)).then_some(folder)).collect();
        let at_hand = Keys::load(&folders)?;
        let signed = signed_root(root.clone(), &[&before, &root], &at_hand).await?;
        self.folder.write(&format!("{METADATA}/{}.root.json", root.version), signed.buffer(), 0o644)?;
        self.root = signed.signed().clone();
        self.commit(Change::default(), &at_hand, now).await
    }
}

/// A root with the signatures that each of `by` asks for.
pub(super) async fn signed_root(root: Root, by: &[&Root], keys: &Keys) -> Result<SignedRole<Root>, RegistryError> {
    let refused = refused_by("signing the root");
    let mut signed: Option<SignedRole<Root>> = None;
    for holder in by {
        let holder = KeyHolder::Root((*holder).clone());
        let new = SignedRole::new(root.clone(), &holder, keys.sources(), &SystemRandom::new()).await.map_err(&refused)?;
        signed = Some(match signed {
            Some(before) => new.add_old_signatures(before.signed().signatures.clone()).map_err(&refused)?,
            None => new,
        });
    }
    let signed = signed.ok_or_else(|| RegistryError::refused("signing the root", "nobody is to sign it", "Name the keys"))?;
    for holder in by {
        holder.verify_role(signed.signed()).map_err(|error| {
            RegistryError::refused("signing the root", error, "Give the folders of enough root keys, of the old root and of the new one")
        })?;
    }
    Ok(signed)
}

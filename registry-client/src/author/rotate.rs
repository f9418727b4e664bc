//! The next root: new dates, new keys, other thresholds.
//!
//! Signed by enough keys of the old root and of the new one, so that clients can follow
//! from one to the next. Everything below is signed anew, by the keys that count then, and
//! all of it before anything is written: a root whose lists cannot be signed would be the
//! registry's end.

use super::change::{Change, SignedLists, Signer, next};
use super::init::holders;
use super::keys::{self, Keys, Made};
use super::refused_by;
use super::repository::Author;
use super::settings::ends;
use super::unfinished;
use crate::disk::Folder;
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
        unfinished::forget(&self.folder, &place, Some(&before))?;
        let (root, made) = self.next_root(replace, &place, now)?;
        let folders: Vec<&Path> = old.iter().copied().chain((!old.contains(&folder)).then_some(folder)).collect();
        let at_hand = Keys::load(&folders)?.with(&made);
        let signed = signed_root(root.clone(), &[&before, &root], &at_hand).await?;
        let signer = Signer { root: &root, keys: &at_hand, expiries: self.expiries, now };
        let lists = Change::default().sign(&signer, self.lists.next()?).await?;
        if let Err(error) = self.put_root(&place, &signed, &made, &lists) {
            unfinished::give_up(&self.folder, &place, &root, Some(&before));
            return Err(error);
        }
        self.root = signed.signed().clone();
        self.lists = lists.into_lists();
        Ok(())
    }

    /// The next root and the keys that are new in it, neither on the disk yet.
    fn next_root(&self, replace: &[RoleType], place: &Folder, now: Timestamp) -> Result<(Root, Vec<Made>), RegistryError> {
        let before = &self.root.signed;
        let (mut root, mut all) = (before.clone(), Vec::new());
        root.version = next(root.version)?;
        root.expires = ends(now, self.expiries.root);
        for role in replace {
            let (count, threshold) = before.roles.get(role).map_or((1, NonZeroU64::MIN), |held| (held.keyids.len(), held.threshold));
            let name = |at: usize| format!("{role}-{at}-of-root-{}.key", root.version);
            let made = (1..=count).map(|at| Made::new(place, name(at))).collect::<Result<Vec<_>, _>>()?;
            let held = holders(&mut root.keys, &made, threshold)?;
            root.roles.insert(*role, held);
            all.extend(made);
        }
        let named: Vec<_> = root.roles.values().flat_map(|held| held.keyids.iter().cloned()).collect();
        root.keys.retain(|id, _| named.contains(id));
        Ok((root, all))
    }

    /// The keys, the lists that nobody reads yet, the root, and last the timestamp. Killed
    /// before the root, nothing has changed; after it, `open` puts the timestamp in its place.
    fn put_root(&self, place: &Folder, root: &SignedRole<Root>, made: &[Made], lists: &SignedLists) -> Result<(), RegistryError> {
        let version = root.signed().signed.version.get();
        unfinished::begin(&self.folder, place, root.buffer(), made)?;
        lists.put_new(&self.folder)?;
        lists.put_timestamp(&self.folder, &unfinished::timestamp_of(version))?;
        unfinished::publish(&self.folder, version)?;
        unfinished::finish(&self.folder, &root.signed().signed)
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

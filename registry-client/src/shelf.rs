//! Plugin files that were verified, under their own digest, read-only.
//!
//! A file is whole and checked before it has its name here, and it is hashed again each
//! time it is taken out: what was changed on the disk is not handed on.

use crate::disk::failed;
use crate::error::RegistryError;
use crate::home::{Home, HomeLock};
use crate::limits::{BLOB_BYTES, PART_DAYS, SECTION_BYTES};
use crate::lock::Locked;
use crate::offer::Offer;
use crate::progress::Progress;
use crate::receive::{Expected, part, receive};
use crate::visit::Visit;
use skynet_policy::digest::is_sha256_hex;
use skynet_policy::release::strip;
use skynet_policy::sha256_hex;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// A file that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// SHA-256 of the whole file.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    /// Where it is.
    pub path: PathBuf,
}

impl Home {
    /// Fetches a release's component and keeps the file that its publisher signed.
    pub async fn fetch(&self, _lock: &HomeLock, visit: &Visit, offer: &Offer, progress: &dyn Progress) -> Result<Kept, RegistryError> {
        refuse_unless(offer.standing.may_install(), offer)?;
        self.bring(visit, offer, progress).await
    }

    /// Brings back the very file of a lockfile, from here if it is kept, else from the registry.
    pub async fn reproduce(
        &self,
        _lock: &HomeLock,
        visit: &Visit,
        locked: &Locked,
        progress: &dyn Progress,
    ) -> Result<Kept, RegistryError> {
        let offer = visit.locked(locked).await?;
        refuse_unless(offer.standing.may_load(), &offer)?;
        if let Ok(file) = self.kept(&locked.file) {
            return self.keep(&file);
        }
        let kept = self.bring(visit, &offer, progress).await?;
        locked.check_file(&kept)?;
        Ok(kept)
    }

    async fn bring(&self, visit: &Visit, offer: &Offer, progress: &dyn Progress) -> Result<Kept, RegistryError> {
        visit.check_namespace(&offer.release.id)?;
        let component = &offer.release.component;
        if let Some(kept) = self.whole(offer)? {
            return Ok(kept);
        }
        let name = offer.name();
        let expected = Expected { what: &name, sha256: &component.sha256, size: component.size, said: "its publisher signed" };
        let bytes = receive(&visit.courier, &self.quarantine, expected, progress).await?;
        let file = offer.file(&bytes)?;
        let kept = self.keep(&file)?;
        self.quarantine.remove(&part(&component.sha256))?;
        Ok(kept)
    }

    /// The offer's file, where it was fetched before: for a look, and then for the change.
    pub fn whole(&self, offer: &Offer) -> Result<Option<Kept>, RegistryError> {
        let size = offer.release.component.size.saturating_add(offer.overhead());
        for name in self.store.names("")? {
            if self.store.size(&name)? != Some(size) {
                continue;
            }
            if let Ok(file) = self.kept(&name)
                && offer.file(strip(&file)).is_ok_and(|wanted| wanted == file)
            {
                return Ok(Some(Kept { path: self.store.path().join(&name), sha256: name, size }));
            }
        }
        Ok(None)
    }

    pub(crate) fn keep(&self, file: &[u8]) -> Result<Kept, RegistryError> {
        let sha256 = sha256_hex(file);
        let size = u64::try_from(file.len()).unwrap_or(u64::MAX);
        if self.store.size(&sha256)? != Some(size) || self.kept(&sha256).is_err() {
            self.store.write(&sha256, file, 0o444)?;
        }
        Ok(Kept { path: self.store.path().join(&sha256), sha256, size })
    }

    /// A kept file's bytes, hashed again.
    pub fn kept(&self, sha256: &str) -> Result<Vec<u8>, RegistryError> {
        let what = format!("the kept plugin file {sha256}");
        let remedy = "Run `skynet plugin install --locked`, which fetches it again";
        if !is_sha256_hex(sha256) {
            return Err(RegistryError::refused(what, "that is no digest", "Restore plugins.lock from a backup"));
        }
        let max = BLOB_BYTES.saturating_add(SECTION_BYTES);
        let bytes = self.store.read(sha256, max)?.ok_or_else(|| RegistryError::missing(what.clone(), remedy))?;
        if sha256_hex(&bytes) != sha256 {
            return Err(RegistryError::refused(what, "it was changed or damaged on this disk", remedy));
        }
        Ok(bytes)
    }

    /// Whether a file is kept, whole.
    pub fn keeps(&self, sha256: &str) -> bool {
        self.kept(sha256).is_ok()
    }

    /// Takes away what is not among `needed`, and what was begun long ago and never finished.
    /// Says how many files.
    pub fn prune(&self, _lock: &HomeLock, needed: &BTreeSet<String>) -> Result<usize, RegistryError> {
        let mut gone = 0;
        for name in self.store.names("")?.iter().filter(|name| !needed.contains(*name)) {
            self.store.remove(name)?;
            gone += 1;
        }
        for name in self.quarantine.names("")? {
            if self.is_old(&name)? {
                self.quarantine.remove(&name)?;
                gone += 1;
            }
        }
        Ok(gone)
    }

    /// Whether nobody came to fetch the rest of a component for long.
    fn is_old(&self, name: &str) -> Result<bool, RegistryError> {
        let path = self.quarantine.path().join(name);
        let modified = std::fs::symlink_metadata(&path).and_then(|meta| meta.modified()).map_err(|error| failed(&path, error))?;
        Ok(modified.elapsed().is_ok_and(|age| age >= Duration::from_secs(24 * 3600 * PART_DAYS)))
    }
}

fn refuse_unless(fine: bool, offer: &Offer) -> Result<(), RegistryError> {
    if fine {
        return Ok(());
    }
    let said: Vec<String> = offer.standing.said.iter().map(ToString::to_string).collect();
    Err(RegistryError::refused(offer.name(), said.join("; "), "Choose another version"))
}

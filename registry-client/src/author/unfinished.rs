//! A new root on its way: what waits beside the lists until all of it is on the disk.
//!
//! The next root lies under a hidden name, so that the keys that were made for it can be
//! told from all others as long as no client knows them; and the timestamp that goes with
//! it, so that whoever opens the registry next can put it in its place without a key.
//! Never takes away a key of a root that was published.

use super::keys::{self, Made};
use super::repository::{METADATA, TIMESTAMP};
use super::unreadable;
use crate::disk::Folder;
use crate::error::RegistryError;
use crate::limits::{ROOT_BYTES, TIMESTAMP_BYTES};
use tough::schema::{Root, Signed, Timestamp};

/// The root that is not published yet. No server shows a hidden name.
const ROOT: &str = "metadata/.next-root.json";

/// How the timestamp that waits for its root begins.
const WAITING: &str = ".next-timestamp-";

/// The timestamp that waits for this root, in the folder of lists.
pub(super) fn timestamp_of(root: u64) -> String {
    format!("{WAITING}{root}.json")
}

/// Notes the root for which keys are about to be written, then writes them.
pub(super) fn begin(registry: &Folder, keys: &Folder, root: &[u8], made: &[Made]) -> Result<(), RegistryError> {
    registry.write(ROOT, root, 0o644)?;
    made.iter().try_for_each(|made| made.write(keys))
}

/// Gives the root its name: from here on it is published.
pub(super) fn publish(registry: &Folder, root: u64) -> Result<(), RegistryError> {
    Ok(registry.rename(ROOT, &format!("{METADATA}/{root}.root.json"))?)
}

/// Takes away what an earlier try left that was cut short before its root was published:
/// the root, and the keys that only this root names. `known`: the root that counts.
pub(super) fn forget(registry: &Folder, keys: &Folder, known: Option<&Root>) -> Result<(), RegistryError> {
    let Some(bytes) = registry.read(ROOT, ROOT_BYTES)? else {
        return Ok(());
    };
    if let Ok(root) = serde_json::from_slice::<Signed<Root>>(&bytes) {
        for name in keys.names("")?.iter().filter(|name| name.ends_with(".key")) {
            // What cannot be read as a key was not made here.
            let Ok((id, _)) = keys::read(keys, name).and_then(|key| key.public()) else { continue };
            if root.signed.keys.contains_key(&id) && known.is_none_or(|known| !known.keys.contains_key(&id)) {
                keys.remove(name)?;
            }
        }
    }
    Ok(registry.remove(ROOT)?)
}

/// The same after a failure, as far as it goes; the next try does the rest. Once the root
/// is there its keys count, whatever went wrong afterwards.
pub(super) fn give_up(registry: &Folder, keys: &Folder, root: &Root, known: Option<&Root>) {
    if registry.size(&format!("{METADATA}/{}.root.json", root.version)).is_ok_and(|there| there.is_none()) {
        let _ = forget(registry, keys, known);
    }
}

/// Puts the timestamp of a root in its place that was published, where the process was
/// killed in between; others that wait were given up.
pub(super) fn finish(registry: &Folder, root: &Root) -> Result<(), RegistryError> {
    let own = timestamp_of(root.version.get());
    for name in registry.names(METADATA)?.iter().filter(|name| name.starts_with(WAITING)) {
        let (path, place) = (format!("{METADATA}/{name}"), format!("{METADATA}/{TIMESTAMP}"));
        if *name == own && is_due(registry, root, &path, &place)? {
            registry.rename(&path, &place)?;
        } else {
            registry.remove(&path)?;
        }
    }
    Ok(())
}

/// Whether the waiting timestamp is good, and above the one that is there.
fn is_due(registry: &Folder, root: &Root, waiting: &str, there: &str) -> Result<bool, RegistryError> {
    let read = |name: &str| -> Result<Option<Signed<Timestamp>>, RegistryError> {
        let bytes = registry.read(name, TIMESTAMP_BYTES)?.unwrap_or_default();
        let good = |read: &Signed<Timestamp>| root.verify_role(read).is_ok();
        Ok(serde_json::from_slice::<Signed<Timestamp>>(&bytes).ok().filter(good))
    };
    let Some(next) = read(waiting)? else {
        return Err(unreadable(waiting, "it is not signed as the root says"));
    };
    Ok(read(there)?.is_none_or(|there| there.signed.version < next.signed.version))
}

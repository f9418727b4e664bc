//! Whether what the lockfile says lies where the host reads it, to the byte.

use super::intent;
use super::proposal::Proposal;
use crate::home::Home;
use crate::keys;
use anyhow::Result;
use skynet_policy::sha256_hex;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::lock::Locked;

/// Whether the host reads the very file of this entry. A name that is there says nothing.
pub(crate) fn holds(home: &Home, entry: &Locked) -> bool {
    std::fs::read(home.plugins().join(intent::file_name(&entry.id))).is_ok_and(|bytes| sha256_hex(&bytes) == entry.file)
}

/// Whether the release of a proposal is the installed one, and lies there.
pub(crate) fn is(home: &Home, held: &Registries, proposal: &Proposal) -> Result<bool> {
    let lock = held.read_lock().map_err(super::failed)?;
    Ok(proposal.is_kept() && lock.find(&proposal.offer.release.id).is_some_and(|entry| holds(home, entry)))
}

/// Whether there is nothing to do for an entry of the lockfile: its file is here and kept,
/// its keys count, and its grant covers what it asks for.
pub(crate) fn is_whole(home: &Home, held: &Registries, widens: &[String], entry: &Locked) -> Result<bool> {
    let trust = keys::load_trust(home)?;
    let counts = |key: &skynet_policy::KeyId| trust.find(key).is_some_and(|known| known.revoked.is_none() && known.may_sign(&entry.id));
    let is_trusted = entry.publisher_keys.iter().any(counts);
    Ok(is_trusted && widens.is_empty() && holds(home, entry) && held.keeps(&entry.file))
}

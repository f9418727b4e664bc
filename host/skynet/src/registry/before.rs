//! What was here of a plugin before a change that is taken back when it does not serve.
//!
//! Written down ahead of the change: after a crash in between, lockfile and grant say what
//! was to come and no longer what was there. One note, for the one change that is under way;
//! refuses to believe one that does not fit what is installed.

use super::intent::is_of;
use crate::home::{self, Home};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use skynet_core::ports::{PluginStore as _, StoredGrant};
use skynet_registry_client::Home as Registries;
use skynet_registry_client::lock::Locked;
use skynet_store::Store;
use std::path::PathBuf;

/// The note, below the folder of registries.
const FILE: &str = "before.json";

/// What was here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Before {
    /// Which plugin.
    id: PluginId,
    /// The release that was to come; hex.
    release: String,
    /// Its entry in the lockfile then.
    pub(crate) locked: Option<Locked>,
    /// The grant in force then.
    pub(crate) grant: Option<StoredGrant>,
}

fn path(home: &Home) -> PathBuf {
    home.registries().join(FILE)
}

impl Before {
    /// As an attempt at this release noted it that was cut off, else as it is now, and noted. `None` where
    /// somebody else installed that very release: then there is nothing to take back.
    pub(crate) async fn of(home: &Home, held: &Registries, store: &Store, id: &PluginId, release: &str) -> Result<Option<Self>> {
        let locked = held.read_lock().map_err(super::failed)?.find(id).cloned();
        let came = is_of(locked.as_ref(), release);
        if let Some(noted) = read(home)?.filter(|noted| noted.id == *id && noted.release == release)
            && (came || noted.locked == locked)
        {
            return Ok(Some(noted));
        }
        if came {
            return Ok(None);
        }
        let now = Self { id: id.clone(), release: release.to_owned(), locked, grant: store.grant(id).await? };
        held.write_note(FILE, &serde_json::to_vec(&now)?).map_err(super::failed)?;
        Ok(Some(now))
    }

    /// The change has ended, one way or the other.
    pub(crate) fn forget(home: &Home) {
        if let Err(error) = std::fs::remove_file(path(home))
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "what was noted ahead of an installation could not be removed");
        }
    }
}

fn read(home: &Home) -> Result<Option<Before>> {
    let path = path(home);
    if !path.exists() {
        return Ok(None);
    }
    // Written whole or not at all, so anything else was written by somebody else.
    let text = home::read_private(&path)?;
    let noted = serde_json::from_str(&text);
    noted.map(Some).with_context(|| format!("{} is not what was written there; look into it, and remove it to go on", path.display()))
}

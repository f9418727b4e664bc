//! One change to what is installed, written down before it begins, so that a crash at any
//! point is finished by the next command or the next start.
//!
//! Owns the order: grant and audit row, trusted keys, plugin file, lockfile. Each step may
//! be taken twice. The row comes first, with the comparison that may still end all of it. Refuses to
//! begin before the new file lies whole beside its place, so that a full disk changes nothing.

use crate::home::{self, Home};
use crate::keys;
use crate::wire;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::json;
use skynet_core::ports::{AuditRow, PluginChange, PluginStore as _, StoredGrant};
use skynet_core::{PluginId, StoreError};
use skynet_policy::sha256_hex;
use skynet_policy::signature::KeyId;
use skynet_policy::trust::{TrustStore, TrustedKey};
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Locked;
use std::path::PathBuf;

/// The change that has begun, below the folder of registries.
const FILE: &str = "intent.json";

/// What is to become of one plugin. Everything in it was approved.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Intent {
    /// Which plugin.
    pub(crate) id: PluginId,
    /// `install`, `update`, `rollback` or `remove`, for the audit log.
    pub(crate) action: String,
    /// Who decided.
    pub(crate) by: String,
    /// Its entry in the lockfile afterwards; none removes it.
    pub(crate) locked: Option<Locked>,
    /// Keys of its publisher, trusted for its namespace alone.
    pub(crate) trust: Vec<TrustedKey>,
    /// The grant to store.
    pub(crate) grant: Option<StoredGrant>,
    /// The one in force when that was decided. If it is another by then, nothing is stored.
    #[serde(default)]
    pub(crate) seen: Option<StoredGrant>,
    /// The grant in force ends: what comes back had none.
    #[serde(default)]
    pub(crate) revoke: bool,
    /// An older version than ran here is wanted.
    pub(crate) lower: bool,
    /// The audit row and what is in its transaction are written.
    pub(crate) recorded: bool,
}

/// The name of a plugin's file in the plugins folder. Ids have no `--`, so no two share one.
pub(crate) fn file_name(id: &PluginId) -> String {
    format!("{}--{}.wasm", id.namespace(), id.name())
}

/// Whether an entry of the lockfile is of this release.
pub(crate) fn is_of(locked: Option<&Locked>, release: &str) -> bool {
    locked.is_some_and(|locked| locked.release == release)
}

fn file(home: &Home, id: &PluginId) -> PathBuf {
    home.plugins().join(file_name(id))
}

/// Where the new file waits; the host reads no hidden names.
fn staged(home: &Home, id: &PluginId) -> PathBuf {
    home.plugins().join(format!(".{}.next", file_name(id)))
}

fn path(home: &Home) -> PathBuf {
    home.registries().join(FILE)
}

impl Intent {
    /// Begins the change and carries it through.
    pub(crate) async fn carry_out(mut self, home: &Home, held: &Registries, lock: &HomeLock) -> Result<()> {
        if self.grant.is_some() {
            self.check_grant(wire::open_store(home).await?.grant(&self.id).await?)?;
        }
        // Keys that cannot count are found ahead of the row that says that they do.
        self.trust_after(home, held)?;
        self.begin(home, held)?;
        let id = self.id.clone();
        let ended = self.finish(home, held, lock).await;
        ended.with_context(|| {
            format!("the change to {id} was begun and not ended; the next command that changes plugins, or the next start, ends it")
        })
    }

    /// The grant that is there: the one that was looked at, or the one that this stored before.
    fn check_grant(&self, there: Option<StoredGrant>) -> Result<Option<StoredGrant>, StoreError> {
        if there == self.seen || there == self.grant { Ok(there) } else { Err(StoreError::Changed(format!("the grant of {}", self.id))) }
    }

    /// All that needs room on the disk, then the word that it has begun.
    fn begin(&self, home: &Home, held: &Registries) -> Result<()> {
        if is_begun(home) {
            bail!("another change was begun and is not finished, so {} of {} was not. {}", self.action, self.id, remedy(home));
        }
        if let Some(locked) = &self.locked {
            let bytes = held.kept(&locked.file).map_err(super::failed)?;
            let waiting = staged(home, &self.id);
            let written = home::write_file(&waiting, &bytes, 0o600).and_then(|()| self.write(home));
            if written.is_err() {
                // A name that nobody reads; what serves is untouched.
                let _ = std::fs::remove_file(&waiting);
            }
            return written.context("nothing was changed");
        }
        self.write(home)
    }

    fn write(&self, home: &Home) -> Result<()> {
        home::write_file(&path(home), &serde_json::to_vec(self)?, 0o600)
    }

    async fn finish(&mut self, home: &Home, held: &Registries, lock: &HomeLock) -> Result<()> {
        if let Err(error) = self.settle_store(home).await {
            if has_changed(&error) {
                self.give_up(home)?;
            }
            return Err(error);
        }
        self.settle_trust(home, held)?;
        self.settle_file(home, held)?;
        self.settle_lock(held, lock)?;
        forget(home)
    }

    /// Ends it before anything was touched.
    fn give_up(&self, home: &Home) -> Result<()> {
        let _ = std::fs::remove_file(staged(home, &self.id));
        forget(home)
    }

    /// The publisher's keys count, or no longer when the last plugin of theirs goes.
    fn settle_trust(&self, home: &Home, held: &Registries) -> Result<()> {
        let trust = self.trust_after(home, held)?;
        if trust == keys::load_trust(home)? { Ok(()) } else { keys::save_trust(home, &trust) }
    }

    /// The trusted keys as they will be.
    fn trust_after(&self, home: &Home, held: &Registries) -> Result<TrustStore> {
        let mut trust = keys::load_trust(home)?;
        for key in &self.trust {
            // One that the owner revoked stays revoked, whatever a registry says.
            if trust.find(&key.keyid).is_none_or(|known| known.revoked.is_none()) {
                trust.trust(key.clone())?;
            }
        }
        if self.locked.is_none() {
            let others = held.read_lock().map_err(super::failed)?;
            let still = others.plugins.iter().any(|plugin| plugin.id != self.id && plugin.id.namespace() == self.id.namespace());
            if !still {
                trust.leave(self.id.namespace(), &[]);
            }
        } else if !self.trust.is_empty() {
            // The record was read whole: what it does not list was withdrawn or replaced.
            let listed: Vec<KeyId> = self.trust.iter().map(|key| key.keyid.clone()).collect();
            trust.leave(self.id.namespace(), &listed);
        }
        Ok(trust)
    }

    /// What the host's own store holds of it, in one transaction with the row that tells of it.
    async fn settle_store(&mut self, home: &Home) -> Result<()> {
        if self.recorded {
            return Ok(());
        }
        let (store, mut steps) = (wire::open_store(home).await?, Vec::new());
        if let Some(grant) = &self.grant {
            let there = self.check_grant(store.grant(&self.id).await?)?;
            steps.push(PluginChange::Still { id: self.id.clone(), grant: there });
            steps.push(PluginChange::Grant(grant.clone()));
        }
        let detail = match &self.locked {
            Some(locked) => {
                steps.push(PluginChange::Unhold { id: self.id.clone(), release: Some(locked.release.clone()) });
                if self.lower {
                    steps.push(PluginChange::Lower { id: self.id.clone(), version: locked.version.clone() });
                }
                let trusted: Vec<&KeyId> = self.trust.iter().map(|key| &key.keyid).collect();
                json!({
                    "version": locked.version.to_string(), "from": locked.origin(), "release": locked.release,
                    "signers": locked.publisher_keys, "trusted": trusted, "permissions": self.grant.as_ref().map(|grant| &grant.permissions),
                })
            }
            None => json!({}),
        };
        if self.revoke || (self.locked.is_none() && self.grant.is_none()) {
            steps.push(PluginChange::Revoke(self.id.clone()));
        }
        let kind = format!("plugin.{}", self.action);
        let row = AuditRow { kind, actor: self.by.clone(), subject: self.id.to_string(), verdict: "ok".into(), detail };
        store.change(steps, row).await?;
        self.recorded = true;
        self.write(home)
    }

    /// The file that the host reads: the old one up to one moment, the new one from then on.
    fn settle_file(&self, home: &Home, held: &Registries) -> Result<()> {
        let (target, waiting) = (file(home, &self.id), staged(home, &self.id));
        let Some(locked) = &self.locked else {
            for path in [&waiting, &target] {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(error).with_context(|| format!("{} cannot be removed", path.display()));
                    }
                    _ => {}
                }
            }
            return Ok(());
        };
        let is_new = |path: &PathBuf| std::fs::read(path).is_ok_and(|bytes| sha256_hex(&bytes) == locked.file);
        if is_new(&target) {
            let _ = std::fs::remove_file(&waiting);
            return Ok(());
        }
        if is_new(&waiting) {
            // Lasting before the lockfile names it: a power cut must not keep the one without the other.
            let put = std::fs::rename(&waiting, &target).and_then(|()| std::fs::File::open(home.plugins())?.sync_all());
            return put.with_context(|| format!("{} cannot be replaced", target.display()));
        }
        let bytes = held.kept(&locked.file).map_err(super::failed)?;
        home::write_file(&target, &bytes, 0o600)
    }

    fn settle_lock(&self, held: &Registries, lock: &HomeLock) -> Result<()> {
        let mut installed = held.read_lock().map_err(super::failed)?;
        match &self.locked {
            Some(locked) => installed.put(locked.clone()),
            None => drop(installed.remove(&self.id)),
        }
        held.write_lock(lock, &installed).map_err(super::failed)
    }
}

/// Finishes what an earlier process began and did not end. A sentence when there was something.
pub(crate) async fn mend(home: &Home, held: &Registries, lock: &HomeLock) -> Result<Option<String>> {
    let path = path(home);
    if !path.exists() {
        return Ok(None);
    }
    let text = home::read_private(&path)?;
    let Ok(mut intent) = serde_json::from_str::<Intent>(&text) else {
        // It is written whole or not at all, so somebody else wrote it.
        bail!("{} is not what was written there; look into it, and remove it to go on without finishing that change", path.display());
    };
    let begun = format!("{} of {} was begun by an earlier command", intent.action, intent.id);
    match intent.finish(home, held, lock).await {
        Ok(()) => Ok(Some(format!("{begun} and is now finished"))),
        Err(error) if has_changed(&error) => Ok(Some(format!("{begun} and is given up: {error:#}"))),
        Err(error) => Err(error.context(format!("{begun} and cannot be finished. {}", remedy(home)))),
    }
}

/// Whether a change was begun and is not finished.
pub(crate) fn is_begun(home: &Home) -> bool {
    path(home).exists()
}

/// How its owner gives up a change that cannot be finished.
fn remedy(home: &Home) -> String {
    format!("Mend what it names and try again; to give the change up, remove {}, and what serves stays", path(home).display())
}

fn has_changed(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(StoreError::Changed(_)))
}

fn forget(home: &Home) -> Result<()> {
    let done = path(home);
    std::fs::remove_file(&done).with_context(|| format!("{} cannot be removed", done.display()))
}

#[cfg(test)]
mod tests;

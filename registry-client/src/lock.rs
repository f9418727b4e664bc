//! `plugins.lock`: what is installed, to the byte, and on whose word.
//!
//! The same file on another machine gives the same bytes or a refusal. Refuses a file
//! that it cannot read whole: half of it would forget pins and keys.

use crate::disk::Folder;
use crate::error::RegistryError;
use crate::home::{Home, HomeLock};
use crate::limits::{FORMER_RELEASES, LOCK_BYTES};
use crate::offer::Offer;
use crate::shelf::Kept;
use semver::Version;
use serde::{Deserialize, Serialize};
use skynet_core::PluginId;
use skynet_policy::digest::is_sha256_hex;
use skynet_policy::naming::plain_line;
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::release::Release;
use skynet_policy::signature::KeyId;
use std::collections::BTreeSet;

/// The file's name.
pub const FILE: &str = "plugins.lock";

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// 1.
    pub schema: u32,
    /// Sorted by id.
    #[serde(default, rename = "plugin", skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<Locked>,
}

/// One installed plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// Which.
    pub id: PluginId,
    /// The release that is installed.
    pub version: Version,
    /// The registry that it came from; empty for one from OCI.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub registry: String,
    /// The registry's root then; 0 for one from OCI.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub root_version: u64,
    /// For one from OCI: the reference, with the tag that was asked, held to its manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci: Option<String>,
    /// SHA-256 of `release.json`.
    pub release: String,
    /// SHA-256 of the component.
    pub component: String,
    /// SHA-256 of the whole plugin file.
    pub file: String,
    /// The publisher's keys that signed it.
    pub publisher_keys: Vec<KeyId>,
    /// Digest of the permissions that were granted with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Who approved.
    pub approved_by: String,
    /// RFC 3339.
    pub installed_at: String,
    /// Not updated.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// What was installed before it, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Former>,
}

/// A release to which one can go back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Former {
    /// Which.
    pub version: Version,
    /// SHA-256 of `release.json`.
    pub release: String,
    /// SHA-256 of the component.
    pub component: String,
    /// SHA-256 of the whole plugin file.
    pub file: String,
    /// The publisher's keys that signed it.
    pub publisher_keys: Vec<KeyId>,
    /// Its reference, where it came from OCI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci: Option<String>,
}

/// Where a release came from, to the byte.
#[derive(Debug, Clone, Copy)]
pub enum Origin<'a> {
    /// A registry's list.
    Listed(&'a Offer),
    /// An OCI registry: what it sent, and the reference held to the manifest.
    Oci {
        /// As `Reference` shows it, with a digest.
        reference: &'a str,
        /// What the publisher says.
        release: &'a Release,
        /// SHA-256 of its `release.json`.
        digest: &'a str,
        /// Trusted keys that signed it.
        signers: &'a [KeyId],
    },
}

/// Whose word an installation is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// Who.
    pub by: String,
    /// When; RFC 3339.
    pub at: String,
    /// Digest of the permissions that were granted (`Permissions::digest`).
    pub grant: Option<String>,
}

impl Default for Lock {
    fn default() -> Self {
        Self { schema: 1, plugins: Vec::new() }
    }
}

impl Home {
    /// Reads the lockfile; none is an empty one.
    pub fn read_lock(&self) -> Result<Lock, RegistryError> {
        Lock::read(&self.folder)
    }

    /// Writes it, whole.
    pub fn write_lock(&self, _lock: &HomeLock, lock: &Lock) -> Result<(), RegistryError> {
        let text = lock.to_toml()?;
        Ok(self.folder.write(FILE, text.as_bytes(), 0o600)?)
    }
}

impl Lock {
    fn read(folder: &Folder) -> Result<Self, RegistryError> {
        let Some(bytes) = folder.read(FILE, LOCK_BYTES)? else {
            return Ok(Self::default());
        };
        Self::parse(&String::from_utf8(bytes).map_err(|error| bad(error.to_string()))?)
    }

    /// Reads a lockfile's text.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let lock: Self = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        if lock.schema != 1 {
            return Err(bad(format!("it has schema {}, and this version reads schema 1", lock.schema)));
        }
        if !lock.plugins.is_sorted_by(|one, next| one.id < next.id) {
            return Err(bad("its plugins are not sorted, or one stands twice".into()));
        }
        for plugin in &lock.plugins {
            let former = plugin.former.iter().flat_map(|old| [&old.release, &old.component, &old.file]);
            let digests = [&plugin.release, &plugin.component, &plugin.file].into_iter().chain(former).chain(&plugin.grant);
            if digests.into_iter().any(|digest| !is_sha256_hex(digest)) {
                return Err(bad(format!("a digest of {} is none", plugin.id)));
            }
            if plugin.registry.is_empty() != plugin.oci.as_deref().is_some_and(is_held) {
                return Err(bad(format!("{} comes either from a registry or from an oci:// reference with a digest", plugin.id)));
            }
        }
        Ok(lock)
    }

    /// The file's text.
    pub fn to_toml(&self) -> Result<String, RegistryError> {
        toml::to_string_pretty(self).map_err(|error| bad(error.to_string()))
    }

    /// The entry of a plugin.
    pub fn find(&self, id: &PluginId) -> Option<&Locked> {
        self.plugins.iter().find(|plugin| plugin.id == *id)
    }

    /// Notes that a release was installed; the one before it becomes a former one.
    pub fn install(&mut self, origin: Origin<'_>, kept: &Kept, approval: Approval) {
        let (release, digest, signers) = match origin {
            Origin::Listed(offer) => (&offer.release, offer.digest.as_str(), offer.signers.as_slice()),
            Origin::Oci { release, digest, signers, .. } => (release, digest, signers),
        };
        let (registry, root_version, oci) = match origin {
            Origin::Listed(offer) => (offer.registry.clone(), offer.root_version, None),
            Origin::Oci { reference, .. } => (String::new(), 0, Some(reference.to_owned())),
        };
        let before = self.remove(&release.id);
        let pinned = before.as_ref().is_some_and(|before| before.pinned);
        let mut former = before.map(Locked::into_former).unwrap_or_default();
        former.retain(|old| old.release != digest);
        former.truncate(FORMER_RELEASES);
        self.put(Locked {
            id: release.id.clone(),
            version: release.version.clone(),
            registry,
            root_version,
            oci,
            release: digest.to_owned(),
            component: release.component.sha256.clone(),
            file: kept.sha256.clone(),
            publisher_keys: signers.to_vec(),
            grant: approval.grant,
            approved_by: plain_line(&approval.by, 100),
            installed_at: approval.at,
            pinned,
            former,
        });
    }

    /// Takes a plugin out; what was there comes back.
    pub fn remove(&mut self, id: &PluginId) -> Option<Locked> {
        let at = self.plugins.iter().position(|plugin| plugin.id == *id)?;
        Some(self.plugins.remove(at))
    }

    /// Puts an entry in the place of the plugin's former one.
    pub fn put(&mut self, plugin: Locked) {
        self.plugins.retain(|known| known.id != plugin.id);
        self.plugins.push(plugin);
        self.plugins.sort_by(|one, other| one.id.cmp(&other.id));
    }

    /// Holds a plugin at its version, or lets it go.
    pub fn pin(&mut self, id: &PluginId, pinned: bool) -> Result<(), RegistryError> {
        let found = self.plugins.iter_mut().find(|plugin| plugin.id == *id);
        found.ok_or_else(|| not_installed(id))?.pinned = pinned;
        Ok(())
    }

    /// The release to go back to: the named one, else the last one before; never one that
    /// was revoked since.
    pub fn former(&self, id: &PluginId, version: Option<&Version>, said: &Advisories) -> Result<&Former, RegistryError> {
        let plugin = self.find(id).ok_or_else(|| not_installed(id))?;
        let loads = |old: &Former| said.judge(&old.release, &old.publisher_keys).may_load();
        let wanted = |old: &&Former| version.is_none_or(|version| old.version == *version) && loads(old);
        plugin.former.iter().find(wanted).ok_or_else(|| {
            let kept: Vec<String> = plugin.former.iter().filter(|old| loads(old)).map(|old| old.version.to_string()).collect();
            let kept = if kept.is_empty() { "none".to_owned() } else { kept.join(", ") };
            RegistryError::missing(
                format!("an earlier release of {id} to go back to"),
                format!("Kept are: {kept}. Others can be installed by their version"),
            )
        })
    }

    /// Notes that a former release is installed again. It is pinned: the next update
    /// would bring back what one just went away from.
    pub fn roll_back(&mut self, id: &PluginId, to: &Former, approval: Approval) -> Result<(), RegistryError> {
        let plugin = self.remove(id).ok_or_else(|| not_installed(id))?;
        // Where the release came from that is gone back to, not the one that is left.
        let (registry, root_version) = match (&to.oci, plugin.registry.is_empty()) {
            (Some(_), _) => (String::new(), 0),
            (None, false) => (plugin.registry.clone(), plugin.root_version),
            (None, true) => {
                self.put(plugin);
                let why = "the release before it came from a registry, and the one that is installed from oci://";
                return Err(RegistryError::refused(format!("{id} {}", to.version), why, "Install it by its version"));
            }
        };
        let mut former = plugin.into_former();
        former.retain(|old| old.release != to.release);
        former.truncate(FORMER_RELEASES);
        self.put(Locked {
            id: id.clone(),
            version: to.version.clone(),
            registry,
            root_version,
            oci: to.oci.clone(),
            release: to.release.clone(),
            component: to.component.clone(),
            file: to.file.clone(),
            publisher_keys: to.publisher_keys.clone(),
            grant: approval.grant,
            approved_by: plain_line(&approval.by, 100),
            installed_at: approval.at,
            pinned: true,
            former,
        });
        Ok(())
    }

    /// Files that must be kept: installed ones and those to go back to.
    pub fn needed(&self) -> BTreeSet<String> {
        let files = |plugin: &Locked| -> Vec<String> {
            std::iter::once(plugin.file.clone()).chain(plugin.former.iter().map(|old| old.file.clone())).collect()
        };
        self.plugins.iter().flat_map(files).collect()
    }
}

impl Locked {
    /// Where it came from, for people.
    pub fn origin(&self) -> String {
        self.oci.clone().unwrap_or_else(|| format!("registry {}", self.registry))
    }

    /// It, and what came before it, as releases to go back to.
    fn into_former(self) -> Vec<Former> {
        let own = Former {
            version: self.version,
            release: self.release,
            component: self.component,
            file: self.file,
            publisher_keys: self.publisher_keys,
            oci: self.oci,
        };
        std::iter::once(own).chain(self.former).collect()
    }

    /// Refuses a release that is not the very one of the lockfile.
    pub fn check(&self, offer: &Offer) -> Result<(), RegistryError> {
        if self.registry != offer.registry {
            return Err(self.differs("registry", &self.registry, &offer.registry));
        }
        self.check_release(&offer.release, &offer.digest, &offer.signers)
    }

    /// The same, wherever the release came from.
    pub fn check_release(&self, release: &Release, digest: &str, signers: &[KeyId]) -> Result<(), RegistryError> {
        let differs = [
            ("id", self.id.to_string(), release.id.to_string()),
            ("version", self.version.to_string(), release.version.to_string()),
            ("release", self.release.clone(), digest.to_owned()),
            ("component", self.component.clone(), release.component.sha256.clone()),
        ];
        if let Some((what, locked, offered)) = differs.iter().find(|(_, locked, offered)| locked != offered) {
            return Err(self.differs(what, locked, offered));
        }
        if self.publisher_keys.iter().any(|key| !signers.contains(key)) {
            return Err(not_the_locked(&self.id, "it is not signed by the keys in plugins.lock".into()));
        }
        Ok(())
    }

    fn differs(&self, what: &str, locked: &str, offered: &str) -> RegistryError {
        not_the_locked(&self.id, format!("its {what} is {offered}, and plugins.lock says {locked}"))
    }

    /// Refuses a file that is not the very one of the lockfile.
    pub fn check_file(&self, kept: &Kept) -> Result<(), RegistryError> {
        if kept.sha256 == self.file {
            return Ok(());
        }
        Err(not_the_locked(&self.id, format!("its file is {}, and plugins.lock says {}", kept.sha256, self.file)))
    }
}

/// Whether a reference is held to a manifest. Whoever asks for it reads it in full.
fn is_held(reference: &str) -> bool {
    let digest = reference.strip_prefix("oci://").and_then(|rest| rest.rsplit_once("@sha256:"));
    digest.is_some_and(|(_, digest)| is_sha256_hex(digest))
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(version: &u64) -> bool {
    *version == 0
}

fn not_the_locked(id: &PluginId, why: String) -> RegistryError {
    RegistryError::refused(id.to_string(), why, "Find out who changed what; to take the new one, install it without --locked")
}

fn not_installed(id: &PluginId) -> RegistryError {
    RegistryError::missing(format!("{id} among the plugins from registries"), "See `skynet plugin list`")
}

fn bad(why: String) -> RegistryError {
    RegistryError::refused(FILE, why, "Restore it from a backup or from version control; until then nothing is installed or updated")
}

//! What this machine has seen of a registry: its highest root, and how far each list was.
//!
//! `tough` keeps such things too, but takes a damaged file for none and would accept an
//! old copy then. This is one file, written whole, with a digest of itself. When it
//! cannot be read, nothing is taken from the registry.

use crate::disk::Folder;
use crate::error::RegistryError;
use crate::limits::ROOT_BYTES;
use crate::roots::follow;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::sha256_hex;
use std::collections::{BTreeMap, BTreeSet};
use tough::schema::{RoleType, Root, Signed};

/// Root and advisories as text, with room for escapes.
const BYTES: u64 = 4 * (ROOT_BYTES + skynet_policy::limits::ADVISORIES_BYTES as u64);

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    schema: u32,
    /// The highest verified root, in its exact bytes.
    pub root: String,
    /// The highest version of each list.
    pub seen: Seen,
    /// Keys of timestamp and snapshot then. New ones may count from one again.
    keys: BTreeMap<String, BTreeSet<String>>,
    /// The last verified advisories, in their exact bytes.
    pub advisories: Option<String>,
    /// What was said before was lost, and the registry was not heard since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unheard: bool,
    /// When all of this was last confirmed by the registry; RFC 3339.
    pub checked: Option<String>,
}

/// Versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Of the root.
    pub root: u64,
    /// Of the timestamp.
    pub timestamp: u64,
    /// Of the snapshot.
    pub snapshot: u64,
    /// Of the targets.
    pub targets: u64,
}

impl Memory {
    /// Of a registry that was just added with this root. Checks that the root signs itself.
    pub fn new(root: &[u8]) -> Result<Self, String> {
        let (text, parsed) = read_root(root)?;
        let seen = Seen { root: parsed.signed.version.get(), ..Seen::default() };
        Ok(Self { schema: 1, root: text, seen, keys: keys(&parsed.signed), advisories: None, unheard: false, checked: None })
    }

    /// The same, with what was said of releases before: it holds until the registry is heard
    /// again. Where that is lost, nothing of the registry runs meanwhile.
    pub(crate) fn after_reset(self, before: Result<Self, RegistryError>) -> Self {
        match before {
            Ok(before) => Self { advisories: before.advisories, unheard: before.unheard, ..self },
            Err(_) => self.unheard(),
        }
    }

    /// The same of a registry of which nothing was heard yet, and from which something came.
    pub(crate) fn unheard(self) -> Self {
        Self { unheard: true, ..self }
    }

    /// Whether anything is known of `registry`, readable or not.
    pub(crate) fn is_there(known: &Folder, registry: &str) -> Result<bool, RegistryError> {
        Ok(known.size(&file(registry))?.is_some())
    }

    /// The same with the root that follows.
    pub(crate) fn following(&self, bytes: &[u8]) -> Result<Self, String> {
        let root = serde_json::from_str::<Signed<Root>>(&self.root).map_err(|error| error.to_string())?;
        follow(Some(&root), bytes)?;
        Self::new(bytes)
    }

    /// Reads what is known of `registry`. No file is as bad as a damaged one.
    pub fn read(known: &Folder, registry: &str) -> Result<Self, RegistryError> {
        let forgotten = |why: String| RegistryError::Forgotten { registry: registry.to_owned(), why };
        let bytes = known.read(&file(registry), BYTES).map_err(|error| forgotten(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| forgotten("the file is gone".into()))?;
        let text = String::from_utf8(bytes).map_err(|_| forgotten("it is not text".into()))?;
        let (digest, document) = text.split_once('\n').unwrap_or_default();
        if sha256_hex(document.as_bytes()) != digest {
            return Err(forgotten("it is damaged".into()));
        }
        let memory: Self = serde_json::from_str(document).map_err(|error| forgotten(error.to_string()))?;
        let (_, root) = read_root(memory.root.as_bytes()).map_err(forgotten)?;
        if memory.schema != 1 || root.signed.version.get() != memory.seen.root {
            return Err(forgotten("it contradicts itself".into()));
        }
        Ok(memory)
    }

    /// Writes it, whole.
    pub fn write(&self, known: &Folder, registry: &str) -> Result<(), RegistryError> {
        let document = serde_json::to_string(self).unwrap_or_default();
        let text = format!("{}\n{document}", sha256_hex(document.as_bytes()));
        Ok(known.write(&file(registry), text.as_bytes(), 0o600)?)
    }

    /// The advisories of the last visit, for a machine without a network.
    pub fn advisories(&self, registry: &str) -> Result<Advisories, RegistryError> {
        if self.unheard {
            return Err(RegistryError::Unheard { registry: registry.to_owned() });
        }
        match &self.advisories {
            Some(text) => Ok(Advisories::parse(text.as_bytes())?),
            None => Ok(Advisories::default()),
        }
    }

    /// What will be remembered after these versions, or the list that went back.
    /// `at`: when the registry confirmed it; none for an old copy, which confirms nothing.
    pub(crate) fn after(
        &self,
        root: &Root,
        text: Option<String>,
        now: Seen,
        at: Option<Timestamp>,
    ) -> Result<Self, (&'static str, u64, u64)> {
        let new_keys = keys(root);
        // Somebody with stolen keys may have counted very far; new keys start anew, as TUF says.
        let kept = if new_keys == self.keys { self.seen } else { Seen { root: self.seen.root, ..Seen::default() } };
        for (role, known, offered) in [
            ("root", kept.root, now.root),
            ("timestamp", kept.timestamp, now.timestamp),
            ("snapshot", kept.snapshot, now.snapshot),
            ("targets", kept.targets, now.targets),
        ] {
            if offered < known {
                return Err((role, known, offered));
            }
        }
        let root = text.unwrap_or_else(|| self.root.clone());
        let checked = at.map_or_else(|| self.checked.clone(), |at| Some(at.to_string()));
        Ok(Self { schema: 1, root, seen: now, keys: new_keys, advisories: self.advisories.clone(), unheard: false, checked })
    }
}

fn file(registry: &str) -> String {
    format!("{registry}.json")
}

fn read_root(bytes: &[u8]) -> Result<(String, Signed<Root>), String> {
    if u64::try_from(bytes.len()).map_or(true, |size| size > ROOT_BYTES) {
        return Err(format!("the root has more than {ROOT_BYTES} bytes"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "the root is not text".to_owned())?.to_owned();
    Ok((text, follow(None, bytes)?))
}

fn keys(root: &Root) -> BTreeMap<String, BTreeSet<String>> {
    let of = |role: RoleType| {
        let ids = root.roles.get(&role).map(|held| held.keyids.iter().map(hex::encode).collect());
        (role.to_string(), ids.unwrap_or_default())
    };
    [of(RoleType::Timestamp), of(RoleType::Snapshot)].into()
}

#[cfg(test)]
mod tests;

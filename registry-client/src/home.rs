//! The folder of one machine: registries, what was seen of them, lockfile, store.
//!
//! Its owner's alone. One process changes it at a time.

use crate::courier::{Courier, CourierError};
use crate::disk::{Folder, failed};
use crate::error::RegistryError;
use crate::fetch::{Fetch, FolderFetch};
use crate::limits::{ROOT_BYTES, ROOT_UPDATES};
use crate::memory::Memory;
use crate::places::{Place, Places};
use skynet_policy::registry::advisories::Advisories;
use skynet_policy::sha256_hex;
use std::path::Path;
use std::sync::Arc;

/// An opened one.
#[derive(Debug, Clone)]
pub struct Home {
    pub(crate) folder: Folder,
    pub(crate) known: Folder,
    pub(crate) tuf: Folder,
    pub(crate) store: Folder,
    pub(crate) quarantine: Folder,
}

/// Only its holder changes the folder.
#[derive(Debug)]
pub struct HomeLock(#[allow(dead_code, reason = "held, never read")] std::fs::File);

/// How a root is known to be the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootTrust {
    /// Its bytes, from the registry's keeper.
    Bytes(Vec<u8>),
    /// SHA-256 of `1.root.json`, from the registry's keeper.
    Fingerprint(String),
}

impl Home {
    /// Opens or makes the folder. Refuses one that others may look into.
    pub fn open(path: &Path) -> Result<Self, RegistryError> {
        let folder = Folder::private(path)?;
        let store = folder.private_below("store")?;
        Ok(Self {
            known: folder.private_below("known")?,
            tuf: folder.private_below("tuf")?,
            store: store.private_below("sha256")?,
            quarantine: folder.private_below("quarantine")?,
            folder,
        })
    }

    /// Waits for nobody: another process that is changing the folder is an error.
    pub fn lock(&self) -> Result<HomeLock, RegistryError> {
        let file = self.folder.append(".lock")?.into_std();
        file.try_lock().map_err(|_| RegistryError::Busy { what: "what is installed".into() })?;
        // A visit needs no lock, so what it is just writing must not be swept away.
        let _alone = self.memory_lock()?;
        for folder in [&self.folder, &self.known, &self.store, &self.quarantine] {
            folder.sweep("")?;
        }
        Ok(HomeLock(file))
    }

    /// Writes a file of its user's beside the lockfile, for who does not hold the lock.
    pub fn write_note(&self, name: &str, bytes: &[u8]) -> Result<(), RegistryError> {
        let _alone = self.memory_lock()?;
        Ok(self.folder.write(name, bytes, 0o600)?)
    }

    /// Whether somebody holds the lock just now.
    pub fn is_being_changed(&self) -> bool {
        self.folder.append(".lock").is_ok_and(|file| file.into_std().try_lock().is_err())
    }

    /// Held for the moment of comparing and writing what was seen; never across a wait for a server.
    pub(crate) fn memory_lock(&self) -> Result<std::fs::File, RegistryError> {
        let file = self.known.append(".lock")?.into_std();
        file.lock().map_err(|error| failed(self.known.path(), error))?;
        Ok(file)
    }

    /// The registries.
    pub fn places(&self) -> Result<Places, RegistryError> {
        Places::read(&self.folder)
    }

    /// Adds a registry. There is no trust at first sight: the root comes from its keeper.
    pub async fn add(&self, _lock: &HomeLock, place: Place, root: RootTrust, http: Arc<dyn Fetch>) -> Result<(), RegistryError> {
        let mut places = self.places()?;
        if places.all.iter().any(|known| known.name == place.name) {
            return Err(RegistryError::refused(
                format!("registry {}", place.name),
                "there is one of that name",
                "Choose another name, or remove that one",
            ));
        }
        places.has_room_for(&place)?;
        // An address that would be refused at each look is refused now.
        let way = courier(&place, Arc::clone(&http))?;
        let mut memory = self.first_memory(&place, root, http).await?;
        let name = place.name.clone();
        if let Some(plugin) = self.read_lock()?.plugins.iter().find(|plugin| plugin.registry == name) {
            memory = self.same_registry(&name, memory, &way).await.map_err(|why| {
                let why = format!("{} came from a registry of this name, and {why}", plugin.id);
                RegistryError::refused(format!("registry {name}"), why, "Choose another name, or name the root of that registry")
            })?;
        }
        places.all.push(place);
        places.validate()?;
        // An entry without memory is refused at each use, memory without an entry is never used.
        memory.write(&self.known, &name)?;
        self.tuf.remove_all(&name)?;
        places.write(&self.folder)
    }

    /// Forgets what was seen of a registry and begins again from a root.
    pub async fn reset(&self, _lock: &HomeLock, name: &str, root: RootTrust, http: Arc<dyn Fetch>) -> Result<(), RegistryError> {
        let place = self.places()?.named(name)?.clone();
        let memory = self.first_memory(&place, root, http).await?;
        self.tuf.remove_all(name)?;
        let _alone = self.memory_lock()?;
        memory.after_reset(self.memory(name)).write(&self.known, name)
    }

    /// What is known of a registry that was removed and is added again with this root: all of
    /// it stays. The error is why it is not the same one.
    async fn same_registry(&self, name: &str, first: Memory, way: &Courier) -> Result<Memory, String> {
        if !Memory::is_there(&self.known, name).map_err(|error| error.to_string())? {
            // A lockfile that came from another machine.
            return Ok(first.unheard());
        }
        let known = self.memory(name).map_err(|error| error.to_string())?;
        let mut reached = first;
        // From the root that is named to the one that was seen last.
        while reached.root != known.root {
            let next = reached.seen.root.saturating_add(1);
            if next > known.seen.root.min(ROOT_UPDATES) {
                return Err("this one has another root".into());
            }
            let bytes = way.bytes(&format!("metadata/{next}.root.json"), ROOT_BYTES).await;
            let bytes = bytes.map_err(|error| format!("its root {next}, which would show that it is the same, did not come: {error}"))?;
            reached = reached.following(&bytes)?;
        }
        Ok(known)
    }

    /// Takes a registry away. What came from it stays installed, and so what it said about
    /// that stays known.
    pub fn remove(&self, _lock: &HomeLock, name: &str) -> Result<(), RegistryError> {
        let mut places = self.places()?;
        places.named(name)?;
        places.all.retain(|place| place.name != name);
        places.write(&self.folder)?;
        Ok(self.tuf.remove_all(name)?)
    }

    /// What is remembered of a registry.
    pub fn memory(&self, name: &str) -> Result<Memory, RegistryError> {
        Memory::read(&self.known, name)
    }

    /// The last verified advisories of a registry, without a network.
    pub fn advisories(&self, name: &str) -> Result<Advisories, RegistryError> {
        self.memory(name)?.advisories(name)
    }

    async fn first_memory(&self, place: &Place, root: RootTrust, http: Arc<dyn Fetch>) -> Result<Memory, RegistryError> {
        let what = format!("the root of registry {}", place.name);
        let remedy = "Ask the registry's keeper for its root, over a way that you trust";
        let bytes = match root {
            RootTrust::Bytes(bytes) => bytes,
            RootTrust::Fingerprint(wanted) => {
                let bytes = courier(place, http)?.bytes("metadata/1.root.json", ROOT_BYTES).await.map_err(|error| named(&what, error))?;
                if sha256_hex(&bytes) != wanted.to_lowercase() {
                    return Err(RegistryError::refused(what, format!("its fingerprint is {}", sha256_hex(&bytes)), remedy));
                }
                bytes
            }
        };
        Memory::new(&bytes).map_err(|why| RegistryError::refused(what, why, remedy))
    }
}

/// The way to a registry.
pub(crate) fn courier(place: &Place, http: Arc<dyn Fetch>) -> Result<Courier, RegistryError> {
    let what = format!("the address of registry {}", place.name);
    let made = match (&place.url, &place.folder) {
        (Some(url), None) => Courier::to_url(http, url),
        (None, Some(folder)) => Courier::to_folder(Arc::new(FolderFetch::open(Path::new(folder))?)),
        _ => Err(CourierError::Refused("it has neither a url nor a folder, or both".into())),
    };
    made.map_err(|error| named(&what, error))
}

/// A courier's failure, with the name of what it was to bring.
pub(crate) fn named(what: &str, error: CourierError) -> RegistryError {
    match error {
        CourierError::Refused(why) => RegistryError::refused(what, why, "Correct the address, or tell the registry's keeper"),
        CourierError::NotFound => RegistryError::Lacking { what: what.to_owned() },
        CourierError::Broken(why) => RegistryError::Unreachable { what: what.to_owned(), why },
    }
}

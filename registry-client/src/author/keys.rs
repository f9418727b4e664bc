//! Keys of a registry's roles, one file each, 0600, in the form of all keys here.
//!
//! Any folder of keys will do: a key counts for the roles that `root.json` names it for.
//! Refuses a key file that others may read.

use crate::disk::{DiskError, Folder, failed};
use crate::error::RegistryError;
use async_trait::async_trait;
use aws_lc_rs::signature::Ed25519KeyPair;
use skynet_policy::signature::SecretKey;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use tough::key_source::KeySource;
use tough::schema::RoleType;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::sign::Sign;

type Failure = Box<dyn std::error::Error + Send + Sync + 'static>;
const KEY_BYTES: u64 = 1024;

/// One secret key. Shows its id at most.
#[derive(Debug)]
pub struct RoleKey(SecretKey);

#[async_trait]
impl KeySource for RoleKey {
    async fn as_sign(&self) -> Result<Box<dyn Sign>, Failure> {
        Ok(Box::new(self.pair()?))
    }

    async fn write(&self, _: &str, _: &str) -> Result<(), Failure> {
        Err("keys are not written back".into())
    }
}

impl RoleKey {
    fn pair(&self) -> Result<Ed25519KeyPair, Failure> {
        Ok(Ed25519KeyPair::from_seed_unchecked(self.0.seed().as_slice())?)
    }

    fn copy(&self) -> Self {
        Self(SecretKey::from_seed(&self.0.seed()))
    }

    /// Its id and public half, as `root.json` names them.
    pub(super) fn public(&self) -> Result<(Decoded<Hex>, Key), RegistryError> {
        let wrong = |error: String| RegistryError::refused("a key of the registry", error, "Make the key again");
        let key = self.pair().map_err(|error| wrong(error.to_string()))?.tuf_key();
        let id = key.key_id().map_err(|error| wrong(error.to_string()))?;
        Ok((id, key))
    }
}

/// The keys that are at hand.
#[derive(Debug, Default)]
pub struct Keys(Vec<Box<dyn KeySource>>);

impl Keys {
    /// All `*.key` files of some folders.
    pub fn load(folders: &[&Path]) -> Result<Self, RegistryError> {
        let mut keys: Vec<Box<dyn KeySource>> = Vec::new();
        for path in folders {
            let folder = Folder::open(path)?;
            for name in folder.names("")?.iter().filter(|name| name.ends_with(".key")) {
                keys.push(Box::new(read(&folder, name)?));
            }
        }
        Ok(Self(keys))
    }

    /// Only the keys of one role, by the names that keys are made under here. Other files
    /// are not read, so that a server holds what it needs and nothing more.
    pub fn of_role(folder: &Path, role: RoleType) -> Result<Self, RegistryError> {
        let place = Folder::open(folder)?;
        let mut keys: Vec<Box<dyn KeySource>> = Vec::new();
        for name in place.names("")?.iter().filter(|name| name.ends_with(".key") && name.starts_with(&format!("{role}-"))) {
            keys.push(Box::new(read(&place, name)?));
        }
        if keys.is_empty() {
            let what = format!("a key of the {role} in {}", folder.display());
            return Err(RegistryError::missing(what, format!("Copy `{role}-1.key` there; `skynet registry init` made it")));
        }
        Ok(Self(keys))
    }

    /// These and the ones that were just made.
    pub(super) fn with(mut self, made: &[Made]) -> Self {
        self.0.extend(made.iter().map(|made| Box::new(made.key.copy()) as Box<dyn KeySource>));
        self
    }

    pub(super) fn sources(&self) -> &[Box<dyn KeySource>] {
        &self.0
    }
}

/// The folder for new keys. Refuses one inside the registry's, which others can read.
pub(super) fn place(path: &Path, registry: &Folder) -> Result<Folder, RegistryError> {
    let real = |path: &Path| std::fs::canonicalize(path).map_err(|error| failed(path, error));
    let registry = real(registry.path())?;
    let outside = |at: &Path| {
        if real(at)?.starts_with(&registry) {
            let why = "it lies in the registry's folder, which is copied to servers";
            return Err(RegistryError::refused(format!("the folder for keys {}", path.display()), why, "Choose one outside"));
        }
        Ok(())
    };
    // Looked at before it is made, so that a refusal leaves nothing behind.
    let whole = std::path::absolute(path).map_err(|error| failed(path, error))?;
    whole.ancestors().find(|folder| folder.exists()).map_or(Ok(()), outside)?;
    let folder = Folder::private(path)?;
    outside(path)?;
    Ok(folder)
}

/// A new key, in memory until everything is signed.
#[derive(Debug)]
pub(super) struct Made {
    name: String,
    pub(super) key: RoleKey,
}

impl Made {
    /// A key for this file. One that is there is never overwritten.
    pub(super) fn new(folder: &Folder, name: String) -> Result<Self, RegistryError> {
        if folder.size(&name)?.is_some() {
            let remedy = "A key is never overwritten; choose another folder or name";
            return Err(RegistryError::refused(folder.path().join(&name).display().to_string(), "it exists", remedy));
        }
        let key = SecretKey::generate().map_err(|error| RegistryError::refused("a new key", error, "Try again"))?;
        Ok(Self { name, key: RoleKey(key) })
    }

    pub(super) fn write(&self, folder: &Folder) -> Result<(), RegistryError> {
        let text = format!("{}\n", hex::encode(self.key.0.seed().as_slice()));
        Ok(folder.write(&self.name, text.as_bytes(), 0o600)?)
    }
}

pub(super) fn read(folder: &Folder, name: &str) -> Result<RoleKey, RegistryError> {
    let path = folder.path().join(name).display().to_string();
    let meta = std::fs::symlink_metadata(folder.path().join(name)).map_err(|source| DiskError::Io { path: path.clone(), source })?;
    if meta.permissions().mode() & 0o077 != 0 || meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(DiskError::Open { path, why: "a secret key must be readable by its owner alone" }.into());
    }
    let text = folder.read(name, KEY_BYTES)?.unwrap_or_default();
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim_ascii(), &mut seed)
        .map_err(|_| RegistryError::refused(path, "it holds no key", "Restore it from a backup"))?;
    Ok(RoleKey(SecretKey::from_seed(&seed)))
}

//! Secrets as rows: set, listed, removed, opened.
//!
//! Owns what a value belongs to: the vault, its name, its version and the servers that
//! it may go to. Setting what is set already changes nothing. A new value is a new
//! version with a new data key; the old one is overwritten.

use super::entries::{Entries, Entry};
use super::seal::{Key, OVERHEAD, random, seal, unseal, unseal_key};
use super::{Head, OpenVault, Result, Unlocked, VaultFault, tell};
use crate::error::Doing;
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use skynet_core::StoreError;
use skynet_core::secret::{OpenSecret, SecretValue};
use std::collections::BTreeMap;

const KEY: &[u8] = b"skynet vault data key 1";
const VALUE: &[u8] = b"skynet vault value 1";

/// A secret, without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SecretRow {
    /// Its name.
    pub name: String,
    /// Grows with each new value.
    pub version: u64,
    /// The servers that it may go to; empty is wherever a grant says.
    pub servers: Vec<String>,
    /// Milliseconds since the Unix epoch.
    pub set_ms: u64,
    /// The owner said that there is none to send.
    pub none: bool,
}

/// On whose word a secret is set, as its row in the audit log has it.
#[derive(Debug, Clone, Copy)]
pub struct Deed<'a> {
    /// Who.
    pub by: &'a str,
    /// Such as `rotate`.
    pub did: &'a str,
}

/// What setting a secret did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The version that is set now.
    pub version: u64,
    /// Whether it is another one than before.
    pub changed: bool,
}

/// A row as stored.
struct Stored {
    name: String,
    version: u64,
    servers: String,
    set_ms: u64,
    wrapped: Vec<u8>,
    value: Vec<u8>,
}

impl Store {
    /// The secrets by name, without their values. Needs no key.
    pub async fn secrets(&self) -> Result<Vec<SecretRow>> {
        self.read(|db| Ok(list(db).and_then(|rows| rows.iter().map(Stored::row).collect()))).await?
    }

    /// Sets a value and its servers; the same again changes nothing.
    pub async fn set_secret(
        &self,
        unlocked: &Unlocked,
        name: &str,
        value: SecretValue,
        servers: Vec<String>,
        deed: Deed<'_>,
    ) -> Result<Change> {
        let (unlocked, name, now) = (unlocked.clone(), name.to_owned(), self.now());
        let (by, did) = (deed.by.to_owned(), deed.did.to_owned());
        let work = move |db: &Connection| {
            let change = set(db, &unlocked, &name, &value, &servers, now)?;
            if change.changed {
                let none = value.expose().is_empty();
                tell(db, now, &by, &name, json!({ "did": did, "version": change.version, "servers": servers, "none": none }))?;
            }
            Ok(change)
        };
        self.change_vault(work).await
    }

    /// Removes a secret; `false` when there was none.
    pub async fn remove_secret(&self, unlocked: &Unlocked, name: &str, by: &str) -> Result<bool> {
        let (unlocked, name, now, by) = (unlocked.clone(), name.to_owned(), self.now(), by.to_owned());
        let work = move |db: &Connection| {
            let was_there = remove(db, &unlocked, &name)?;
            if was_there {
                tell(db, now, &by, &name, json!({ "did": "rm" }))?;
            }
            Ok(was_there)
        };
        self.change_vault(work).await
    }
}

impl Stored {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get("name")?,
            version: row.get("version")?,
            servers: row.get("servers")?,
            set_ms: row.get("set_ms")?,
            wrapped: row.get("wrapped")?,
            value: row.get("value")?,
        })
    }

    fn row(&self) -> Result<SecretRow> {
        let servers = serde_json::from_str(&self.servers)
            .map_err(|error| StoreError::Corrupt(format!("the servers of the secret `{}`: {error}", self.name)))?;
        let none = self.value.len() == OVERHEAD;
        Ok(SecretRow { name: self.name.clone(), version: self.version, servers, set_ms: self.set_ms, none })
    }

    fn open(&self, unlocked: &Unlocked, entry: Option<&Entry>) -> Result<OpenSecret> {
        let damaged = |why| VaultFault::Damaged { name: self.name.clone(), why };
        let key = self.data_key(unlocked).ok_or(damaged("its data key belongs to another name, version or vault"))?;
        let version = self.version.to_le_bytes();
        let policy = Sha256::digest(self.servers.as_bytes());
        let value = unseal(&key, &[VALUE, &unlocked.id, self.name.as_bytes(), &version, &policy], &self.value);
        let value = value.ok_or(damaged("its value or the servers that it may go to were changed"))?;
        if entry.filter(|entry| !entry.gone) != Some(&Entry::of(self.version, &self.value)) {
            return Err(damaged("it is not the one that was set last, but an older one that was put back"));
        }
        let value = SecretValue::from_utf8(value).ok_or(damaged("it is no text"))?;
        Ok(OpenSecret { value, version: self.version, servers: self.row()?.servers })
    }

    pub(super) fn data_key(&self, unlocked: &Unlocked) -> Option<Key> {
        unseal_key(&unlocked.key, &[KEY, &unlocked.id, self.name.as_bytes(), &self.version.to_le_bytes()], &self.wrapped)
    }
}

fn list(db: &Connection) -> Result<Vec<Stored>> {
    let doing = "reading the vault's secrets";
    let mut query = db.prepare_cached("SELECT * FROM secrets ORDER BY name").doing(doing)?;
    Ok(query.query_map([], Stored::of).doing(doing)?.collect::<rusqlite::Result<_>>().doing(doing)?)
}

fn find(db: &Connection, name: &str) -> Result<Option<Stored>> {
    let doing = "reading a secret's row";
    Ok(db.prepare_cached("SELECT * FROM secrets WHERE name = ?1").doing(doing)?.query_row([name], Stored::of).optional().doing(doing)?)
}

/// Opens all of them, and names those that the list of entries has and nobody else.
pub(super) fn open_all(db: &Connection, unlocked: &Unlocked) -> Result<OpenVault> {
    let head = Head::under(db, unlocked)?;
    let entries = Entries::open(&head, unlocked)?;
    let rows = list(db)?;
    let mut secrets: BTreeMap<String, Result<OpenSecret>> =
        rows.iter().map(|row| (row.name.clone(), row.open(unlocked, entries.0.get(&row.name)))).collect();
    for (name, entry) in &entries.0 {
        if !entry.gone && !secrets.contains_key(name) {
            secrets.insert(name.clone(), Err(VaultFault::Damaged { name: name.clone(), why: "its row was taken out" }));
        }
    }
    Ok(OpenVault { changes: head.changes, secrets })
}

fn set(db: &Connection, unlocked: &Unlocked, name: &str, value: &SecretValue, servers: &[String], now: u64) -> Result<Change> {
    let head = Head::under(db, unlocked)?;
    let mut entries = Entries::open(&head, unlocked)?;
    let entry = entries.0.get(name);
    // One that does not open is simply replaced: that is the remedy.
    let present = find(db, name)?.and_then(|row| row.open(unlocked, entry).ok());
    if let Some(present) = present.filter(|present| present.value.is_same(value) && present.servers == servers) {
        return Ok(Change { version: present.version, changed: false });
    }
    let version = entry.map_or(0, |entry| entry.version) + 1;
    let servers = serde_json::to_string(servers).map_err(|error| VaultFault::Sealing(error.to_string()))?;
    let key = Key::new(random()?);
    let policy = Sha256::digest(servers.as_bytes());
    let bytes = version.to_le_bytes();
    let sealed = seal(&key, &[VALUE, &unlocked.id, name.as_bytes(), &bytes, &policy], value.expose().as_bytes())?;
    let wrapped = seal(&unlocked.key, &[KEY, &unlocked.id, name.as_bytes(), &bytes], &key[..])?;
    let doing = "writing a secret's row";
    let sql = "INSERT INTO secrets (name, version, servers, set_ms, wrapped, value) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (name) DO UPDATE SET version = ?2, servers = ?3, set_ms = ?4, wrapped = ?5, value = ?6";
    db.prepare_cached(sql).doing(doing)?.execute(params![name, version, servers, now, wrapped, sealed]).doing(doing)?;
    entries.0.insert(name.to_owned(), Entry::of(version, &sealed));
    head.write(db, unlocked, &entries)?;
    Ok(Change { version, changed: true })
}

fn remove(db: &Connection, unlocked: &Unlocked, name: &str) -> Result<bool> {
    let head = Head::under(db, unlocked)?;
    let mut entries = Entries::open(&head, unlocked)?;
    let doing = "removing a secret's row";
    let rows = db.prepare_cached("DELETE FROM secrets WHERE name = ?1").doing(doing)?.execute([name]).doing(doing)?;
    let listed = entries.0.get_mut(name).filter(|entry| !entry.gone);
    if rows == 0 && listed.is_none() {
        return Ok(false);
    }
    if let Some(entry) = listed {
        entry.gone = true;
    }
    head.write(db, unlocked, &entries)?;
    Ok(true)
}

/// Seals each data key anew, under another key of the vault. Values stay as they are.
pub(super) fn rewrap(db: &Connection, old: &Unlocked, new: &Unlocked) -> Result<()> {
    let doing = "sealing a data key anew";
    for row in list(db)? {
        let why = "its data key belongs to another name, version or vault";
        let key = row.data_key(old).ok_or_else(|| VaultFault::Damaged { name: row.name.clone(), why })?;
        let wrapped = seal(&new.key, &[KEY, &new.id, row.name.as_bytes(), &row.version.to_le_bytes()], &key[..])?;
        let mut update = db.prepare_cached("UPDATE secrets SET wrapped = ?2 WHERE name = ?1").doing(doing)?;
        update.execute(params![row.name, wrapped]).doing(doing)?;
    }
    Ok(())
}

//! Slots: the vault's key, sealed once for each way to unlock it.
//!
//! Owns the rule that a vault always keeps a slot that outlives a restart of the
//! machine; a keyring may forget, so it does not count. Refuses a second slot of a kind.

use super::keys::{Material, Parameters, SlotKind, SlotRow};
use super::seal::{seal, unseal_key};
use super::{Head, Result, Unlocked, VaultFault, WHOLE, tell};
use crate::error::Doing;
use crate::store::Store;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::json;
use skynet_core::StoreError;

const WHAT: &[u8] = b"skynet vault slot 1";

impl Store {
    /// The slots, in the order in which they are tried.
    pub async fn vault_slots(&self) -> Result<Vec<SlotRow>> {
        self.read(|db| Ok(list(db))).await?
    }

    /// Unlocks the vault with what opens one slot. Takes a moment for a passphrase.
    pub async fn unlock_vault(&self, kind: SlotKind, material: Material) -> Result<Unlocked> {
        let (head, slot) = self.read(move |db| Ok(Head::read(db).and_then(|head| Ok((head, read(db, kind)?))))).await??;
        // Outside of the database's threads: Argon2 is slow on purpose.
        let open = move || {
            let key = slot.parameters.key(kind, &material)?;
            let belongs_to: [&[u8]; 5] = [WHAT, &head.id, &head.key.to_le_bytes(), kind.as_str().as_bytes(), slot.text.as_bytes()];
            let why = "what was given is not what it was made with".to_owned();
            let key = unseal_key(&key, &belongs_to, &slot.wrapped).ok_or(VaultFault::Slot { kind, why })?;
            Ok(Unlocked { id: head.id, number: head.key, key })
        };
        tokio::task::spawn_blocking(open).await.map_err(|error| VaultFault::Sealing(error.to_string()))?
    }

    /// Adds a way to unlock.
    pub async fn add_vault_slot(&self, unlocked: &Unlocked, kind: SlotKind, material: Material, by: &str) -> Result<()> {
        let (unlocked, now, by) = (unlocked.clone(), self.now(), by.to_owned());
        let work = move |db: &Connection| {
            Head::under(db, &unlocked)?;
            if list(db)?.iter().any(|slot| slot.kind == kind) {
                return Err(VaultFault::SlotPresent(kind));
            }
            add(db, &unlocked, kind, &material, now)?;
            tell(db, now, &by, WHOLE, json!({ "did": "slot add", "slot": kind }))
        };
        self.change_vault(work).await
    }

    /// Takes a way to unlock away.
    pub async fn remove_vault_slot(&self, kind: SlotKind, by: &str) -> Result<()> {
        let (now, by) = (self.now(), by.to_owned());
        let work = move |db: &Connection| {
            let slots = list(db)?;
            if !slots.iter().any(|slot| slot.kind == kind) {
                return Err(VaultFault::NoSlot(kind));
            }
            if !slots.iter().any(|slot| slot.kind != kind && slot.kind != SlotKind::Keyring) {
                return Err(VaultFault::LastSlot(kind));
            }
            remove(db, kind)?;
            tell(db, now, &by, WHOLE, json!({ "did": "slot rm", "slot": kind }))
        };
        self.change_vault(work).await
    }
}

/// A slot as stored.
struct Stored {
    text: String,
    parameters: Parameters,
    wrapped: Vec<u8>,
}

pub(super) fn list(db: &Connection) -> Result<Vec<SlotRow>> {
    let doing = "reading the vault's slots";
    let mut query = db.prepare_cached("SELECT kind, made_ms FROM vault_slots").doing(doing)?;
    let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).doing(doing)?;
    let mut slots = Vec::new();
    for row in rows {
        let (kind, made_ms) = row.doing(doing)?;
        slots.push(SlotRow { kind: kind.parse().map_err(StoreError::Corrupt)?, made_ms });
    }
    slots.sort_by_key(|slot| SlotKind::ALL.iter().position(|kind| *kind == slot.kind));
    Ok(slots)
}

fn read(db: &Connection, kind: SlotKind) -> Result<Stored> {
    let doing = "reading a slot of the vault";
    let mut query = db.prepare_cached("SELECT parameters, wrapped FROM vault_slots WHERE kind = ?1").doing(doing)?;
    let found = query.query_row([kind.as_str()], |row| Ok((row.get::<_, String>(0)?, row.get(1)?))).optional().doing(doing)?;
    let (text, wrapped) = found.ok_or(VaultFault::NoSlot(kind))?;
    let parameters = serde_json::from_str(&text).map_err(|error| StoreError::Corrupt(format!("the slot `{kind}`: {error}")))?;
    Ok(Stored { text, parameters, wrapped })
}

pub(super) fn add(db: &Connection, unlocked: &Unlocked, kind: SlotKind, material: &Material, now: u64) -> Result<()> {
    let doing = "adding a slot to the vault";
    let parameters = Parameters::fresh(kind)?;
    let text = serde_json::to_string(&parameters).map_err(|error| VaultFault::Sealing(error.to_string()))?;
    let key = parameters.key(kind, material)?;
    let number = unlocked.number.to_le_bytes();
    let wrapped = seal(&key, &[WHAT, &unlocked.id, &number, kind.as_str().as_bytes(), text.as_bytes()], &unlocked.key[..])?;
    let sql = "INSERT INTO vault_slots (kind, made_ms, parameters, wrapped) VALUES (?1, ?2, ?3, ?4)";
    db.prepare_cached(sql).doing(doing)?.execute(params![kind.as_str(), now, text, wrapped]).doing(doing)?;
    Ok(())
}

pub(super) fn remove(db: &Connection, kind: SlotKind) -> Result<()> {
    let doing = "removing a slot of the vault";
    db.prepare_cached("DELETE FROM vault_slots WHERE kind = ?1").doing(doing)?.execute([kind.as_str()]).doing(doing)?;
    Ok(())
}

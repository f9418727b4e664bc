//! A new key for the vault: every data key and every slot is sealed anew, in one
//! transaction. Values are not touched. Refuses to leave a slot behind that opens the
//! old key only: each slot must be given what opens it, or be taken away before.

use super::entries::Entries;
use super::keys::{Material, SlotKind};
use super::seal::{Key, random};
use super::{Head, Result, Unlocked, VaultFault, WHOLE, secrets, slots, tell};
use crate::store::Store;
use rusqlite::Connection;
use serde_json::json;

impl Store {
    /// Gives the vault another key; gives it unlocked with that.
    pub async fn rotate_vault(&self, unlocked: &Unlocked, materials: Vec<(SlotKind, Material)>, by: &str) -> Result<Unlocked> {
        let (unlocked, now, by) = (unlocked.clone(), self.now(), by.to_owned());
        let work = move |db: &Connection| {
            let rotated = rotate(db, &unlocked, &materials, now)?;
            tell(db, now, &by, WHOLE, json!({ "did": "rotate" }))?;
            Ok(rotated)
        };
        self.change_vault(work).await
    }
}

fn rotate(db: &Connection, old: &Unlocked, materials: &[(SlotKind, Material)], now: u64) -> Result<Unlocked> {
    let head = Head::under(db, old)?;
    let entries = Entries::open(&head, old)?;
    let new = Unlocked { id: old.id, number: old.number + 1, key: Key::new(random()?) };
    secrets::rewrap(db, old, &new)?;
    for slot in slots::list(db)? {
        let given = materials.iter().find(|(kind, _)| *kind == slot.kind).map(|(_, material)| material);
        let why = format!("it must be sealed anew, and what opens it is not here. Take it away first: skynet secret slot rm {}", slot.kind);
        let material = given.ok_or(VaultFault::Slot { kind: slot.kind, why })?;
        slots::remove(db, slot.kind)?;
        slots::add(db, &new, slot.kind, material, now)?;
    }
    head.write(db, &new, &entries)?;
    Ok(new)
}

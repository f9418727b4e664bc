//! Unlocking the vault: each slot is tried with what this machine has for it, those that
//! ask nobody first. Also makes the vault, with a key file, where there is none.
//!
//! Refuses to go on with a vault that does not open, and says for each slot why.

pub(crate) mod keyring;
pub(crate) mod material;

use crate::exit::{Kind, fail};
use crate::home::Home;
use anyhow::Result;
use skynet_store::vault::{Material, SlotKind, Unlocked};
use skynet_store::{Store, VaultFault};
use std::path::PathBuf;
use std::sync::Arc;

/// Whether a person may be asked for a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Terminal,
    Nobody,
}

/// Where things of the vault are, outside of the database.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    /// The key file.
    pub(crate) keyfile: PathBuf,
    /// The credential that `systemd-creds` made.
    pub(crate) credential: PathBuf,
    /// Names this data folder in the keyring.
    pub(crate) folder: String,
    /// What the keyring had for it, read ahead of the wall, behind which nobody asks a keyring.
    pub(crate) keyring: Option<Arc<Material>>,
}

impl Places {
    pub(crate) fn of(home: &Home) -> Result<Self> {
        let config = crate::config_file::load(home)?;
        Ok(Self {
            keyfile: home.root().join(&config.vault.keyfile),
            credential: home.credential(),
            folder: home.root().display().to_string(),
            keyring: None,
        })
    }

    /// Reads what cannot be read behind the host's wall.
    pub(crate) fn ahead_of_the_wall(self) -> Self {
        let keyring = keyring::get(&self.folder).ok().map(Arc::new);
        Self { keyring, ..self }
    }
}

/// An error of the vault with its exit code.
pub(crate) fn failed(fault: VaultFault) -> anyhow::Error {
    let kind = match fault {
        VaultFault::NotSet(_) | VaultFault::NoSlot(_) => Kind::NotFound,
        VaultFault::Rotated => Kind::TryLater,
        VaultFault::Absent | VaultFault::Slot { .. } | VaultFault::Entries => Kind::BadConfig,
        VaultFault::Present | VaultFault::SlotPresent(_) | VaultFault::LastSlot(_) | VaultFault::Damaged { .. } => Kind::Refused,
        VaultFault::Sealing(_) | VaultFault::Store(_) => return fault.into(),
    };
    fail(kind, fault.to_string())
}

/// Opens the vault by the first slot that opens; gives which.
pub(crate) async fn unlock(store: &Store, places: &Places, ask: Ask) -> Result<(Unlocked, SlotKind)> {
    let mut whys = Vec::new();
    let slots = store.vault_slots().await.map_err(failed)?;
    for slot in &slots {
        let why = match material::find(slot.kind, places, ask) {
            Ok(material) => match store.unlock_vault(slot.kind, material).await {
                Ok(unlocked) => return Ok((unlocked, slot.kind)),
                Err(VaultFault::Slot { why, .. }) => why,
                Err(fault) => return Err(failed(fault)),
            },
            Err(why) => why,
        };
        whys.push(format!("{}: {why}", slot.kind));
        // A rotation that was cut off between the database and the file.
        if slot.kind == SlotKind::Keyfile
            && let Some(next) = material::next_keyfile(places)
            && let Ok(unlocked) = store.unlock_vault(slot.kind, next).await
        {
            material::settle_keyfile(places)?;
            return Ok((unlocked, slot.kind));
        }
    }
    let whys = if whys.is_empty() { "it has no slot".to_owned() } else { whys.join("; ") };
    let remedy = "Mend one of these; where all are lost, the values are too, and `skynet secret reset` begins anew";
    Err(fail(Kind::BadConfig, format!("the vault with the secrets does not open. {whys}. {remedy}")))
}

/// Opens the vault, and makes it with a key file, on the word of `by`, when there is none; says whether it did.
pub(crate) async fn ensure(store: &Store, places: &Places, ask: Ask, by: &str) -> Result<(Unlocked, bool)> {
    if store.vault_changes().await.map_err(failed)?.is_none() {
        let material = material::keyfile_for(places)?;
        match store.make_vault(SlotKind::Keyfile, material, by).await {
            Ok(unlocked) => return Ok((unlocked, true)),
            // Another start was first.
            Err(VaultFault::Present) => {}
            Err(fault) => return Err(failed(fault)),
        }
    }
    Ok((unlock(store, places, ask).await?.0, false))
}

/// Gives the vault another key. The key file becomes another one too: the new one lies
/// beside it before the database changes, and takes its place afterwards.
pub(crate) async fn rotate(store: &Store, places: &Places, unlocked: &Unlocked, by: &str) -> Result<()> {
    let mut materials: Vec<(SlotKind, Material)> = Vec::new();
    for slot in store.vault_slots().await.map_err(failed)? {
        match slot.kind {
            SlotKind::Keyfile => materials.push((slot.kind, material::begin_keyfile(places)?)),
            // One that is missing here is named by the store, with what to do.
            kind => materials.extend(material::find(kind, places, Ask::Terminal).ok().map(|material| (kind, material))),
        }
    }
    let rotated = store.rotate_vault(unlocked, materials, by).await;
    match rotated {
        Ok(_) => material::settle_keyfile(places),
        Err(fault) => {
            material::forget_next_keyfile(places);
            Err(failed(fault))
        }
    }
}

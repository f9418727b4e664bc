//! Where the material of each slot comes from: a private file, the folder that systemd
//! hands to a service, the keyring, or a person at the terminal.
//!
//! Refuses files that others can read. Reasons are sentences for the owner.

use super::{Ask, Places, keyring};
use crate::exit::{Kind, fail};
use crate::{home, prompt};
use anyhow::{Context, Result};
use skynet_store::vault::{Material, SlotKind};
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The credential's name in `$CREDENTIALS_DIRECTORY`.
pub(crate) const CREDENTIAL: &str = "skynet-vault";

/// Names a file with the passphrase, for hosts that start without a person.
pub(crate) const PASSPHRASE_FILE: &str = "SKYNET_PASSPHRASE_FILE";

/// What this machine has for a slot, or why nothing.
pub(crate) fn find(kind: SlotKind, places: &Places, ask: Ask) -> Result<Material, String> {
    match kind {
        SlotKind::Keyfile => keyfile(places).map_err(|error| format!("{error:#}")),
        SlotKind::Systemd => credential(),
        SlotKind::Keyring => match &places.keyring {
            Some(held) => Ok(Material::new(Zeroizing::new(held.expose().to_vec()))),
            None => keyring::get(&places.folder),
        },
        SlotKind::Passphrase => passphrase(ask),
    }
}

fn keyfile(places: &Places) -> Result<Material> {
    read_key(&places.keyfile)
}

fn read_key(path: &Path) -> Result<Material> {
    let text = Zeroizing::new(home::read_private(path)?);
    let bytes = hex::decode(text.trim()).map_err(|_| fail(Kind::BadConfig, format!("{} holds no key", path.display())))?;
    Ok(Material::new(Zeroizing::new(bytes)))
}

/// The key file's material; the file is made if it is absent.
pub(crate) fn keyfile_for(places: &Places) -> Result<Material> {
    if places.keyfile.exists() {
        return keyfile(places);
    }
    write_key(&places.keyfile)
}

fn write_key(path: &Path) -> Result<Material> {
    let material = Material::random()?;
    let text = Zeroizing::new(format!("{}\n", &*Zeroizing::new(hex::encode(material.expose()))));
    home::write_file(path, text.as_bytes(), 0o600)?;
    Ok(material)
}

/// Where the next key file lies until the database knows it.
fn next_path(places: &Places) -> PathBuf {
    let mut name = places.keyfile.clone().into_os_string();
    name.push(".next");
    name.into()
}

/// Writes another key file beside the present one.
pub(crate) fn begin_keyfile(places: &Places) -> Result<Material> {
    write_key(&next_path(places))
}

/// The next key file, when a rotation left one.
pub(crate) fn next_keyfile(places: &Places) -> Option<Material> {
    read_key(&next_path(places)).ok()
}

/// Puts the next key file in the place of the present one.
pub(crate) fn settle_keyfile(places: &Places) -> Result<()> {
    let next = next_path(places);
    if next.exists() {
        std::fs::rename(&next, &places.keyfile).with_context(|| format!("{} cannot be put in place", next.display()))?;
    }
    Ok(())
}

/// A rotation did not happen.
pub(crate) fn forget_next_keyfile(places: &Places) {
    drop(std::fs::remove_file(next_path(places)));
}

/// Where systemd puts the credential of this service, when it does.
pub(crate) fn credential_file() -> Option<PathBuf> {
    let folder = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|folder| !folder.is_empty())?;
    Some(PathBuf::from(folder).join(CREDENTIAL))
}

fn credential() -> Result<Material, String> {
    let Some(path) = credential_file() else {
        return Err("this process was not started by systemd with the credential; `skynet daemon install` writes the unit".into());
    };
    let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(Material::new(Zeroizing::new(bytes)))
}

fn passphrase(ask: Ask) -> Result<Material, String> {
    if let Some(path) = std::env::var_os(PASSPHRASE_FILE) {
        let text = Zeroizing::new(home::read_private(&PathBuf::from(path)).map_err(|error| format!("{error:#}"))?);
        return Ok(words(text.trim_end_matches(['\n', '\r'])));
    }
    if ask == Ask::Nobody || !std::io::stderr().is_terminal() {
        return Err(format!("there is nobody to ask; start skynet in a terminal, or name a file that holds it with {PASSPHRASE_FILE}"));
    }
    let typed = prompt::hidden("Passphrase of the vault: ").map_err(|error| format!("{error:#}"))?;
    Ok(words(&typed))
}

fn words(text: &str) -> Material {
    Material::new(Zeroizing::new(text.as_bytes().to_vec()))
}

/// A new passphrase: typed twice, or the first line of stdin.
pub(crate) fn new_passphrase() -> Result<Material> {
    let typed = if std::io::stdin().is_terminal() {
        let typed = prompt::hidden("New passphrase: ")?;
        if *prompt::hidden("The same again: ")? != *typed {
            return Err(fail(Kind::Refused, "the two are not the same; nothing was changed"));
        }
        typed
    } else {
        prompt::from_stdin()?
    };
    if typed.chars().count() < crate::limits::PASSPHRASE_CHARS {
        let text = format!("a passphrase has at least {} characters; several words are easy to keep", crate::limits::PASSPHRASE_CHARS);
        return Err(fail(Kind::Refused, text));
    }
    Ok(words(&typed))
}

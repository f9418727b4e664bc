//! `secret slot`: what unlocks the vault.

use super::Desk;
use crate::args::Slot;
use crate::clock;
use crate::exit::{Kind, fail};
use crate::home;
use crate::vault::{failed, keyring, material};
use anyhow::{Context, Result};
use serde_json::json;
use skynet_scripts::system::run_tool;
use skynet_store::VaultFault;
use skynet_store::vault::{Material, SlotKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use zeroize::Zeroizing;

/// The tool may have to ask a security chip.
const SEALING: Duration = Duration::from_secs(60);

pub(super) async fn run(desk: &Desk<'_>, verb: Slot) -> Result<()> {
    match verb {
        Slot::List => list(desk).await,
        Slot::Add { kind } => add(desk, kind).await,
        Slot::Rm { kind } => remove(desk, kind).await,
    }
}

async fn list(desk: &Desk<'_>) -> Result<()> {
    let slots = desk.store.vault_slots().await.map_err(failed)?;
    for slot in &slots {
        let about = match slot.kind {
            SlotKind::Keyfile => desk.places.keyfile.display().to_string(),
            SlotKind::Passphrase => "typed, or from the file that SKYNET_PASSPHRASE_FILE names".into(),
            SlotKind::Systemd => format!("the credential {} of the service", material::CREDENTIAL),
            SlotKind::Keyring => "the system's keyring".into(),
        };
        desk.out.line(&format!("{:<10}  made {}  {about}", slot.kind.as_str(), clock::minute(slot.made_ms)));
    }
    desk.out.value(&json!(slots));
    Ok(())
}

async fn add(desk: &Desk<'_>, kind: SlotKind) -> Result<()> {
    let unlocked = desk.unlocked().await?;
    if desk.store.vault_slots().await.map_err(failed)?.iter().any(|slot| slot.kind == kind) {
        return Err(failed(VaultFault::SlotPresent(kind)));
    }
    let (made, note) = match kind {
        SlotKind::Keyfile => {
            (material::keyfile_for(&desk.places)?, format!("{}; keep a copy in a safe place", desk.places.keyfile.display()))
        }
        SlotKind::Passphrase => (material::new_passphrase()?, "typed at each start of a host that has no other slot".to_owned()),
        SlotKind::Systemd => credential(&desk.places.credential).await?,
        SlotKind::Keyring => {
            (keyring::make(&desk.places.folder)?, "on Linux it forgets at a restart; another slot stays needed".to_owned())
        }
    };
    desk.store.add_vault_slot(&unlocked, kind, made, &desk.by).await.map_err(failed)?;
    desk.out.both(&format!("the vault opens by {kind} too ({note})"), &json!({ "added": kind, "note": note }));
    Ok(())
}

async fn remove(desk: &Desk<'_>, kind: SlotKind) -> Result<()> {
    desk.store.remove_vault_slot(kind, &desk.by).await.map_err(failed)?;
    let file = match kind {
        SlotKind::Keyfile => Some(&desk.places.keyfile),
        SlotKind::Systemd => Some(&desk.places.credential),
        SlotKind::Keyring => {
            keyring::forget(&desk.places.folder);
            None
        }
        SlotKind::Passphrase => None,
    };
    let mut note = String::new();
    if let Some(file) = file.filter(|file| file.exists()) {
        std::fs::remove_file(file).with_context(|| format!("{} opens nothing any more, and cannot be removed", file.display()))?;
        note = format!("; {} opened nothing any more and is removed", file.display());
    }
    desk.out.both(
        &format!(
            "the vault no longer opens by {kind}{note}. A copy of the database from before still does; against that: skynet secret rotate"
        ),
        &json!({ "removed": kind }),
    );
    Ok(())
}

/// What systemd will hand to the service: what it handed to this process, else a new key
/// that `systemd-creds` seals for this machine.
async fn credential(sealed: &Path) -> Result<(Material, String)> {
    if let Some(file) = material::credential_file() {
        let bytes = std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        return Ok((Material::new(Zeroizing::new(bytes)), format!("the credential in {}", file.display())));
    }
    let made = Material::random()?;
    // systemd-creds reads a file; this one is gone again before anything else is done.
    let folder = sealed.parent().unwrap_or(Path::new("."));
    let plain = tempfile::Builder::new().prefix(".credential-").tempfile_in(folder).context("the data folder")?;
    home::write_file(plain.path(), made.expose(), 0o600)?;
    let (from, to) = (plain.path().display().to_string(), sealed.display().to_string());
    let name = format!("--name={}", material::CREDENTIAL);
    let mut arguments = vec!["encrypt", &name, &from, &to];
    if !rustix::process::geteuid().is_root() {
        arguments.insert(1, "--user");
    }
    let sealing = run_tool("systemd-creds", &arguments, SEALING).await;
    std::fs::write(plain.path(), vec![0; made.expose().len()]).context("the plain credential cannot be wiped")?;
    drop(plain);
    let said = match sealing {
        Ok(output) if output.code == 0 => {
            std::fs::set_permissions(sealed, std::fs::Permissions::from_mode(0o600)).context("the sealed credential")?;
            return Ok((made, format!("{to}; now run: skynet daemon install, then: skynet daemon restart")));
        }
        Ok(output) => output.stderr.trim().to_owned(),
        Err(error) => error.to_string(),
    };
    let remedy = "Inside a unit of your own with LoadCredential=skynet-vault:FILE this command takes what systemd hands over";
    Err(fail(Kind::Refused, format!("systemd-creds did not seal a credential: {said}. {remedy}")))
}

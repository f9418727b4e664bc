//! `secrets.toml`, where secrets were kept before the vault: its values move into the
//! vault, and then the file goes.
//!
//! A value that is set otherwise in the vault is taken from the file: somebody wrote it
//! there. Everything is in the vault, durably, before the file is touched, so a crash in
//! between costs a second look. Refuses a file that others can read or that is not
//! understood, and says so without quoting it.

use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::vault::failed;
use anyhow::{Context, Result};
use skynet_core::secret::SecretValue;
use skynet_policy::secret;
use skynet_store::Store;
use skynet_store::vault::{Deed, Unlocked};
use std::io::Write;
use std::path::Path;
use zeroize::Zeroizing;

/// Moves what is in the file, on the word of `by`; gives the names, nothing when there is no file.
pub(crate) async fn import(home: &Home, store: &Store, unlocked: &Unlocked, by: &str) -> Result<Option<Vec<String>>> {
    let path = home.old_secrets();
    if !path.exists() {
        return Ok(None);
    }
    let secrets = read(&path)?;
    let present = store.secrets().await.map_err(failed)?;
    let mut names = Vec::new();
    for (name, value) in secrets {
        let servers = present.iter().find(|row| row.name == name).map(|row| row.servers.clone()).unwrap_or_default();
        store.set_secret(unlocked, &name, value, servers, Deed { by, did: "import" }).await.map_err(failed)?;
        names.push(name);
    }
    remove(&path).with_context(|| format!("{} cannot be removed; its secrets are in the vault, remove it by hand", path.display()))?;
    Ok(Some(names))
}

/// What to tell the owner about it.
pub(crate) fn told(names: &[String]) -> String {
    match names {
        [] => "removed secrets.toml, which held no secret; secrets are set with `skynet secret set` now".into(),
        names => format!("moved {} from secrets.toml into the vault and removed the file; old backups may still hold it", names.join(", ")),
    }
}

fn read(path: &Path) -> Result<Vec<(String, SecretValue)>> {
    let text = Zeroizing::new(home::read_private(path)?);
    // The parser's own message would quote the line, and with it a secret.
    let broken = |at: &str| fail(Kind::BadConfig, format!("{}: {at}; write lines like name = \"value\", or remove it", path.display()));
    let table: toml::Table = toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        broken(&format!("it is no TOML near line {line}"))
    })?;
    let mut secrets = Vec::new();
    for (name, value) in table {
        let toml::Value::String(value) = value else { return Err(broken(&format!("`{name}` is no text"))) };
        let value = SecretValue::new(value);
        if let Some(fault) = secret::name_fault(&name).or_else(|| secret::value_fault(value.expose())) {
            return Err(broken(&fault));
        }
        if !value.expose().is_empty() {
            secrets.push((name, value));
        }
    }
    Ok(secrets)
}

/// Overwrites, then removes. A disk that writes elsewhere keeps the old blocks for a while.
fn remove(path: &Path) -> std::io::Result<()> {
    let length = usize::try_from(std::fs::metadata(path)?.len()).unwrap_or(0);
    let mut file = std::fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(&vec![b'\n'; length])?;
    file.sync_all()?;
    std::fs::remove_file(path)
}

//! `secret set` and `secret rotate NAME`: a value goes in, and nothing of it comes out.

use super::list::goes;
use super::{Desk, none_named};
use crate::args::SetSecret;
use crate::exit::{Kind, fail};
use crate::prompt;
use crate::vault::failed;
use anyhow::Result;
use serde_json::json;
use skynet_core::secret::SecretValue;
use skynet_policy::limits::SCRUB_BYTES;
use skynet_policy::secret;
use skynet_store::vault::{Deed, SecretRow, Unlocked};

pub(super) async fn set(desk: &Desk<'_>, asked: SetSecret) -> Result<()> {
    let refused = |fault: String| fail(Kind::Refused, fault);
    if let Some(fault) = secret::name_fault(&asked.name) {
        return Err(refused(fault));
    }
    let servers = secret::servers(&asked.servers).map_err(refused)?;
    let present = row(desk, &asked.name).await?;
    // Nobody widens by leaving something out.
    let servers = match &present {
        Some(row) if servers.is_empty() && !asked.anywhere => row.servers.clone(),
        _ => servers,
    };
    let (unlocked, value) = if asked.keep {
        if present.is_none() {
            return Err(none_named(&asked.name));
        }
        let unlocked = desk.unlocked().await?;
        let value = kept(desk, &unlocked, &asked.name).await?;
        (unlocked, value)
    } else {
        let value = if asked.none { SecretValue::new(String::new()) } else { typed(&asked.name)? };
        (desk.unlocked().await?, value)
    };
    store(desk, &unlocked, &asked.name, value, servers, "set").await
}

pub(super) async fn rotate(desk: &Desk<'_>, name: &str) -> Result<()> {
    let Some(row) = row(desk, name).await? else { return Err(none_named(name)) };
    let value = typed(name)?;
    let unlocked = desk.unlocked().await?;
    store(desk, &unlocked, name, value, row.servers, "rotate").await
}

async fn row(desk: &Desk<'_>, name: &str) -> Result<Option<SecretRow>> {
    Ok(desk.store.secrets().await.map_err(failed)?.into_iter().find(|row| row.name == name))
}

async fn kept(desk: &Desk<'_>, unlocked: &Unlocked, name: &str) -> Result<SecretValue> {
    let mut vault = desk.store.open_vault(unlocked).await.map_err(failed)?;
    match vault.secrets.remove(name) {
        Some(opened) => Ok(opened.map_err(failed)?.value),
        None => Err(none_named(name)),
    }
}

fn typed(name: &str) -> Result<SecretValue> {
    let mut text = prompt::value(&format!("Value of {name}: "))?;
    if text.is_empty() {
        let remedy = format!("to say that there is none: skynet secret set {name} --none");
        return Err(fail(Kind::Refused, format!("an empty value is no secret; nothing was changed ({remedy})")));
    }
    if let Some(fault) = secret::value_fault(&text) {
        return Err(fail(Kind::Refused, fault));
    }
    Ok(SecretValue::new(std::mem::take(&mut *text)))
}

async fn store(desk: &Desk<'_>, unlocked: &Unlocked, name: &str, value: SecretValue, servers: Vec<String>, did: &str) -> Result<()> {
    let (length, none) = (value.expose().len(), value.expose().is_empty());
    let header_safe = secret::is_header_safe(value.expose());
    let change = desk.store.set_secret(unlocked, name, value, servers.clone(), Deed { by: &desk.by, did }).await.map_err(failed)?;
    let version = change.version;
    let state = if change.changed { format!("is set, version {version}") } else { format!("was set like that already, version {version}") };
    desk.out.line(&format!("secret {name} {state}; it goes {}", goes(&servers)));
    let mut notes = Vec::new();
    if none {
        notes.push("requests go out without it".to_owned());
    } else if length < SCRUB_BYTES {
        notes.push(format!(
            "it has fewer than {SCRUB_BYTES} characters, so it is not taken out of logs and answers: it would be found in every other text"
        ));
    }
    if !header_safe {
        notes.push("it has line breaks or other characters that no header may carry: only a plugin that may see it can use it".to_owned());
    }
    notes.iter().for_each(|note| desk.out.line(&format!("note: {note}")));
    desk.out.value(&json!({ "name": name, "version": version, "changed": change.changed, "servers": servers, "notes": notes }));
    Ok(())
}

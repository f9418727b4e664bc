//! The vault and what plugins need of it: does it open, is each secret whole, and is
//! each one set that a grant in force would send?

use super::Finding;
use crate::home::Home;
use crate::vault::{self, Ask, Places};
use crate::{config_file, secret_uses, wire};
use anyhow::Result;
use skynet_store::vault::OpenVault;

pub(super) async fn all(home: &Home) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(finding) = super::checks::open_to_others("vault", &home.old_secrets()) {
        findings.push(finding);
    } else if home.old_secrets().exists() {
        let finding = format!("{} holds secrets in the clear", home.old_secrets().display());
        findings.push(Finding::note("vault", finding, "skynet init, or the next start, moves them into the vault"));
    }
    match look(home).await {
        Ok(found) => findings.extend(found),
        Err(error) => findings.push(Finding::wrong("vault", format!("{error:#}"), "the reason says what to do")),
    }
    findings
}

async fn look(home: &Home) -> Result<Vec<Finding>> {
    let store = wire::open_store(home).await?;
    if store.vault_changes().await?.is_none() {
        return Ok(vec![Finding::note("vault", "there is no vault yet", "skynet init")]);
    }
    let slots: Vec<&str> = store.vault_slots().await?.iter().map(|slot| slot.kind.as_str()).collect();
    let (unlocked, by) = vault::unlock(&store, &Places::of(home)?, Ask::Nobody).await?;
    let vault = store.open_vault(&unlocked).await?;
    let secrets = if vault.secrets.len() == 1 { "secret" } else { "secrets" };
    let mut state = format!("it opens by {by}; slots: {}; {} {secrets}", slots.join(", "), vault.secrets.len());
    if slots.contains(&"keyfile") {
        state.push_str("; who copies the whole data folder has the key file too, see: skynet secret slot add --help");
    }
    let mut findings = vec![Finding::good("vault", state)];
    for fault in vault.secrets.values().filter_map(|secret| secret.as_ref().err()) {
        findings.push(Finding::wrong("secrets", fault.to_string(), "set it again, or restore a backup"));
    }
    let uses = secret_uses::all(&store, &config_file::load(home)?).await?;
    findings.extend(uses.iter().filter(|one| one.counts()).filter_map(|one| needed(one, &vault)));
    Ok(findings)
}

/// What is in the way of one use.
fn needed(one: &secret_uses::Use, vault: &OpenVault) -> Option<Finding> {
    let name = &one.secret;
    match vault.secrets.get(name) {
        None => Some(Finding::wrong("secrets", format!("`{name}` is not set: {}", one.words()), format!("skynet secret set {name}"))),
        Some(Ok(secret)) if !one.is_allowed(&secret.servers) => {
            let finding = format!("`{name}` may go to {} only: {}", secret.servers.join(", "), one.words());
            Some(Finding::wrong("secrets", finding, format!("skynet secret test {name}")))
        }
        Some(_) => None,
    }
}

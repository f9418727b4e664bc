//! `secret list`: names, versions, servers and users of secrets. Needs no key.

use super::Desk;
use crate::clock;
use crate::vault::failed;
use crate::{config_file, secret_uses};
use anyhow::Result;
use serde_json::json;

pub(super) async fn run(desk: &Desk<'_>) -> Result<()> {
    let rows = desk.store.secrets().await.map_err(failed)?;
    let uses = secret_uses::all(&desk.store, &config_file::load(desk.home)?).await?;
    let mut values = Vec::new();
    for row in &rows {
        let used: Vec<_> = uses.iter().filter(|one| one.secret == row.name).collect();
        let goes = goes(&row.servers);
        let kind = if row.none { ", none to send" } else { "" };
        desk.out.line(&format!("{}  version {}, set {}{kind}, goes {goes}", row.name, row.version, clock::minute(row.set_ms)));
        used.iter().for_each(|one| desk.out.line(&format!("  {}", one.words())));
        values.push(json!({
            "name": row.name, "version": row.version, "set_ms": row.set_ms, "servers": row.servers, "none": row.none, "used_by": used,
        }));
    }
    let missing: Vec<_> = uses.iter().filter(|one| one.counts() && !rows.iter().any(|row| row.name == one.secret)).collect();
    for one in &missing {
        desk.out.line(&format!("{}  {}: {}", one.secret, desk.out.paint("31", "not set"), one.words()));
    }
    if rows.is_empty() && missing.is_empty() {
        desk.out.line("no secrets; set one with: skynet secret set NAME");
    }
    desk.out.value(&json!({ "secrets": values, "missing": missing }));
    Ok(())
}

/// Where a secret with these servers may go.
pub(super) fn goes(servers: &[String]) -> String {
    if servers.is_empty() { "wherever a grant says".to_owned() } else { format!("to {}", servers.join(", ")) }
}

//! `secret test`: opens a secret and says where it would go, and what is in the way.

use super::Desk;
use super::list::goes;
use crate::clock;
use crate::exit::{Kind, fail};
use crate::vault::failed;
use crate::{config_file, secret_uses};
use anyhow::Result;
use serde_json::json;
use skynet_policy::secret;

pub(super) async fn run(desk: &Desk<'_>, name: &str) -> Result<()> {
    let uses = secret_uses::all(&desk.store, &config_file::load(desk.home)?).await?;
    let uses: Vec<_> = uses.into_iter().filter(|one| one.secret == name).collect();
    let unlocked = desk.unlocked().await?;
    let mut vault = desk.store.open_vault(&unlocked).await.map_err(failed)?;
    let Some(opened) = vault.secrets.remove(name) else {
        for one in &uses {
            desk.out.line(&one.words());
        }
        return Err(fail(Kind::NotFound, format!("the secret {name} is not set. Set it with: skynet secret set {name}")));
    };
    let opened = opened.map_err(failed)?;
    let set_ms = desk.store.secrets().await.map_err(failed)?.into_iter().find(|row| row.name == name).map_or(0, |row| row.set_ms);
    let none = opened.value.expose().is_empty();
    let mut wrong = Vec::new();
    if !secret::is_header_safe(opened.value.expose()) && uses.iter().any(|one| !one.reveals()) {
        wrong.push(format!("it has characters that no header may carry; set it again: skynet secret set {name}"));
    }
    for one in uses.iter().filter(|one| !one.is_allowed(&opened.servers)) {
        let bound = opened.servers.join(", ");
        wrong.push(match &one.server {
            Some(server) => format!(
                "{} asks for it at {server}, and it may go to {bound} only; to allow that: skynet secret set {name} --keep{} --for {server}",
                one.plugin,
                opened.servers.iter().map(|server| format!(" --for {server}")).collect::<String>()
            ),
            None => format!("{} may see it by its grant, but it is bound to {bound}, so it is not shown", one.plugin),
        });
    }
    let what = if none { "there is none to send" } else { "it opens" };
    desk.out.line(&format!("{name}: {what}; version {}, set {}, goes {}", opened.version, clock::minute(set_ms), goes(&opened.servers)));
    if uses.is_empty() {
        desk.out.line("no grant now in force uses it");
    }
    uses.iter().for_each(|one| desk.out.line(&one.words()));
    desk.out.value(&json!({
        "name": name, "version": opened.version, "set_ms": set_ms, "servers": opened.servers, "none": none, "used_by": uses, "wrong": wrong,
    }));
    match wrong.as_slice() {
        [] => Ok(()),
        _ => Err(fail(Kind::Refused, wrong.join("; "))),
    }
}

//! `skynet registry advise|withdraw|advisories`: words about what is listed.

use super::{failed, load, open};
use crate::args::registry::keeper::{Advise, AdviseKind, RoleKeys};
use crate::exit::{Kind, fail};
use crate::keys;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use skynet_core::PluginId;
use skynet_policy::registry::advisories::{Advisory, AdvisoryKind};
use skynet_policy::registry::target::Target;
use skynet_policy::sha256_hex;
use skynet_policy::signature::KeyId;
use skynet_registry_client::author::Author;
use std::path::Path;

pub(super) async fn run(advise: &Advise, out: &Out) -> Result<()> {
    let at_hand = load(&advise.keys.folders)?;
    let mut author = open(&advise.folder)?;
    let new = advisory(&author, advise)?;
    let (text, value) = (format!("{} is {new}", advise.about), json!(new));
    author.advise(new, &at_hand, jiff::Timestamp::now()).await.map_err(failed)?;
    out.both(&text, &value);
    Ok(())
}

pub(super) async fn withdraw(folder: &Path, id: &str, at_hand: &RoleKeys, out: &Out) -> Result<()> {
    let at_hand = load(&at_hand.folders)?;
    open(folder)?.withdraw_advisory(id, &at_hand, jiff::Timestamp::now()).await.map_err(failed)?;
    out.both(&format!("{id} no longer holds"), &json!({ "withdrawn": id }));
    Ok(())
}

pub(super) fn list(folder: &Path, out: &Out) -> Result<()> {
    let all = open(folder)?.advisories().map_err(failed)?;
    if all.advisories.is_empty() {
        out.line("nothing was said about any release or key");
    }
    for said in &all.advisories {
        let plugin = said.plugin.as_ref().map(|id| format!("{id} ")).unwrap_or_default();
        let about = said.release.clone().or_else(|| said.key.as_ref().map(|key| format!("key {key}"))).unwrap_or_default();
        out.line(&format!("{said}\n  {plugin}{about}, since {}", said.created));
    }
    out.value(&json!(all));
    Ok(())
}

fn advisory(author: &Author, advise: &Advise) -> Result<Advisory> {
    let kind = match advise.kind {
        AdviseKind::Yanked => AdvisoryKind::Yanked,
        AdviseKind::Vulnerable => AdvisoryKind::Vulnerable,
        AdviseKind::Revoked => AdvisoryKind::Revoked,
    };
    let new =
        Advisory { id: String::new(), kind, plugin: None, release: None, key: None, reason: advise.reason.clone(), created: keys::now() };
    let named = |made: String| advise.id.clone().unwrap_or(made);
    if let Ok(key) = KeyId::parse(&advise.about) {
        return Ok(Advisory { id: named(format!("{}-key-{key}", kind.as_str())), key: Some(key), ..new });
    }
    let (id, digest) = release(author, &advise.about)?;
    // The digest keeps the names of two plugins apart, and a name is at most 60 letters long.
    let short = digest.get(..16).unwrap_or_default();
    Ok(Advisory { id: named(format!("{}-{short}", kind.as_str())), plugin: Some(id), release: Some(digest), ..new })
}

/// A listed release by its name.
fn release(author: &Author, about: &str) -> Result<(PluginId, String)> {
    let neither = || fail(Kind::Refused, format!("`{about}` is neither namespace/name@version nor the id of a key"));
    let (id, version) = about.split_once('@').ok_or_else(neither)?;
    let id = PluginId::new(id).map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let version = version.parse().map_err(|_| neither())?;
    let listed = author.document(&Target::Release(id.clone(), version)).map_err(failed)?;
    let listed = listed.ok_or_else(|| fail(Kind::NotFound, format!("{about} is not listed in {}", author.path().display())))?;
    Ok((id, sha256_hex(&listed)))
}

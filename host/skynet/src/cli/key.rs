//! `skynet key`: own keys, and whose signatures count here.

use crate::args::Key;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use crate::who;
use crate::wire;
use anyhow::Result;
use serde_json::json;
use skynet_core::ports::{Audit as _, AuditRow};
use skynet_policy::signature::KeyId;
use skynet_policy::trust::Tier;

pub(crate) async fn run(home: &Home, verb: Key, out: &Out) -> Result<()> {
    match verb {
        Key::New { name, out: path } => {
            let path = match path {
                Some(path) => path,
                None => {
                    home.must_exist()?;
                    keys::path(home, &name)?
                }
            };
            let public = keys::create(&path)?.public();
            let text = format!("made {}\nkey id     {}\npublic key {}", path.display(), public.key_id(), public.text());
            out.both(&text, &json!({ "file": path, "keyid": public.key_id(), "public": public.text() }));
        }
        Key::List => list(home, out)?,
        Key::Trust { key, name, namespaces, builtin } => {
            home.must_exist()?;
            let public = keys::read_public(&key)?;
            let tier = if builtin { Tier::Builtin } else { Tier::Local };
            // A refusal is no trust, and gets no row that says so.
            keys::can_trust(home, &public, &name, &namespaces, tier)?;
            record(home, "trust", public.key_id().as_str(), &namespaces.join(", ")).await?;
            let trusted = keys::trust(home, &public, &name, namespaces, tier)?;
            let text = format!("{} may sign plugins of: {}", trusted.keyid, trusted.namespaces.join(", "));
            out.both(&text, &json!(trusted));
            // Files that were refused for want of this key get another look.
            let _ = crate::client::rescan(home).await;
        }
        Key::Revoke { id, reason } => {
            home.must_exist()?;
            let keyid = KeyId::parse(&id).map_err(|error| fail(Kind::Usage, error.to_string()))?;
            let mut trust = keys::load_trust(home)?;
            trust.revoke(&keyid, &reason).map_err(|error| fail(Kind::NotFound, error.to_string()))?;
            record(home, "revoke", keyid.as_str(), &reason).await?;
            keys::save_trust(home, &trust)?;
            out.both(&format!("{keyid} no longer counts"), &json!({ "keyid": keyid, "revoked": reason }));
            // What it alone vouches for serves no longer, and not only from the next start on.
            match crate::client::rescan(home).await {
                None => {}
                Some(Ok(())) => out.line("plugins that it alone signed no longer serve; see: skynet plugin list"),
                Some(Err(error)) => {
                    let fault = format!(
                        "{keyid} no longer counts, but the running host did not hear of it ({error:#}); run: skynet daemon restart"
                    );
                    return Err(fail(Kind::Partly, fault));
                }
            }
        }
    }
    Ok(())
}

/// Whose plugins run here is written down before it is so.
async fn record(home: &Home, action: &str, keyid: &str, more: &str) -> Result<()> {
    let detail = json!({ "action": action, "more": more });
    let subject = format!("key {keyid}");
    let row = AuditRow { kind: "auth".into(), actor: who::at_the_command_line(), subject, verdict: "ok".into(), detail };
    Ok(wire::open_store(home).await?.record(row).await?)
}

fn list(home: &Home, out: &Out) -> Result<()> {
    home.must_exist()?;
    let mut own = Vec::new();
    for entry in std::fs::read_dir(home.keys())? {
        let path = entry?.path();
        if path.extension().is_some_and(|kind| kind == "key") {
            let public = keys::read(&path)?.public();
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            own.push(json!({ "name": name, "keyid": public.key_id(), "public": public.text() }));
        }
    }
    own.sort_by_key(|key| key["name"].as_str().map(ToOwned::to_owned));
    let trusted = keys::load_trust(home)?.keys;
    out.line("own keys");
    for key in &own {
        out.line(&format!(
            "  {}  {}  {}",
            key["keyid"].as_str().unwrap_or_default(),
            key["name"].as_str().unwrap_or_default(),
            key["public"].as_str().unwrap_or_default()
        ));
    }
    out.line("trusted keys");
    for key in &trusted {
        let state = key.revoked.as_ref().map_or_else(|| "trusted".to_owned(), |why| format!("revoked: {why}"));
        out.line(&format!("  {}  {}  {}  for {}  {state}", key.keyid, key.tier, key.name, key.namespaces.join(", ")));
    }
    out.value(&json!({ "own": own, "trusted": trusted }));
    Ok(())
}

//! Plugins of an agent: which are here, where the others can be had, installing one.
//!
//! A plugin is what its release digest says and nothing else. `local` is the one place that
//! looks for its file; a registry is the owner's to ask, with `skynet plugin install`.

use super::release_of;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::keys;
use crate::limits::PLUGIN_CHANGE;
use anyhow::Result;
use serde_json::json;
use skynet_core::plugin::Receipt;
use skynet_policy::agent::AgentPlugin;
use skynet_policy::agent::bundle::Bundle;
use skynet_policy::digest::sha256_hex;
use skynet_policy::release::{Release, split};
use std::path::PathBuf;

/// Largest file that is looked at in a folder; bytes. As the host's own default for a plugin.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What there is to do about one.
pub(super) enum Part {
    /// This very release serves.
    Here,
    /// A newer one serves, and stays.
    Newer(semver::Version),
    /// Its file is at hand.
    AtHand { bytes: Vec<u8>, release: Box<Release> },
    /// Its file is at hand, and the host would not take it.
    Refused(String),
    /// It has to be fetched.
    Elsewhere,
}

/// Looks for its file: in the bundle, then in the folders.
fn local(plugin: &AgentPlugin, bundle: &Bundle, folders: &[PathBuf]) -> Option<Vec<u8>> {
    if let Some(bytes) = bundle.plugins.get(&plugin.release) {
        return Some(bytes.clone());
    }
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path());
    let small = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= FILE_BYTES);
    let wasm = files.filter(|path| path.extension().is_some_and(|kind| kind == "wasm") && small(path));
    wasm.filter_map(|path| std::fs::read(path).ok()).find(|bytes| release_of(bytes, &plugin.release).is_some())
}

/// What there is to do.
pub(super) fn part(home: &Home, plugin: &AgentPlugin, bundle: &Bundle, folders: &[PathBuf], serving: &[Receipt]) -> Result<Part> {
    if let Some(receipt) = serving.iter().find(|receipt| receipt.plugin.id == plugin.id) {
        if receipt.release == plugin.release {
            return Ok(Part::Here);
        }
        if receipt.plugin.version > plugin.version {
            return Ok(Part::Newer(receipt.plugin.version.clone()));
        }
    }
    let Some(bytes) = local(plugin, bundle, folders) else { return Ok(Part::Elsewhere) };
    // As the host will look at it: signature, trust, what it imports.
    let trust = keys::load_trust(home)?;
    Ok(match skynet_plugins::file::check(plugin.id.as_str(), &bytes, &trust) {
        Err(why) => Part::Refused(why),
        Ok(checked) if checked.release.id != plugin.id || checked.release_digest != plugin.release => {
            Part::Refused("its file holds another plugin than the agent says".into())
        }
        Ok(checked) => Part::AtHand { bytes, release: Box::new(checked.release) },
    })
}

/// Puts its file in place; where a host runs, with the grant that was shown.
pub(super) async fn install(home: &Home, release: &Release, bytes: &[u8], serving: &[Receipt], running: bool) -> Result<()> {
    let id = &release.id;
    let before = serving.iter().find(|receipt| receipt.plugin.id == *id).map(|receipt| receipt.source.clone());
    let name = before.unwrap_or_else(|| format!("{}--{}.wasm", id.namespace(), id.name()));
    home::write_file(&home.plugins().join(name), bytes, 0o644)?;
    if !running {
        return Ok(());
    }
    client::call(home, "plugins.reload", json!({}), PLUGIN_CHANGE).await?;
    if !release.permissions.is_empty() {
        let digest = sha256_hex(split(bytes)?.release_json);
        let wish = json!({ "id": id, "permissions": release.permissions, "release": digest });
        client::call(home, "plugins.grant", wish, PLUGIN_CHANGE).await?;
    }
    let info = client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await?;
    match info["status"]["state"].as_str() {
        Some("serving") => Ok(()),
        _ => Err(fail(Kind::Refused, format!("{id} is in its place and does not serve; skynet plugin info {id} says why"))),
    }
}

//! Plugins of an agent: which are here, where the others can be had, installing one.
//!
//! A plugin is what its release digest says and nothing else. Its file is looked for in the
//! bundle, in folders, and then in the registry that answers for its namespace.

use super::release_of;
use crate::args::registry::Source;
use crate::cli::plugin::install::visited;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::keys;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use crate::registry::due::Due;
use crate::registry::proposal::Proposal;
use crate::registry::{self, carry, findings, in_place};
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use skynet_core::PluginId;
use skynet_core::plugin::Receipt;
use skynet_policy::agent::AgentPlugin;
use skynet_policy::agent::bundle::Bundle;
use skynet_policy::digest::sha256_hex;
use skynet_policy::release::{Release, split};
use skynet_registry_client::Home as Registries;
use skynet_registry_client::home::HomeLock;
use skynet_registry_client::lock::Locked;
use skynet_registry_client::visit::Visit;
use skynet_review::{Policy, Report};
use skynet_store::Store;
use std::path::PathBuf;

/// Largest file that is looked at in a folder; bytes. As the host's own default for a plugin.
const FILE_BYTES: u64 = 64 * 1024 * 1024;

/// What there is to do about one.
pub(super) enum Part {
    /// This very release serves.
    Here,
    /// A newer one serves, and stays.
    Newer(semver::Version),
    /// Its file is at hand, with what a review found in it.
    AtHand { bytes: Vec<u8>, release: Box<Release>, findings: Box<Report> },
    /// A registry lists this very release; fetched, checked and looked through.
    Listed(Box<Due>),
    /// Its file is at hand, and the host would not take it.
    Refused(String),
    /// No registry answers for it; it has to be fetched by hand.
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

/// Its entry in the lockfile, where it came from a registry.
fn locked(home: &Home, plugin: &AgentPlugin) -> Result<Option<Locked>> {
    if !home.registries().is_dir() {
        return Ok(None);
    }
    Ok(registry::open(home)?.read_lock().map_err(registry::failed)?.find(&plugin.id).cloned())
}

/// What there is to do.
pub(super) fn part(
    home: &Home,
    plugin: &AgentPlugin,
    bundle: &Bundle,
    (folders, policy): (&[PathBuf], &Policy),
    serving: &[Receipt],
) -> Result<Part> {
    if let Some(receipt) = serving.iter().find(|receipt| receipt.plugin.id == plugin.id) {
        if receipt.release == plugin.release {
            return Ok(Part::Here);
        }
        if receipt.plugin.version > plugin.version {
            return Ok(Part::Newer(receipt.plugin.version.clone()));
        }
    }
    if let Some(locked) = locked(home, plugin)? {
        // A file over it would leave the lockfile behind, with its pin and what can be gone back to.
        return Ok(match locked.release == plugin.release && in_place::holds(home, &locked) {
            true => Part::Here,
            false if Shelf::answers(home, &plugin.id) => Part::Elsewhere,
            false => {
                Part::Refused(format!("{} of it came from {}; take that away first: skynet plugin remove", locked.version, locked.origin()))
            }
        });
    }
    let Some(bytes) = local(plugin, bundle, folders) else { return Ok(Part::Elsewhere) };
    // As the host will look at it: signature, trust, what it imports.
    let trust = keys::load_trust(home)?;
    Ok(match skynet_plugins::file::check(plugin.id.as_str(), &bytes, &trust) {
        Err(why) => Part::Refused(why),
        Ok(checked) if checked.release.id != plugin.id || checked.release_digest != plugin.release => {
            Part::Refused("its file holds another plugin than the agent says".into())
        }
        Ok(checked) => {
            let beside: Vec<_> = serving.iter().map(|receipt| receipt.plugin.id.clone()).collect();
            let findings = Box::new(findings::of(&bytes, &checked.release, &beside, policy));
            Part::AtHand { bytes, release: Box::new(checked.release), findings }
        }
    })
}

/// What registries are asked with, once one has to be.
pub(super) struct Shelf {
    pub(super) held: Registries,
    pub(super) lock: HomeLock,
    visits: Vec<Visit>,
}

impl Shelf {
    pub(super) async fn open(home: &Home) -> Result<Self> {
        let (held, lock) = registry::open_to_change(home).await?;
        Ok(Self { held, lock, visits: Vec::new() })
    }

    /// Whether a registry answers for it.
    pub(super) fn answers(home: &Home, id: &PluginId) -> bool {
        home.registries().is_dir() && registry::open(home).is_ok_and(|held| held.places().is_ok_and(|places| places.of(id).is_ok()))
    }

    /// The very release that the agent names, fetched and looked through.
    pub(super) async fn fetch(&mut self, home: &Home, store: &Store, plugin: &AgentPlugin, policy: &Policy, out: &Out) -> Result<Due> {
        let places = self.held.places().map_err(registry::failed)?;
        let name = &places.of(&plugin.id).map_err(registry::failed)?.name;
        let now = Timestamp::now();
        let at = visited(&self.held, &mut self.visits, name, &Source::default(), now, out).await?;
        let visit = self.visits.get(at).context("the look at its registry")?;
        let offer = visit.offer(&plugin.id, &plugin.version).await.map_err(registry::failed)?;
        if offer.digest != plugin.release {
            let why = format!("registry {name} has release {} of it, and the agent names {}", offer.digest, plugin.release);
            return Err(fail(Kind::Refused, format!("{why}; ask whoever made the agent")));
        }
        let index = visit.index().await.map_err(registry::failed)?;
        let proposal = Proposal::of(home, &self.held, store, offer, &index, now).await?;
        let ready = carry::fetch(home, (&self.held, &self.lock), visit, &proposal, policy).await?;
        Ok(Due::Listed(Box::new((proposal, ready))))
    }
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

//! `skynet agent export`: what makes this agent, without what is its owner's.
//!
//! Refuses a prompt file in which something looks like a secret, with its place: what was
//! given away cannot be taken back. `USER.md` and `MEMORY.md` never go along.

use crate::args::AgentExport;
use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::keys;
use crate::output::Out;
use crate::wire;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_core::plugin::Receipt;
use skynet_core::ports::PluginStore as _;
use skynet_policy::agent::bundle::{self, Bundle};
use skynet_policy::agent::{AGENT_SCHEMA, AgentFile, AgentManifest, AgentPlugin, PROMPT_FILES, seal, secretive};
use skynet_policy::digest::sha256_hex;
use skynet_policy::limits::AGENT_FILE_BYTES;
use skynet_policy::permission::Permissions;
use skynet_policy::signature::KeyId;
use skynet_policy::trust::Tier;
use skynet_review::{Policy, Script, Text};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// How the ids of rules begin that found somebody's key.
const LEAK: &str = "leaked-";

/// The namespace of what `skynet plugin add-mcp` makes.
const MCP: &str = "mcp";

pub(super) async fn run(home: &Home, wish: AgentExport, out: &Out) -> Result<()> {
    home.must_exist()?;
    let files = prompt_files(home)?;
    let (receipts, left) = chosen(home, &wish).await?;
    let plugins = receipts.iter().map(listed).collect::<Result<Vec<_>>>()?;
    let schemas = receipts.iter().filter_map(|receipt| Some((receipt.plugin.id.to_string(), receipt.config_schema.clone()?)));
    let manifest = AgentManifest {
        schema: AGENT_SCHEMA,
        id: wish.id,
        version: wish.version,
        summary: wish.summary,
        created: keys::now(),
        files: files.iter().map(described).collect(),
        plugins,
        config_schema: schemas.collect(),
    };
    let faults = manifest.faults();
    if !faults.is_empty() {
        return Err(fail(Kind::Refused, faults.join("; ")));
    }
    let held = if wish.with_plugins { receipts.iter().map(|receipt| held(home, receipt)).collect::<Result<_>>()? } else { BTreeMap::new() };
    let key_file = wish.key.map_or_else(|| keys::path(home, "dev"), Ok)?;
    let key = keys::read(&key_file).context("no key to sign with; make one with: skynet key new NAME")?;
    let manifest_json = manifest.to_bytes();
    let signatures_json = seal::sign(&key, &manifest_json).to_bytes();
    let path = wish.out.unwrap_or_else(|| PathBuf::from(format!("{}-{}.agent", manifest.id.name(), manifest.version)));
    let bundle = Bundle { manifest, manifest_json, signatures_json, files, plugins: held };
    let bytes = bundle::write(&bundle);
    // What was written is what anybody else will read.
    bundle::read(&bytes).map_err(|error| fail(Kind::Refused, error.to_string()))?;
    home::write_file(&path, &bytes, 0o644)?;
    tell(&bundle, &path, key.public().key_id().as_str(), &key.public().text(), out);
    left.iter().for_each(|why| out.line(why));
    Ok(())
}

fn tell(bundle: &Bundle, path: &Path, keyid: &str, public: &str, out: &Out) {
    let manifest = &bundle.manifest;
    out.line(&format!("wrote {} with the agent {} {}, signed by {keyid}", path.display(), manifest.id, manifest.version));
    manifest.files.iter().for_each(|file| out.line(&format!("  {}", file.name)));
    for plugin in &manifest.plugins {
        let along = if bundle.plugins.contains_key(&plugin.release) { "with its file" } else { "by its digest" };
        out.line(&format!("  plugin {} {}, {along}", plugin.id, plugin.version));
    }
    let own = manifest.plugins.iter().filter(|plugin| plugin.publisher.as_str() == keyid).map(|plugin| plugin.id.namespace());
    let namespaces: BTreeSet<&str> = own.chain([manifest.id.namespace()]).collect();
    let namespaces: String = namespaces.iter().map(|namespace| format!(" --namespace {namespace}")).collect();
    out.line(&format!("whoever installs it first runs: skynet key trust {public}{namespaces}"));
    out.value(&json!({ "file": path, "agent": manifest, "digest": sha256_hex(&bundle.manifest_json), "keyid": keyid, "public": public }));
}

/// Those that there are, without anything that looks like a secret.
fn prompt_files(home: &Home) -> Result<BTreeMap<String, String>> {
    let (mut files, mut places) = (BTreeMap::new(), Vec::new());
    for name in PROMPT_FILES {
        let path = home.root().join(name);
        let Some(text) = super::files::read(&path)? else { continue };
        if text.len() > AGENT_FILE_BYTES {
            return Err(fail(Kind::Refused, format!("{} has more than {AGENT_FILE_BYTES} bytes", path.display())));
        }
        places.extend(secretive::suspects(&text).iter().map(|found| format!("{name} line {} looks like {}", found.line, found.looks_like)));
        files.insert(name.to_owned(), text);
    }
    places.extend(known_shapes(&files));
    if !places.is_empty() {
        let why = format!("nothing was written: {}. Take it out; a secret belongs in: skynet secret set", places.join("; "));
        return Err(fail(Kind::Refused, why));
    }
    Ok(files)
}

/// Keys of the shapes that a review knows, which may be too short or too plain for the look at single words.
fn known_shapes(files: &BTreeMap<String, String>) -> Vec<String> {
    let texts: Vec<Text<'_>> = files.iter().map(|(name, text)| Text { name, bytes: text.as_bytes() }).collect();
    let script = Script { files: &texts, unread: &[], run: None, permissions: &Permissions::default() };
    let report = skynet_review::review_script(&script, &Policy::default());
    let leaks = report.findings.iter().filter(|finding| finding.rule.starts_with(LEAK));
    leaks
        .map(|finding| {
            let ahead = finding.offset.and_then(|at| files.get(&finding.place)?.get(..usize::try_from(at).ok()?));
            let line = ahead.map(|ahead| format!(" line {}", ahead.matches('\n').count() + 1)).unwrap_or_default();
            format!("{}{line}: {}", finding.place, finding.why)
        })
        .collect()
}

fn described((name, text): (&String, &String)) -> AgentFile {
    AgentFile { name: name.clone(), sha256: sha256_hex(text.as_bytes()), size: text.len() as u64 }
}

/// Those that go along, and a line for each that does not unless it is named.
async fn chosen(home: &Home, wish: &AgentExport) -> Result<(Vec<Receipt>, Vec<String>)> {
    let serving = wire::open_store(home).await?.serving().await?;
    if let Some(missing) = wish.plugins.iter().find(|id| serving.iter().all(|receipt| receipt.plugin.id != **id)) {
        return Err(fail(Kind::NotFound, format!("{missing} does not serve here; skynet plugin list shows what does")));
    }
    let (mut chosen, mut left) = (Vec::new(), Vec::new());
    for receipt in serving {
        let id = receipt.plugin.id.clone();
        let named = wish.plugins.contains(&id);
        match stays(&receipt) {
            Some(why) if named && is_folder(&receipt) => return Err(fail(Kind::Refused, format!("{id} cannot go along: {why}"))),
            Some(why) if !named && wish.plugins.is_empty() => left.push(format!("left out {id}: {why}")),
            // Those that came with the host come with every host.
            None if !named && (!wish.plugins.is_empty() || receipt.trust == Tier::Builtin.as_str()) => {}
            Some(_) if !named => {}
            _ => chosen.push(receipt),
        }
    }
    Ok((chosen, left))
}

/// Why a plugin is not given away unasked.
fn stays(receipt: &Receipt) -> Option<&'static str> {
    if is_folder(receipt) {
        return Some("it is a folder of scripts, which is copied by hand and approved where it comes to");
    }
    // Made by `skynet plugin add-mcp`: an address of the owner's is in it, and that may hold a key.
    let is_mcp = receipt.plugin.id.namespace() == MCP;
    is_mcp.then_some("it holds the address of one of your servers; --plugin takes it along")
}

fn is_folder(receipt: &Receipt) -> bool {
    skynet_plugins::is_script_folder(&receipt.source)
}

fn listed(receipt: &Receipt) -> Result<AgentPlugin> {
    let signer = receipt.signers.first().map(String::as_str).unwrap_or_default();
    Ok(AgentPlugin {
        id: receipt.plugin.id.clone(),
        version: receipt.plugin.version.clone(),
        release: receipt.release.clone(),
        publisher: KeyId::parse(signer).with_context(|| format!("who signed {}", receipt.plugin.id))?,
    })
}

/// The plugin's signed file, as it lies in the drop folder.
fn held(home: &Home, receipt: &Receipt) -> Result<(String, Vec<u8>)> {
    let path = home.plugins().join(&receipt.source);
    let bytes = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    match super::release_of(&bytes, &receipt.release) {
        Some(_) => Ok((receipt.release.clone(), bytes)),
        None => Err(fail(Kind::Refused, format!("{} no longer holds the release of {} that serves", path.display(), receipt.plugin.id))),
    }
}

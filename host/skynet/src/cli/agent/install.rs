//! `skynet agent install`: looked at as a whole, then installed part by part.
//!
//! Order: archive, signature, plan with what a review found, the owner's word, one audit row,
//! and only then the first change. A dry run ends after the plan. Doing it again finds every part
//! done. Refuses an agent whose signature this machine does not trust, whatever is said.

use super::files::{self, Fate};
use super::plugins::{self, Part, Shelf};
use super::refused;
use super::source::{self, Source};
use crate::args::AgentInstall;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::ANSWER;
use crate::output::Out;
use crate::plain::visible;
use crate::registry::carry::{self, Word};
use crate::registry::{approval, findings};
use crate::{who, wire};
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::plugin::Receipt;
use skynet_core::ports::{Audit as _, AuditRow, PluginStore as _};
use skynet_policy::agent::AgentPlugin;
use skynet_policy::agent::bundle::Bundle;
use skynet_policy::digest::sha256_hex;
use skynet_store::Store;

/// The whole, before anything is changed.
struct Plan<'a> {
    bundle: &'a Bundle,
    files: Vec<(&'a String, &'a String, Fate)>,
    plugins: Vec<(&'a AgentPlugin, Part)>,
    /// There once a registry had to be asked.
    shelf: Option<Shelf>,
}

impl Plan<'_> {
    /// What would be installed: names and digests, to be agreed to at once.
    fn releases(&self) -> Vec<(String, String)> {
        let due = self.plugins.iter().filter(|(_, part)| matches!(part, Part::AtHand { .. } | Part::Listed(_)));
        due.map(|(plugin, _)| (format!("{} {}", plugin.id, plugin.version), plugin.release.clone())).collect()
    }
}

pub(super) async fn run(home: &Home, wish: AgentInstall, out: &Out) -> Result<()> {
    home.must_exist()?;
    let Source { bundle, signers, registry } = source::of(home, &wish.file).await?;
    let signers = signers.map_err(|error| refused(&wish.file, &error))?;
    let store = wire::open_store(home).await?;
    let serving = store.serving().await?;
    let mut plan = Box::pin(planned(home, &bundle, &wish, (&store, &serving), out)).await?;
    if let Some(registry) = &registry {
        let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
        out.line(&format!("from registry {registry}, signed by {}", signers.join(", ")));
    }
    shown(&plan, out);
    let passed = plan.plugins.iter().try_for_each(|(plugin, part)| match part {
        Part::AtHand { findings, .. } => findings::pass(&format!("{} {}", plugin.id, plugin.version), findings),
        Part::Listed(due) => due.pass(),
        _ => Ok(()),
    });
    if wish.dry_run {
        out.value(&told(&plan, &[], true));
        return passed;
    }
    passed?;
    asked(&mut plan, &wish, out)?;
    let files = plan.files.iter().filter(|(_, _, fate)| !matches!(fate, Fate::Same | Fate::Kept));
    let names: Vec<&String> = files.map(|(name, _, _)| *name).collect();
    let releases = plan.releases();
    if !names.is_empty() || !releases.is_empty() {
        let plugins: Vec<_> = releases.iter().map(|(name, digest)| json!({ "plugin": name, "release": digest })).collect();
        let digest = sha256_hex(&bundle.manifest_json);
        let detail = json!({ "action": "install", "digest": digest, "from": registry, "files": names, "plugins": plugins });
        let subject = format!("{} {}", bundle.manifest.id, bundle.manifest.version);
        let row = AuditRow { kind: "agent".into(), actor: who::at_the_command_line(), subject, verdict: "ok".into(), detail };
        store.record(row).await?;
    }
    drop(store);
    let kept = carried_out(home, &plan, &serving, out).await?;
    out.value(&told(&plan, &kept, false));
    missing(&plan)
}

async fn planned<'a>(
    home: &Home,
    bundle: &'a Bundle,
    wish: &AgentInstall,
    (store, serving): (&Store, &[Receipt]),
    out: &Out,
) -> Result<Plan<'a>> {
    let policy = wish.agreement.review_policy()?;
    let files = bundle.files.iter().map(|(name, text)| Ok((name, text, files::fate(home, name, text)?)));
    let files = files.collect::<Result<Vec<_>>>()?;
    let (mut plugins, mut shelf): (Vec<(&AgentPlugin, Part)>, Option<Shelf>) = (Vec::new(), None);
    for plugin in &bundle.manifest.plugins {
        let mut part = plugins::part(home, plugin, bundle, (&wish.folders, &policy), serving)?;
        if matches!(part, Part::Elsewhere) && Shelf::answers(home, &plugin.id) {
            let open = match shelf.take() {
                Some(open) => open,
                None => Shelf::open(home).await?,
            };
            let open = shelf.insert(open);
            part = match open.fetch(home, store, plugin, &policy, out).await {
                Ok(due) => Part::Listed(Box::new(due)),
                Err(error) => Part::Refused(format!("{error:#}")),
            };
        }
        plugins.push((plugin, part));
    }
    Ok(Plan { bundle, files, plugins, shelf })
}

/// Where a plugin that is not at hand can be had.
fn elsewhere(plugin: &AgentPlugin) -> String {
    format!(
        "not here; get exactly this release with: skynet plugin install {}@{} --yes --release {}",
        plugin.id, plugin.version, plugin.release
    )
}

fn shown(plan: &Plan<'_>, out: &Out) {
    let manifest = &plan.bundle.manifest;
    out.line(&out.paint("1", &format!("{} {}: {}", manifest.id, manifest.version, visible(&manifest.summary))));
    for (name, text, fate) in &plan.files {
        out.line(&format!("{name}: {}", fate.word()));
        if *fate != Fate::Same {
            text.lines().for_each(|line| out.line(&format!("  | {}", visible(line))));
        }
    }
    for (plugin, part) in &plan.plugins {
        let said = match part {
            Part::Here => "installed already".to_owned(),
            Part::Newer(version) => format!("version {version} is installed, which is newer and stays"),
            Part::Refused(why) => format!("cannot be installed: {}", visible(why)),
            Part::Elsewhere => elsewhere(plugin),
            Part::Listed(_) => "comes from your registry:".to_owned(),
            Part::AtHand { release, .. } if release.permissions.is_empty() => "asks for nothing".to_owned(),
            Part::AtHand { .. } => "asks to:".to_owned(),
        };
        out.line(&format!("plugin {} {}: {said}", plugin.id, plugin.version));
        match part {
            Part::AtHand { release, findings, .. } => {
                release.permissions.sentences().iter().for_each(|ask| out.line(&format!("  {ask}")));
                findings::show(findings, out);
                out.line(&format!("  release {}", plugin.release));
            }
            Part::Listed(due) => due.show(out),
            _ => {}
        }
    }
}

/// The owner's word: on each prompt file that differs, and once for all plugins, each bound
/// to its release's digest.
fn asked(plan: &mut Plan<'_>, wish: &AgentInstall, out: &Out) -> Result<()> {
    for (name, _, fate) in &mut plan.files {
        *fate = files::decided(name, *fate, wish.mine, out)?;
    }
    let releases = plan.releases();
    if releases.is_empty() {
        return Ok(());
    }
    // That the agent names digests says nothing of its owner having seen them.
    approval::agree(&wish.agreement, &releases, out)
}

async fn carried_out(home: &Home, plan: &Plan<'_>, serving: &[Receipt], out: &Out) -> Result<Vec<String>> {
    let mut all_kept = Vec::new();
    for (name, text, fate) in &plan.files {
        if let Some(kept) = files::carry_out(home, name, text, *fate)? {
            out.line(&format!("yours is kept as {kept}"));
            all_kept.push(kept);
        }
    }
    let running = client::call(home, "ping", json!({}), ANSWER).await.is_ok();
    let mut waiting = Vec::new();
    let (word, mut fetched) = (Word::of_owner(), false);
    for (plugin, part) in &plan.plugins {
        if let (Part::Listed(due), Some(shelf)) = (part, &plan.shelf) {
            due.carry_out(home, &shelf.held, &shelf.lock, &word).await?;
            fetched = true;
            out.line(&format!("{} {} is installed", plugin.id, plugin.version));
        }
        let Part::AtHand { bytes, release, .. } = part else { continue };
        plugins::install(home, release, bytes, serving, running).await?;
        out.line(&format!("{} {} is installed", plugin.id, plugin.version));
        if !running && !release.permissions.is_empty() {
            waiting.push(format!("skynet plugin grant {}", plugin.id));
        }
    }
    if let Some(shelf) = plan.shelf.as_ref().filter(|_| fetched) {
        carry::tidy(&shelf.held, &shelf.lock)?;
        let _ = client::rescan(home).await;
    }
    if !waiting.is_empty() {
        out.line(&format!("no host runs; once it does, allow what was shown with: {}", waiting.join("; ")));
    }
    if running && plan.files.iter().any(|(_, _, fate)| matches!(fate, Fate::Write | Fate::Untouched | Fate::Replaced)) {
        out.line("the running host reads prompt files when it starts: skynet daemon restart");
    }
    Ok(all_kept)
}

fn told(plan: &Plan<'_>, kept: &[String], dry: bool) -> Value {
    let files: Vec<Value> = plan.files.iter().map(|(name, _, fate)| json!({ "name": name, "fate": fate.word() })).collect();
    let plugin = |(plugin, part): &(&AgentPlugin, Part)| {
        let (state, asks, found) = match part {
            Part::Here => ("here", None, None),
            Part::Newer(_) => ("newer", None, None),
            Part::Refused(_) => ("refused", None, None),
            Part::Elsewhere => ("missing", None, None),
            Part::AtHand { release, findings, .. } => {
                (if dry { "at-hand" } else { "installed" }, Some(release.permissions.sentences()), Some(&**findings))
            }
            Part::Listed(due) => (if dry { "listed" } else { "installed" }, Some(due.asks()), Some(due.findings())),
        };
        let (id, version, release) = (&plugin.id, &plugin.version, &plugin.release);
        json!({ "id": id, "version": version, "release": release, "state": state, "asks": asks, "findings": found })
    };
    let plugins: Vec<Value> = plan.plugins.iter().map(plugin).collect();
    json!({ "agent": plan.bundle.manifest.id, "dry_run": dry, "files": files, "kept": kept, "plugins": plugins })
}

/// What is still to be done is an error, so that a script sees it.
fn missing(plan: &Plan<'_>) -> Result<()> {
    let left = plan.plugins.iter().filter_map(|(plugin, part)| match part {
        Part::Elsewhere => Some(format!("{} {}: {}", plugin.id, plugin.version, elsewhere(plugin))),
        Part::Refused(why) => Some(format!("{} {}: {}", plugin.id, plugin.version, visible(why))),
        _ => None,
    });
    match left.collect::<Vec<_>>().join("; ") {
        left if left.is_empty() => Ok(()),
        left => Err(fail(Kind::NotFound, format!("the rest is installed; still to come: {left}. Then run this again"))),
    }
}

//! `skynet agent install`: looked at as a whole, then installed part by part.
//!
//! Order: archive, signature, plan, the owner's word on each part, one audit row, and only
//! then the first change. A dry run ends after the plan. Doing it again finds every part
//! done. Refuses an agent whose signature this machine does not trust, whatever is said.

use super::files::{self, Fate};
use super::plugins::{self, Part};
use super::{confirmed, read, refused, verify};
use crate::args::AgentInstall;
use crate::client;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::ANSWER;
use crate::output::Out;
use crate::plain::visible;
use crate::{who, wire};
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::plugin::Receipt;
use skynet_core::ports::{Audit as _, AuditRow, PluginStore as _};
use skynet_policy::agent::AgentPlugin;
use skynet_policy::agent::bundle::Bundle;
use skynet_policy::digest::sha256_hex;

/// The whole, before anything is changed.
struct Plan<'a> {
    bundle: &'a Bundle,
    files: Vec<(&'a String, &'a String, Fate)>,
    plugins: Vec<(&'a AgentPlugin, Part)>,
}

pub(super) async fn run(home: &Home, wish: AgentInstall, out: &Out) -> Result<()> {
    home.must_exist()?;
    let bundle = read(&wish.file)?;
    verify(home, &bundle).map_err(|error| refused(&wish.file, &error))?;
    let store = wire::open_store(home).await?;
    let serving = store.serving().await?;
    let mut plan = planned(home, &bundle, &wish, &serving)?;
    shown(&plan, out);
    if wish.dry_run {
        out.value(&told(&plan, &[], true));
        return Ok(());
    }
    asked(&mut plan, &wish, out)?;
    let files = plan.files.iter().filter(|(_, _, fate)| !matches!(fate, Fate::Same | Fate::Kept));
    let names: Vec<&String> = files.map(|(name, _, _)| *name).collect();
    let ids: Vec<String> =
        plan.plugins.iter().filter(|(_, part)| matches!(part, Part::AtHand { .. })).map(|(plugin, _)| plugin.id.to_string()).collect();
    if !names.is_empty() || !ids.is_empty() {
        let detail = json!({ "action": "install", "digest": sha256_hex(&bundle.manifest_json), "files": names, "plugins": ids });
        let subject = format!("{} {}", bundle.manifest.id, bundle.manifest.version);
        let row = AuditRow { kind: "agent".into(), actor: who::at_the_command_line(), subject, verdict: "ok".into(), detail };
        store.record(row).await?;
    }
    drop(store);
    let kept = carried_out(home, &plan, &serving, out).await?;
    out.value(&told(&plan, &kept, false));
    missing(&plan)
}

fn planned<'a>(home: &Home, bundle: &'a Bundle, wish: &AgentInstall, serving: &[Receipt]) -> Result<Plan<'a>> {
    let files = bundle.files.iter().map(|(name, text)| Ok((name, text, files::fate(home, name, text)?)));
    let plugins = bundle.manifest.plugins.iter();
    let plugins = plugins.map(|plugin| Ok((plugin, plugins::part(home, plugin, bundle, &wish.folders, serving)?)));
    Ok(Plan { bundle, files: files.collect::<Result<_>>()?, plugins: plugins.collect::<Result<_>>()? })
}

/// Where a plugin that is not at hand can be had.
fn elsewhere(plugin: &AgentPlugin) -> String {
    format!("not here; get exactly release {} with: skynet plugin install {}@{}", plugin.release, plugin.id, plugin.version)
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
            Part::AtHand { release, .. } if release.permissions.is_empty() => "asks for nothing".to_owned(),
            Part::AtHand { .. } => "asks to:".to_owned(),
        };
        out.line(&format!("plugin {} {}: {said}", plugin.id, plugin.version));
        if let Part::AtHand { release, .. } = part {
            release.permissions.sentences().iter().for_each(|ask| out.line(&format!("  {ask}")));
        }
    }
}

/// The owner's word on each part; those with a no are left out.
fn asked(plan: &mut Plan<'_>, wish: &AgentInstall, out: &Out) -> Result<()> {
    for (name, _, fate) in &mut plan.files {
        *fate = files::decided(name, *fate, wish.mine, out)?;
    }
    if wish.yes {
        return Ok(());
    }
    let mut agreed = Vec::new();
    for (plugin, part) in plan.plugins.drain(..) {
        let question = format!("Install {} {} and let it do what it asks for?", plugin.id, plugin.version);
        if !matches!(part, Part::AtHand { .. }) || confirmed(&question, "say --yes for all plugins", out)? {
            agreed.push((plugin, part));
        }
    }
    plan.plugins = agreed;
    Ok(())
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
    for (plugin, part) in &plan.plugins {
        let Part::AtHand { bytes, release } = part else { continue };
        plugins::install(home, release, bytes, serving, running).await?;
        out.line(&format!("{} {} is installed", plugin.id, plugin.version));
        if !running && !release.permissions.is_empty() {
            waiting.push(format!("skynet plugin grant {}", plugin.id));
        }
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
        let (state, asks) = match part {
            Part::Here => ("here", None),
            Part::Newer(_) => ("newer", None),
            Part::Refused(_) => ("refused", None),
            Part::Elsewhere => ("missing", None),
            Part::AtHand { release, .. } => (if dry { "at-hand" } else { "installed" }, Some(release.permissions.sentences())),
        };
        json!({ "id": plugin.id, "version": plugin.version, "release": plugin.release, "state": state, "asks": asks })
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

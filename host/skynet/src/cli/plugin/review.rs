//! `skynet plugin review`: what a person should know before a plugin is installed.
//!
//! Reads files and shows findings; the analysis is `skynet-review`'s. Refuses to run
//! anything, and to follow links out of a script plugin's folder.

use crate::args::review::PluginReview;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::REVIEW_FILES;
use crate::output::Out;
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::json;
use skynet_core::PluginId;
use skynet_policy::permission::Permissions;
use skynet_policy::release::{self, Release};
use skynet_policy::script::{MANIFEST_FILE, ScriptManifest};
use skynet_registry_client::disk::Folder;
use skynet_review::limits::{TEXT_BYTES, TEXTS_BYTES};
use skynet_review::{Material, Policy, Report, Script, Severity, Text, ToolText};
use std::path::Path;

#[derive(Deserialize)]
struct Tool {
    name: String,
    #[serde(default)]
    description: String,
}

pub(crate) fn run(home: &Home, look: &PluginReview, out: &Out) -> Result<()> {
    let Some(path) = look.file.as_deref().filter(|_| !look.rules) else {
        return list_rules(out);
    };
    let policy = look.blocking.policy();
    policy.check().map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let report = if path.is_dir() { of_script(path, &policy, out)? } else { of_file(home, path, look, &policy)? };
    show(&report, out);
    out.value(&json!({ "file": path, "report": report }));
    if report.blocked {
        return Err(fail(
            Kind::Refused,
            format!("{} does not pass: see what blocks above, or allow the rule with --allow", path.display()),
        ));
    }
    Ok(())
}

fn list_rules(out: &Out) -> Result<()> {
    let rules = skynet_review::rule_list();
    let blocking = Policy::default().block;
    for (id, why) in &rules {
        let mark = if blocking.contains(id) { " (blocks)" } else { "" };
        out.line(&format!("{}{mark}\n    {why}", out.paint("1", id)));
    }
    let rules: Vec<_> = rules.iter().map(|(id, why)| json!({ "rule": id, "why": why, "blocks": blocking.contains(id) })).collect();
    out.value(&json!(rules));
    Ok(())
}

fn of_file(home: &Home, path: &Path, look: &PluginReview, policy: &Policy) -> Result<Report> {
    let bytes = read(path)?;
    let release = match release::split(&bytes) {
        Ok(parts) => Some(Release::parse(parts.release_json).map_err(|error| fail(Kind::Refused, format!("{}: {error}", path.display())))?),
        Err(release::ReleaseError::Unsigned) => None,
        Err(error) => return Err(fail(Kind::Refused, format!("{}: {error}", path.display()))),
    };
    let texts: Vec<(String, Vec<u8>)> =
        look.readme.iter().map(|path| Ok((path.display().to_string(), read(path)?))).collect::<Result<_>>()?;
    let tools: Vec<Tool> = match &look.tools {
        Some(path) => serde_json::from_slice(&read(path)?).with_context(|| format!("{} is no JSON array of tools", path.display()))?,
        None => Vec::new(),
    };
    let material = Material {
        file: &bytes,
        release: release.as_ref(),
        known: &known(home),
        tools: &tools.iter().map(|tool| ToolText { name: &tool.name, text: &tool.description }).collect::<Vec<_>>(),
        texts: &borrowed(&texts),
    };
    Ok(skynet_review::review(&material, policy))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Texts as the analysis takes them.
pub(in crate::cli) fn borrowed(texts: &[(String, Vec<u8>)]) -> Vec<Text<'_>> {
    texts.iter().map(|(name, bytes)| Text { name, bytes }).collect()
}

/// Plugins whose files lie on this machine: whoever has one could be shown another's as it.
fn known(home: &Home) -> Vec<PluginId> {
    let Ok(folder) = Folder::open(&home.plugins()) else { return Vec::new() };
    let files = folder.names("").unwrap_or_default();
    let ids = files.iter().filter(|name| name.ends_with(".wasm")).filter_map(|name| {
        let bytes = folder.read(name, skynet_policy::limits::COMPONENT_BYTES).ok().flatten()?;
        let parts = release::split(&bytes).ok()?;
        Release::parse(parts.release_json).ok().map(|release| release.id)
    });
    let mut known: Vec<PluginId> = ids.collect();
    known.sort();
    known.dedup();
    known
}

/// A script plugin's folder, as its own manifest describes it. What is read is bounded before it is read.
fn of_script(path: &Path, policy: &Policy, out: &Out) -> Result<Report> {
    let folder = Folder::open(path)?;
    let manifest = manifest_of(&folder)?.and_then(|manifest| {
        // The host runs none that it does not understand, so whatever is there is held against nothing that was asked for.
        manifest.inspect_err(|why| out.line(&format!("{why}; it is reviewed as one that asks for nothing"))).ok()
    });
    let run = manifest.as_ref().map(|manifest| manifest.script.as_str());
    let mut names = names_below(path, &folder)?;
    // What runs comes first, and documents last, so that nothing which lies beside a source takes its place.
    names.sort_by_cached_key(|name| (run != Some(name.as_str()), skynet_review::is_named_document(name), name.clone()));
    let (mut files, mut unread, mut left) = (Vec::new(), Vec::new(), TEXTS_BYTES as u64);
    for name in names {
        let most = left.min(TEXT_BYTES as u64);
        if folder.size(&name)?.is_some_and(|size| size > most) {
            unread.push(name);
        } else if let Some(bytes) = folder.read(&name, most)? {
            left = left.saturating_sub(bytes.len() as u64);
            files.push((name, bytes));
        }
    }
    let none = Permissions::default();
    let permissions = manifest.as_ref().map_or(&none, |manifest| &manifest.permissions);
    Ok(skynet_review::review_script(&Script { files: &borrowed(&files), unread: &unread, run, permissions }, policy))
}

/// What `tool.toml` says, or why it says nothing; `None` where there is none.
fn manifest_of(folder: &Folder) -> Result<Option<Result<ScriptManifest, String>>> {
    let bytes = folder.read(MANIFEST_FILE, skynet_policy::limits::TREE_BYTES)?;
    Ok(bytes.map(|bytes| ScriptManifest::parse(&bytes)))
}

/// The files of a folder and of those in it, by their paths from there.
fn names_below(path: &Path, folder: &Folder) -> Result<Vec<String>> {
    let (mut files, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(next) = folders.pop() {
        for name in folder.names(&next)? {
            let name = if next.is_empty() { name } else { format!("{next}/{name}") };
            if path.join(&name).is_dir() {
                folders.push(name);
                continue;
            }
            if files.len() == REVIEW_FILES {
                return Err(fail(
                    Kind::Refused,
                    format!("{} has more than {REVIEW_FILES} files; a script plugin has a few", path.display()),
                ));
            }
            files.push(name);
        }
    }
    Ok(files)
}

/// The report for people, with its severities in colour.
pub(in crate::cli) fn show(report: &Report, out: &Out) {
    for line in report.to_string().lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        let color = match Severity::parse(word).filter(|_| !line.starts_with(' ')) {
            Some(Severity::High) => "31",
            Some(Severity::Medium) => "33",
            Some(Severity::Low) => "36",
            _ => "2",
        };
        if line.starts_with(' ') || color == "2" {
            out.line(line);
        } else {
            out.line(&format!("{}{}", out.paint(color, word), line.get(word.len()..).unwrap_or_default()));
        }
    }
}

//! `skynet agent`: a whole agent in one file, out and in.
//!
//! What is in such a file is a stranger's: it is verified before it is believed, shown as
//! plain lines, and installed part by part, each with the owner's word.

mod export;
mod files;
mod install;
mod plugins;
mod search;
mod source;

use crate::args::Agent;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::plain::visible;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_policy::agent::AgentError;
use skynet_policy::agent::bundle::{self, Bundle};
use skynet_policy::digest::sha256_hex;
use skynet_policy::limits::AGENT_BUNDLE_BYTES;
use skynet_policy::release::{self, Release};
use std::io::{IsTerminal, Read, Write};
use std::path::Path;

pub(crate) async fn run(home: &Home, verb: Agent, out: &Out) -> Result<()> {
    match verb {
        Agent::Export(wish) => export::run(home, wish, out).await,
        Agent::Search { words } => search::run(home, &words.join(" "), out).await,
        Agent::Inspect { file } => inspect(home, &file, out).await,
        Agent::Install(wish) => install::run(home, wish, out).await,
    }
}

fn refused(path: &Path, error: &AgentError) -> anyhow::Error {
    fail(Kind::Refused, format!("{}: {error}", path.display()))
}

/// Reads the file; its signature is not looked at yet.
fn read(path: &Path) -> Result<Bundle> {
    let file = std::fs::File::open(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let mut bytes = Vec::new();
    // One byte more than is taken, so that too much is seen and not cut off.
    let most = u64::try_from(AGENT_BUNDLE_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(most).read_to_end(&mut bytes).with_context(|| format!("{} cannot be read", path.display()))?;
    bundle::read(&bytes).map_err(|error| refused(path, &error))
}

/// The release in a plugin's file, if that is the one with this digest.
fn release_of(bytes: &[u8], digest: &str) -> Option<Release> {
    let parts = release::split(bytes).ok()?;
    let release = Release::parse(parts.release_json).ok().filter(|_| sha256_hex(parts.release_json) == digest)?;
    release.check_component(parts.component).ok().map(|()| release)
}

async fn inspect(home: &Home, path: &Path, out: &Out) -> Result<()> {
    let source::Source { bundle, signers: verdict, registry } = source::of(home, path).await?;
    show(&bundle, out);
    let asks = |digest: &str| {
        let release = bundle.plugins.get(digest).and_then(|bytes| release_of(bytes, digest));
        release.map(|release| release.permissions.sentences())
    };
    let plugins: Vec<_> = bundle.manifest.plugins.iter().map(|plugin| json!({ "plugin": plugin, "asks": asks(&plugin.release) })).collect();
    let signers: Vec<String> = verdict.iter().flatten().map(ToString::to_string).collect();
    let untrusted = verdict.as_ref().err().map(ToString::to_string);
    match (&untrusted, &registry) {
        (None, Some(registry)) => out.line(&format!("Signed by {}, listed by registry {registry}.", signers.join(", "))),
        (None, None) => out.line(&format!("Signed by {}, which this machine trusts for it.", signers.join(", "))),
        (Some(why), _) => out.line(&out.paint("33", &format!("It cannot be installed: {}", visible(why)))),
    }
    out.value(&json!({
        "agent": bundle.manifest, "digest": sha256_hex(&bundle.manifest_json), "files": bundle.files, "plugins": plugins,
        "signed_by": signers, "untrusted": untrusted, "registry": registry,
    }));
    Ok(())
}

/// All that it says, as a stranger's words.
fn show(bundle: &Bundle, out: &Out) {
    let manifest = &bundle.manifest;
    out.line(&out.paint("1", &format!("{} {}", manifest.id, manifest.version)));
    out.line(&format!("  in its author's words: {}", visible(&manifest.summary)));
    for (name, text) in &bundle.files {
        out.line(&out.paint("1", &format!("{name} (a stranger's words; what hides or reorders text is shown as <U+…>):")));
        text.lines().for_each(|line| out.line(&format!("  | {}", visible(line))));
    }
    for plugin in &manifest.plugins {
        out.line(&out.paint("1", &format!("plugin {} {}", plugin.id, plugin.version)));
        out.line(&format!("  release {}, signed by {}", plugin.release, plugin.publisher));
        match bundle.plugins.get(&plugin.release).and_then(|bytes| release_of(bytes, &plugin.release)) {
            Some(release) if release.permissions.is_empty() => out.line("  asks for nothing"),
            Some(release) => release.permissions.sentences().iter().for_each(|ask| out.line(&format!("  asks: {ask}"))),
            None => out.line("  its file is not in here; what it asks for is shown when it is installed"),
        }
        if let Some(schema) = manifest.config_schema.get(plugin.id.as_str()) {
            let settings = schema["properties"].as_object().map(|all| all.keys().map(|key| visible(key)).collect::<Vec<_>>());
            out.line(&format!("  settings: {}", settings.unwrap_or_default().join(", ")));
        }
    }
}

/// A person's word at a terminal; an error elsewhere that says how to give it.
fn confirmed(question: &str, elsewhere: &str, out: &Out) -> Result<bool> {
    if out.json || !std::io::stdin().is_terminal() {
        return Err(fail(Kind::Refused, format!("{question} Nobody can be asked here; {elsewhere}")));
    }
    let mut stdout = std::io::stdout();
    write!(stdout, "{question} [y/N] ")?;
    stdout.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

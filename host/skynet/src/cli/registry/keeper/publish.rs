//! `skynet registry publish`: what will be listed is shown, then listed.

use super::{failed, load, open, read};
use crate::args::registry::keeper::{Publish, PublishHow};
use crate::exit::{Kind, fail};
use crate::output::Out;
use crate::prompt;
use crate::registry::{bar::Bar, findings, oci};
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_registry_client::author::{Author, Review, Warrant};
use skynet_review::{Policy, Report};
use std::path::{Path, PathBuf};

/// `registry publish`, with a push to OCI behind it where that is wanted.
pub(super) async fn listed(wish: &Publish, out: &Out) -> Result<()> {
    if is_agent(&read(&wish.file)?) {
        if wish.oci.is_some() {
            return Err(fail(Kind::Refused, "an agent is listed in a registry; OCI registries take plugins alone"));
        }
        return agent(&wish.folder, &wish.file, &wish.how, &wish.keys.folders, out).await;
    }
    // A name that is none is refused before anything is listed.
    let to = wish.oci.as_deref().map(|to| oci::repository(to, &wish.account)).transpose()?;
    let mut said = list(&wish.folder, &wish.file, &wish.how, &wish.keys.folders, out).await?;
    if let Some(repository) = to.filter(|_| !wish.how.plan) {
        let pushed = repository.push(&read(&wish.file)?, false, &Bar::default()).await.map_err(failed)?;
        let done = if pushed.there { "is there already" } else { "is published" };
        out.line(&format!("{} {} {done} at {}", pushed.release.id, pushed.release.version, pushed.reference));
        said["oci"] = json!({ "to": pushed.reference.to_string(), "published": !pushed.there });
    }
    out.value(&said);
    Ok(())
}

/// The same without it, for a plugin's author who keeps the registry as well.
pub(in crate::cli) async fn run(folder: &Path, file: &Path, how: &PublishHow, keys: &[PathBuf], out: &Out) -> Result<()> {
    let said = list(folder, file, how, keys, out).await?;
    out.value(&said);
    Ok(())
}

/// An agent's archive begins with its description.
fn is_agent(bytes: &[u8]) -> bool {
    bytes.starts_with(b"agent.json\0")
}

/// The same for a whole agent.
async fn agent(folder: &Path, file: &Path, how: &PublishHow, keys: &[PathBuf], out: &Out) -> Result<()> {
    let bytes = read(file)?;
    let mut author = open(folder)?;
    let review = author.review_agent(&bytes).map_err(failed)?;
    let manifest = &review.manifest;
    let name = format!("the agent {} {}", manifest.id, manifest.version);
    let signers: Vec<&str> = review.signers.iter().map(|key| key.as_str()).collect();
    out.line(&format!("{name}: {}", manifest.summary));
    out.line(&format!("  signed by {}, {} bytes, digest {}", signers.join(", "), bytes.len(), review.digest));
    manifest.plugins.iter().for_each(|plugin| out.line(&format!("  plugin {} {}, release {}", plugin.id, plugin.version, plugin.release)));
    review.elsewhere.iter().for_each(|plugin| out.line(&format!("  {} {plugin} is not listed here", out.paint("33", "note:"))));
    let value = |published: bool| {
        json!({
            "agent": manifest.id, "version": manifest.version, "digest": review.digest, "signers": review.signers,
            "plugins": manifest.plugins, "elsewhere": review.elsewhere, "faults": review.faults, "listed": review.listed || published,
            "published": published,
        })
    };
    if !review.faults.is_empty() {
        return Err(fail(Kind::Refused, format!("{name} is refused: {}", review.faults.join("; "))));
    }
    if review.listed || how.plan {
        let why = if review.listed { "it is listed already" } else { "it would be listed" };
        out.both(&format!("{why}; nothing was changed"), &value(false));
        return Ok(());
    }
    if !how.yes && !prompt::agreed("List this? [y/N] ", out)? {
        return Err(fail(Kind::Refused, format!("{name} was not listed; with --yes nobody is asked")));
    }
    author.publish_agent(&bytes, &load(keys)?, jiff::Timestamp::now()).await.map_err(failed)?;
    out.both(&format!("listed {name} in {}", folder.display()), &value(true));
    Ok(())
}

async fn list(folder: &Path, file: &Path, how: &PublishHow, keys: &[PathBuf], out: &Out) -> Result<Value> {
    let bytes = read(file)?;
    let mut author = open(folder)?;
    let review = author.review(&bytes).map_err(failed)?;
    let found = looked_through(&author, &bytes, &review)?;
    show(&review, out);
    findings::show(&found, out);
    let name = format!("{} {}", review.release.id, review.release.version);
    let blocked = !review.faults.is_empty() || (review.similar.is_some() && !how.allow_similar);
    if review.listed {
        out.line(&format!("{name} is listed already; nothing was changed"));
        return Ok(value(&review, &found, false));
    }
    if how.plan && blocked {
        return Err(refusal(&name, &review));
    }
    if how.plan {
        out.line("it would be listed; nothing was changed");
        return Ok(value(&review, &found, false));
    }
    if !blocked && !how.yes && !prompt::agreed("List this? [y/N] ", out)? {
        return Err(fail(Kind::Refused, format!("{name} was not listed; with --yes nobody is asked")));
    }
    let keys = load(keys)?;
    let warrant = Warrant { similar: how.allow_similar };
    let review = author.publish(&bytes, warrant, &keys, jiff::Timestamp::now()).await.map_err(failed)?;
    out.line(&format!("listed {name} in {}", folder.display()));
    Ok(value(&review, &found, true))
}

/// What a review finds in it, for the keeper: they decide, and no policy does.
fn looked_through(author: &Author, file: &[u8], review: &Review) -> Result<Report> {
    let listed = author.index().map_err(failed)?.plugins.into_iter().map(|entry| entry.id);
    let beside: Vec<PluginId> = listed.filter(|id| *id != review.release.id).collect();
    // What was listed before is named like nobody by surprise.
    let beside = if review.before.is_some() || review.listed { Vec::new() } else { beside };
    Ok(findings::of(file, &review.release, &beside, &Policy::default()))
}

fn refusal(name: &str, review: &Review) -> anyhow::Error {
    let why: Vec<&str> = review.faults.iter().chain(&review.similar).map(String::as_str).collect();
    fail(Kind::Refused, format!("{name} is refused: {}", why.join("; ")))
}

fn show(review: &Review, out: &Out) {
    let release = &review.release;
    let before = review.before.as_ref().map_or_else(|| "the first release".to_owned(), |before| format!("after {before}"));
    let signers: Vec<&str> = review.signers.iter().map(|key| key.as_str()).collect();
    out.line(&format!("{} {}, {before}", release.id, release.version));
    out.line(&format!("  {}", release.summary));
    out.line(&format!("  signed by {}, {} bytes, release {}", signers.join(", "), release.component.size, review.digest));
    review.diff.to_string().lines().for_each(|line| out.line(&format!("  {line}")));
    for (label, color, lines) in [("fault", "31", &review.faults), ("warning", "33", &review.similar.iter().cloned().collect())] {
        lines.iter().for_each(|line| out.line(&format!("  {} {line}", out.paint(color, &format!("{label}:")))));
    }
}

fn value(review: &Review, found: &Report, published: bool) -> Value {
    json!({
        "id": review.release.id, "version": review.release.version, "release": review.digest, "signers": review.signers,
        "before": review.before, "asks": review.release.permissions.sentences(), "diff": review.diff,
        "findings": found, "faults": review.faults, "similar": review.similar, "listed": review.listed || published, "published": published,
    })
}

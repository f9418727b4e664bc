//! `skynet plugin grant`: the owner reads what is asked, then says yes.

use super::{checked, text};
use crate::args::Grant;
use crate::client;
use crate::clock::{self, SystemClock};
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::limits::PLUGIN_CHANGE;
use crate::output::Out;
use crate::registry::findings;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_core::ports::Clock as _;
use skynet_policy::permission::Permissions;
use skynet_policy::release::{Release, split};
use skynet_registry_client::disk::Folder;
use skynet_review::{Policy, Report};
use std::io::{IsTerminal, Write};

pub(crate) async fn run(home: &Home, grant: Grant, out: &Out) -> Result<()> {
    let id = checked(&grant.id)?;
    let info = client::call(home, "plugins.info", json!({ "id": id }), PLUGIN_CHANGE).await?;
    // What a grant is for: a release that waits, else one that was denied, else what serves.
    let release = ["waiting", "denied"].into_iter().map(|key| &info[key]).find(|release| !release.is_null());
    let shown = release.unwrap_or(&info);
    let (asked, publisher) = (&shown["request"], &shown["publisher"]);
    let mut permissions: Permissions = match &grant.only {
        Some(only) => {
            serde_json::from_str(only).map_err(|error| fail(Kind::Refused, format!("--only is not a set of permissions: {error}")))?
        }
        None => serde_json::from_value(asked.clone()).context("the host's answer")?,
    };
    if grant.private {
        // Only what the owner's own settings name can be let onto private networks:
        // a rule for every public server stays public.
        permissions.net.iter_mut().filter(|rule| rule.scheme.is_none()).for_each(|rule| rule.private = true);
    }
    if permissions.is_empty() {
        out.both(&format!("{id} asks for nothing; it needs no grant"), &json!({ "id": id, "granted": [] }));
        return Ok(());
    }
    let sentences = permissions.sentences();
    let until_ms = grant.lasts.as_deref().map(until).transpose()?;
    out.line(&format!("{id}, signed by {}, asks:", text(publisher)));
    sentences.iter().for_each(|sentence| out.line(&format!("  {sentence}")));
    release.iter().for_each(|release| show_change(&info, release, out));
    for above in info["above_ceiling"].as_array().into_iter().flatten() {
        out.line(&format!("  kept from it by [ceiling] in skynet.toml: {}", text(above)));
    }
    let version = text(release.map_or(&info["status"]["serving"]["version"], |release| &release["version"]));
    let found = dropped(home, &id, version);
    found.iter().for_each(|report| findings::show(report, out));
    if !grant.yes && !confirmed("Allow this?", out)? {
        return Err(fail(Kind::Refused, format!("nothing was granted; `skynet plugin grant --yes {id}` does not ask")));
    }
    let granted: Value = serde_json::to_value(&permissions)?;
    // Bound to what was shown: another release may come while its owner reads.
    let mut wish = json!({ "id": id, "permissions": granted });
    if let Some(digest) = shown["release"].as_str().filter(|digest| !digest.is_empty()) {
        wish["release"] = json!(digest);
    }
    if let Some(until_ms) = until_ms {
        wish["untilMs"] = json!(until_ms);
    }
    client::call(home, "plugins.grant", wish, PLUGIN_CHANGE).await?;
    let lasts = grant.lasts.map_or_else(String::new, |lasts| format!(" for {lasts}"));
    out.both(&format!("granted to {id}{lasts}"), &json!({ "id": id, "granted": sentences, "until_ms": until_ms, "findings": found }));
    Ok(())
}

/// What a review finds in the file of this version, where one lies in the drop folder. It was
/// admitted, so it is only for looking.
fn dropped(home: &Home, id: &PluginId, version: &str) -> Option<Report> {
    let folder = Folder::open(&home.plugins()).ok()?;
    folder.names("").ok()?.into_iter().filter(|name| name.ends_with(".wasm")).find_map(|name| {
        let file = folder.read(&name, skynet_policy::limits::COMPONENT_BYTES).ok().flatten()?;
        let release = Release::parse(split(&file).ok()?.release_json).ok()?;
        let same = release.id == *id && release.version.to_string() == version;
        same.then(|| findings::of(&file, &release, &[], &Policy::default()))
    })
}

/// What an update changes, line by line: the owner agrees to the difference.
fn show_change(info: &Value, waiting: &Value, out: &Out) {
    if waiting["signer"] == "first" {
        return;
    }
    let serving = text(&info["status"]["serving"]["version"]);
    let signer = if waiting["signer"] == "same" { "signed by the same key" } else { "SIGNED BY ANOTHER KEY than the version that serves" };
    out.line(&format!("{serving} → {}, {signer}", text(&waiting["version"])));
    text(&waiting["diff_text"]).lines().for_each(|line| out.line(&format!("  {line}")));
}

/// When a time such as `12h` from now is over, in milliseconds since the Unix epoch.
fn until(lasts: &str) -> Result<u64> {
    let span: jiff::SignedDuration =
        lasts.parse().map_err(|_| fail(Kind::Refused, format!("`{lasts}` is no time; write 30m, 12h or 7d")))?;
    let ms = u64::try_from(span.as_millis()).ok().filter(|ms| *ms > 0);
    let ms = ms.ok_or_else(|| fail(Kind::Refused, format!("`{lasts}` is over before it begins; write 30m, 12h or 7d")))?;
    Ok(SystemClock.now_ms().saturating_add(ms))
}

fn when(ms: &Value) -> String {
    ms.as_u64().map_or_else(|| "-".into(), clock::minute)
}

/// `skynet plugin grants`.
pub(super) async fn list(home: &Home, id: Option<&str>, out: &Out) -> Result<()> {
    let id = id.map(checked).transpose()?;
    let answer = client::call(home, "plugins.grants", json!({}), PLUGIN_CHANGE).await?;
    let all = answer["grants"].as_array().cloned().unwrap_or_default();
    let grants: Vec<Value> = all.into_iter().filter(|grant| id.as_ref().is_none_or(|id| grant["plugin"] == id.as_str())).collect();
    out.value(&json!(grants));
    if grants.is_empty() {
        out.line(&id.map_or_else(|| "no plugin has a grant".to_owned(), |id| format!("{id} has no grant")));
    }
    for grant in &grants {
        let until = if grant["until_ms"].is_null() { "for good".into() } else { format!("until {}", when(&grant["until_ms"])) };
        out.line(&format!(
            "{}  signed by {}, granted by {} on {}, {until}",
            text(&grant["plugin"]),
            text(&grant["publisher"]),
            text(&grant["by"]),
            when(&grant["at_ms"])
        ));
        let lines = |key: &str| grant[key].as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
        lines("allows").iter().for_each(|sentence| out.line(&format!("  {sentence}")));
        lines("above_ceiling").iter().for_each(|sentence| out.line(&format!("  kept from it by [ceiling]: {sentence}")));
    }
    Ok(())
}

/// Whether the person at the terminal says yes; nobody there is a no.
pub(super) fn confirmed(question: &str, out: &Out) -> Result<bool> {
    if out.json || !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let mut stdout = std::io::stdout();
    write!(stdout, "{question} [y/N] ")?;
    stdout.flush()?;
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

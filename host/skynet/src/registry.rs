//! Plugins from registries, as this machine has them: the library's folder, the way to its
//! servers, and what an installation changes here.
//!
//! The library says what is genuine; here is what the owner approved, granted and runs.
//! Nothing in here is within a model's reach.

pub(crate) mod approval;
pub(crate) mod bar;
pub(crate) mod before;
pub(crate) mod carried;
pub(crate) mod carry;
pub(crate) mod due;
pub(crate) mod fetch;
pub(crate) mod findings;
pub(crate) mod grant;
pub(crate) mod in_place;
pub(crate) mod intent;
pub(crate) mod moved;
pub(crate) mod oci;
pub(crate) mod proposal;
pub(crate) mod pulled;
pub(crate) mod said;
#[cfg(test)]
pub(crate) mod stage;
pub(crate) mod updates;
pub(crate) mod watch;

pub(crate) use fetch::{authority, fetch, shown};

use crate::args::registry::Root;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::who;
use crate::wire;
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_core::ports::{Audit as _, AuditRow};
use skynet_policy::naming::plain_line;
use skynet_registry_client::disk::DiskError;
use skynet_registry_client::home::{HomeLock, RootTrust};
use skynet_registry_client::places::{Place, Places};
use skynet_registry_client::visit::{Freshness, Visit};
use skynet_registry_client::{Home as Registries, RegistryError};
use std::time::Duration;

/// Characters of a reason in a row of the audit log.
const WHY: usize = 400;

/// How long a host waits for another process that is installing.
const LOCK_WAIT: Duration = Duration::from_secs(30);
/// How often it looks meanwhile.
const LOCK_LOOK: Duration = Duration::from_millis(100);

/// The folder of registries below the data folder.
pub(crate) fn open(home: &Home) -> Result<Registries> {
    Registries::open(&home.registries()).map_err(failed)
}

/// The folder, to change it: what an earlier command left half done is finished first.
pub(crate) async fn open_to_change(home: &Home) -> Result<(Registries, HomeLock)> {
    home.must_exist()?;
    let held = open(home)?;
    let lock = held.lock().map_err(failed)?;
    if let Some(resumed) = intent::mend(home, &held, &lock).await? {
        tracing::info!("{resumed}");
    }
    Ok((held, lock))
}

/// The same for a running host, which has nobody to try again: waits a while for another that is changing it.
pub(crate) async fn open_to_change_soon(home: &Home) -> Result<(Registries, HomeLock)> {
    let until = tokio::time::Instant::now() + LOCK_WAIT;
    loop {
        match open_to_change(home).await {
            Err(_) if home.registries().is_dir() && open(home)?.is_being_changed() && tokio::time::Instant::now() < until => {
                tokio::time::sleep(LOCK_LOOK).await;
            }
            ended => return ended,
        }
    }
}

/// Finishes at a start what a command left half done. What cannot be finished is no reason
/// not to serve: the old release or the new one is whole.
pub(crate) async fn mend_at_start(home: &Home) {
    let mend = async {
        if !home.registries().is_dir() {
            return Ok(None);
        }
        let held = open(home)?;
        // A command that is changing it right now finishes by itself.
        let Ok(lock) = held.lock() else { return Ok(None) };
        intent::mend(home, &held, &lock).await
    };
    match mend.await {
        Ok(Some(told)) => tracing::info!("{told}"),
        Ok(None) => {}
        Err(error) => tracing::warn!("a change to installed plugins was begun and could not be finished: {error:#}"),
    }
}

/// An error of the library with its exit code.
pub(crate) fn failed(error: RegistryError) -> anyhow::Error {
    let kind = match &error {
        RegistryError::Unreachable { .. } | RegistryError::Lacking { .. } | RegistryError::Busy { .. } => Kind::TryLater,
        RegistryError::NotFound { .. } => Kind::NotFound,
        RegistryError::Disk(DiskError::Full { .. }) => Kind::NoRoom,
        RegistryError::Disk(_) => return error.into(),
        _ => Kind::Refused,
    };
    fail(kind, error.to_string())
}

/// The root that the owner names.
pub(crate) fn root(root: &Root) -> Result<RootTrust> {
    match (&root.root, &root.fingerprint) {
        (Some(file), _) => Ok(RootTrust::Bytes(std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?)),
        (None, Some(fingerprint)) => Ok(RootTrust::Fingerprint(fingerprint.trim().to_owned())),
        (None, None) => Err(fail(Kind::Refused, "nobody is trusted at first sight; name the registry's --root FILE or --fingerprint")),
    }
}

/// Folders that are registries, for the wall. Those named later are out of the host's own
/// reach until it starts again; commands reach them.
pub(crate) fn folders(home: &Home) -> Vec<std::path::PathBuf> {
    let places = home.registries().is_dir().then(|| open(home).ok()?.places().ok()).flatten().unwrap_or_default();
    places.all.into_iter().filter_map(|place| place.folder).map(Into::into).filter(|path: &std::path::PathBuf| path.is_dir()).collect()
}

/// The registries that the owner named; an error where there is none.
pub(crate) fn places(held: &Registries) -> Result<Places> {
    let places = held.places().map_err(failed)?;
    if places.all.is_empty() {
        return Err(fail(Kind::NotFound, "no registry is named; add one with: skynet registry add URL --root FILE --namespace NAMESPACE"));
    }
    Ok(places)
}

/// A registry as it is now: asked, verified, compared with what was seen.
pub(crate) async fn visit(held: &Registries, place: &Place) -> Result<Visit> {
    held.visit(&place.name, fetch(place)?, Freshness::Strict, Timestamp::now()).await.map_err(failed)
}

/// A plugin's id, as somebody typed it.
pub(crate) fn id(text: &str) -> Result<PluginId> {
    PluginId::new(text).map_err(|error| fail(Kind::Refused, error.to_string()))
}

/// The same text without what stands ahead of an `@` in its addresses: that may be a password, and rows stay.
fn without_user(text: &str) -> String {
    let shown = |word: &str| {
        let (scheme, rest) = word.split_once("://")?;
        // A digest is named with the same sign.
        let (_, host) = rest.rmatch_indices('@').map(|(at, _)| rest.split_at(at + 1)).find(|(_, host)| !host.starts_with("sha256:"))?;
        Some(format!("{scheme}://{host}"))
    };
    text.split(' ').map(|word| shown(word).unwrap_or_else(|| word.to_owned())).collect::<Vec<_>>().join(" ")
}

/// One row of the audit log: who at this machine did what.
pub(crate) async fn record(home: &Home, kind: &str, subject: &str, verdict: &str, detail: Value) -> Result<()> {
    let row = AuditRow {
        kind: kind.into(),
        actor: who::at_the_command_line(),
        subject: plain_line(&without_user(subject), 200),
        verdict: verdict.into(),
        detail,
    };
    Ok(wire::open_store(home).await?.record(row).await?)
}

/// The row that says how something ended that was `begun`.
pub(crate) async fn ended(home: &Home, kind: &str, subject: &str, ended: Result<()>) -> Result<()> {
    noted(home, kind, subject, ended).await?;
    record(home, kind, subject, "ok", json!({})).await
}

/// Passes a result on; one that is an error leaves a row that says so first.
pub(crate) async fn noted<T>(home: &Home, kind: &str, subject: &str, ended: Result<T>) -> Result<T> {
    if let Err(error) = &ended
        && home.config().is_file()
    {
        let why = plain_line(&without_user(&format!("{error:#}")), WHY);
        // The command failed already; a log that takes no row must not hide why.
        if let Err(unwritten) = record(home, kind, subject, "refused", json!({ "why": why })).await {
            tracing::error!("a refusal was not recorded: {unwritten:#}");
        }
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_process_is_changing_is_tried_again_later() {
        let busy = failed(RegistryError::Busy { what: "x".into() });
        assert_eq!(crate::exit::kind(&busy), Some(Kind::TryLater));
    }

    #[test]
    fn a_row_never_holds_the_user_of_an_address() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, kept) in [
            ("acme/clock@1.0.0 oci://r.example/x:1", "acme/clock@1.0.0 oci://r.example/x:1".to_owned()),
            ("oci://me:s3cr3t@r.example/x:1", "oci://r.example/x:1".to_owned()),
            ("`oci://me:s3/cr@3t@r.example/x` is refused", "`oci://r.example/x` is refused".to_owned()),
            (&format!("https://t0k@r.example/ oci://r.example/x@{digest}"), format!("https://r.example/ oci://r.example/x@{digest}")),
            (&format!("oci://me:s3cr3t@r.example/x:1@{digest}"), format!("oci://r.example/x:1@{digest}")),
        ] {
            assert_eq!(without_user(text), kept);
        }
    }
}

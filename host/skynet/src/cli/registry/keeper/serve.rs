//! `skynet registry serve`: the folder over HTTP, and the timestamp's key beside it.
//!
//! Only that key is read: who takes over this process can hold updates back for as long
//! as a timestamp is good, and list nothing.

use super::failed;
use crate::args::registry::keeper::ServeRegistry;
use crate::exit::{Kind, fail};
use crate::output::Out;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_registry_client::author::{Keys, RoleType, Tick, keep_fresh};
use skynet_registry_client::serve::FileServer;
use std::path::Path;
use std::time::Duration;

pub(super) async fn run(serve: &ServeRegistry, out: &Out) -> Result<()> {
    // A folder that is no registry is said now, and not by each client.
    let until = super::open(&serve.folder)?.timestamp_until();
    let every = every(&serve.every)?;
    let keys = serve.key_folder.as_deref().map(|folder| Keys::of_role(folder, RoleType::Timestamp).map_err(failed)).transpose()?;
    let server = FileServer::bind(&serve.folder, serve.listen).await.map_err(failed)?;
    let address = server.address().context("the server has no address")?;
    let (at, folder) = (format!("http://{address}/"), serve.folder.display());
    out.both(
        &format!("serving {folder} at {at}; end with Ctrl-C"),
        &json!({ "serving": serve.folder, "at": at, "timestamp": until.to_string() }),
    );
    if !address.ip().is_loopback() {
        out.line("note: clients take plain http from 127.0.0.1 and [::1] alone; put a proxy with TLS in front");
    }
    if let Some(folder) = &serve.key_folder {
        note_other_keys(folder, out);
    } else {
        out.line(&format!("note: nobody renews the timestamp here; it is good until {until}"));
    }
    let timer = async {
        match &keys {
            Some(keys) => keep_fresh(&serve.folder, keys, every, jiff::Timestamp::now, |tick| told(&tick, out)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = server.run() => Ok(()),
        () = timer => Ok(()),
        ended = tokio::signal::ctrl_c() => ended.context("no word of Ctrl-C"),
        () = terminated() => Ok(()),
    }
}

/// SIGTERM, as a service's manager ends a program.
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

fn every(text: &str) -> Result<Duration> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| fail(Kind::Refused, format!("`{text}` is no time; write 24h or 30m")))?;
    let least = jiff::SignedDuration::from_mins(1);
    if span < least {
        return Err(fail(Kind::Refused, format!("`{text}` is too often; a minute at least")));
    }
    Ok(span.unsigned_abs())
}

fn told(tick: &Tick, out: &Out) {
    match tick {
        Tick::Renewed { until, warnings } => {
            out.both(
                &format!("renewed the timestamp; it is good until {until}"),
                &json!({ "renewed": until.to_string(), "warnings": warnings }),
            );
            super::warn(warnings, out);
        }
        Tick::Failed(error) => out.both(
            &format!("{} the timestamp was not renewed: {error}; it is tried again in a minute", out.paint("33", "note:")),
            &json!({ "not_renewed": error.to_string() }),
        ),
    }
}

fn note_other_keys(folder: &Path, out: &Out) {
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let others: Vec<String> = names.filter(|name| name.ends_with(".key") && !name.starts_with("timestamp-")).collect();
    if !others.is_empty() {
        out.line(&format!("note: {} has other keys too; a machine that serves needs timestamp-*.key alone", folder.display()));
    }
}

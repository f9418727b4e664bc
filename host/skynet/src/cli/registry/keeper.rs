//! What a registry's keeper does: made, published to, served, kept fresh. One file a verb.
//!
//! Works on a folder and needs no data folder of a host. All checks are the library's.

mod advise;
mod init;
mod mirror;
pub(in crate::cli) mod publish;
mod publisher;
mod rotate;
mod serve;
mod show;

use crate::args::registry::keeper::{Keeper, RoleKeys};
use crate::home::Home;
use crate::output::Out;
use crate::registry::failed;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_registry_client::author::{Author, Keys};
use std::path::{Path, PathBuf};

pub(super) async fn run(home: &Home, verb: Keeper, out: &Out) -> Result<()> {
    match verb {
        Keeper::Init(init) => init::run(&init, out).await,
        Keeper::Show { folder, root } => show::run(&folder, root.as_deref(), out),
        Keeper::Serve(serve) => serve::run(&serve, out).await,
        Keeper::Publish(publish) => publish::listed(&publish, out).await,
        Keeper::Verify(verify) => mirror::verify(&verify, out).await,
        Keeper::Mirror(mirror) => mirror::run(&mirror, out).await,
        Keeper::Refresh { folder, keys } => refresh(&folder, &keys, out).await,
        Keeper::Rotate(rotate) => rotate::run(&rotate, out).await,
        Keeper::Advise(advise) => advise::run(&advise, out).await,
        Keeper::Withdraw { folder, id, keys } => advise::withdraw(&folder, &id, &keys, out).await,
        Keeper::Advisories { folder } => advise::list(&folder, out),
        Keeper::Publisher(verb) => publisher::run(home, verb, out).await,
    }
}

/// Opens a registry's folder. Nobody else changes it until it is dropped.
fn open(folder: &Path) -> Result<Author> {
    Author::open(folder).map_err(failed)
}

fn load(folders: &[PathBuf]) -> Result<Keys> {
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    Keys::load(&folders).map_err(failed)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// Lines that a person should act on.
fn warn(warnings: &[String], out: &Out) {
    warnings.iter().for_each(|line| out.line(&format!("{} {line}", out.paint("33", "note:"))));
}

async fn refresh(folder: &Path, keys: &RoleKeys, out: &Out) -> Result<()> {
    let keys = load(&keys.folders)?;
    let mut author = open(folder)?;
    let warnings = author.refresh(&keys, jiff::Timestamp::now()).await.map_err(failed)?;
    let (until, first) = (author.timestamp_until().to_string(), author.earliest_end().to_string());
    out.line(&format!("the timestamp of {} is good until {until}", folder.display()));
    warn(&warnings, out);
    out.value(&json!({ "folder": folder, "timestamp": until, "earliest_end": first, "warnings": warnings }));
    Ok(())
}

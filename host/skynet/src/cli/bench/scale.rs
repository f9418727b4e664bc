//! A thousand distinct signed tools: how soon a host with them is ready, what memory it
//! takes, and that a turn finds and calls number 737. Beside a host with none of them.

use super::host::{Process, turn};
use super::report::{Bound, Report, median};
use super::{Bed, find};
use crate::cli::start::STARTED;
use crate::client::Client;
use crate::home;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use skynet_core::PluginId;
use skynet_policy::permission::Permissions;
use skynet_policy::release::{self, ComponentDigest, Release};
use skynet_policy::signature::{self, SecretKey};
use skynet_policy::trust::Tier;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// Admitting one takes some milliseconds, most of it in the compiler's own process.
const ADMITTED: Duration = Duration::from_secs(600);
const ANSWER: Duration = Duration::from_secs(60);

/// The plugin with this number, in the words of a release that is known to be right.
fn plugin(number: usize, model: &Release, key: &SecretKey) -> Result<Vec<u8>> {
    let component = skynet_plugins::kit(number);
    let mut release = model.clone();
    release.id = PluginId::new(&format!("bench/kit{number:04}"))?;
    release.summary = format!("Kit number {number:04}");
    release.component = ComponentDigest { sha256: skynet_policy::digest::sha256_hex(&component), size: component.len() as u64 };
    let look = skynet_plugins::file::look(&component).map_err(|why| anyhow::anyhow!("the kit cannot be read: {why}"))?;
    (release.wit.imports, release.wit.exports) = (look.imports, look.exports);
    release.tools.clear();
    release.files.clear();
    (release.prev, release.config_schema) = (None, None);
    release.permissions = Permissions::default();
    let json = release.to_bytes();
    Ok(release::join(&component, &json, &signature::sign_release(key, &json).to_bytes()))
}

async fn serving(client: &mut Client) -> Result<usize> {
    let answer = timeout(ANSWER, client.call("plugins.list", json!({}))).await.context("the list of plugins takes too long")??;
    let list = answer["plugins"].as_array().map_or(&[] as &[Value], Vec::as_slice);
    let bad = list.iter().find(|plugin| plugin["state"] != "serving" && plugin["state"] != "loading");
    anyhow::ensure!(bad.is_none_or(|plugin| plugin["state"] == "pending"), "a plugin of the bench was refused: {bad:?}");
    Ok(list.iter().filter(|plugin| plugin["state"] == "serving").count())
}

async fn until(client: &mut Client, plugins: usize) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < ADMITTED {
        if serving(client).await? >= plugins {
            return Ok(());
        }
        sleep(Duration::from_millis(500)).await;
    }
    anyhow::bail!("only {} of {plugins} plugins serve", serving(client).await?)
}

/// Median wall time from start to listening in ms, and MiB at rest after the last start.
async fn starts(bed: &Bed, plugins: usize, rounds: usize) -> Result<(f64, f64)> {
    let (mut walls, mut memory) = (Vec::new(), 0.0);
    for _ in 0..rounds {
        let begun = Instant::now();
        let process = Process::start(bed).await?;
        walls.push(begun.elapsed().as_secs_f64() * 1e3);
        until(&mut Client::connect(&bed.home).await?, plugins).await?;
        sleep(STARTED + Duration::from_secs(2)).await;
        memory = process.rss_mib()?;
        process.end().await;
    }
    Ok((median(&mut walls), memory))
}

pub(crate) async fn run(bed: &Bed, folder: &Path, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let (count, rounds) = if quick { (800, 2) } else { (1_000, 7) };
    let process = Process::start(bed).await?;
    until(&mut Client::connect(&bed.home).await?, 1).await?;
    process.end().await;
    let (few_ms, few_mib) = starts(bed, 1, rounds).await?;

    let model = std::fs::read(find(folder, super::TOOL)?)?;
    let model = Release::parse(release::split(&model)?.release_json)?;
    let key = SecretKey::generate()?;
    crate::keys::trust(&bed.home, &key.public(), "bench", vec!["bench".into()], Tier::Local)?;
    for number in 0..count {
        home::write_file(&bed.home.plugins().join(format!("kit{number:04}.wasm")), &plugin(number, &model, &key)?, 0o644)?;
    }
    let process = Process::start(bed).await?;
    let begun = Instant::now();
    until(&mut Client::connect(&bed.home).await?, count + 1).await?;
    report.figure(&format!("{count} new tools admitted and compiled"), begun.elapsed().as_secs_f64(), "s");
    process.end().await;

    let (many_ms, many_mib) = starts(bed, count + 1, rounds).await?;
    report.figure("start to ready with one plugin (baseline)", few_ms, "ms");
    report.held(&format!("start to ready with {count} tools"), many_ms, "ms", Bound::AtMost(1_000.0));
    report.figure("resident memory with one plugin (baseline)", few_mib, "MiB");
    report.held(&format!("resident memory with {count} tools"), many_mib, "MiB", Bound::AtMost(150.0));

    let process = Process::start(bed).await?;
    let mut client = Client::connect(&bed.home).await?;
    until(&mut client, count + 1).await?;
    let found = turn(&mut client, "/tool find_tools {\"query\": \"kit0737\"}", 0).await?;
    anyhow::ensure!(found.contains("kit0737__act"), "tool 737 was not found: {found}");
    let called = turn(&mut client, "/tool kit0737__act {}", 1).await?;
    anyhow::ensure!(called.contains("ok, of kit 0737"), "tool 737 did not answer: {called}");
    let mut took = Vec::new();
    for number in 2..if quick { 12 } else { 102 } {
        let before = process.cpu_ms()?;
        turn(&mut client, "/tool kit0737__act {}", number).await?;
        took.push(process.cpu_ms()? - before);
    }
    report.figure(&format!("CPU of the host for a turn that calls tool 737 of {count}"), median(&mut took), "ms");
    process.end().await;
    Ok(())
}

//! An installation from a registry on loopback, beside copying and hashing the same bytes, and
//! how fast the host looks at a file before it takes it.
//!
//! No compile is in it: that is the host's, when it loads the plugin, and a row of its own.

use super::Bed;
use super::report::{Bound, Report, median, micros, micros_of};
use crate::compiler::ChildCompiler;
use crate::keys;
use crate::registry::carry::{self, Word};
use crate::registry::proposal::Proposal;
use crate::registry::{self};
use crate::wire;
use anyhow::{Context, Result};
use jiff::Timestamp;
use skynet_core::PluginId;
use skynet_plugins::compile::Compiler;
use skynet_policy::registry::publisher::{KeyStatement, PublisherRecord};
use skynet_policy::release::{self, ComponentDigest, Release};
use skynet_policy::sha256_hex;
use skynet_policy::signature::{self, SecretKey};
use skynet_policy::trust::Tier;
use skynet_registry_client::author::{Author, Keys, Setup, Warrant};
use skynet_registry_client::home::RootTrust;
use skynet_registry_client::offer::Wish;
use skynet_registry_client::places::Place;
use skynet_registry_client::serve::FileServer;
use skynet_registry_client::visit::Freshness;
use skynet_review::Policy;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Bytes of the component that is installed.
const COMPONENT: usize = 1024 * 1024;
/// Whose plugin it is.
const ID: &str = "bench/clock";

/// The component, made up to the wanted size with a section that nothing reads.
fn padded(file: &[u8]) -> Vec<u8> {
    let mut component = release::strip(file).to_vec();
    let missing = COMPONENT.saturating_sub(component.len() + 16);
    if missing > 0 {
        let name = b"\x03pad";
        component.push(0);
        let mut size = name.len() + missing;
        while size > 0x7f {
            component.push(u8::try_from(size & 0x7f).unwrap_or_default() | 0x80);
            size >>= 7;
        }
        component.push(u8::try_from(size).unwrap_or_default());
        component.extend_from_slice(name);
        // Not all the same byte: what is read from a disk seldom is.
        component.extend((0..missing).map(|at| u8::try_from((at * 31 + at / 251) & 0xff).unwrap_or_default()));
    }
    component
}

/// A release of it.
fn packed(template: &Release, component: &[u8], minor: u64, before: Option<String>, key: &SecretKey) -> Result<(Vec<u8>, String)> {
    let release = Release {
        id: PluginId::new(ID)?,
        version: semver::Version::new(1, minor, 0),
        component: ComponentDigest { sha256: sha256_hex(component), size: component.len() as u64 },
        prev: before,
        ..template.clone()
    };
    let json = release.to_bytes();
    let digest = sha256_hex(&json);
    Ok((release::join(component, &json, &signature::sign_release(key, &json).to_bytes()), digest))
}

/// A registry with this many versions, each of other bytes.
async fn registry(folder: &Path, file: &[u8], rounds: usize, key: &SecretKey) -> Result<Vec<u8>> {
    let now = Timestamp::now();
    let keys_folder = folder.join("keys");
    let mut author = Author::init(&folder.join("registry"), &keys_folder, &Setup::default(), now).await?;
    let keys = Keys::load(&[&keys_folder])?;
    let statement = KeyStatement::first("bench", &[key.public()], 1, &crate::keys::now());
    author.put_publisher(&PublisherRecord::new("bench", None, statement.signed(&[key])), false, &keys, now).await?;
    let template = Release::parse(release::split(file)?.release_json)?;
    let (mut component, mut before, mut last) = (padded(file), None, Vec::new());
    for round in 0..rounds {
        if let Some(byte) = component.last_mut() {
            *byte = u8::try_from(round & 0xff).unwrap_or_default();
        }
        let (file, digest) = packed(&template, &component, round as u64, before.take(), key)?;
        author.publish(&file, Warrant { similar: true }, &keys, now).await?;
        (before, last) = (Some(digest), file);
    }
    Ok(last)
}

pub(crate) async fn run(bed: &Bed, tool: &Path, plugins: &[PathBuf], quick: bool, report: &mut Report<'_>) -> Result<()> {
    let rounds = if quick { 3 } else { 15 };
    let (file, key, folder) = (std::fs::read(tool)?, SecretKey::generate()?, tempfile::tempdir()?);
    let whole = registry(folder.path(), &file, rounds, &key).await?;
    let server = FileServer::bind(&folder.path().join("registry"), ([127, 0, 0, 1], 0).into()).await?;
    let address = server.address().context("the server has no address")?;
    let serving = tokio::spawn(server.run());
    let measured = Box::pin(installed(bed, &format!("http://{address}/"), (folder.path(), &whole), rounds, report)).await;
    serving.abort();
    measured?;
    let begun = Instant::now();
    ChildCompiler::new()?.compile(release::strip(&whole).to_vec()).await?;
    report.figure("compiling its component, which the host does when it loads it", micros_of(begun.elapsed()) / 1e3, "ms");
    admitted(bed, plugins, &key, quick, report)
}

/// One version after the other, each beside a copy of the same bytes.
async fn installed(bed: &Bed, url: &str, (folder, whole): (&Path, &[u8]), rounds: usize, report: &mut Report<'_>) -> Result<()> {
    let (held, lock) = registry::open_to_change(&bed.home).await?;
    let (name, namespaces) = ("bench".to_owned(), vec!["bench".to_owned()]);
    let place = Place { name, url: Some(url.to_owned()), folder: None, namespaces, private: false, ca: None };
    let root = RootTrust::Bytes(std::fs::read(folder.join("registry/metadata/1.root.json"))?);
    held.add(&lock, place.clone(), root, registry::fetch(&place)?).await.map_err(registry::failed)?;
    let (mut installs, mut copies) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let wish = Wish::parse(&format!("{ID}@1.{round}.0")).map_err(registry::failed)?;
        let installing = async {
            let (store, now) = (wire::open_store(&bed.home).await?, Timestamp::now());
            let visit = held.visit("bench", registry::fetch(&place)?, Freshness::Strict, now).await.map_err(registry::failed)?;
            let offer = visit.select(&wish).await.map_err(registry::failed)?;
            let index = visit.index().await.map_err(registry::failed)?;
            let proposal = Proposal::of(&bed.home, &held, &store, offer, &index, now).await?;
            let ready = carry::fetch(&bed.home, (&held, &lock), &visit, &proposal, &Policy::default()).await?;
            carry::change(&bed.home, &held, &lock, &proposal, &ready, &Word::of_owner()).await
        };
        let (time, done) = micros(Box::pin(installing)).await;
        done?;
        installs.push(time / 1e3);
        let begun = Instant::now();
        let copy = folder.join("copy.wasm");
        crate::home::write_file(&copy, whole, 0o600)?;
        anyhow::ensure!(sha256_hex(&std::fs::read(&copy)?) == sha256_hex(whole), "the copy is another file");
        copies.push(micros_of(begun.elapsed()) / 1e3);
    }
    let (install, copy) = (median(&mut installs), median(&mut copies));
    report.held("a 1 MiB plugin from a registry on loopback, installed", install, "ms", Bound::AtMost(1000.0));
    report.figure("the same bytes written to the disk, read and hashed", copy, "ms");
    Ok(())
}

/// The largest plugin there is, checked as the host checks each file before it compiles it.
fn admitted(bed: &Bed, plugins: &[PathBuf], key: &SecretKey, quick: bool, report: &mut Report<'_>) -> Result<()> {
    let size = |path: &&PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
    let path = plugins.iter().max_by_key(size).context("there is no plugin")?;
    let parts_of = std::fs::read(path)?;
    let template = Release::parse(release::split(&parts_of)?.release_json)?;
    let (file, _) = packed(&template, release::strip(&parts_of), 0, None, key)?;
    let mut trust = keys::load_trust(&bed.home)?;
    let trusted = skynet_policy::trust::TrustedKey::new(&key.public(), "bench", vec!["bench".into()], Tier::Local, &keys::now());
    trust.trust(trusted)?;
    let (mut checks, mut hashes) = (Vec::new(), Vec::new());
    for _ in 0..if quick { 3 } else { 15 } {
        let begun = Instant::now();
        skynet_plugins::file::check("bench", &file, &trust).map_err(anyhow::Error::msg)?;
        checks.push(micros_of(begun.elapsed()));
        let begun = Instant::now();
        std::hint::black_box(sha256_hex(&file));
        hashes.push(micros_of(begun.elapsed()));
    }
    // Bytes in a microsecond are megabytes in a second.
    let rate = |micros: f64| file.len() as f64 / micros;
    let (check, hash) = (rate(median(&mut checks)), rate(median(&mut hashes)));
    report.held("admission of the largest plugin, without compiling", check, "MB/s", Bound::AtLeast(20.0));
    report.figure("its bytes hashed, by themselves", hash, "MB/s");
    Ok(())
}

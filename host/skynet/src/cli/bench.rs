//! `skynet bench`: what this host costs, beside a baseline in the same run.
//!
//! Everything runs in a throw-away data folder with copies of the installed time
//! tool and offline provider; the real folder is only read. Ratios count, not times:
//! a row and its baseline take turns, so that a slow moment of the machine hits both.

mod calls;
mod cores;
mod door;
mod host;
mod install;
mod instant;
mod model;
mod neighbours;
mod provider;
mod report;
mod scale;
mod scripts;
mod swaps;

use crate::args::{Bench, BenchPart};
use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::output::Out;
use crate::owner_token;
use anyhow::{Context, Result};
use report::Report;
use semver::Version;
use skynet_core::PluginId;
use skynet_policy::trust::{Tier, TrustStore};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// The plugins that are measured, by file name without `.wasm`.
const TOOL: &str = "tool-time";
const PROVIDER: &str = "provider-offline";
/// Whose they are.
const NAMESPACE: &str = "skynet";

/// A throw-away data folder.
pub(crate) struct Bed {
    pub(crate) home: Home,
    _folder: tempfile::TempDir,
}

impl Bed {
    /// With these plugin files in place, trusted as in the real folder.
    fn make(real: &Home, files: &[PathBuf]) -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().prefix("skynet-bench-").permissions(private).tempdir()?;
        let home = Home::at(folder.path().join("home"));
        home.ensure()?;
        for sub in [home.plugins(), home.private(), home.workspace(), home.notes(), home.keys()] {
            home::private_folder(&sub)?;
        }
        let mut config = crate::config_file::TEMPLATE.to_owned();
        // What is measured is how fast it can, not how often it may.
        let changes = [
            ("port = 18789", "port = 0"),
            ("scan_interval_ms = 2000", "scan_interval_ms = 200"),
            ("turns_per_minute = 120", "turns_per_minute = 0"),
            ("turns_per_minute = 600", "turns_per_minute = 0"),
            ("calls_per_minute = 1200", "calls_per_minute = 0"),
            ("user_calls_per_minute = 3600", "user_calls_per_minute = 0"),
            ("plugin_calls_per_minute = 6000", "plugin_calls_per_minute = 0"),
        ];
        for (from, to) in changes {
            anyhow::ensure!(config.contains(from), "the settings have no `{from}`");
            config = config.replace(from, to);
        }
        home::write_file(&home.config(), config.as_bytes(), 0o600)?;
        let trust = std::fs::read(real.trust()).context("the trusted keys of the data folder cannot be read; run: skynet init")?;
        home::write_file(&home.trust(), &trust, 0o600)?;
        owner_token::write(&home)?;
        for file in files {
            let name = file.file_name().context("a plugin file without a name")?;
            std::fs::copy(file, home.plugins().join(name)).with_context(|| format!("{} cannot be copied", file.display()))?;
        }
        Ok(Self { home, _folder: folder })
    }
}

fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    let exact = folder.join(format!("{name}.wasm"));
    if exact.is_file() {
        return Ok(exact);
    }
    Err(fail(
        Kind::NotFound,
        format!("{} is not there; install the built-in plugins, or name their folder with --plugins", exact.display()),
    ))
}

/// The plugins that came with the host, but for the local model, which is a part of its own. Whatever else
/// lies in the folder is somebody else's, or waits for its owner's word: it is neither copied nor granted here.
fn built_in(real: &Home, folder: &Path) -> Result<Vec<PathBuf>> {
    let trust = crate::keys::load_trust(real)?;
    let mut found: BTreeMap<PluginId, (Version, PathBuf)> = BTreeMap::new();
    for file in std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?.flatten() {
        let path = file.path();
        if path.extension().is_none_or(|kind| kind != "wasm") {
            continue;
        }
        let bytes = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let Some((id, version)) = came_with_the_host(&bytes, &trust).filter(|(id, _)| id.name() != model::PLUGIN) else { continue };
        // The host takes the newest of several, too.
        if found.get(&id).is_none_or(|(known, _)| *known < version) {
            found.insert(id, (version, path));
        }
    }
    if !found.keys().any(|id| id.name() == PROVIDER) {
        let why =
            format!("{} has no {PROVIDER} signed by a key that came with the host; name another folder with --plugins", folder.display());
        return Err(fail(Kind::NotFound, why));
    }
    Ok(found.into_values().map(|(_, path)| path).collect())
}

/// Which plugin and version a file is, if a key that came with the host signed it.
fn came_with_the_host(bytes: &[u8], trust: &TrustStore) -> Option<(PluginId, Version)> {
    let checked = skynet_plugins::file::check("file", bytes, trust).ok()?;
    let by_host = checked.signers.iter().any(|(_, tier)| tier == Tier::Builtin.as_str());
    (by_host && checked.release.id.namespace() == NAMESPACE).then_some((checked.release.id, checked.release.version))
}

fn models_folder(real: &Home) -> Result<PathBuf> {
    let config = crate::config_file::load(real)?;
    let root = config.roots.get("models").context("no folder `models` in skynet.toml; ./setup.sh --local-model sets it up")?;
    Ok(real.root().join(&root.path))
}

/// What was asked for; else everything, of what is not always installed only what is.
fn parts(bench: &Bench, folder: &Path, runtime: &Path) -> Vec<BenchPart> {
    if !bench.parts.is_empty() {
        return bench.parts.clone();
    }
    let mut all = vec![
        BenchPart::Calls,
        BenchPart::Neighbours,
        BenchPart::Door,
        BenchPart::Host,
        BenchPart::Swaps,
        BenchPart::Install,
        BenchPart::Scale,
    ];
    if find(folder, scripts::BRIDGE).is_ok() {
        all.push(BenchPart::Scripts);
    }
    if runtime.is_file() {
        all.push(BenchPart::Instant);
    }
    if find(folder, model::PLUGIN).is_ok() {
        all.push(BenchPart::Model);
    }
    all
}

pub(crate) async fn run(real: &Home, bench: Bench, out: &Out) -> Result<()> {
    let mut asked = signal(SignalKind::terminate())?;
    tokio::select! {
        measured = measure(real, bench, out) => measured,
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped"),
        _ = asked.recv() => anyhow::bail!("stopped"),
    }
}

async fn measure(real: &Home, bench: Bench, out: &Out) -> Result<()> {
    real.must_exist()?;
    let folder = bench.plugins.clone().unwrap_or_else(|| real.plugins());
    let mut report = Report::new(&bench, out);
    for part in parts(&bench, &folder, &real.js_runtime()) {
        let bed = |names: &[&str]| {
            let files: Vec<_> = names.iter().map(|name| find(&folder, name)).collect::<Result<_>>()?;
            Bed::make(real, &files)
        };
        match part {
            BenchPart::Calls => calls::run(&bed(&[TOOL, PROVIDER])?, bench.quick, &mut report).await?,
            BenchPart::Neighbours => neighbours::run(&bed(&[TOOL])?, bench.quick, &mut report).await?,
            BenchPart::Door => door::run(&bed(&[])?, bench.quick, &mut report).await?,
            BenchPart::Host => {
                let files = built_in(real, &folder)?;
                host::run(&Bed::make(real, &files)?, files.len(), bench.quick, &mut report).await?;
                match provider::Provider::find(&files) {
                    Some(found) => {
                        let bed = Bed::make(real, &provider::beside(&files, &found))?;
                        provider::run(&bed, &found, bench.quick, &mut report).await?;
                    }
                    None => report.remark("a turn over HTTP: not measured, no provider here sends a bearer token to a server of a setting"),
                }
            }
            BenchPart::Swaps => swaps::run(&bed(&[TOOL])?, &find(&folder, TOOL)?, bench.quick, &mut report).await?,
            BenchPart::Install => {
                install::run(&bed(&[])?, &find(&folder, TOOL)?, &built_in(real, &folder)?, bench.quick, &mut report).await?
            }
            BenchPart::Scripts => scripts::run(&bed(&[scripts::BRIDGE])?, bench.quick, &mut report).await?,
            BenchPart::Instant => instant::run(&bed(&[])?, &real.js_runtime(), bench.quick, &mut report).await?,
            BenchPart::Scale => scale::run(&bed(&[PROVIDER])?, &folder, bench.quick, &mut report).await?,
            BenchPart::Model => {
                let models = models_folder(real)?;
                let bed = bed(&[model::PLUGIN])?;
                crate::config_file::set(&bed.home, "roots.models", &format!("{{ path = {models:?} }}"))?;
                model::run(&bed, &models, bench.native_model.as_deref(), bench.quick, &mut report).await?;
            }
        }
    }
    let value = report.value();
    if let Some(path) = &bench.out {
        home::write_file(path, format!("{value:#}\n").as_bytes(), 0o644)?;
        out.line(&format!("written to {}", path.display()));
    }
    out.value(&value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_policy::release::{self, ComponentDigest, Release, WitDeclaration};
    use skynet_policy::signature::{self, SecretKey};
    use skynet_policy::trust::TrustedKey;

    fn file(id: &str, version: u64, key: &SecretKey) -> Vec<u8> {
        let component = skynet_plugins::kit(1);
        let look = skynet_plugins::file::look(&component).unwrap();
        let release = Release {
            schema: 1,
            id: PluginId::new(id).unwrap(),
            version: Version::new(1, version, 0),
            component: ComponentDigest { sha256: skynet_policy::sha256_hex(&component), size: component.len() as u64 },
            wit: WitDeclaration { world: "tool-plugin".into(), range: "^0.1.0".into(), imports: look.imports, exports: look.exports },
            permissions: Default::default(),
            summary: "A tool.".into(),
            prev: None,
            created: "2026-01-01T00:00:00Z".into(),
            files: Vec::new(),
            config_schema: None,
            tools: Vec::new(),
        };
        let json = release.to_bytes();
        release::join(&component, &json, &signature::sign_release(key, &json).to_bytes())
    }

    #[test]
    fn only_what_came_with_the_host_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        home::private_folder(&home.plugins()).unwrap();
        let (ours, owners, strangers) = (SecretKey::generate().unwrap(), SecretKey::generate().unwrap(), SecretKey::generate().unwrap());
        let mut trust = TrustStore::default();
        let key = |key: &SecretKey, tier| TrustedKey::new(&key.public(), "k", vec!["*".into()], tier, "2026-01-01T00:00:00Z");
        trust.trust(key(&ours, Tier::Builtin)).unwrap();
        trust.trust(key(&owners, Tier::Local)).unwrap();
        crate::keys::save_trust(&home, &trust).unwrap();
        let put = |name: &str, bytes: &[u8]| std::fs::write(home.plugins().join(name), bytes).unwrap();
        put("tool-a.wasm", &file("skynet/tool-a", 1, &ours));
        put("newer.wasm", &file("skynet/tool-a", 2, &ours));
        put("owners.wasm", &file("skynet/tool-b", 1, &owners));
        put("strangers.wasm", &file("skynet/tool-c", 1, &strangers));
        put("others.wasm", &file("acme/tool-d", 1, &ours));
        put("provider-local.wasm", &file("skynet/provider-local", 1, &ours));
        put("half.wasm", b"\0asm");
        assert!(built_in(&home, &home.plugins()).unwrap_err().to_string().contains(PROVIDER));
        put("p.wasm", &file("skynet/provider-offline", 1, &ours));
        assert_eq!(built_in(&home, &home.plugins()).unwrap(), ["p.wasm", "newer.wasm"].map(|name| home.plugins().join(name)));
    }
}

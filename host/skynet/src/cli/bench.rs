//! `skynet bench`: what this host costs, beside a baseline in the same run.
//!
//! Everything runs in a throw-away data folder with copies of the installed time
//! tool and offline provider; the real folder is only read. Ratios count, not times:
//! a row and its baseline take turns, so that a slow moment of the machine hits both.

mod calls;
mod cores;
mod door;
mod host;
mod instant;
mod model;
mod neighbours;
mod report;
mod scale;
mod scripts;
mod swaps;

use crate::args::{Bench, BenchPart};
use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::output::Out;
use anyhow::{Context, Result};
use report::Report;
use std::path::{Path, PathBuf};

/// The plugins that are measured, by file name without `.wasm`.
const TOOL: &str = "tool-time";
const PROVIDER: &str = "provider-offline";

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
        home::write_file(&home.token(), b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n", 0o600)?;
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

/// All plugins of the folder but the local model, which is a part of its own.
fn built_in(folder: &Path) -> Result<Vec<PathBuf>> {
    find(folder, PROVIDER)?;
    let files = std::fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let is_plugin =
        |path: &PathBuf| path.extension().is_some_and(|kind| kind == "wasm") && path.file_stem().is_some_and(|name| name != model::PLUGIN);
    Ok(files.flatten().map(|file| file.path()).filter(is_plugin).collect())
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
    let mut all = vec![BenchPart::Calls, BenchPart::Neighbours, BenchPart::Door, BenchPart::Host, BenchPart::Swaps, BenchPart::Scale];
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
                let files = built_in(&folder)?;
                host::run(&Bed::make(real, &files)?, files.len(), bench.quick, &mut report).await?;
            }
            BenchPart::Swaps => swaps::run(&bed(&[TOOL])?, &find(&folder, TOOL)?, bench.quick, &mut report).await?,
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

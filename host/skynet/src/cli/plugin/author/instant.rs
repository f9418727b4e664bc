//! `skynet plugin new --instant FILE.js`: a script becomes a signed plugin at once.
//!
//! Needs no compiler: the engine is a built component that lies in the data folder, and the
//! script is put into it. What the plugin may do stands in a `plugin.toml` beside the script;
//! without one it asks for nothing. Refuses other languages, and a manifest of another name.

use super::{language, new};
use crate::args::author::NewPlugin;
use crate::cli::plugin::file;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::output::Out;
use crate::registry::intent::file_name;
use anyhow::{Context as _, Result};
use serde_json::json;
use skynet_core::PluginId;
use skynet_plugins::instant;
use skynet_policy::manifest::{Manifest, World};
use std::path::{Path, PathBuf};
use std::time::Instant;

pub(super) fn run(home: &Home, args: &NewPlugin, script: &Path, out: &Out) -> Result<()> {
    let began = Instant::now();
    if args.lang != "js" {
        return Err(fail(Kind::Refused, format!("--instant takes scripts in js, not in {}", args.lang)));
    }
    if args.kind.world() != World::ToolPlugin {
        let kind = language::short(args.kind.world());
        let why = format!("an instant plugin offers tools; a {kind} in js is built: skynet plugin new --lang js --kind {kind} NAME");
        return Err(fail(Kind::Refused, why));
    }
    // Before the work: nobody wants to be told of a missing key after it.
    let key = file::signing_key(home, None)?;
    let text = std::fs::read_to_string(script).with_context(|| format!("{} cannot be read", script.display()))?;
    let manifest = manifest(args, script)?;
    let runtime = runtime(home, args)?;
    let component = instant::instant(&runtime, &text, &manifest).map_err(|error| fail(Kind::Refused, error.to_string()))?;
    let (release, packed) = file::packed(script, &component, manifest, None)?;
    let (_, signed) = file::signed(script, &packed, &key)?;
    let target = args.path.clone().unwrap_or_default().join(format!("{}.wasm", release.id.name()));
    std::fs::create_dir_all(target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    file::must_be_of(&target, &release.id)?;
    file::write(&target, &signed)?;
    let took = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let (id, version) = (&release.id, &release.version);
    release.permissions.sentences().iter().for_each(|ask| out.line(&format!("asks: {ask}")));
    out.both(
        &format!(
            "made {id} {version} in {took} ms: {}; install it with: cp {} {}",
            target.display(),
            target.display(),
            home.plugins().join(file_name(&release.id)).display()
        ),
        &json!({ "file": target, "id": id, "version": version, "size": signed.len(), "component": release.component,
                 "asks": release.permissions.sentences(), "ms": took }),
    );
    Ok(())
}

/// What stands beside the script, or a manifest that asks for nothing.
fn manifest(args: &NewPlugin, script: &Path) -> Result<Manifest> {
    let path = script.with_file_name("plugin.toml");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let manifest = Manifest::parse(&text).map_err(|error| fail(Kind::Refused, format!("{}: {error}", path.display())))?;
            if let Some(name) = &args.name
                && new::id_of(name)? != manifest.id
            {
                return Err(fail(Kind::Refused, format!("{} is of {}, not of {name}; leave the name away", path.display(), manifest.id)));
            }
            Ok(manifest)
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let stem = script.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            plain(&new::id_of(args.name.as_deref().unwrap_or(&stem))?)
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
    }
}

fn plain(id: &PluginId) -> Result<Manifest> {
    let text = format!(
        "schema = 1\nid = \"{id}\"\nversion = \"0.1.0\"\nsummary = \"A script, {}.\"\nworld = \"tool-plugin\"\nwit = \"^0.1.0\"\n[permissions]\n",
        id.name()
    );
    Manifest::parse(&text).map_err(|error| fail(Kind::Refused, error.to_string()))
}

fn runtime(home: &Home, args: &NewPlugin) -> Result<Vec<u8>> {
    let path: PathBuf = args.runtime.clone().unwrap_or_else(|| home.js_runtime());
    std::fs::read(&path).map_err(|error| {
        let why = format!(
            "the JavaScript engine cannot be read at {} ({error}); ./setup.sh builds it and puts it there, or name it with --runtime",
            path.display()
        );
        fail(Kind::NotFound, why)
    })
}

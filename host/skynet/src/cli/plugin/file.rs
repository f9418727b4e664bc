//! Packing, signing and verifying a plugin file.

use crate::args::Pack;
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use anyhow::{Context, Result};
use serde_json::json;
use skynet_core::PluginId;
use skynet_core::plugin::PluginKind;
use skynet_policy::digest::{is_sha256_hex, sha256_hex};
use skynet_policy::manifest::Manifest;
use skynet_policy::release::{self, ComponentDigest, Release, WitDeclaration};
use skynet_policy::signature::{self, SecretKey, Signatures};
use std::path::{Path, PathBuf};

pub(super) fn refused(path: &Path, why: impl std::fmt::Display) -> anyhow::Error {
    fail(Kind::Refused, format!("{}: {why}", path.display()))
}

/// A file of the author's: readable by all, replaced at once.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    crate::home::write_file(path, bytes, 0o644)
}

/// Refuses a place where a file lies that is not of this plugin: to write there would take another one out of service.
pub(super) fn must_be_of(path: &Path, id: &PluginId) -> Result<()> {
    if !path.exists() || holds(path).as_ref() == Some(id) {
        return Ok(());
    }
    let other = holds(path).map_or_else(|| "no plugin that can be told".to_owned(), |other| other.to_string());
    Err(refused(path, format!("a file of {other} lies there, and this is {id}; nothing was written. Move it away")))
}

/// The plugin of a packed file.
pub(super) fn holds(path: &Path) -> Option<PluginId> {
    let bytes = std::fs::read(path).ok()?;
    Some(Release::parse(release::split(&bytes).ok()?.release_json).ok()?.id)
}

/// A component with its release section, not signed yet. `path` stands in errors, `prev` is the
/// digest of the release before it.
pub(crate) fn packed(path: &Path, bytes: &[u8], manifest: Manifest, prev: Option<String>) -> Result<(Release, Vec<u8>)> {
    let component = release::strip(bytes);
    let look = skynet_plugins::file::look(component).map_err(|why| refused(path, why))?;
    manifest.world.must_be_among(&look.kinds).map_err(|why| refused(path, why))?;
    let release = Release {
        schema: release::RELEASE_SCHEMA,
        id: manifest.id,
        version: manifest.version,
        component: ComponentDigest { sha256: sha256_hex(component), size: component.len() as u64 },
        wit: WitDeclaration {
            world: manifest.world.to_string(),
            range: manifest.wit.to_string(),
            imports: look.imports,
            exports: look.exports,
        },
        permissions: manifest.permissions,
        summary: manifest.summary,
        prev,
        created: keys::now(),
        files: Vec::new(),
        config_schema: None,
        tools: Vec::new(),
    };
    let faults = release.faults();
    if !faults.is_empty() {
        return Err(refused(path, faults.join("; ")));
    }
    let packed = release::join(component, &release.to_bytes(), &Signatures::none().to_bytes());
    Ok((release, packed))
}

pub(crate) fn pack(pack: &Pack, out: &Out) -> Result<()> {
    let path = &pack.component;
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read; build the component first", path.display()))?;
    let text = std::fs::read_to_string(&pack.manifest)
        .with_context(|| format!("{} cannot be read; name it with --manifest", pack.manifest.display()))?;
    let manifest = Manifest::parse(&text).map_err(|error| refused(&pack.manifest, error))?;
    let prev = pack.after.as_deref().map(before).transpose()?;
    let (release, packed) = packed(path, &bytes, manifest, prev)?;
    let target = pack.out.clone().unwrap_or_else(|| beside(path, &release));
    write(&target, &packed)?;
    let text =
        format!("packed {} {} as {}; sign it with: skynet plugin sign {}", release.id, release.version, target.display(), target.display());
    out.both(&text, &json!({ "file": target, "id": release.id, "version": release.version, "component": release.component }));
    Ok(())
}

/// The digest of the release before, which the next one names: given as such, or by its file.
pub(super) fn before(path: &Path) -> Result<String> {
    if let Some(digest) = path.to_str().filter(|text| is_sha256_hex(text)) {
        return Ok(digest.to_owned());
    }
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let parts = release::split(&bytes).map_err(|error| refused(path, error))?;
    Ok(sha256_hex(parts.release_json))
}

fn beside(component: &Path, release: &Release) -> PathBuf {
    component.with_file_name(format!("{}-{}.wasm", release.id.name(), release.version))
}

/// The key that signs: this one, or the dev key of this machine.
pub(super) fn signing_key(home: &Home, key: Option<&Path>) -> Result<SecretKey> {
    match key {
        Some(path) => keys::read_signer(home, path),
        None => {
            let path = keys::path(home, "dev")?;
            if !path.exists() {
                let why = format!("there is no {}", path.display());
                return Err(fail(
                    Kind::NotFound,
                    format!("no key to sign with: {why}; `skynet init` makes it, or name another with --key"),
                ));
            }
            keys::read_signer(home, &path)
        }
    }
}

/// A packed file with one signature more.
pub(crate) fn signed(path: &Path, bytes: &[u8], key: &SecretKey) -> Result<(Release, Vec<u8>)> {
    let parts = release::split(bytes).map_err(|error| refused(path, error))?;
    let release = Release::parse(parts.release_json).map_err(|error| refused(path, error))?;
    release.check_component(parts.component).map_err(|error| refused(path, error))?;
    let look = skynet_plugins::file::look(parts.component).map_err(|why| refused(path, why))?;
    skynet_plugins::file::must_be_what_it_says(&release, &look.kinds).map_err(|why| refused(path, why))?;
    let mut signatures = Signatures::parse(parts.signatures_json).map_err(|error| refused(path, error))?;
    signatures.merge(signature::sign_release(key, parts.release_json));
    Ok((release, release::join(parts.component, parts.release_json, &signatures.to_bytes())))
}

pub(crate) fn sign(home: &Home, path: &Path, key: Option<&Path>, out: &Out) -> Result<()> {
    let key = signing_key(home, key)?;
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let (release, bytes) = signed(path, &bytes, &key)?;
    write(path, &bytes)?;
    let keyid = key.public().key_id();
    out.both(
        &format!("{} is signed by {keyid}", path.display()),
        &json!({ "file": path, "keyid": keyid, "id": release.id, "version": release.version }),
    );
    Ok(())
}

/// What a plugin is, for people: one component may be several, whatever its manifest calls it.
pub(super) fn listed(kinds: &[PluginKind]) -> String {
    kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(crate) fn verify(home: &Home, path: &Path, out: &Out) -> Result<()> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    let trust = keys::load_trust(home)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let checked = skynet_plugins::file::check(&name, &bytes, &trust).map_err(|refusal| fail(Kind::Refused, refusal))?;
    let release = &checked.release;
    out.line(&format!("{} {} is good", release.id, release.version));
    out.line(&format!("  serves as: {}", listed(&checked.kinds)));
    for (keyid, tier) in &checked.signers {
        out.line(&format!("  signed by {keyid} ({tier})"));
    }
    release.permissions.sentences().iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
    out.value(&json!({
        "file": path, "release": release, "release_digest": checked.release_digest,
        "signers": checked.signers, "kinds": checked.kinds, "asks": release.permissions.sentences(),
    }));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(world: &str) -> Manifest {
        let rest = "schema = 1\nid = \"acme/x\"\nversion = \"1.0.0\"\nsummary = \"s\"\nwit = \"^0.1.0\"\n";
        Manifest::parse(&format!("{rest}world = \"{world}\"\n")).unwrap()
    }

    #[test]
    fn a_tool_that_says_it_is_a_channel_is_neither_packed_nor_signed() {
        let (path, component) = (Path::new("x.wasm"), skynet_plugins::kit(1));
        let refused = packed(path, &component, manifest("channel-plugin"), None).unwrap_err().to_string();
        assert!(refused.contains("world = \"channel-plugin\", and what it exports is tool"), "{refused}");
        let (good, whole) = packed(path, &component, manifest("tool-plugin"), None).unwrap();
        let key = SecretKey::from_seed(&[7; 32]);
        signed(path, &whole, &key).unwrap();
        // As another program, or one before this rule, packed it.
        let said = Release { wit: WitDeclaration { world: "channel-plugin".into(), ..good.wit.clone() }, ..good };
        let whole = release::join(&component, &said.to_bytes(), &Signatures::none().to_bytes());
        let refused = signed(path, &whole, &key).unwrap_err().to_string();
        assert!(refused.contains("write world = \"tool-plugin\" in plugin.toml"), "{refused}");
    }
}

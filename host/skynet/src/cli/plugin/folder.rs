//! Signing and verifying the folder of a script plugin.
//!
//! A release speaks of the digest of all files; it lies beside them with its signatures. Signing again the
//! same files adds a signature, and signing changed ones begins a new release.

use super::file::{refused, signing_key, write};
use crate::exit::{Kind, fail};
use crate::home::Home;
use crate::keys;
use crate::output::Out;
use anyhow::Result;
use serde_json::json;
use skynet_plugins::trees;
use skynet_policy::release::Release;
use skynet_policy::script::ScriptManifest;
use skynet_policy::signature::{self, Signatures};
use skynet_policy::tree::{Files, RELEASE_FILE, SIGNATURES_FILE};
use std::path::Path;

pub(crate) fn sign(home: &Home, path: &Path, key: Option<&Path>, out: &Out) -> Result<()> {
    let key = signing_key(home, key)?;
    let files = trees::read_folder(path).map_err(|why| refused(path, why))?;
    let manifest = ScriptManifest::of(&files).map_err(|why| refused(path, why))?;
    let real = path.canonicalize()?;
    let name = real.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let id = match &manifest.id {
        Some(id) => id.clone(),
        None => trees::plugin_of(name).map_err(|why| refused(path, why))?,
    };
    let (release, mut signatures) = match signed_before(&files, &manifest) {
        Some(before) => before,
        None => (manifest.release(id, &files, &keys::now()).to_bytes(), Signatures::none()),
    };
    let spoken = Release::parse(&release).map_err(|error| refused(path, error))?;
    signatures.merge(signature::sign_release(&key, &release));
    write(&path.join(RELEASE_FILE), &release)?;
    write(&path.join(SIGNATURES_FILE), &signatures.to_bytes())?;
    let keyid = key.public().key_id();
    out.both(
        &format!("{} is signed by {keyid} as {} {}", path.display(), spoken.id, spoken.version),
        &json!({ "folder": path, "keyid": keyid, "id": spoken.id, "version": spoken.version, "files": spoken.component.sha256 }),
    );
    Ok(())
}

/// The release that lies there, if it is of these very files.
fn signed_before(files: &Files, manifest: &ScriptManifest) -> Option<(Vec<u8>, Signatures)> {
    let bytes = files.get(RELEASE_FILE)?;
    let release = Release::parse(bytes).ok()?;
    let signatures = Signatures::parse(files.get(SIGNATURES_FILE)?).ok()?;
    let same_name = manifest.id.as_ref().is_none_or(|id| *id == release.id);
    let same = release == manifest.release(release.id.clone(), files, &release.created);
    (same && same_name).then(|| (bytes.clone(), signatures))
}

pub(crate) fn verify(home: &Home, path: &Path, out: &Out) -> Result<()> {
    let trust = keys::load_trust(home)?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let files = trees::read_folder(path).map_err(|why| refused(path, why))?;
    let checked = skynet_plugins::file::check_folder(&name, &files, &trust).map_err(|refusal| fail(Kind::Refused, refusal))?;
    let release = &checked.release;
    out.line(&format!("{} {} is good", release.id, release.version));
    out.line(&format!("  serves as: {}", super::file::listed(&checked.kinds)));
    if checked.signers.is_empty() {
        out.line(&format!("  nobody signed it; the host asks you to approve of its files: {}", release.component.sha256));
    }
    for (keyid, tier) in &checked.signers {
        out.line(&format!("  signed by {keyid} ({tier})"));
    }
    release.permissions.sentences().iter().for_each(|sentence| out.line(&format!("  asks: {sentence}")));
    out.value(&json!({
        "folder": path, "release": release, "release_digest": checked.release_digest,
        "signers": checked.signers, "kinds": checked.kinds, "asks": release.permissions.sentences(),
    }));
    Ok(())
}

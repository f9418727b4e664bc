//! The owner's own keys: private, usable, and none of them known to all as a public one.

use super::Finding;
use super::checks::open_to_others;
use crate::home::Home;
use crate::keys;
use skynet_policy::signature::PublicKey;
use skynet_policy::trust::TrustStore;
use std::path::{Path, PathBuf};

pub(super) fn own(home: &Home) -> Vec<Finding> {
    // What is wrong with the file of trusted keys is said of it.
    let trust = keys::load_trust(home).unwrap_or_default();
    let dev = home.keys().join("dev.key");
    let mut findings = Vec::new();
    if !dev.exists() {
        findings.push(Finding::note(
            "keys",
            format!("there is no dev key ({}): nothing made here can be signed", dev.display()),
            "skynet init",
        ));
    }
    findings.extend(files(home).iter().filter_map(|path| one(home, &trust, path, *path == dev)));
    findings
}

fn files(home: &Home) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(home.keys()).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "key")).collect();
    files.sort();
    files
}

/// What is wrong with one.
fn one(home: &Home, trust: &TrustStore, path: &Path, is_dev: bool) -> Option<Finding> {
    if let Some(finding) = open_to_others("keys", path) {
        return Some(finding);
    }
    let key = match keys::read(path) {
        Ok(key) => key,
        Err(error) => return Some(Finding::wrong("keys", format!("{error:#}"), "restore it from a backup, or move it away")),
    };
    // `key trust` once could take a secret key's file for a public key, and then showed it.
    let shown = |known: &PublicKey| known.to_bytes() == *key.seed();
    if let Some(leaked) = trust.keys.iter().find(|known| PublicKey::parse(&known.public).is_ok_and(|public| shown(&public))) {
        let finding = format!("the secret key in {} stands in {} as if it were public", path.display(), home.trust().display());
        let end = if leaked.revoked.is_some() { String::new() } else { format!("skynet key revoke {} && ", leaked.keyid) };
        let remedy =
            format!("whoever saw `skynet key list` can sign as you: {end}skynet key revoke {}; then make a new key", key.public().key_id());
        return Some(Finding::wrong("keys", finding, remedy));
    }
    let revoked = trust.find(&key.public().key_id()).is_some_and(|known| known.revoked.is_some());
    (is_dev && revoked).then(|| {
        let remedy = format!("mv {0} {0}.revoked && skynet init", path.display());
        Finding::wrong("keys", "the dev key was revoked: what it signs does not run here", remedy)
    })
}

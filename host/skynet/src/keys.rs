//! The owner's keys and the trusted keys of this machine.

use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use anyhow::{Context, Result};
use skynet_policy::signature::{PublicKey, SecretKey, TEXT_PREFIX};
use skynet_policy::trust::{Tier, TrustError, TrustStore, TrustedKey};
use std::path::{Path, PathBuf};

/// The name of the key that signs the audit log.
pub(crate) const AUDIT: &str = "audit";

/// Now, as RFC 3339.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Reads the trusted keys. A file that is not understood is an error: nothing is
/// admitted on half of it.
pub(crate) fn load_trust(home: &Home) -> Result<TrustStore> {
    let path = home.trust();
    if !path.exists() {
        return Ok(TrustStore::default());
    }
    let text = home::read_private(&path)?;
    TrustStore::parse(&text).map_err(|error| fail(Kind::BadConfig, format!("{}: {error}", path.display())))
}

/// Writes the trusted keys.
pub(crate) fn save_trust(home: &Home, trust: &TrustStore) -> Result<()> {
    home::write_file(&home.trust(), trust.to_toml()?.as_bytes(), 0o600)
}

/// Trusts a key; doing it again with the same words changes nothing.
pub(crate) fn trust(home: &Home, public: &PublicKey, name: &str, namespaces: Vec<String>, tier: Tier) -> Result<TrustedKey> {
    let mut store = load_trust(home)?;
    let key = TrustedKey::new(public, name, namespaces, tier, &now());
    if let Some(known) = store.keys.iter().find(|known| known.keyid == key.keyid)
        && known.revoked.is_none()
        && known.namespaces == key.namespaces
        && known.tier == key.tier
    {
        return Ok(known.clone());
    }
    add(&mut store, &key)?;
    save_trust(home, &store)?;
    // With the namespaces that it had before.
    Ok(store.find(&key.keyid).cloned().unwrap_or(key))
}

/// Whether `trust` would do that: for who writes a row ahead of it.
pub(crate) fn can_trust(home: &Home, public: &PublicKey, name: &str, namespaces: &[String], tier: Tier) -> Result<()> {
    add(&mut load_trust(home)?, &TrustedKey::new(public, name, namespaces.to_vec(), tier, &now()))
}

fn add(store: &mut TrustStore, key: &TrustedKey) -> Result<()> {
    take_over(store, key)?;
    store.trust(key.clone()).map_err(|error| {
        let kind = if matches!(error, TrustError::Unfit { .. }) { Kind::Usage } else { Kind::Refused };
        fail(kind, error.to_string())
    })
}

/// Reads a key to sign with. Refuses one that this machine revoked: what it signs runs nowhere that knows of it.
pub(crate) fn read_signer(home: &Home, path: &Path) -> Result<SecretKey> {
    let key = read(path)?;
    let keyid = key.public().key_id();
    if load_trust(home)?.find(&keyid).is_some_and(|known| known.revoked.is_some()) {
        let remedy = match path == home.keys().join("dev.key") {
            true => format!("move it away and make another one: mv {0} {0}.revoked && skynet init", path.display()),
            false => "sign with another one; `skynet key new NAME` makes one".to_owned(),
        };
        return Err(fail(Kind::Refused, format!("key {keyid} ({}) was revoked on this machine; {remedy}", path.display())));
    }
    Ok(key)
}

/// A key that counted for a registry's word counts for its owner's from now on. It has one reason for all of its namespaces, so
/// the owner's word must be for all of them.
fn take_over(store: &mut TrustStore, key: &TrustedKey) -> Result<()> {
    let vouched = |known: &&mut TrustedKey| known.keyid == key.keyid && known.tier == Tier::Registry && known.revoked.is_none();
    let Some(known) = store.keys.iter_mut().find(vouched).filter(|_| key.tier != Tier::Registry) else { return Ok(()) };
    let covered = |name: &&String| key.namespaces.iter().any(|own| own == "*" || own == *name);
    let missing: Vec<String> = known.namespaces.iter().filter(|name| !covered(name)).map(|name| format!("--namespace {name}")).collect();
    if !missing.is_empty() {
        let why = format!("a registry vouches for {} already, and your word would take the place of its word", known.keyid);
        return Err(fail(Kind::Refused, format!("{why}; say it for the same plugins too: {}", missing.join(" "))));
    }
    (known.tier, known.name) = (key.tier, key.name.clone());
    Ok(())
}

/// Where a key of that name is kept.
pub(crate) fn path(home: &Home, name: &str) -> Result<PathBuf> {
    let legal = !name.is_empty() && name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !legal {
        return Err(fail(Kind::Usage, format!("`{name}` is no name for a key; use letters, digits, - and _, at most 64")));
    }
    Ok(home.keys().join(format!("{name}.key")))
}

/// Makes a key; refuses to overwrite one.
pub(crate) fn create(path: &Path) -> Result<SecretKey> {
    if path.exists() {
        return Err(fail(Kind::Refused, format!("{} exists; a key is never overwritten, choose another name", path.display())));
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    }
    let key = SecretKey::generate()?;
    let text = format!("{}\n", hex::encode(key.seed().as_slice()));
    home::write_file(path, text.as_bytes(), 0o600)?;
    Ok(key)
}

/// Reads a key.
pub(crate) fn read(path: &Path) -> Result<SecretKey> {
    let text = home::read_private(path)?;
    let mut seed = [0; 32];
    hex::decode_to_slice(text.trim(), &mut seed).map_err(|_| fail(Kind::BadConfig, format!("{} holds no key", path.display())))?;
    Ok(SecretKey::from_seed(&seed))
}

/// Reads a public key from text, a file with one, or the secret key's file. 64 hex digits in a file are a secret key, and never
/// a public one: half of all seeds could be either, and to take one for public is to show it to everybody.
pub(crate) fn read_public(text: &str) -> Result<PublicKey> {
    if let Ok(public) = PublicKey::parse(text.trim()) {
        return Ok(public);
    }
    let path = Path::new(text);
    let held = std::fs::read_to_string(path)
        .map_err(|_| fail(Kind::NotFound, format!("`{text}` is neither a public key like ed25519:… nor a file that holds one")))?;
    if !held.trim_start().starts_with(TEXT_PREFIX) {
        return Ok(read(path)?.public());
    }
    PublicKey::parse(held.trim()).map_err(|error| fail(Kind::BadConfig, format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(tier: Tier, namespaces: &[&str]) -> TrustedKey {
        let namespaces = namespaces.iter().map(|name| (*name).to_owned()).collect();
        TrustedKey::new(&SecretKey::from_seed(&[1; 32]).public(), "acme", namespaces, tier, "2026-01-01T00:00:00Z")
    }

    #[test]
    fn the_file_of_a_secret_key_gives_its_public_half_and_never_its_seed() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..32 {
            let secret = SecretKey::from_seed(&[number; 32]);
            let path = folder.path().join(format!("{number}.key"));
            home::write_file(&path, format!("{}\n", hex::encode([number; 32])).as_bytes(), 0o600).unwrap();
            assert_eq!(read_public(path.to_str().unwrap()).unwrap().text(), secret.public().text());
            let path = folder.path().join(format!("{number}.pub"));
            std::fs::write(&path, format!("{}\n", secret.public().text())).unwrap();
            assert_eq!(read_public(path.to_str().unwrap()).unwrap().text(), secret.public().text());
        }
        assert!((0..32).any(|number| PublicKey::from_bytes(&[number; 32]).is_ok()), "no seed here could be taken for a public key");
    }

    #[test]
    fn an_owners_word_takes_the_place_of_a_registrys_for_all_that_the_key_signs() {
        let mut store = TrustStore { keys: vec![key(Tier::Registry, &["acme", "bob"])] };
        let refused = take_over(&mut store, &key(Tier::Local, &["acme"])).unwrap_err().to_string();
        assert!(refused.contains("--namespace bob") && !refused.contains("--namespace acme"), "{refused}");
        assert_eq!(store.keys[0].tier, Tier::Registry);
        for all in [&["acme", "bob"][..], &["*"]] {
            let mut store = store.clone();
            take_over(&mut store, &key(Tier::Local, all)).unwrap();
            assert_eq!(store.keys[0].tier, Tier::Local);
        }
        store.revoke(&key(Tier::Local, &[]).keyid, "stolen").unwrap();
        take_over(&mut store, &key(Tier::Local, &["*"])).unwrap();
        assert_eq!(store.keys[0].tier, Tier::Registry, "what was revoked does not come back");
    }
}

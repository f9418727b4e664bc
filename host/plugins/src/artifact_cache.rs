//! Compiled code, kept so that a component is compiled once.
//!
//! Deserializing an artifact runs whatever is in it. So: only this host writes
//! here, in a private folder; each artifact is sealed by an HMAC under a key of this
//! host; the seal is checked on the very bytes that are handed to wasmtime, or that a
//! cast is made of (`mould.rs`). On any doubt the artifact is thrown away and compiled again.

use crate::blobs::private_folder;
use crate::durable_file;
use crate::mould::Mould;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use wasmtime::Engine;
use wasmtime::component::Component;

const MAGIC: &[u8; 8] = b"SKYNETA1";
const SEAL: usize = 32;
const KEY_FILE: &str = "seal.key";

/// The cache of one engine configuration.
pub(crate) struct ArtifactCache {
    folder: PathBuf,
    key: [u8; 32],
    engine: String,
}

/// Feeds a hash that wasmtime computes into SHA-256, so that the name depends on
/// every byte of it.
struct Sha(Sha256);

impl Hasher for Sha {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

fn engine_digest(engine: &Engine) -> String {
    let mut sha = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut sha);
    sha.0.update(env!("CARGO_PKG_VERSION"));
    hex::encode(sha.0.finalize()).chars().take(16).collect()
}

fn load_key(folder: &Path) -> std::io::Result<[u8; 32]> {
    let path = folder.join(KEY_FILE);
    if let Ok(bytes) = std::fs::read(&path)
        && let Ok(key) = <[u8; 32]>::try_from(bytes.as_slice())
    {
        return Ok(key);
    }
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| std::io::Error::other(error.to_string()))?;
    durable_file::write(&path, &key)?;
    Ok(key)
}

impl ArtifactCache {
    pub(crate) fn open(folder: &Path, engine: &Engine) -> std::io::Result<Self> {
        private_folder(folder)?;
        Ok(Self { folder: folder.to_owned(), key: load_key(folder)?, engine: engine_digest(engine) })
    }

    fn path(&self, component: &str) -> PathBuf {
        self.folder.join(format!("{component}-{}", self.engine))
    }

    fn seal(&self, component: &str, artifact: &[u8]) -> Hmac<Sha256> {
        // HMAC takes keys of any length, so this cannot fail; an empty key would
        // only make every seal wrong, which throws artifacts away.
        let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(&self.key).unwrap_or_else(|_| <Hmac<Sha256> as Mac>::new(&Default::default()));
        for field in [component.as_bytes(), self.engine.as_bytes(), artifact] {
            mac.update(&(field.len() as u64).to_be_bytes());
            mac.update(field);
        }
        mac
    }

    /// Keeps what the compiler made of that component.
    pub(crate) fn put(&self, component: &str, artifact: &[u8]) -> std::io::Result<()> {
        let mut sealed = Vec::with_capacity(MAGIC.len() + SEAL + artifact.len());
        sealed.extend_from_slice(MAGIC);
        sealed.extend_from_slice(&self.seal(component, artifact).finalize().into_bytes());
        sealed.extend_from_slice(artifact);
        durable_file::write(&self.path(component), &sealed)
    }

    /// Whether an artifact of that component is here, good or not.
    pub(crate) fn has(&self, component: &str) -> bool {
        self.path(component).exists()
    }

    /// Gives up what was made of that component.
    pub(crate) fn remove(&self, component: &str) -> std::io::Result<()> {
        durable_file::remove(&self.path(component))
    }

    /// Loads that component if a good artifact of it is here.
    pub(crate) fn get(&self, engine: &Engine, component: &str) -> Option<Component> {
        if !self.has(component) {
            return None;
        }
        let loaded = self.load(engine, component);
        loaded.inspect_err(|reason| tracing::warn!(%component, %reason, "a compiled artifact is thrown away and compiled again")).ok()
    }

    /// Loads what `put` has just written. The error is the engine's reason.
    pub(crate) fn load(&self, engine: &Engine, component: &str) -> Result<Component, String> {
        self.read(engine, component, |_| Some(()))
    }

    /// Loads the component that this mould is of, out of the mould's own artifact.
    pub(crate) fn cast(&self, engine: &Engine, mould: &Mould) -> Result<Component, String> {
        self.read(engine, &mould.digest, |artifact| mould.cast(artifact))
    }

    fn read(&self, engine: &Engine, component: &str, finish: impl FnOnce(&mut [u8]) -> Option<()>) -> Result<Component, String> {
        let path = self.path(component);
        let sealed = std::fs::read(&path).map_err(|error| error.to_string())?;
        let loaded = self.check_and_load(engine, component, sealed, finish);
        if loaded.is_err() {
            let _ = std::fs::remove_file(&path);
        }
        loaded
    }

    fn check_and_load(
        &self,
        engine: &Engine,
        component: &str,
        mut sealed: Vec<u8>,
        finish: impl FnOnce(&mut [u8]) -> Option<()>,
    ) -> Result<Component, String> {
        let artifact = sealed.strip_prefix(MAGIC).and_then(|rest| rest.split_at_checked(SEAL));
        let good = artifact.is_some_and(|(seal, artifact)| self.seal(component, artifact).verify_slice(seal).is_ok());
        let artifact = sealed.get_mut(MAGIC.len() + SEAL..).filter(|_| good).ok_or("it is not as this host wrote it")?;
        finish(artifact).ok_or("nothing can be cast in it")?;
        self.deserialize(engine, artifact).map_err(|error| format!("{error:#}"))
    }

    #[allow(unsafe_code)]
    fn deserialize(&self, engine: &Engine, artifact: &[u8]) -> wasmtime::Result<Component> {
        // SAFETY: `Component::deserialize` demands bytes that wasmtime's compiler
        // produced and nobody altered. `check_and_load`, the only caller, verified
        // on these very bytes an HMAC under a key that only this host holds (0600 in
        // a 0700 folder), and `put` is only given the output of the compiling child.
        // Between the two a mould's cast may change bytes of guests' data, which the compiler
        // copied there unseen, and no others: `Mould::cast` says how it makes sure.
        // Version and settings are checked by wasmtime itself.
        unsafe { Component::deserialize(engine, artifact) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile;

    const COMPONENT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn check(tamper: impl Fn(&mut Vec<u8>), name: &str, loads: bool) {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("artifacts");
        let (engine, _) = crate::engine::serving_engine().unwrap();
        let cache = ArtifactCache::open(&folder, &engine).unwrap();
        cache.put(COMPONENT, &compile::compile(&wat::parse_str("(component)").unwrap()).unwrap()).unwrap();
        let path = cache.path(COMPONENT);
        let mut bytes = std::fs::read(&path).unwrap();
        tamper(&mut bytes);
        std::fs::write(cache.path(name), bytes).unwrap();
        assert_eq!(cache.get(&engine, name).is_some(), loads);
        assert_eq!(cache.path(name).exists(), loads, "a bad artifact is thrown away");
    }

    #[test]
    fn an_artifact_of_this_host_loads() {
        check(|_| {}, COMPONENT, true);
    }

    #[test]
    fn a_changed_artifact_is_thrown_away() {
        check(|bytes| *bytes.last_mut().unwrap() ^= 1, COMPONENT, false);
        check(|bytes| bytes[20] ^= 1, COMPONENT, false);
        check(|bytes| bytes.truncate(30), COMPONENT, false);
        check(Vec::clear, COMPONENT, false);
    }

    #[test]
    fn an_artifact_of_another_component_is_thrown_away() {
        check(|_| {}, &"b".repeat(64), false);
    }

    #[test]
    fn a_cast_comes_only_out_of_a_good_artifact_of_its_mould() {
        let temp = tempfile::tempdir().unwrap();
        let (engine, _) = crate::engine::serving_engine().unwrap();
        let cache = ArtifactCache::open(&temp.path().join("artifacts"), &engine).unwrap();
        let room: String = crate::room::SCRIPT.blank().iter().map(|byte| format!("\\{byte:02x}")).collect();
        let component = wat::parse_str(format!(r#"(component (core module (memory 32) (data (i32.const 16) "{room}after")))"#)).unwrap();
        let mould = Mould::of(&component).unwrap();
        assert!(cache.cast(&engine, &mould).is_err(), "none is there");
        let artifact = compile::compile(&mould.component).unwrap();
        cache.put(&mould.digest, &artifact).unwrap();
        assert!(cache.cast(&engine, &mould).is_ok());
        let mut bytes = std::fs::read(cache.path(&mould.digest)).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(cache.path(&mould.digest), bytes).unwrap();
        assert!(cache.cast(&engine, &mould).is_err(), "a changed one");
        assert!(!cache.has(&mould.digest), "is thrown away");
        cache.put(&mould.digest, &compile::compile(&wat::parse_str("(component)").unwrap()).unwrap()).unwrap();
        assert!(cache.cast(&engine, &mould).is_err(), "code without the room");
    }

    #[test]
    fn an_artifact_of_another_host_is_thrown_away() {
        let temp = tempfile::tempdir().unwrap();
        let (engine, _) = crate::engine::serving_engine().unwrap();
        let ours = ArtifactCache::open(&temp.path().join("ours"), &engine).unwrap();
        let theirs = ArtifactCache::open(&temp.path().join("theirs"), &engine).unwrap();
        theirs.put(COMPONENT, &compile::compile(&wat::parse_str("(component)").unwrap()).unwrap()).unwrap();
        std::fs::copy(theirs.path(COMPONENT), ours.path(COMPONENT)).unwrap();
        assert!(ours.get(&engine, COMPONENT).is_none());
    }
}

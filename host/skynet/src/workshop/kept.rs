//! What is kept of a proposed plugin between its proposal and the owner's answer.
//!
//! One unsigned file under the digest of its release, in the host's private folder. It is
//! read and compared whole each time: what was changed, cut or swapped meanwhile is not
//! what was proposed. Refuses to sign anything else.

use super::HomeWorkshop;
use crate::home;
use crate::keys;
use skynet_core::limits::PROPOSAL_MS;
use skynet_core::proposals::Candidate;
use skynet_policy::digest::{is_sha256_hex, sha256_hex};
use skynet_policy::release::{self, Release};
use skynet_policy::signature;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Read whole, checked whole.
pub(super) struct Kept {
    bytes: Vec<u8>,
}

impl HomeWorkshop {
    fn folder(&self) -> PathBuf {
        self.home.private().join("proposals")
    }

    pub(super) fn dev_key(&self) -> Result<PathBuf, String> {
        keys::path(&self.home, "dev").map_err(|error| format!("{error:#}"))
    }

    fn file(&self, digest: &str) -> Result<PathBuf, String> {
        // It becomes a name of a file.
        if !is_sha256_hex(digest) {
            return Err("its digest is none".into());
        }
        Ok(self.folder().join(format!("{digest}.wasm")))
    }

    /// Keeps a packed plugin; gives the digest of its release.
    pub(super) fn keep(&self, packed: &[u8]) -> Result<String, String> {
        let digest = sha256_hex(release::split(packed).map_err(|error| error.to_string())?.release_json);
        let folder = self.folder();
        home::private_folder(&folder).map_err(|error| format!("{error:#}"))?;
        sweep(&folder);
        home::write_file(&self.file(&digest)?, packed, 0o600).map_err(|error| format!("{error:#}"))?;
        Ok(digest)
    }

    /// What was kept, if it is still what was proposed and would be signed as was said.
    pub(super) fn kept(&self, candidate: &Candidate) -> Result<Kept, String> {
        let gone = "what was kept of it is gone; it has to be proposed again";
        let bytes = std::fs::read(self.file(&candidate.digest)?).map_err(|_| gone.to_owned())?;
        let parts = release::split(&bytes).map_err(|error| error.to_string())?;
        if sha256_hex(parts.release_json) != candidate.digest {
            return Err("its release is another than the one that was proposed".into());
        }
        let release = Release::parse(parts.release_json).map_err(|error| error.to_string())?;
        release.check_component(parts.component).map_err(|error| error.to_string())?;
        let same = release.id == candidate.subject && release.version == candidate.version;
        if !same || release.permissions.digest() != candidate.request {
            return Err("its release does not say what was shown".into());
        }
        let key = keys::read(&self.dev_key()?).map_err(|error| format!("{error:#}"))?;
        if key.public().key_id().as_str() != candidate.publisher {
            return Err("the dev key is another than when it was proposed; it has to be proposed again".into());
        }
        Ok(Kept { bytes })
    }

    /// The same, signed.
    pub(super) fn signed(&self, candidate: &Candidate) -> Result<Vec<u8>, String> {
        let Kept { bytes } = self.kept(candidate)?;
        let parts = release::split(&bytes).map_err(|error| error.to_string())?;
        let key = keys::read(&self.dev_key()?).map_err(|error| format!("{error:#}"))?;
        let signatures = signature::sign_release(&key, parts.release_json);
        Ok(release::join(parts.component, parts.release_json, &signatures.to_bytes()))
    }

    /// Removes what was kept; gives the digest of its component, if it was still there.
    pub(super) fn drop_kept(&self, candidate: &Candidate) -> Option<String> {
        let file = self.file(&candidate.digest).ok()?;
        let bytes = std::fs::read(&file).ok();
        if let Err(error) = std::fs::remove_file(&file)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, file = %file.display(), "what was kept of a proposal could not be removed");
        }
        bytes.as_deref().and_then(|bytes| release::split(bytes).ok()).map(|parts| sha256_hex(parts.component))
    }
}

/// Removes what no proposal that waits can need any more.
fn sweep(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let age = std::fs::metadata(&path).and_then(|meta| meta.modified()).ok().and_then(|changed| changed.elapsed().ok());
        if age.is_some_and(|age| age > 2 * Duration::from_millis(PROPOSAL_MS)) {
            drop(std::fs::remove_file(&path));
        }
    }
}

//! A file from a stranger, opened in the one right order.
//!
//! Sections, then signature, then `release.json`, then namespace, then the digest
//! of the component: nothing is read before somebody trusted has signed it. The
//! caller compiles exactly the bytes that come back.

use crate::digest::sha256_hex;
use crate::release::{Release, ReleaseError, Split, split};
use crate::signature::{SignatureError, Verified, check_signatures, signers_for};
use crate::trust::TrustStore;

/// A file whose every byte is accounted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened<'a> {
    /// Its parts.
    pub parts: Split<'a>,
    /// What its publisher says.
    pub release: Release,
    /// SHA-256 of the exact bytes of `release.json`.
    pub release_digest: String,
    /// Who signed, of those trusted for this plugin.
    pub signers: Vec<Verified>,
}

/// Why a file was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The file or its `release.json`.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// Its signatures.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// A release that lies beside what it speaks of, and who signed it: for a folder. The caller holds it against
/// the files.
pub fn open_sidecar(release_json: &[u8], signatures_json: &[u8], trust: &TrustStore) -> Result<(Release, Vec<Verified>), OpenError> {
    let keys = check_signatures(release_json, signatures_json, trust)?;
    let release = Release::parse(release_json)?;
    let signers = signers_for(&keys, &release.id)?;
    Ok((release, signers))
}

/// Takes a file apart and checks all that can be checked without compiling it.
pub fn open<'a>(file: &'a [u8], trust: &TrustStore) -> Result<Opened<'a>, OpenError> {
    let parts = split(file)?;
    let keys = check_signatures(parts.release_json, parts.signatures_json, trust)?;
    let release = Release::parse(parts.release_json)?;
    let signers = signers_for(&keys, &release.id)?;
    release.check_component(parts.component)?;
    Ok(Opened { release, release_digest: sha256_hex(parts.release_json), signers, parts })
}

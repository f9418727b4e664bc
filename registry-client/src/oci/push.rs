//! A signed plugin file goes to an OCI registry: blobs first, the manifest last.
//!
//! A push that breaks off leaves blobs that nothing names, and can be made again. A tag
//! that names something else already is not moved, unless somebody says so.

use super::exchange::{Method, Request};
use super::manifest::{self, MANIFEST};
use super::reference::Reference;
use super::session::{Oci, explained, get, named};
use crate::courier::CourierError;
use crate::error::RegistryError;
use crate::limits::{BLOB_TIMEOUT, IDLE_TIMEOUT};
use crate::progress::Progress;
use bytes::Bytes;
use skynet_policy::release::{Release, split};
use skynet_policy::sha256_hex;
use skynet_policy::signature::Signatures;
use url::Url;

/// What was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// With its tag, held to the manifest's digest.
    pub reference: Reference,
    /// What its publisher says.
    pub release: Release,
    /// It was there already, byte for byte.
    pub there: bool,
}

impl Oci {
    /// Pushes a packed and signed file. Without a tag, its version is the tag.
    pub async fn push(&self, file: &[u8], move_tag: bool, progress: &dyn Progress) -> Result<Pushed, RegistryError> {
        let parts = split(file)?;
        let release = Release::parse(parts.release_json)?;
        release.check_component(parts.component)?;
        let what = format!("{} {}", release.id, release.version);
        if !Signatures::parse(parts.signatures_json).is_ok_and(|signatures| !signatures.signatures.is_empty()) {
            return Err(RegistryError::refused(what, "it is not signed, and nobody could install it", "Sign it with `skynet plugin sign`"));
        }
        let reference = match self.reference().tag() {
            Some(_) => self.reference().clone(),
            None => self.reference().tagged(&release.version.to_string())?,
        };
        if reference.digest().is_some() {
            return Err(RegistryError::refused(
                reference.to_string(),
                "a digest cannot be pushed to",
                "Name a tag, or the repository alone",
            ));
        }
        let (manifest, config) = manifest::write(&release, file).map_err(|why| RegistryError::refused(&what, why, "Pack it again"))?;
        let digest = sha256_hex(&manifest);
        let place = reference.to_string();
        let there = self.check_tag(&reference, &digest, move_tag).await?;
        if !there {
            progress.begin(&what, u64::try_from(file.len()).unwrap_or(u64::MAX), 0);
            let sent = self.upload(&reference, file, config, manifest).await;
            progress.end();
            sent.map_err(|error| named(&place, error))?;
        }
        Ok(Pushed { reference: reference.pinned(&digest), release, there })
    }

    /// Whether the tag names this very manifest. Refuses one that names another.
    async fn check_tag(&self, reference: &Reference, digest: &str, move_tag: bool) -> Result<bool, RegistryError> {
        let place = reference.to_string();
        let tag = reference.tag().unwrap_or_default();
        let mut request = get(self.url(&format!("manifests/{tag}")).map_err(|error| named(&place, error))?);
        request.headers.push(("accept", MANIFEST.into()));
        request.method = Method::Head;
        let reply = self.ask(request, IDLE_TIMEOUT).await.map_err(|error| named(&place, error))?;
        match (reply.status, reply.header("docker-content-digest")) {
            (404, _) => Ok(false),
            (200, Some(known)) if known.strip_prefix("sha256:") == Some(digest) => Ok(true),
            (200, _) if move_tag => Ok(false),
            (200, _) => Err(RegistryError::refused(
                place,
                "this tag names something else already",
                "Choose another tag, or move it with --move-tag",
            )),
            _ => Err(named(&place, CourierError::Broken(explained(reply).await))),
        }
    }

    async fn upload(&self, reference: &Reference, file: &[u8], config: Vec<u8>, manifest: Vec<u8>) -> Result<(), CourierError> {
        self.put_blob(Bytes::copy_from_slice(file)).await?;
        self.put_blob(config.into()).await?;
        let url = self.url(&format!("manifests/{}", reference.tag().unwrap_or_default()))?;
        let digest = format!("sha256:{}", sha256_hex(&manifest));
        let headers = vec![("content-type", MANIFEST.to_owned())];
        let reply = self.ask(Request { method: Method::Put, url, headers, body: manifest.into() }, IDLE_TIMEOUT).await?;
        match reply.header("docker-content-digest") {
            _ if reply.status != 201 => Err(CourierError::Broken(explained(reply).await)),
            Some(kept) if kept != digest => Err(CourierError::Refused("the server keeps another manifest than it was sent".into())),
            _ => Ok(()),
        }
    }

    async fn put_blob(&self, bytes: Bytes) -> Result<(), CourierError> {
        let digest = sha256_hex(&bytes);
        if self.has(&digest).await? {
            return Ok(());
        }
        let begin = Request { method: Method::Post, ..get(self.url("blobs/uploads/")?) };
        let at = begin.url.clone();
        let reply = self.ask(begin, IDLE_TIMEOUT).await?;
        if reply.status != 202 {
            return Err(CourierError::Broken(explained(reply).await));
        }
        let mut url = session_url(&at, reply.header("location"))?;
        url.query_pairs_mut().append_pair("digest", &format!("sha256:{digest}"));
        let headers = vec![("content-type", "application/octet-stream".to_owned())];
        let reply = self.ask(Request { method: Method::Put, url, headers, body: bytes }, BLOB_TIMEOUT).await?;
        if reply.status == 201 { Ok(()) } else { Err(CourierError::Broken(explained(reply).await)) }
    }
}

/// Where an upload goes on: with the registry itself, and nowhere else.
fn session_url(at: &Url, location: Option<&str>) -> Result<Url, CourierError> {
    crate::courier::redirect(at, location, false)
}

//! A plugin from an OCI registry: found by tag or digest, fetched apart, believed only for
//! the signature of a key that this machine's owner trusts for its namespace.
//!
//! What a tag names is asked once. From there on digests hold it, so a tag that is moved
//! in between changes nothing.

use super::exchange::Method;
use super::manifest::{self, Descriptor, MANIFEST};
use super::reference::Reference;
use super::session::{Oci, explained, get, named, stream};
use crate::courier::{CourierError, Stream, redirect};
use crate::error::RegistryError;
use crate::home::{Home, HomeLock};
use crate::limits::{BLOB_TIMEOUT, DOCUMENT_TIMEOUT, IDLE_TIMEOUT, OCI_MANIFEST_BYTES, REDIRECTS};
use crate::lock::Locked;
use crate::progress::Progress;
use crate::receive::{Expected, Source, part, receive};
use crate::shelf::Kept;
use async_trait::async_trait;
use skynet_policy::naming::plain_line;
use skynet_policy::open::open;
use skynet_policy::registry::advisories::Standing;
use skynet_policy::release::Release;
use skynet_policy::sha256_hex;
use skynet_policy::signature::KeyId;
use skynet_policy::trust::{Tier, TrustStore, TrustedKey};
use tokio::time::Instant;

/// What a reference named when it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The reference, held to the manifest's digest.
    pub reference: Reference,
    /// SHA-256 of the manifest, hex.
    pub manifest: String,
    layer: Descriptor,
}

impl Found {
    /// SHA-256 of the plugin file, hex.
    pub fn file(&self) -> &str {
        self.layer.sha256()
    }

    /// Bytes of the plugin file.
    pub fn size(&self) -> u64 {
        self.layer.size
    }
}

/// A plugin file that was fetched and whose signature counts here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Where it is kept.
    pub kept: Kept,
    /// What its publisher says.
    pub release: Release,
    /// SHA-256 of its `release.json`.
    pub digest: String,
    /// Trusted keys that signed it.
    pub signers: Vec<KeyId>,
}

impl Oci {
    /// What the reference names now.
    pub async fn resolve(&self) -> Result<Found, RegistryError> {
        let what = self.reference().to_string();
        self.find().await.map_err(|error| named(&what, error))
    }

    pub(super) async fn find(&self) -> Result<Found, CourierError> {
        let reference = self.reference();
        let wanted = match (reference.digest(), reference.tag()) {
            (Some(digest), _) => format!("sha256:{digest}"),
            (None, Some(tag)) => tag.to_owned(),
            (None, None) => return Err(CourierError::Refused("it names neither a tag nor a digest".into())),
        };
        let mut request = get(self.url(&format!("manifests/{wanted}"))?);
        request.headers.push(("accept", MANIFEST.into()));
        let reply = self.ask(request, IDLE_TIMEOUT).await?;
        match reply.status {
            200 | 404 | 410 => {}
            300..400 => return Err(CourierError::Refused("its manifest is redirected; a manifest stays where it was named".into())),
            _ => return Err(CourierError::Broken(explained(reply).await)),
        }
        let kind = reply.header("content-type").unwrap_or_default().split(';').next().unwrap_or_default().trim().to_owned();
        let bytes = stream(reply, 0, Instant::now() + DOCUMENT_TIMEOUT)?.whole(OCI_MANIFEST_BYTES).await?;
        if kind != MANIFEST {
            return Err(CourierError::Refused(format!("it is a `{}`, not {MANIFEST}", plain_line(&kind, 100))));
        }
        let digest = sha256_hex(&bytes);
        if let Some(wanted) = reference.digest().filter(|wanted| *wanted != digest) {
            return Err(CourierError::Refused(format!("the server sent the manifest {digest} for {wanted}")));
        }
        let layer = manifest::read(&bytes).map_err(CourierError::Refused)?;
        Ok(Found { reference: reference.pinned(&digest), manifest: digest, layer })
    }

    async fn open_blob(&self, sha256: &str, from: u64) -> Result<Stream, CourierError> {
        let end = Instant::now() + BLOB_TIMEOUT;
        let mut request = get(self.url(&format!("blobs/sha256:{sha256}"))?);
        if from > 0 {
            request.headers.push(("range", format!("bytes={from}-")));
        }
        let origin = self.reference().server().origin();
        for _ in 0..=REDIRECTS {
            let at_home = request.url.origin() == origin;
            let reply =
                if at_home { self.ask(request.clone(), IDLE_TIMEOUT).await? } else { self.send(request.clone(), IDLE_TIMEOUT).await? };
            match reply.status {
                // Many registries keep blobs elsewhere. The digest holds, whoever sends them.
                301 | 302 | 303 | 307 | 308 => request.url = redirect(&request.url, reply.header("location"), true)?,
                200 | 206 | 404 | 410 => return stream(reply, from, end),
                _ => return Err(CourierError::Broken(explained(reply).await)),
            }
        }
        Err(CourierError::Refused(format!("it was redirected more than {REDIRECTS} times")))
    }

    /// Whether a blob is there.
    pub(super) async fn has(&self, sha256: &str) -> Result<bool, CourierError> {
        let mut request = get(self.url(&format!("blobs/sha256:{sha256}"))?);
        request.method = Method::Head;
        match self.ask(request, IDLE_TIMEOUT).await?.status {
            // Kept elsewhere is there.
            200 | 301 | 302 | 303 | 307 | 308 => Ok(true),
            404 | 410 => Ok(false),
            status => Err(CourierError::Broken(format!("the server answered {status}"))),
        }
    }
}

#[async_trait]
impl Source for Oci {
    async fn open(&self, sha256: &str, from: u64) -> Result<Stream, CourierError> {
        self.open_blob(sha256, from).await
    }
}

impl Home {
    /// Fetches what was found and keeps it, if a key of `trust` that counts for its
    /// namespace signed it, and the registry that answers for the namespace, if there is
    /// one, has not withdrawn it.
    pub async fn pull(
        &self,
        _lock: &HomeLock,
        oci: &Oci,
        found: &Found,
        trust: &TrustStore,
        progress: &dyn Progress,
    ) -> Result<Pulled, RegistryError> {
        let what = found.reference.to_string();
        let expected = Expected { what: &what, sha256: found.file(), size: found.size(), said: "its manifest names" };
        let bytes = receive(oci, &self.quarantine, expected, progress).await?;
        let checked = self.believe(&what, &bytes, trust, Standing::may_install);
        // Refused or kept, nothing of it stays in quarantine.
        self.quarantine.remove(&part(found.file()))?;
        let (release, digest, signers) = checked?;
        Ok(Pulled { kept: self.keep(&bytes)?, release, digest, signers })
    }

    /// Brings back the very file of a lockfile, from here if it is kept, else by its digest.
    pub async fn pull_locked(
        &self,
        lock: &HomeLock,
        oci: &Oci,
        locked: &Locked,
        trust: &TrustStore,
        progress: &dyn Progress,
    ) -> Result<Pulled, RegistryError> {
        let pulled = match self.kept(&locked.file) {
            Ok(file) => {
                let (release, digest, signers) = self.believe(&oci.reference().to_string(), &file, trust, Standing::may_load)?;
                Pulled { kept: self.keep(&file)?, release, digest, signers }
            }
            Err(_) => self.pull(lock, oci, &oci.resolve().await?, trust, progress).await?,
        };
        locked.check_release(&pulled.release, &pulled.digest, &pulled.signers)?;
        locked.check_file(&pulled.kept)?;
        Ok(pulled)
    }

    fn believe(
        &self,
        what: &str,
        bytes: &[u8],
        trust: &TrustStore,
        fine: fn(&Standing) -> bool,
    ) -> Result<(Release, String, Vec<KeyId>), RegistryError> {
        let remedy = "An OCI registry vouches for nothing: trust its publisher's key with `skynet key trust`, if you have it over a way that you trust";
        let opened = open(bytes, &by_owner(trust)).map_err(|error| RegistryError::refused(what, error, remedy))?;
        let signers: Vec<KeyId> = opened.signers.iter().map(|signer| signer.keyid.clone()).collect();
        if let Ok(place) = self.places()?.of(&opened.release.id) {
            let standing = self.advisories(&place.name)?.judge(&opened.release_digest, &signers);
            if !fine(&standing) {
                let said: Vec<String> = standing.said.iter().map(ToString::to_string).collect();
                let why = format!("registry `{}` says: {}", place.name, said.join("; "));
                return Err(RegistryError::refused(what, why, "Choose another version"));
            }
        }
        Ok((opened.release, opened.release_digest, signers))
    }
}

/// Without the keys that count for a registry's word alone: it gave that word for what it lists, with a date and a threshold,
/// and can take it back there. What was revoked stays, known to be bad.
fn by_owner(trust: &TrustStore) -> TrustStore {
    let counts = |key: &&TrustedKey| key.tier != Tier::Registry || key.revoked.is_some();
    TrustStore { keys: trust.keys.iter().filter(counts).cloned().collect() }
}

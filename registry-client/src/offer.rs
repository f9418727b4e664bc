//! One release in a registry, with all signatures over it checked; not fetched yet.
//!
//! The chain: lists signed by the registry, in them the exact bytes of `release.json` and
//! of its signatures, those by the keys in the publisher's record, in the release the
//! digest of the component. Selection leaves out what was yanked or revoked.

use crate::error::RegistryError;
use crate::limits::BLOB_BYTES;
use crate::lock::Locked;
use crate::visit::Visit;
use semver::{Version, VersionReq};
use skynet_core::PluginId;
use skynet_policy::limits::{RELEASE_JSON_BYTES, SIGNATURES_JSON_BYTES};
use skynet_policy::registry::advisories::Standing;
use skynet_policy::registry::publisher::Publisher;
use skynet_policy::registry::target::Target;
use skynet_policy::release::{Release, join};
use skynet_policy::sha256_hex;
use skynet_policy::signature::KeyId;

/// A release that could be installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Where it is.
    pub registry: String,
    /// The registry's root then.
    pub root_version: u64,
    /// What the publisher says.
    pub release: Release,
    /// SHA-256 of its `release.json`.
    pub digest: String,
    /// Keys of the publisher that signed it.
    pub signers: Vec<KeyId>,
    /// What the registry says about it.
    pub standing: Standing,
    /// The publisher's keys and their history.
    pub publisher: Publisher,
    pub(crate) release_json: Vec<u8>,
    pub(crate) signatures_json: Vec<u8>,
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Which plugin.
    pub id: PluginId,
    /// Which versions; none is the newest that is no pre-release.
    pub version: Option<VersionReq>,
}

impl Wish {
    /// Reads `acme/hello` or `acme/hello@1.2`; a bare version is that very one.
    pub fn parse(text: &str) -> Result<Self, RegistryError> {
        let (id, version) = text.split_once('@').map_or((text, None), |(id, version)| (id, Some(version)));
        let refused = |why: String| RegistryError::refused("the name", why, "Write namespace/name, or namespace/name@version");
        let id = PluginId::new(id).map_err(|error| refused(error.to_string()))?;
        let version = version.map(|text| match Version::parse(text) {
            Ok(_) => VersionReq::parse(&format!("={text}")),
            Err(_) => VersionReq::parse(text),
        });
        Ok(Self { id, version: version.transpose().map_err(|error| refused(error.to_string()))? })
    }

    pub(crate) fn takes(&self, version: &Version) -> bool {
        self.version.as_ref().map_or(version.pre.is_empty(), |wanted| wanted.matches(version))
    }

    /// Whether it names one version.
    pub(crate) fn is_exact(&self) -> bool {
        let exact = |one: &semver::Comparator| one.op == semver::Op::Exact && one.patch.is_some();
        self.version.as_ref().is_some_and(|wanted| matches!(wanted.comparators.as_slice(), [one] if exact(one)))
    }
}

impl Offer {
    /// `acme/hello 1.2.0`.
    pub fn name(&self) -> String {
        format!("{} {}", self.release.id, self.release.version)
    }

    /// Bytes of its file beside the component.
    pub(crate) fn overhead(&self) -> u64 {
        u64::try_from(join(&[], &self.release_json, &self.signatures_json).len()).unwrap_or(u64::MAX)
    }

    /// The file that the publisher signed, byte for byte, from its component.
    pub fn file(&self, component: &[u8]) -> Result<Vec<u8>, RegistryError> {
        self.release.check_component(component)?;
        Ok(join(component, &self.release_json, &self.signatures_json))
    }
}

impl Visit {
    /// A release by its exact version, verified, from the registry that answers for it.
    pub async fn offer(&self, id: &PluginId, version: &Version) -> Result<Offer, RegistryError> {
        self.check_namespace(id)?;
        self.verified(id, version).await
    }

    /// The same for whoever passes releases on and installs nothing.
    pub(crate) async fn verified(&self, id: &PluginId, version: &Version) -> Result<Offer, RegistryError> {
        let release_json = self.document(&Target::Release(id.clone(), version.clone()), RELEASE_JSON_BYTES).await?;
        let signatures_json = self.document(&Target::Signatures(id.clone(), version.clone()), SIGNATURES_JSON_BYTES).await?;
        let publisher = self.publisher(id.namespace()).await?;
        let what = format!("{id} {version} of registry `{}`", self.registry());
        let remedy = "Use another version, and tell the registry's keeper";
        let signers = publisher.verify(&release_json, &signatures_json).map_err(|error| RegistryError::refused(&what, error, remedy))?;
        let release = Release::parse(&release_json).map_err(|error| RegistryError::refused(&what, error, remedy))?;
        if release.id != *id || release.version != *version {
            return Err(RegistryError::refused(what, format!("it says of itself that it is {} {}", release.id, release.version), remedy));
        }
        if release.component.size > BLOB_BYTES {
            return Err(RegistryError::refused(
                what,
                format!("its component has {} bytes; at most {BLOB_BYTES} are taken", release.component.size),
                remedy,
            ));
        }
        let digest = sha256_hex(&release_json);
        let standing = self.advisories().judge(&digest, &signers);
        let (registry, root_version) = (self.registry().to_owned(), self.root_version());
        Ok(Offer { registry, root_version, release, digest, signers, standing, publisher, release_json, signatures_json })
    }

    /// The very release of a lockfile. One that was yanked since is taken, as the
    /// lockfile's owner chose it before; one that was revoked is not.
    pub async fn locked(&self, locked: &Locked) -> Result<Offer, RegistryError> {
        let offer = self.offer(&locked.id, &locked.version).await?;
        locked.check(&offer)?;
        Ok(offer)
    }

    /// A release above the installed one, if there is one that may be installed.
    pub async fn newer(&self, locked: &Locked) -> Result<Option<Offer>, RegistryError> {
        let wish = Wish { id: locked.id.clone(), version: None };
        self.check_namespace(&wish.id)?;
        for version in self.versions(&wish.id).iter().filter(|version| wish.takes(version) && **version > locked.version) {
            let offer = self.offer(&wish.id, version).await?;
            if offer.standing.may_install() {
                return Ok(Some(offer));
            }
        }
        Ok(None)
    }

    /// The newest release that fits and was not withdrawn. One that was named exactly is
    /// refused with the reason, not replaced by another.
    pub async fn select(&self, wish: &Wish) -> Result<Offer, RegistryError> {
        self.check_namespace(&wish.id)?;
        let mut withdrawn = Vec::new();
        for version in self.versions(&wish.id).iter().filter(|version| wish.takes(version)) {
            let offer = self.offer(&wish.id, version).await?;
            if offer.standing.may_install() {
                return Ok(offer);
            }
            let said: Vec<String> = offer.standing.said.iter().map(ToString::to_string).collect();
            if wish.is_exact() {
                return Err(RegistryError::refused(offer.name(), said.join("; "), "Choose another version"));
            }
            withdrawn.push(format!("{version} is {}", said.join("; ")));
        }
        let what = format!("a release of {} in registry `{}`", wish.id, self.registry());
        if withdrawn.is_empty() {
            return Err(RegistryError::missing(
                what,
                "See `skynet plugin search` for what is listed, and `skynet plugin info` for its versions",
            ));
        }
        Err(RegistryError::refused(what, withdrawn.join("; "), "Wait for the publisher's next release"))
    }
}

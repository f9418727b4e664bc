//! Packing and signing, as an author's `skynet plugin pack` and `sign` do it.

use crate::zoo::Guest;
use serde_json::json;
use skynet_core::PluginId;
use skynet_policy::permission::Permissions;
use skynet_policy::release::{ComponentDigest, Release, WitDeclaration, join};
use skynet_policy::signature::{SecretKey, sign_release};
use skynet_policy::trust::{Tier, TrustStore, TrustedKey};

/// The key that `trust` knows for the namespace `acme`.
pub(crate) fn author() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// A second key for `acme`.
pub(crate) fn second_author() -> SecretKey {
    SecretKey::from_seed(&[2; 32])
}

/// A key that may sign for `bob` only.
pub(crate) fn bob() -> SecretKey {
    SecretKey::from_seed(&[3; 32])
}

pub(crate) fn trust() -> TrustStore {
    let entry = |key: &SecretKey, namespace: &str| {
        TrustedKey::new(&key.public(), "zoo", vec![namespace.into()], Tier::Local, "2026-01-01T00:00:00Z")
    };
    TrustStore { keys: vec![entry(&author(), "acme"), entry(&second_author(), "acme"), entry(&bob(), "bob")] }
}

/// One release on its way to a file.
#[derive(Clone)]
pub(crate) struct Package {
    pub(crate) component: Vec<u8>,
    pub(crate) release: Release,
    signer: [u8; 32],
}

impl Package {
    /// The release of a guest: `acme/NAME` at this version, asking for nothing.
    pub(crate) fn new(name: &str, version: &str, guest: &Guest) -> Self {
        let component = guest.build();
        let look = skynet_plugins::file::look(&component).unwrap();
        let wit = WitDeclaration { world: guest.world().into(), range: "^0.1.0".into(), imports: look.imports, exports: look.exports };
        Self::of(component, name, version, wit)
    }

    /// A release of any bytes at all.
    pub(crate) fn of(component: Vec<u8>, name: &str, version: &str, wit: WitDeclaration) -> Self {
        let release = Release {
            schema: 1,
            id: id(name),
            version: version.parse().unwrap(),
            component: ComponentDigest { sha256: skynet_policy::sha256_hex(&component), size: component.len() as u64 },
            wit,
            permissions: Permissions::default(),
            summary: "A guest of the zoo.".into(),
            prev: None,
            created: "2026-01-01T00:00:00Z".into(),
            files: Vec::new(),
            config_schema: None,
            tools: Vec::new(),
        };
        Self { component, release, signer: *author().seed() }
    }

    /// Asks for these permissions, written as in a release.
    pub(crate) fn asking(mut self, permissions: serde_json::Value) -> Self {
        self.release.permissions = serde_json::from_value(permissions).unwrap();
        self
    }

    pub(crate) fn signed_by(mut self, key: &SecretKey) -> Self {
        self.signer = *key.seed();
        self
    }

    /// The file.
    pub(crate) fn file(&self) -> Vec<u8> {
        let release = self.release.to_bytes();
        let signatures = sign_release(&SecretKey::from_seed(&self.signer), &release);
        join(&self.component, &release, &serde_json::to_vec(&json!(signatures)).unwrap())
    }
}

/// `acme/NAME`.
pub(crate) fn id(name: &str) -> PluginId {
    PluginId::new(&format!("acme/{name}")).unwrap()
}

/// The file of a well behaved plugin whose tool says `text`.
pub(crate) fn saying(name: &str, version: &str, text: &str) -> Vec<u8> {
    Package::new(name, version, &Guest::saying(text)).file()
}

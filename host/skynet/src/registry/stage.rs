//! What tests of changes to installed plugins begin with: a data folder, and files of acme/x on the shelf.

use crate::home::{self, Home};
use skynet_core::PluginId;
use skynet_policy::sha256_hex;
use skynet_registry_client::Home as Registries;
use skynet_registry_client::lock::Locked;
use std::os::unix::fs::PermissionsExt as _;

pub(crate) struct Stage {
    _folder: tempfile::TempDir,
    pub(crate) home: Home,
    pub(crate) held: Registries,
}

impl Stage {
    pub(crate) fn new(files: &[&[u8]]) -> Self {
        let private = std::fs::Permissions::from_mode(0o700);
        let folder = tempfile::Builder::new().permissions(private).tempdir().unwrap();
        let home = Home::at(folder.path().join("home"));
        for path in [home.root().to_owned(), home.keys(), home.plugins()] {
            home::private_folder(&path).unwrap();
        }
        let held = Registries::open(&home.registries()).unwrap();
        for bytes in files {
            std::fs::write(home.registries().join("store/sha256").join(sha256_hex(bytes)), bytes).unwrap();
        }
        Self { _folder: folder, home, held }
    }
}

pub(crate) fn id() -> PluginId {
    PluginId::new("acme/x").unwrap()
}

/// Its entry in the lockfile, with this file.
pub(crate) fn locked(version: &str, file: &[u8]) -> Locked {
    Locked {
        id: id(),
        version: version.parse().unwrap(),
        registry: "main".into(),
        root_version: 1,
        oci: None,
        release: sha256_hex(version.as_bytes()),
        component: "c".repeat(64),
        file: sha256_hex(file),
        publisher_keys: Vec::new(),
        statement: None,
        grant: None,
        approved_by: "me".into(),
        installed_at: "2026-01-01T00:00:00Z".into(),
        pinned: false,
        former: Vec::new(),
    }
}

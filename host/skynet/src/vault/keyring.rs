//! The keyring of the system: the kernel's on Linux, the keychain on a Mac.
//!
//! The kernel's keyring forgets at a restart of the machine and some days after its last
//! use; that is why it never is the only slot. Elsewhere there is none.

use skynet_store::vault::Material;

const SERVICE: &str = "skynet-vault";

#[cfg(any(target_os = "linux", target_os = "macos"))]
mod system {
    use super::SERVICE;
    use keyring_core::{Entry, Error};
    use skynet_store::vault::Material;
    use zeroize::Zeroizing;

    fn entry(folder: &str) -> Result<Entry, String> {
        #[cfg(target_os = "linux")]
        let store = linux_keyutils_keyring_store::Store::new();
        #[cfg(target_os = "macos")]
        let store = apple_native_keyring_store::keychain::Store::new();
        let said = |error: Error| format!("the keyring does not answer: {error}");
        keyring_core::set_default_store(store.map_err(said)?);
        Entry::new(SERVICE, folder).map_err(said)
    }

    pub(crate) fn get(folder: &str) -> Result<Material, String> {
        let bytes = entry(folder)?.get_secret().map_err(|error| match error {
            Error::NoEntry => {
                "the keyring has no entry for this data folder: it forgets at a restart. Take the slot away and add it again".into()
            }
            other => format!("the keyring does not give its entry: {other}"),
        })?;
        Ok(Material::new(Zeroizing::new(bytes)))
    }

    pub(crate) fn put(folder: &str, material: &Material) -> Result<(), String> {
        entry(folder)?.set_secret(material.expose()).map_err(|error| format!("the keyring does not take an entry: {error}"))
    }

    pub(crate) fn forget(folder: &str) {
        // One that is not there is forgotten already.
        drop(entry(folder).map(|entry| entry.delete_credential()));
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
mod system {
    use skynet_store::vault::Material;

    const NONE: &str = "this system has no keyring that skynet knows";

    pub(crate) fn get(_: &str) -> Result<Material, String> {
        Err(NONE.into())
    }

    pub(crate) fn put(_: &str, _: &Material) -> Result<(), String> {
        Err(NONE.into())
    }

    pub(crate) fn forget(_: &str) {}
}

pub(crate) use system::{forget, get};

/// Makes an entry; gives what it holds.
pub(crate) fn make(folder: &str) -> anyhow::Result<Material> {
    let material = Material::random()?;
    system::put(folder, &material).map_err(|why| crate::exit::fail(crate::exit::Kind::Refused, why))?;
    Ok(material)
}

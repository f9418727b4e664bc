//! The keyring of the system: the kernel's on Linux, the keychain on a Mac.
//!
//! The kernel's keyring forgets at a restart of the machine and may forget some days after
//! the last use; that is why it never is the only slot. Elsewhere there is none.
//!
//! The entry lies in the session keyring of whoever made it and in the user's persistent
//! one, which is another in each user namespace; and a service with `PrivateUsers=yes` has
//! one of its own. So it is linked into the user keyring too: with `KeyringMode=shared`
//! systemd links that one into the service's session before it makes the namespace.

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
        let said = |error| format!("the keyring does not take an entry: {error}. On Linux it needs a session keyring, which a login makes");
        let entry = entry(folder)?;
        entry.set_secret(material.expose()).map_err(said)?;
        #[cfg(target_os = "linux")]
        share(&entry).map_err(|error| {
            drop(entry.delete_credential());
            format!("the user keyring does not take the entry, and a service would not find it: {error}")
        })?;
        Ok(())
    }

    /// Links the entry into the user keyring.
    #[cfg(target_os = "linux")]
    fn share(entry: &Entry) -> Result<(), linux_keyutils::KeyError> {
        use linux_keyutils::{KeyError, KeyRing, KeyRingIdentifier};
        let found = entry.as_any().downcast_ref::<linux_keyutils_keyring_store::Cred>().ok_or(KeyError::KeyDoesNotExist)?;
        KeyRing::from_special_id(KeyRingIdentifier::User, true)?.link_key(found.session.search(&found.description)?)
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_keyring_gives_back_what_was_put_or_says_what_it_needs() {
        let folder = format!("test of process {}", std::process::id());
        assert!(get(&folder).is_err());
        match make(&folder) {
            Ok(made) => {
                assert_eq!(get(&folder).unwrap().expose(), made.expose());
                // Where a service finds it that has a user namespace of its own.
                use linux_keyutils::{KeyRing, KeyRingIdentifier};
                let users = KeyRing::from_special_id(KeyRingIdentifier::User, false).unwrap();
                let links = users.get_links(1024).unwrap();
                let name = |link: &linux_keyutils::LinkNode| {
                    link.as_key().and_then(|key| key.metadata().ok()).map(|about| about.get_description().to_owned())
                };
                assert!(links.iter().filter_map(name).any(|name| name.contains(&folder)), "it is in the user keyring");
                forget(&folder);
                assert!(get(&folder).unwrap_err().contains("no entry"));
            }
            // A process without a session keyring, such as one in a container.
            Err(error) => {
                forget(&folder);
                assert!(error.to_string().contains("session keyring"), "{error}");
            }
        }
    }
}

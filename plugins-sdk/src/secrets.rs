//! Secrets are used by the host on the plugin's behalf.
//!
//! The host adds them to requests that match the rule in `plugin.toml`; here a
//! plugin can only ask whether the owner has set one, to say so early.

/// Whether the owner has set the secret of that name.
pub fn exists(name: &str) -> bool {
    #[cfg(target_family = "wasm")]
    return crate::bindings::imports::skynet::plugin::secrets::exists(name);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::with(|world| world.secrets.contains(name))
}

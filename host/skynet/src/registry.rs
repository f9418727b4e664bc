//! Plugins from registries, as this machine has them: the way to their servers.

pub(crate) mod bar;
pub(crate) mod fetch;

pub(crate) use fetch::fetch;

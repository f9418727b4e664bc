//! Registries of signed plugins.

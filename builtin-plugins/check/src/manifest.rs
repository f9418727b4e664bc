//! The part of `plugin.toml` that a component can be held against. The host's
//! policy crate reads the whole of it, and refuses what it does not know.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::fs;
use std::path::Path;

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) world: String,
    #[serde(default)]
    pub(crate) permissions: toml::Table,
}

impl Manifest {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("parsing {}", path.display()))
    }

    /// The size that the component asks to be allowed.
    pub(crate) fn component_bytes(&self) -> Option<usize> {
        let asked = self.permissions.get("limits")?.get("component_bytes")?.as_integer()?;
        usize::try_from(asked).ok()
    }
}

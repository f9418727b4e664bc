//! A plugin's folder: its manifest and its language.

use super::language::{self, Language};
use crate::exit::{Kind, fail};
use anyhow::{Context as _, Result};
use skynet_policy::manifest::Manifest;
use std::path::{Path, PathBuf};

/// A folder that is a plugin.
pub(super) struct Project {
    /// Absolute.
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    pub(super) language: &'static dyn Language,
}

impl Project {
    /// Reads a folder; tells the language by its marks unless it is named.
    pub(super) fn open(folder: &Path, lang: Option<&str>) -> Result<Self> {
        let folder = std::path::absolute(folder)?;
        let path = folder.join("plugin.toml");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{} cannot be read; go to a plugin's folder, or begin one with: skynet plugin new NAME", path.display())
        })?;
        let manifest = Manifest::parse(&text).map_err(|error| fail(Kind::Refused, format!("{}: {error}", path.display())))?;
        let language = match lang {
            Some(name) => language::named(name),
            None => language::ALL.iter().copied().find(|language| folder.join(language.mark()).exists()),
        };
        let known = || {
            let marks = language::ALL.iter().map(|language| format!("{} ({})", language.name(), language.mark()));
            marks.collect::<Vec<_>>().join(", ")
        };
        let language = language.ok_or_else(|| {
            fail(
                Kind::NotFound,
                format!("{} is in no language that this program builds; known by their files: {}", folder.display(), known()),
            )
        })?;
        Ok(Self { folder, manifest, language })
    }

    /// Where intermediate results go.
    pub(super) fn build_folder(&self) -> Result<PathBuf> {
        let folder = self.folder.join("build");
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }

    /// Where the packed and signed file goes.
    pub(super) fn packed(&self) -> PathBuf {
        self.folder.join("dist").join(format!("{}.wasm", self.manifest.id.name()))
    }
}

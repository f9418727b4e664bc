//! A plugin's folder: its manifest and its language.

use super::language::{self, Language};
use crate::args::author::ProjectFolder;
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
    /// Whether its author was trusted before anything was asked.
    pub(super) is_trusted: bool,
}

impl Project {
    /// Reads a folder; tells the language by its marks unless it is named.
    pub(super) fn open(named: &ProjectFolder) -> Result<Self> {
        let folder = std::path::absolute(&named.folder)?;
        let path = folder.join("plugin.toml");
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!("{} cannot be read; go to a plugin's folder, or begin one with: skynet plugin new NAME", path.display())
        })?;
        let manifest = Manifest::parse(&text).map_err(|error| fail(Kind::Refused, format!("{}: {error}", path.display())))?;
        let language = match named.lang.as_deref() {
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
        Ok(Self { folder, manifest, language, is_trusted: named.trust_project })
    }

    /// Where intermediate results go.
    pub(super) fn build_folder(&self) -> Result<PathBuf> {
        self.own_folder("build")
    }

    /// Where the packed and signed file goes.
    pub(super) fn packed(&self) -> Result<PathBuf> {
        Ok(self.own_folder("dist")?.join(format!("{}.wasm", self.manifest.id.name())))
    }

    /// A folder that this program and its compilers write to; made if absent.
    fn own_folder(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        if let Some(link) = link_in(&folder) {
            let why = "a build would write to where it leads; nothing was built. Remove it, if it is of no use to you";
            return Err(fail(Kind::Refused, format!("{} is a link: {why}", link.display())));
        }
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }
}

/// The first link at this place or below: a folder that somebody handed on may have them, with any file of
/// whoever builds it at the other end.
fn link_in(path: &Path) -> Option<PathBuf> {
    let meta = path.symlink_metadata().ok()?;
    if meta.is_symlink() {
        return Some(path.to_owned());
    }
    let entries = meta.is_dir().then(|| std::fs::read_dir(path).ok()).flatten()?;
    entries.flatten().find_map(|entry| link_in(&entry.path()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_found_wherever_it_lies_and_also_when_it_leads_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(link_in(&at("none")), None);
        std::fs::create_dir_all(at("build/wit/deps")).unwrap();
        std::fs::write(at("build/wit/deps/a.wit"), "").unwrap();
        assert_eq!(link_in(&at("build")), None);
        symlink("/nowhere", at("build/wit/deps/b.wit")).unwrap();
        assert_eq!(link_in(&at("build")), Some(at("build/wit/deps/b.wit")));
        symlink(at("build"), at("dist")).unwrap();
        assert_eq!(link_in(&at("dist")), Some(at("dist")));
    }
}

//! What of the system a script sees: libraries and programs, all of them to read and run only.
//!
//! Owns the list and the search for interpreters. Nothing of a user and nothing of the
//! machine's settings is on it, but what the loader and the programs themselves lie on. Refuses
//! an interpreter that leads out of these trees by a link.

use super::{Part, Refusal};
use crate::builder::SHARED;
use std::path::{Path, PathBuf};

/// Trees of libraries and programs, as distributions have them.
const TREES: [&str; 11] =
    ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store", "/etc/alternatives", "/etc/ld.so.conf.d"];

/// Files that the loader, the C library and interpreters read as they start.
const FILES: [&str; 3] = ["/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime"];

/// Interpreters whose libraries link to a folder of this name, with a version behind it.
const SETTINGS_OF: &str = "python3";

/// Devices without which few programs work.
pub(super) const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// One name that a script sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen {
    /// A file or folder and what is in it.
    Tree(PathBuf),
    /// A link, with what it says.
    Link(PathBuf, PathBuf),
}

/// Those of the list that are there, and the owner's trees.
#[derive(Debug)]
pub(super) struct System {
    pub(super) seen: Vec<Seen>,
    search: Vec<PathBuf>,
    tools: Vec<PathBuf>,
}

impl System {
    /// Looks once; what is installed later into these trees is seen, as they are.
    pub(super) fn look(tools: &[PathBuf]) -> Self {
        let tools: Vec<PathBuf> = tools.iter().filter_map(|tool| tool.canonicalize().ok()).filter(|tool| tool.is_dir()).collect();
        let settings = std::fs::read_dir("/etc").into_iter().flatten().flatten();
        let settings = settings.filter(|entry| entry.file_name().to_string_lossy().starts_with(SETTINGS_OF)).map(|entry| entry.path());
        let paths = TREES.iter().chain(&FILES).map(PathBuf::from).chain(settings).chain(tools.iter().cloned());
        let seen = paths.filter_map(|path| match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_symlink() => std::fs::read_link(&path).ok().map(|target| Seen::Link(path, target)),
            Ok(_) => Some(Seen::Tree(path)),
            Err(_) => None,
        });
        let seen = seen.collect();
        let search = tools.iter().map(|tool| tool.join("bin")).chain(SHARED.iter().map(PathBuf::from)).collect();
        Self { seen, search, tools }
    }

    /// The folders in which an interpreter is looked up, as `PATH` has them.
    pub(super) fn search_path(&self) -> String {
        self.search.iter().map(|folder| folder.to_string_lossy()).collect::<Vec<_>>().join(":")
    }

    /// The interpreter of this name.
    pub(super) fn find(&self, name: &str) -> Result<PathBuf, Refusal> {
        let refuse = |reason: String| Err(Refusal::new(Part::Program, reason));
        if name.is_empty() || name.starts_with('.') || !name.chars().all(|c| c.is_ascii_alphanumeric() || "._+-".contains(c)) {
            return refuse(format!("`{}` is no name of a program; write one such as python3", name.escape_debug()));
        }
        for candidate in self.search.iter().map(|folder| folder.join(name)) {
            let Ok(real) = candidate.canonicalize() else { continue };
            let runs = real.is_file() && rustix::fs::access(&real, rustix::fs::Access::EXEC_OK).is_ok();
            if !runs {
                continue;
            }
            if !self.holds(&real) {
                let (from, to) = (candidate.display(), real.display());
                return refuse(format!("{from} leads to {to}, which scripts do not see. Add its folder to the trees of tools"));
            }
            return Ok(candidate);
        }
        refuse(format!("`{name}` is in none of {}. Install it", self.search_path()))
    }

    /// Whether scripts see what lies there.
    pub(super) fn holds(&self, real: &Path) -> bool {
        TREES.iter().any(|tree| real.starts_with(tree)) || self.tools.iter().any(|tool| real.starts_with(tool))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_user_and_no_folder_of_settings_is_seen() {
        let system = System::look(&[]);
        for path in ["/", "/home", "/etc", "/tmp", "/var", "/proc", "/run", "/dev", "/sys", "/mnt", "/srv", "/boot"] {
            assert!(!system.seen.contains(&Seen::Tree(path.into())), "{path}");
        }
    }

    #[test]
    fn an_interpreter_is_a_name_and_lies_where_scripts_may_look() {
        let folder = tempfile::tempdir().unwrap();
        let tool = folder.path().join("tool");
        std::fs::create_dir_all(tool.join("bin")).unwrap();
        std::fs::copy("/bin/sh", tool.join("bin/inside")).unwrap();
        std::fs::copy("/bin/sh", folder.path().join("outside")).unwrap();
        std::os::unix::fs::symlink("../../outside", tool.join("bin/leads-out")).unwrap();
        std::fs::write(tool.join("bin/plain-text"), "").unwrap();
        let system = System::look(&[tool]);
        let reason = |name: &str| system.find(name).unwrap_err().reason;
        assert!(system.find("sh").is_ok() && system.find("inside").is_ok());
        assert!(reason("leads-out").contains("which scripts do not see"));
        assert!(reason("plain-text").contains("Install it"));
        for name in ["", ".", "..", "/bin/sh", "a/../sh", "sh\0", "sh "] {
            assert!(reason(name).contains("no name of a program"), "{name}");
        }
    }
}

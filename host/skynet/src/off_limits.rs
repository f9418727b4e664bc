//! Which folders no root may open: those in which the host keeps what plugins must not touch.
//!
//! Owns the check when settings are loaded, on real paths. Refuses a root that holds the data folder or lies
//! where its keys, its plugins or its database are; folders of the owner's own inside of it, such as
//! `workspace`, are what roots are for.

use crate::home::Home;
use skynet_core::config::Config;
use std::path::{Component, Path, PathBuf};

/// What is wrong with which roots, a sentence each.
pub(crate) fn faults(home: &Home, config: &Config) -> Vec<String> {
    let data = real(home.root());
    let closed: Vec<PathBuf> = home.off_limits().iter().map(|path| real(path)).collect();
    let mut faults = Vec::new();
    for (name, root) in &config.roots {
        let path = real(&home.root().join(&root.path));
        if data.starts_with(&path) {
            faults.push(format!(
                "roots.{name} = \"{}\" holds the data folder {}, with its keys and secrets; name a folder beside it or inside of it",
                path.display(),
                data.display()
            ));
        } else if let Some(closed) = closed.iter().find(|closed| path.starts_with(closed)) {
            faults.push(format!(
                "roots.{name} = \"{}\" lies in {}, which is the host's own; name another folder",
                path.display(),
                closed.display()
            ));
        }
    }
    faults
}

/// Each root that is to be read alone and lies in one that may be changed, with that one.
pub(crate) fn nested<'c>(home: &Home, config: &'c Config) -> Vec<(&'c str, &'c str)> {
    let roots: Vec<_> =
        config.roots.iter().map(|(name, root)| (name.as_str(), root.writable, real(&home.root().join(&root.path)))).collect();
    let outer = roots.iter().filter(|(_, writable, _)| *writable);
    let pairs = outer.flat_map(|(outer, _, around)| {
        let inner = roots.iter().filter(move |(_, writable, path)| !writable && path.starts_with(around));
        inner.map(move |(inner, _, _)| (*inner, *outer))
    });
    pairs.collect()
}

/// The path without links. What is not there yet counts as it is written, below the last folder that is.
fn real(path: &Path) -> PathBuf {
    let mut there = path.to_owned();
    loop {
        if let Ok(found) = there.canonicalize() {
            let mut whole = found;
            let rest = path.strip_prefix(&there).unwrap_or(Path::new(""));
            for part in rest.components() {
                match part {
                    Component::ParentDir => drop(whole.pop()),
                    other => whole.push(other),
                }
            }
            return whole;
        }
        if !there.pop() {
            return path.to_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_core::config::RootConfig;
    use std::os::unix::fs::symlink;

    fn check(home: &Home, path: &str) -> String {
        let mut config = Config::default();
        config.roots.clear();
        config.roots.insert("mine".into(), RootConfig { path: path.into(), writable: true });
        faults(home, &config).join("; ")
    }

    #[test]
    fn a_root_that_opens_keys_or_the_whole_data_folder_is_a_fault_by_whatever_path() {
        let ground = tempfile::tempdir().unwrap();
        let home = Home::at(ground.path().join("home"));
        for folder in ["keys", "private/scripts", "plugins", "workspace"] {
            std::fs::create_dir_all(home.root().join(folder)).unwrap();
        }
        symlink(home.root(), ground.path().join("link")).unwrap();
        symlink("../private", home.root().join("workspace/down")).unwrap();
        let above = ground.path().to_str().unwrap();
        for path in [".", "..", "/", above, "workspace/..", &format!("{above}/link"), &format!("{above}/link/../home/workspace/..")] {
            assert!(check(&home, path).contains("holds the data folder"), "{path}: {}", check(&home, path));
        }
        let inside =
            ["keys", "keys/later", "private/scripts", "plugins", "registries", "workspace/down", "none/../private", "skynet.db", "tools"];
        for path in inside {
            assert!(check(&home, path).contains("host's own"), "{path}: {}", check(&home, path));
        }
    }

    #[test]
    fn a_root_to_be_read_inside_of_one_that_may_be_changed_is_found_by_whatever_path() {
        let ground = tempfile::tempdir().unwrap();
        let home = Home::at(ground.path().join("home"));
        std::fs::create_dir_all(home.root().join("workspace/notes")).unwrap();
        std::fs::create_dir_all(home.root().join("beside")).unwrap();
        symlink("workspace/notes", home.root().join("link")).unwrap();
        for (path, writable, found) in [
            ("workspace/notes", false, true),
            ("link", false, true),
            ("workspace", false, true),
            ("workspace/later", false, true),
            ("workspace/notes", true, false),
            ("beside", false, false),
        ] {
            let mut config = Config::default();
            config.roots.clear();
            config.roots.insert("ws".into(), RootConfig { path: "workspace".into(), writable: true });
            config.roots.insert("inner".into(), RootConfig { path: path.into(), writable });
            let expected: &[(&str, &str)] = if found { &[("inner", "ws")] } else { &[] };
            assert_eq!(nested(&home, &config), expected, "{path}");
        }
    }

    #[test]
    fn folders_of_the_owners_own_are_no_fault() {
        let ground = tempfile::tempdir().unwrap();
        let home = Home::at(ground.path().join("home"));
        std::fs::create_dir_all(home.root().join("workspace")).unwrap();
        std::fs::create_dir_all(ground.path().join("home-of-others")).unwrap();
        let beside = ground.path().join("home-of-others");
        for path in ["workspace", "notes", "workspace/later", "plugins-of-mine", "keys.d", beside.to_str().unwrap()] {
            assert_eq!(check(&home, path), "", "{path}");
        }
        assert_eq!(faults(&home, &Config::default()), Vec::<String>::new());
    }
}

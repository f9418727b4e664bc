//! The host's second wall: what goes into it, and what is known of it from outside.
//!
//! Owns the list of folders that stay open, made of the data folder and the named
//! roots, and `wall.json`, in which a host says what it raised. Whether privileges and
//! system calls are confined is not taken from there but read from the system, thread
//! by thread. Refuses to call a layer on that nobody can vouch for.

use crate::exit::{Kind, fail};
use crate::home::{self, Home};
use crate::vault::material::PASSPHRASE_FILE;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use skynet_core::config::{Config, Switch};
use skynet_scripts::wall::{self, Layer, Layers, State, WallSpec};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a host says of its own wall.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    pid: u32,
    layers: Layers,
    /// What confines scripts, by name.
    #[serde(default)]
    scripts: Vec<(String, Layer)>,
    /// The named roots that were there when the wall went up.
    roots: BTreeMap<String, PathBuf>,
}

/// Raises the wall for this process. Before any other thread, after the configuration.
pub(crate) fn raise(home: &Home, config: &Config, scripts: Vec<(String, Layer)>) -> Result<Told> {
    let on = |switch| switch == Switch::On;
    let (write, read) = paths(home, config);
    let spec = WallSpec { write, read, listen: config.gateway.port, landlock: on(config.wall.landlock), seccomp: on(config.wall.seccomp) };
    let layers = wall::raise(&spec)?;
    for (name, wanted, layer) in [("landlock", spec.landlock, &layers.landlock), ("seccomp", spec.seccomp, &layers.seccomp)] {
        if let Some(fault) = refusal(name, layer, wanted && config.wall.required) {
            return Err(fail(Kind::Refused, fault));
        }
        match layer.state {
            State::Off => tracing::warn!("THE WALL HAS A GAP: {name} is off: {}; see: skynet doctor", layer.says),
            State::Partly => tracing::warn!("the wall is lower than it could be: {name}: {}", layer.says),
            State::On | State::Unknown => tracing::info!("wall: {name} is on: {}", layer.says),
        }
    }
    Ok(Told { pid: std::process::id(), layers, scripts, roots: standing_roots(home, config) })
}

/// What the host changes, and what it reads beside that and the system.
pub(crate) fn paths(home: &Home, config: &Config) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut write, mut read) = (vec![home.root().to_owned()], Vec::new());
    // Where a path leads, not how it is written: `..` and links leave the folder.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let root = real(home.root());
    let inside = |path: &PathBuf| real(path).starts_with(&root);
    for root in crate::wire::roots(home, config).into_values() {
        // One in the data folder is in reach already.
        if inside(&root.path) {
            continue;
        }
        if root.writable { write.push(root.path) } else { read.push(root.path) }
    }
    // What opens the vault, where the owner keeps it elsewhere, and the terminal at which a
    // passphrase is asked for.
    let keyfile = home.root().join(&config.vault.keyfile);
    let passphrase = std::env::var_os(PASSPHRASE_FILE).map(PathBuf::from);
    read.extend([Some(keyfile), passphrase].into_iter().flatten().filter(|path| !inside(path)));
    write.push("/dev/tty".into());
    if let Some(anchors) = crate::anchor::file(home, &config.audit).filter(|path| !inside(path)) {
        write.push(anchors);
    }
    read.extend(crate::registry::folders(home).into_iter().filter(|path| !inside(path)));
    linked(home.root(), &mut write, &mut read);
    (write, read)
}

/// Why the host must not go on without this layer, if it must not.
fn refusal(name: &str, layer: &Layer, required: bool) -> Option<String> {
    let missing = required && layer.state == State::Off;
    missing.then(|| {
        let what = format!("wall.required is set, and {name} is not to be had here: {}", layer.says);
        format!("{what}; use a kernel that has it, or: skynet config set wall.required false")
    })
}

/// The last layer, once the engine has opened what it reads of its own memory; then says what stands.
pub(crate) fn close(mut told: Told, home: &Home) -> Result<()> {
    wall::close_memory(&mut told.layers);
    home::write_file(&home.wall(), format!("{:#}\n", serde_json::to_value(&told)?).as_bytes(), 0o600)
}

fn standing_roots(home: &Home, config: &Config) -> BTreeMap<String, PathBuf> {
    let roots = crate::wire::roots(home, config).into_iter().map(|(name, root)| (name, root.path));
    roots.filter(|(_, path)| path.is_dir()).collect()
}

/// What the owner linked from the data folder to elsewhere: a folder stays as if it were here, a file
/// can be read. This opens no more than the settings do, which lie there too.
fn linked(root: &Path, write: &mut Vec<PathBuf>, read: &mut Vec<PathBuf>) {
    let links = std::fs::read_dir(root).into_iter().flatten().flatten();
    for link in links.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink())).map(|entry| entry.path()) {
        // A named root has its say above.
        if write.contains(&link) || read.contains(&link) {
            continue;
        }
        if link.is_dir() { write.push(link) } else { read.push(link) }
    }
}

/// The wall of the host that runs as this process.
pub(crate) fn of(home: &Home, pid: u32) -> Layers {
    let told = told(home, pid).map(|told| told.layers);
    let unknown = || Layer::new(State::Unknown, "the host did not say");
    let heard =
        told.unwrap_or_else(|| Layers { no_new_privileges: unknown(), landlock: unknown(), seccomp: unknown(), no_core_dumps: unknown() });
    Layers {
        no_new_privileges: seen(pid, "NoNewPrivs:", "1", heard.no_new_privileges),
        seccomp: seen(pid, "Seccomp:", "2", heard.seccomp),
        ..heard
    }
}

/// What confines the scripts of the host that runs as this process, by its own word: the launcher of scripts
/// tried it, and does what it says or refuses.
pub(crate) fn scripts(home: &Home, pid: u32) -> Vec<(String, Layer)> {
    let unknown = || vec![("scripts".to_owned(), Layer::new(State::Unknown, "the host did not say"))];
    told(home, pid).map(|told| told.scripts).filter(|scripts| !scripts.is_empty()).unwrap_or_else(unknown)
}

/// Named roots that were added, moved or made since the wall went up, and stand outside it.
pub(crate) fn outside(home: &Home, config: &Config, pid: u32) -> Vec<String> {
    let Some(told) = told(home, pid).filter(|told| told.layers.landlock.state != State::Off) else { return Vec::new() };
    let now = standing_roots(home, config).into_iter().filter(|(_, path)| !path.starts_with(home.root()));
    now.filter(|(name, path)| told.roots.get(name) != Some(path)).map(|(name, _)| name).collect()
}

fn told(home: &Home, pid: u32) -> Option<Told> {
    let told: Told = serde_json::from_str(&std::fs::read_to_string(home.wall()).ok()?).ok()?;
    (told.pid == pid).then_some(told)
}

/// What the system says of each thread of a process; what was heard where it says nothing.
fn seen(pid: u32, key: &str, good: &str, heard: Layer) -> Layer {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else { return heard };
    let status = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("status")).ok());
    let values = status.filter_map(|text| text.lines().find_map(|line| line.strip_prefix(key)).map(|value| value.trim() == good));
    let (confined, free): (Vec<bool>, Vec<bool>) = values.partition(|confined| *confined);
    match (confined.len(), free.len()) {
        (0, 0) => heard,
        (_, 0) => Layer { state: State::On, says: if heard.state == State::On { heard.says } else { "the system says so".into() } },
        (0, _) if heard.state == State::Off => heard,
        (0, _) => Layer::new(State::Off, "the system says so"),
        (confined, free) => Layer::new(State::Partly, format!("{free} of {} threads are outside", confined + free)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_layer_keeps_the_host_from_starting_only_where_it_is_required() {
        let off = Layer::new(State::Off, "an old kernel");
        assert_eq!(refusal("landlock", &off, false), None);
        assert_eq!(refusal("landlock", &Layer::new(State::Partly, ""), true), None);
        let fault = refusal("landlock", &off, true).unwrap();
        assert!(fault.contains("landlock") && fault.contains("an old kernel") && fault.contains("config set wall.required"), "{fault}");
    }

    #[test]
    fn what_the_owner_linked_from_the_data_folder_stays_in_reach() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("home")).unwrap();
        for (name, target) in [("home/a-folder", "."), ("home/a-file", "../file")] {
            std::os::unix::fs::symlink(target, at(name)).unwrap();
        }
        std::fs::write(at("file"), "").unwrap();
        std::os::unix::fs::symlink(".", at("home/notes")).unwrap();
        let (mut write, mut read) = (Vec::new(), vec![at("home/notes")]);
        linked(&at("home"), &mut write, &mut read);
        assert_eq!((write, read), (vec![at("home/a-folder")], vec![at("home/notes"), at("home/a-file")]));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_is_believed_before_the_host() {
        let heard = |state| Layer::new(state, "it said");
        // Each thread of a process has this line, with the same value in each.
        let (pid, own) = (std::process::id(), std::process::id().to_string());
        assert_eq!(seen(pid, "Tgid:", &own, heard(State::Unknown)).state, State::On);
        assert_eq!(seen(pid, "Tgid:", "0", heard(State::On)).state, State::Off);
        assert_eq!(seen(pid, "NoSuchKey:", "1", heard(State::On)), heard(State::On));
        assert_eq!(seen(u32::MAX, "Tgid:", &own, heard(State::On)), heard(State::On));
    }
}

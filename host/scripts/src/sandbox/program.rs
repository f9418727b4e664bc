//! The program of a request that names a file and not only an interpreter: where it is, and whether it is
//! still the one that its owner saw.
//!
//! Owns the digest of programs. Refuses paths that scripts do not see, and a file with another digest; an
//! exchange between this look and the start is left to who owns those trees, which is not the script.

use super::check::{Granted, refuse, script};
use super::system::System;
use super::{Part, Refusal, failed};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};

/// Bytes that are read at one time.
const PIECE: usize = 256 * 1024;

/// What such a name stands for: a file of the plugin's folder, a whole path that scripts see, or an interpreter.
pub(super) fn find(name: &str, plugin: &Granted, system: &System) -> Result<PathBuf, Refusal> {
    if let Some(inside) = name.strip_prefix("./") {
        return Ok(plugin.path.join(script(inside, plugin)?));
    }
    if !name.starts_with('/') {
        return system.find(name);
    }
    let path = Path::new(name);
    let plain = |part| matches!(part, Component::RootDir | Component::Normal(_));
    if name.contains('\0') || !path.components().all(plain) {
        return refuse("the program's path is not plain");
    }
    let real = path.canonicalize().map_err(failed(Part::Program, name))?;
    let runs = real.is_file() && rustix::fs::access(&real, rustix::fs::Access::EXEC_OK).is_ok();
    if !runs {
        return Err(Refusal::new(Part::Program, format!("{name} is no program")));
    }
    // Both: the path is what is started, and where it leads to must be there too.
    if !system.holds(path) || !system.holds(&real) {
        let leads = if real == path { String::new() } else { format!(", which leads to {},", real.display()) };
        let remedy = "Add the folder that holds it to scripts.tools in skynet.toml and restart skynet, or install it for all users";
        return Err(Refusal::new(Part::Program, format!("{name}{leads} lies where scripts see nothing. {remedy}")));
    }
    Ok(path.to_owned())
}

/// Whether the file is still that with this digest.
pub(super) fn same(program: &Path, wanted: &str) -> Result<(), Refusal> {
    let found = digest(program).map_err(failed(Part::Program, &program.display().to_string()))?;
    if found == wanted {
        return Ok(());
    }
    Err(Refusal::new(Part::Program, format!("{} is not the file that was approved: it changed since", program.display())))
}

fn digest(program: &Path) -> std::io::Result<String> {
    let (mut file, mut hasher, mut piece) = (File::open(program)?, Sha256::new(), vec![0; PIECE]);
    loop {
        let read = file.read(&mut piece)?;
        if read == 0 {
            break;
        }
        hasher.update(piece.get(..read).unwrap_or_default());
    }
    let mut text = String::new();
    for byte in hasher.finalize() {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{Mode, OFlags, open};

    #[test]
    fn a_program_lies_in_the_plugins_folder_or_where_scripts_see_it() {
        let folder = tempfile::tempdir().unwrap();
        let outside = folder.path().join("outside");
        let plugin = folder.path().canonicalize().unwrap().join("plugin");
        std::fs::create_dir(&plugin).unwrap();
        std::fs::copy("/bin/sh", plugin.join("inside")).unwrap();
        std::fs::copy("/bin/sh", &outside).unwrap();
        std::os::unix::fs::symlink(&outside, plugin.join("link")).unwrap();
        let opened = open(&plugin, OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).unwrap();
        let plugin = Granted { path: plugin, opened, writable: false };
        let system = System::look(&[]);
        let reason = |name: &str| find(name, &plugin, &system).unwrap_err().reason;
        assert_eq!(find("./inside", &plugin, &system).unwrap(), plugin.path.join("inside"));
        assert!(find("sh", &plugin, &system).is_ok() && find("/usr/bin/env", &plugin, &system).is_ok());
        assert!(reason(outside.to_str().unwrap()).contains("scripts.tools"), "{}", reason(outside.to_str().unwrap()));
        for name in ["./link", "./../outside", "./", "/usr/bin/../../etc/passwd", "/usr/bin", "/etc/passwd", "/no/such/file", "../outside"]
        {
            assert!(!reason(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn one_byte_more_is_another_program() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("program");
        std::fs::write(&program, "abc").unwrap();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert!(same(&program, abc).is_ok());
        std::fs::write(&program, "abcd").unwrap();
        assert!(same(&program, abc).unwrap_err().reason.contains("changed since"));
        assert!(same(&folder.path().join("none"), abc).is_err());
    }
}

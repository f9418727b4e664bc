//! What the hosts of one test run compiled, so that a plugin is compiled once and not once for each test that needs it.
//!
//! Owns a folder in the target folder, named after the run: what another build compiled is never taken. A host seals its code
//! with a key of its own, so the key is shared too. Without nextest there is no run, and nothing is shared. Tests of the
//! compiling itself take no part (`Household::compiling`).

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// As a host names them, below its private folder and there.
const ARTIFACTS: &str = "artifacts";
const SEAL: &str = "seal.key";

/// Where a host of this data folder keeps what it compiled.
fn own(home: &Path) -> PathBuf {
    home.join("private").join(ARTIFACTS)
}

/// The folder of this run. Who makes it takes those of earlier runs away.
fn shared() -> Option<PathBuf> {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled");
    let folder = all.join(std::env::var_os("NEXTEST_RUN_ID")?);
    DirBuilder::new().recursive(true).mode(0o700).create(&all).ok()?;
    if DirBuilder::new().mode(0o700).create(&folder).is_ok() {
        for other in fs::read_dir(&all).ok()?.flatten().filter(|other| other.path() != folder) {
            let _ = fs::remove_dir_all(other.path());
        }
    }
    Some(folder)
}

/// Gives a host that has not started yet what others compiled.
pub(crate) fn take(home: &Path) {
    let own = own(home);
    let Some(shared) = shared().filter(|shared| shared.join(SEAL).exists() && !own.exists()) else { return };
    // Whatever does not come along is compiled here.
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&own);
    let _ = made.and_then(|()| name_all(&shared, &own));
}

/// Leaves the others what this host compiled.
pub(crate) fn give(home: &Path) {
    let own = own(home);
    let Some(shared) = shared() else { return };
    // The first key that is given is everybody's.
    let _ = fs::hard_link(own.join(SEAL), shared.join(SEAL));
    if let (Ok(key), Ok(known)) = (fs::read(own.join(SEAL)), fs::read(shared.join(SEAL)))
        && key == known
    {
        let _ = name_all(&own, &shared);
    }
}

/// Names the files of one folder in another too. A host writes each whole under another name first, and changes none.
fn name_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let (name, path) = entry.map(|entry| (entry.file_name(), entry.path()))?;
        if !name.as_encoded_bytes().starts_with(b".") && !to.join(&name).exists() {
            let _ = fs::hard_link(path, to.join(name));
        }
    }
    Ok(())
}

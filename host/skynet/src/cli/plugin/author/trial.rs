//! What was made at once is run once before it is called made: does it load, and what does it offer?
//!
//! The same rehearsal as for what a model wrote, in a host of its own with nothing granted. The compiled engine is
//! the running host's where that has one, and else becomes it: what a script waits for once it does not wait for
//! again when its file is dropped. Refuses what does not load.

use super::bed;
use super::secrets::StageSecrets;
use crate::exit::{Kind, fail};
use crate::home::Home;
use anyhow::Result;
use skynet_plugins::PluginHost;
use skynet_policy::permission::Permissions as Asks;
use skynet_policy::release::Release;
use skynet_policy::trust::TrustStore;
use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

/// Where this host works, in the private folder: apart from the running one, whose components it must not remove.
const TRIALS: &str = "trials";
/// Where a plugin host keeps compiled code below its private folder, and there the key that it is sealed with.
const CODE: &str = "artifacts";
const SEAL: &str = "seal.key";

/// The names of its tools. The error says why there are none.
pub(super) async fn tools(home: &Home, release: &Release, component: Vec<u8>) -> Result<Vec<String>> {
    let folder = tempfile::Builder::new().prefix("skynet-trial-").permissions(Permissions::from_mode(0o700)).tempdir()?;
    let mut parts = bed::parts(folder.path(), TrustStore::default(), BTreeMap::new(), StageSecrets::placeholders(&Asks::default()))?;
    parts.private = home.private().join(TRIALS);
    let (serving, own) = (home.private().join(CODE), parts.private.join(CODE));
    // Code that is not shared is compiled once more, which is all that there is to lose.
    let _ = adopt(&serving, &own);
    // Its runner stays unused: nothing is dropped into this host.
    let (host, _runner) = PluginHost::start(parts).await?;
    let tried = host.rehearse(&release.id, &release.version, component, &release.permissions, &[]).await;
    host.discard(&release.id, &release.component.sha256).await;
    let _ = give_back(&own, &serving);
    let tried = tried.map_err(|why| fail(Kind::Refused, format!("{} {}: {why}. Nothing was written", release.id, release.version)))?;
    Ok(tried.tools.into_iter().map(|tool| tool.name).collect())
}

/// Takes the running host's code along. What is sealed with another key than its is of no use to either.
fn adopt(serving: &Path, own: &Path) -> io::Result<()> {
    let key = std::fs::read(serving.join(SEAL))?;
    if std::fs::read(own.join(SEAL)).ok().is_some_and(|had| had != key) {
        std::fs::remove_dir_all(own)?;
    }
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(own)?;
    link_all(serving, own)
}

/// Leaves the running host what was compiled here.
fn give_back(own: &Path, serving: &Path) -> io::Result<()> {
    if std::fs::read(own.join(SEAL))? == std::fs::read(serving.join(SEAL))? { link_all(own, serving) } else { Ok(()) }
}

/// Names all files of a folder in another, too, where there is none of the name. They are written whole under
/// another name first, and never changed.
fn link_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if !name.as_encoded_bytes().starts_with(b".") && entry.file_type()?.is_file() && !to.join(&name).exists() {
            std::fs::hard_link(entry.path(), to.join(&name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(at: &Path, files: &[(&str, &str)]) -> std::path::PathBuf {
        std::fs::create_dir_all(at).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(at.join(name), text).unwrap());
        at.to_owned()
    }

    fn names(at: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn code_that_one_host_compiled_is_there_for_the_other_and_nothing_is_replaced() {
        let temp = tempfile::tempdir().unwrap();
        let serving = folder(&temp.path().join("a"), &[(SEAL, "k"), ("one", "1"), (".new-x", "half")]);
        let own = temp.path().join("trials/b");
        adopt(&serving, &own).unwrap();
        assert_eq!(names(&own), ["one", SEAL]);
        folder(&own, &[("two", "2")]);
        // As a host replaces a file: the other keeps what it has.
        std::fs::remove_file(serving.join("one")).unwrap();
        folder(&serving, &[("one", "1b")]);
        give_back(&own, &serving).unwrap();
        assert_eq!((names(&serving).len(), std::fs::read_to_string(serving.join("one")).unwrap().as_str()), (4, "1b"));
        assert_eq!(std::fs::read_to_string(serving.join("two")).unwrap(), "2");
    }

    #[test]
    fn code_that_is_sealed_with_another_key_is_given_up_and_never_handed_over() {
        let temp = tempfile::tempdir().unwrap();
        let serving = folder(&temp.path().join("a"), &[(SEAL, "new")]);
        let own = folder(&temp.path().join("b"), &[(SEAL, "old"), ("stale", "x")]);
        give_back(&own, &serving).unwrap();
        assert_eq!(names(&serving), [SEAL]);
        adopt(&serving, &own).unwrap();
        assert_eq!(names(&own), [SEAL]);
        // Where no host ran there is nothing to share, and its own stays.
        let own = folder(&temp.path().join("c"), &[(SEAL, "own"), ("kept", "x")]);
        assert!(adopt(&temp.path().join("none"), &own).is_err() && names(&own) == ["kept", SEAL]);
    }
}

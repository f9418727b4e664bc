//! The content store: component files by digest, private to the host.
//!
//! Nothing runs from the drop folder; what was admitted is copied here and read
//! back by digest, which is checked on every read.

use crate::durable_file;
use sha2::{Digest, Sha256};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A folder of files named by the SHA-256 of their bytes.
#[derive(Debug, Clone)]
pub(crate) struct Blobs {
    folder: PathBuf,
}

/// Makes a folder that only this user can enter, or checks that it is one.
pub(crate) fn private_folder(path: &Path) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let meta = std::fs::symlink_metadata(path)?;
    if !meta.is_dir() || meta.permissions().mode() & 0o077 != 0 {
        return Err(std::io::Error::other(format!("{} is open to others; run: chmod 700 {}", path.display(), path.display())));
    }
    Ok(())
}

/// Hex of SHA-256.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn is_digest(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

impl Blobs {
    pub(crate) fn open(folder: &Path) -> std::io::Result<Self> {
        private_folder(folder)?;
        Ok(Self { folder: folder.to_owned() })
    }

    /// Keeps the bytes; gives their digest. Doing it again does nothing.
    pub(crate) fn put(&self, bytes: &[u8]) -> std::io::Result<String> {
        let digest = digest(bytes);
        if self.get(&digest).is_err() {
            durable_file::write(&self.folder.join(&digest), bytes)?;
        }
        Ok(digest)
    }

    /// Gives that one up.
    pub(crate) fn remove(&self, unwanted: &str) -> std::io::Result<()> {
        if !is_digest(unwanted) {
            return Err(std::io::Error::other("not a digest"));
        }
        durable_file::remove(&self.folder.join(unwanted))
    }

    /// The bytes of that digest.
    pub(crate) fn get(&self, wanted: &str) -> std::io::Result<Vec<u8>> {
        if !is_digest(wanted) {
            return Err(std::io::Error::other("not a digest"));
        }
        let bytes = std::fs::read(self.folder.join(wanted))?;
        if digest(&bytes) != wanted {
            return Err(std::io::Error::other(format!(
                "the stored component {wanted} was changed; drop its file into the plugins folder again"
            )));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_blob_is_not_given_back() {
        let temp = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(&temp.path().join("blobs")).unwrap();
        let digest = blobs.put(b"component").unwrap();
        assert_eq!(blobs.get(&digest).unwrap(), b"component");
        std::fs::write(temp.path().join("blobs").join(&digest), b"evil").unwrap();
        assert!(blobs.get(&digest).unwrap_err().to_string().contains("was changed"));
        assert_eq!(blobs.put(b"component").unwrap(), digest, "putting it again heals it");
        assert_eq!(blobs.get(&digest).unwrap(), b"component");
        assert!(blobs.get("../../etc/passwd").is_err());
        assert!(blobs.remove("../../etc/passwd").is_err());
        blobs.remove(&digest).unwrap();
        blobs.remove(&digest).unwrap();
        assert!(blobs.get(&digest).is_err());
    }

    #[test]
    fn a_folder_open_to_others_is_refused_with_the_command_that_closes_it() {
        let temp = tempfile::tempdir().unwrap();
        std::fs::set_permissions(temp.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Blobs::open(temp.path()).unwrap_err().to_string().contains("chmod 700"));
    }
}

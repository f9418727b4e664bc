//! A registry in a folder: its files, and nothing that a link leads to.

use super::{Answer, Fetch, FetchError};
use crate::disk::{DiskError, Folder};
use async_trait::async_trait;
use bytes::Bytes;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use url::Url;

/// Bytes that are read at a time.
const PIECE: usize = 64 * 1024;

/// What a registry's folder shows to others. Keys, locks and whatever else lies beside
/// them are nobody's business.
const SHOWN: [&str; 3] = ["metadata", "targets", "blobs"];

/// Serves `file:///…` from one folder, which stands for the root; `skynet registry serve`
/// answers with it as well.
#[derive(Debug, Clone)]
pub struct FolderFetch(Folder);

impl FolderFetch {
    /// Opens the folder.
    pub fn open(path: &Path) -> Result<Self, DiskError> {
        Ok(Self(Folder::open(path)?))
    }
}

/// A status without a body.
pub(crate) fn empty(status: u16) -> Answer {
    Answer { status, location: None, start: None, length: Some(0), body: Box::pin(futures_util::stream::empty()) }
}

/// Bytes from a reader that stands at the right place already.
pub(crate) fn whole(reader: impl Read + Send + 'static, from: u64, length: u64) -> Answer {
    let pieces = futures_util::stream::unfold(Some(reader.take(length)), |reader| async {
        let mut reader = reader?;
        let mut piece = vec![0; PIECE];
        match reader.read(&mut piece) {
            Ok(0) => None,
            Ok(count) => {
                piece.truncate(count);
                Some((Ok(Bytes::from(piece)), Some(reader)))
            }
            Err(error) => Some((Err(FetchError(error.to_string())), None)),
        }
    });
    let partial = from > 0;
    Answer {
        status: if partial { 206 } else { 200 },
        location: None,
        start: partial.then_some(from),
        length: Some(length),
        body: Box::pin(pieces),
    }
}

#[async_trait]
impl Fetch for FolderFetch {
    async fn get(&self, url: &Url, from: u64) -> Result<Answer, FetchError> {
        let wrong = |error: DiskError| FetchError(error.to_string());
        let name = url.path().trim_start_matches('/');
        let mut parts = name.split('/');
        if !parts.next().is_some_and(|first| SHOWN.contains(&first)) || parts.any(|part| part.is_empty() || part.starts_with('.')) {
            return Ok(empty(404));
        }
        let Some(mut file) = self.0.file(name).map_err(wrong)? else {
            return Ok(empty(404));
        };
        let io = |error: std::io::Error| FetchError(format!("{name}: {error}"));
        let meta = file.metadata().map_err(io)?;
        if !meta.is_file() {
            return Ok(empty(404));
        }
        let Some(length) = meta.len().checked_sub(from) else {
            return Ok(empty(416));
        };
        file.seek(SeekFrom::Start(from)).map_err(io)?;
        Ok(whole(file, from, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_registrys_folder_shows_its_files_and_nothing_beside_them() {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in
            [("metadata/timestamp.json", "t"), ("metadata/.new-1", "x"), ("keys/root-1.key", "k"), ("registry.toml", "r"), (".lock", "")]
        {
            let path = home.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink("../keys/root-1.key", home.path().join("metadata/link")).unwrap();
        let fetch = FolderFetch::open(home.path()).unwrap();
        let status = async |path: &str, from| {
            let url = Url::parse(&format!("file:///{path}")).unwrap();
            fetch.get(&url, from).await.map(|answer| (answer.status, answer.length))
        };
        assert_eq!(status("metadata/timestamp.json", 0).await, Ok((200, Some(1))));
        assert_eq!(status("metadata/timestamp.json", 1).await, Ok((206, Some(0))));
        assert_eq!(status("metadata/timestamp.json", 2).await.unwrap().0, 416);
        for hidden in [
            "metadata/.new-1",
            "keys/root-1.key",
            "registry.toml",
            ".lock",
            "metadata",
            "metadata/",
            "metadata//timestamp.json",
            "",
            "metadata/%2e%2e/registry.toml",
        ] {
            assert_eq!(status(hidden, 0).await.unwrap().0, 404, "{hidden}");
        }
        assert!(status("metadata/link", 0).await.is_err());
    }
}

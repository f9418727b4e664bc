//! Two granted folders in a temporary place, for the tests of all tools.

use skynet_plugin_sdk::files::Root;
use skynet_plugin_sdk::tool::ToolError;
use std::fs;
use std::path::PathBuf;

/// The folders `notes` and `workspace`, gone when dropped.
pub(crate) struct Bed {
    pub(crate) roots: Vec<Root>,
    folder: tempfile::TempDir,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let roots = ["notes", "workspace"].map(|name| Root { name: name.to_owned(), path: folder.path().join(name) });
        roots.iter().for_each(|root| fs::create_dir(&root.path).unwrap());
        Self { roots: roots.into(), folder }
    }

    /// A path in `workspace`.
    pub(crate) fn path(&self, rest: &str) -> PathBuf {
        self.folder.path().join("workspace").join(rest)
    }

    pub(crate) fn put(&self, rest: &str, bytes: &[u8]) {
        let path = self.path(rest);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    pub(crate) fn get(&self, rest: &str) -> String {
        fs::read_to_string(self.path(rest)).unwrap()
    }

    pub(crate) fn names(&self, rest: &str) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(self.path(rest)).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// What the model would read.
pub(crate) fn said(result: Result<String, ToolError>) -> String {
    match result {
        Ok(text) => text,
        Err(ToolError::InvalidArguments(text)) => format!("invalid: {text}"),
        Err(ToolError::Denied(text)) => format!("denied: {text}"),
        Err(ToolError::Failed(text)) => format!("failed: {text}"),
        Err(error) => format!("{error:?}"),
    }
}

//! Tells that processes live, and that they are dead, without asking again and again.
//!
//! A named pipe whose writing end a child opens as file 9, and all that it starts
//! inherit. The reading end gets a byte when the child is up, and ends when the last
//! of them is gone.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::{OpenOptions, Receiver};
use tokio::time::timeout;

/// Far beyond what a loaded machine needs: reached only when the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// First words of a script whose `$1` is the pipe.
pub(crate) const TAKE: &str = "exec 9>\"$1\"; echo up >&9; ";

pub(crate) struct Lifeline {
    pipe: Receiver,
    path: PathBuf,
    pub(crate) folder: tempfile::TempDir,
}

impl Lifeline {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        Self { folder, ..Self::at(path) }
    }

    /// Whose pipe is here, for everybody to write to.
    pub(crate) fn at(path: PathBuf) -> Self {
        assert!(Command::new("mkfifo").args(["-m", "0666"]).arg(&path).status().unwrap().success());
        Self { pipe: OpenOptions::new().open_receiver(&path).unwrap(), path, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    /// Arguments of `sh` for this script, which holds the line.
    pub(crate) fn args(&self, script: &str) -> Vec<String> {
        vec!["-c".into(), format!("{TAKE}{script}"), "sh".into(), self.path().display().to_string()]
    }

    pub(crate) async fn is_up(&mut self) {
        let mut up = [0; 3];
        timeout(PATIENCE, self.pipe.read_exact(&mut up)).await.unwrap().unwrap();
        assert_eq!(&up, b"up\n");
    }

    /// Returns when everyone who held the line is dead.
    pub(crate) async fn is_dead(&mut self) {
        let mut rest = Vec::new();
        timeout(PATIENCE, self.pipe.read_to_end(&mut rest)).await.expect("somebody is still alive").unwrap();
    }
}

//! One host per data folder: a lock on a file that holds the host's process id and
//! the address it listens on.
//! The system drops the lock with the process, so a crash leaves none behind.

use crate::exit::{Kind, fail};
use crate::home::Home;
use anyhow::{Context, Result};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;

/// Held for the life of a host.
pub(crate) struct HostLock {
    file: File,
}

impl HostLock {
    /// Tells other commands where this host listens.
    pub(crate) fn listens_on(&mut self, address: std::net::SocketAddr) -> Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        write!(self.file, "{} {address}", std::process::id())?;
        Ok(self.file.flush()?)
    }
}

fn open(home: &Home) -> Result<File> {
    let path = home.lock();
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    file.with_context(|| format!("{} cannot be opened", path.display()))
}

/// Takes the lock, or says who holds it.
pub(crate) fn take(home: &Home) -> Result<HostLock> {
    let mut file = open(home)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = holder(home).map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
            return Err(fail(
                Kind::Refused,
                format!("a host already runs on {} ({holder}); stop it with: skynet daemon stop", home.root().display()),
            ));
        }
        Err(TryLockError::Error(error)) => return Err(error).context("the lock file cannot be locked"),
    }
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "{}", std::process::id())?;
    file.flush()?;
    Ok(HostLock { file })
}

/// The words in the lock file of the host that runs on this folder, if one does.
fn words(home: &Home) -> Option<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(home.lock()).ok()?;
    if !matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
        return None;
    }
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    Some(text)
}

/// The process id of the host that runs on this folder, if one does.
pub(crate) fn holder(home: &Home) -> Option<u32> {
    words(home)?.split(' ').next()?.trim().parse().ok()
}

/// Where the host that runs on this folder listens.
pub(crate) fn address(home: &Home) -> Option<std::net::SocketAddr> {
    words(home)?.split(' ').nth(1)?.trim().parse().ok()
}

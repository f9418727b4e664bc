//! A cell with a terminal, as the host sees it: bytes in, bytes out, a size, and an end.
//!
//! Owns the outer end and the control socket, whose closing kills the cell: so does dropping this, and a
//! host that dies. Knows nothing of shells and prompts.

use super::command::{Asked, Command};
use super::frame::{self, Report};
use super::launcher::Launcher;
use super::{Part, Refusal, ScriptError, pty, run};
use crate::limits::{LAUNCHER_TIMEOUT, REPORT_BYTES};
use crate::worker::End;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::time::timeout;

/// A running cell's terminal.
#[derive(Debug)]
pub struct Tty {
    /// The outer end twice, as tokio has a type for each direction.
    reads: Receiver,
    types: Sender,
    control: tokio::sync::Mutex<UnixStream>,
}

impl Launcher {
    /// Starts a command on a terminal of its own. The request must have a window. Dropping what is given
    /// kills all of it.
    pub async fn open_tty(&self, command: &Command) -> Result<Tty, ScriptError> {
        if let Some(refusal) = self.abilities().refusal() {
            return Err(refusal.into());
        }
        if command.window.is_none() {
            return Err(Refusal::new(Part::Request, "it asks for no terminal").into());
        }
        let request = frame::encode(&Asked::Command(command.clone()));
        let request = request.map_err(|error| Refusal::new(Part::Request, error.to_string()))?;
        let (control, theirs) = StdStream::pair().map_err(ScriptError::Lost)?;
        control.set_nonblocking(true).map_err(ScriptError::Lost)?;
        let mut control = UnixStream::from_std(control).map_err(ScriptError::Lost)?;
        self.hand(&[theirs.as_fd()]).map_err(ScriptError::Launcher)?;
        drop(theirs);
        let opened = timeout(LAUNCHER_TIMEOUT, async {
            // The cell may have refused before it has read all of this, and says why.
            let _ = control.write_all(&request).await;
            receive(&mut control).await
        });
        let late = |_| ScriptError::Launcher(io::Error::new(io::ErrorKind::TimedOut, "no terminal came"));
        let master = opened.await.map_err(late)??;
        let flags = fcntl_getfl(&master).map_err(lost)?;
        fcntl_setfl(&master, flags | OFlags::NONBLOCK).map_err(lost)?;
        let types = Sender::from_owned_fd_unchecked(master.try_clone().map_err(ScriptError::Lost)?).map_err(ScriptError::Lost)?;
        let reads = Receiver::from_owned_fd_unchecked(master).map_err(ScriptError::Lost)?;
        Ok(Tty { reads, types, control: tokio::sync::Mutex::new(control) })
    }
}

fn lost(error: rustix::io::Errno) -> ScriptError {
    ScriptError::Lost(error.into())
}

/// The outer end, or why there is none.
async fn receive(control: &mut UnixStream) -> Result<OwnedFd, ScriptError> {
    let taken = loop {
        control.readable().await.map_err(ScriptError::Lost)?;
        match control.try_io(Interest::READABLE, || frame::take(&*control)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            other => break other.map_err(ScriptError::Lost)?,
        }
    };
    if let Some(master) = taken.and_then(|handed| handed.into_iter().next()) {
        return Ok(master);
    }
    // It was the first byte of a refusal; all of them are shorter than what would need it.
    let mut report = vec![0];
    control.take(REPORT_BYTES).read_to_end(&mut report).await.map_err(ScriptError::Lost)?;
    match run::end(&report)? {
        End::Code(_) | End::Signal(_) => Err(ScriptError::Lost(io::Error::other("it ended before its terminal came"))),
    }
}

impl Tty {
    /// What was written to it; 0 bytes, or an error, when nobody holds it open any more.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.reads.readable().await?;
            match self.reads.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    /// Types all of it, as fast as it is taken.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.types.writable().await?;
            match self.types.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => bytes = bytes.get(written?..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    /// Types as much of it as is taken at once.
    pub fn type_now(&self, bytes: &[u8]) {
        // Where nothing is taken, there is nobody to hear it either.
        let _ = self.types.try_write(bytes);
    }

    /// Sets its size; programs are told by a signal.
    pub fn resize(&self, columns: u16, rows: u16) -> io::Result<()> {
        Ok(rustix::termios::tcsetwinsize(&self.reads, pty::size(columns, rows))?)
    }

    /// Kills what still runs and waits until nothing of it is alive. Says how the first process ended, if it did by
    /// itself.
    pub async fn close(&self) -> Result<Option<End>, ScriptError> {
        let mut control = self.control.lock().await;
        let mut reports = Vec::new();
        run::let_go(&mut control, &mut reports).await?;
        match frame::read::<Report>(&mut reports.as_slice()) {
            Ok(report) => Ok(Some(report.end()?)),
            // The keeper that killed it has nothing more to say.
            Err(_) => Ok(None),
        }
    }

    /// Waits until the first process has ended by itself, and everything with it.
    pub async fn ended(&self) -> Result<Option<End>, ScriptError> {
        let mut control = self.control.lock().await;
        let mut reports = Vec::new();
        (&mut *control).take(REPORT_BYTES).read_to_end(&mut reports).await.map_err(ScriptError::Lost)?;
        Ok(frame::read::<Report>(&mut reports.as_slice()).ok().map(Report::end).transpose()?)
    }
}

//! A program that is kept between calls: it is spoken to line by line, and dies when it is let go.
//!
//! It runs in a cell like any script, with both streams left open. Owns the bound on one line and the
//! words about an end that nobody asked for. Refuses to guess: what a line means, and which one is an
//! answer, is for who speaks with it.

use super::command::Asked;
use super::frame;
use super::launcher::Launcher;
use super::run::{Ends, dead, end};
use super::{Confinement, Contract, Part, Refusal, ScriptError};
use crate::child::Tail;
use crate::limits::{REAP_TIMEOUT, REPORT_BYTES};
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// One of them. Dropping it kills all of it.
#[derive(Debug)]
pub struct Kept {
    /// Its closing ends the cell.
    control: Option<UnixStream>,
    input: Sender,
    output: BufReader<Receiver>,
    /// A line whose end has not come yet.
    begun: Vec<u8>,
    complaints: Arc<Mutex<Tail>>,
    listener: JoinHandle<()>,
    /// Bytes of one line.
    max: u64,
}

impl Launcher {
    /// Starts a program that stays. It may still be refused, which the first line or the wait for one tells.
    /// `proxy` is a connected socket, whose number it finds in `SKYNET_PROXY_FD`.
    pub async fn keep(&self, confinement: &Confinement, proxy: Option<OwnedFd>) -> Result<Kept, ScriptError> {
        if let Some(refusal) = self.abilities().refusal() {
            return Err(refusal.into());
        }
        let refuse = |reason: String| ScriptError::from(Refusal::new(Part::Request, reason));
        if confinement.contract != Contract::Kept {
            return Err(refuse("only what speaks in lines is kept".into()));
        }
        let request = frame::encode(&Asked::Script(confinement.clone())).map_err(|error| refuse(error.to_string()))?;
        let Ends { mut control, input, output, errors } = self.open(proxy)?;
        // The cell may have refused before it has read all of this; it says why.
        let _ = timeout(REAP_TIMEOUT, control.write_all(&request)).await;
        let complaints = Arc::<Mutex<Tail>>::default();
        let listener = tokio::spawn(listen(errors, Arc::clone(&complaints)));
        let (output, max) = (BufReader::new(output), confinement.limits.output);
        Ok(Kept { control: Some(control), input, output, begun: Vec::new(), complaints, listener, max })
    }
}

/// Reads all that it complains of, so that it never waits for that; the end is kept.
async fn listen(mut errors: Receiver, complaints: Arc<Mutex<Tail>>) {
    let mut piece = vec![0; 8 * 1024];
    while let Ok(read) = errors.read(&mut piece).await {
        if read == 0 {
            return;
        }
        complaints.lock().unwrap_or_else(PoisonError::into_inner).add(piece.get(..read).unwrap_or_default());
    }
}

impl Kept {
    /// Whether it has not ended, as far as is known.
    pub async fn is_alive(&self) -> bool {
        let Some(control) = &self.control else { return false };
        // It says one thing in its life: how that ended.
        timeout(Duration::ZERO, control.readable()).await.is_err()
    }

    /// Writes one line, whose end is added. An error says that it is dead, or must be let go.
    pub async fn say(&mut self, line: &[u8], wait: Duration) -> Result<(), ScriptError> {
        let written = async {
            self.input.write_all(line).await?;
            self.input.write_all(b"\n").await
        };
        match timeout(wait, written).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.gone(error).await),
            Err(_) => Err(ScriptError::Deadline { after: wait, stderr: self.complaints() }),
        }
    }

    /// The next line, without its end; none when none came in this time. May be dropped and asked again. An
    /// error says that it is dead, or must be let go.
    pub async fn hear(&mut self, wait: Duration) -> Result<Option<Vec<u8>>, ScriptError> {
        let Ok(heard) = timeout(wait, next(&mut self.output, &mut self.begun, self.max)).await else { return Ok(None) };
        match heard {
            Ok(Some(line)) => Ok(Some(line)),
            Ok(None) => Err(ScriptError::OutputTooLarge { max: self.max }),
            Err(error) => Err(self.gone(error).await),
        }
    }

    fn complaints(&self) -> String {
        std::mem::take(&mut *self.complaints.lock().unwrap_or_else(PoisonError::into_inner)).into_text()
    }

    /// Why it does not speak any more; it is dead afterwards.
    async fn gone(&mut self, error: io::Error) -> ScriptError {
        let Some(mut control) = self.control.take() else { return ScriptError::Lost(error) };
        let mut reports = Vec::new();
        let told = timeout(REAP_TIMEOUT, (&mut control).take(REPORT_BYTES).read_to_end(&mut reports)).await;
        // It closed its streams and runs on.
        if told.is_err()
            && let Err(error) = dead(control).await
        {
            return error;
        }
        // What it said last is on its way, or somebody else holds the stream.
        let _ = timeout(REAP_TIMEOUT, &mut self.listener).await;
        match end(&reports) {
            Ok(end) => ScriptError::Failed { end, stdout: String::new(), stderr: self.complaints() },
            Err(_) if told.is_err() => ScriptError::Lost(io::Error::other("it closed its output, and was killed")),
            Err(refused) => refused,
        }
    }
}

/// Up to the next line end; `None` when it does not come within `max` bytes.
async fn next(output: &mut BufReader<Receiver>, begun: &mut Vec<u8>, max: u64) -> io::Result<Option<Vec<u8>>> {
    loop {
        let piece = output.fill_buf().await?;
        if piece.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let taken = end.unwrap_or(piece.len());
        begun.extend_from_slice(piece.get(..taken).unwrap_or_default());
        output.consume(end.map_or(taken, |end| end.saturating_add(1)));
        if u64::try_from(begun.len()).unwrap_or(u64::MAX) > max {
            return Ok(None);
        }
        if end.is_some() {
            return Ok(Some(std::mem::take(begun)));
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

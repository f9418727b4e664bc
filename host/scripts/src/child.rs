//! Runs one child from its first byte of input to its last byte of output.
//!
//! Feeds and reads at the same time, so that no full pipe stops both sides. Owns
//! the bounds on time and output. However it ends, and if its future is dropped,
//! the whole process group is dead.

use crate::group::Group;
use crate::limits::STDERR_BYTES;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

/// What a child may use.
pub(crate) struct Bounds {
    pub(crate) deadline: Duration,
    pub(crate) max_output: usize,
}

/// A child that ended by itself.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

/// Why there is no `Finished`.
pub(crate) enum Broken {
    Spawn(io::Error),
    Deadline { stderr: String },
    OutputTooLarge,
    Lost(io::Error),
}

/// Runs it. The command's program, arguments, environment and folder are the caller's.
pub(crate) async fn run(command: &mut Command, input: &[u8], bounds: Bounds) -> Result<Finished, Broken> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut group = Group::start(command).map_err(Broken::Spawn)?;
    let child = group.child();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut said = Tail::default();
    let (leader, ends) = group.watch();
    let work = async {
        let fed = async { feed(stdin, input).await.map_err(Broken::Lost) };
        let read = read_all(stdout, bounds.max_output);
        let heard = async { said.listen(stderr).await.map_err(Broken::Lost) };
        let ended = async { Group::ended(leader, ends).await.map_err(Broken::Lost) };
        tokio::try_join!(fed, read, heard, ended)
    };
    let outcome = timeout(bounds.deadline, work).await;
    let status = group.finish().await;
    if let Err(error) = &status {
        tracing::warn!(%error, "a child process was not reaped");
    }
    let stderr = said.into_text();
    match outcome {
        Err(_) => Err(Broken::Deadline { stderr }),
        Ok(Err(broken)) => Err(broken),
        Ok(Ok(((), stdout, (), ()))) => Ok(Finished { status: status.map_err(Broken::Lost)?, stdout, stderr }),
    }
}

/// Writes the input and closes the pipe. A child need not read it all.
pub(crate) async fn feed(stdin: Option<impl tokio::io::AsyncWrite + Unpin>, input: &[u8]) -> io::Result<()> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(input).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

async fn read_all(stdout: Option<impl AsyncRead + Unpin>, max: usize) -> Result<Vec<u8>, Broken> {
    let mut bytes = Vec::new();
    let Some(stdout) = stdout else { return Ok(bytes) };
    // One byte more tells "full" from "too much".
    let one_more = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    stdout.take(one_more).read_to_end(&mut bytes).await.map_err(Broken::Lost)?;
    if bytes.len() > max { Err(Broken::OutputTooLarge) } else { Ok(bytes) }
}

/// The last bytes of a stream of any length.
#[derive(Debug, Default)]
pub(crate) struct Tail(Vec<u8>);

impl Tail {
    pub(crate) async fn listen(&mut self, stderr: Option<impl AsyncRead + Unpin>) -> io::Result<()> {
        let Some(mut stderr) = stderr else { return Ok(()) };
        while stderr.read_buf(&mut self.0).await? > 0 {
            // Only now and then, so that a talkative child costs no copy per read.
            if self.0.len() > 2 * STDERR_BYTES {
                self.0.drain(..self.0.len() - STDERR_BYTES);
            }
        }
        Ok(())
    }

    /// Takes what somebody else has read.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * STDERR_BYTES {
            self.0.drain(..self.0.len() - STDERR_BYTES);
        }
    }

    pub(crate) fn into_text(mut self) -> String {
        self.0.drain(..self.0.len().saturating_sub(STDERR_BYTES));
        let mut text = String::from_utf8_lossy(&self.0).into_owned();
        // A replaced byte became three.
        let mut start = text.len().saturating_sub(STDERR_BYTES);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        text.drain(..start);
        text
    }
}

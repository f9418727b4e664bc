//! One command without a terminal, from request to last breath.
//!
//! Both of its streams are kept, within bounds, whatever comes of it: who asked for a command wants to see
//! what it said until its deadline too. Dropping the future kills the cell, as in `run`.

use super::command::{Asked, Command, Executed};
use super::launcher::Launcher;
use super::{Part, Refusal, ScriptError, frame, run};
use crate::limits::REPORT_BYTES;
use crate::terminal::kept::Kept;
use std::io::pipe;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream as StdStream;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::Receiver;
use tokio::time::timeout;

impl Launcher {
    /// Runs a command to its end or to its deadline, `limits.wall`. Keeps `keep` bytes of each stream.
    pub async fn execute(&self, command: &Command, keep: usize) -> Result<Executed, ScriptError> {
        if let Some(refusal) = self.abilities().refusal() {
            return Err(refusal.into());
        }
        if command.window.is_some() {
            return Err(Refusal::new(Part::Request, "it asks for a terminal").into());
        }
        let request = frame::encode(&Asked::Command(command.clone()));
        let request = request.map_err(|error| Refusal::new(Part::Request, error.to_string()))?;
        let (mut control, output, errors) = self.begin()?;
        let (mut stdout, mut stderr, mut reports) = (Kept::new(keep), Kept::new(keep), Vec::new());
        let work = async {
            // The cell may have refused before it has read all of this, and says why.
            let _ = control.write_all(&request).await;
            let told = async { (&mut control).take(REPORT_BYTES).read_to_end(&mut reports).await.map_err(ScriptError::Lost) };
            tokio::try_join!(listen(output, &mut stdout), listen(errors, &mut stderr), told).map(drop)
        };
        let outcome = timeout(command.limits.wall, work).await;
        let end = match outcome {
            Ok(Ok(())) => Some(run::end(&reports)?),
            Ok(Err(error)) => {
                run::let_go(&mut control, &mut Vec::new()).await?;
                return Err(error);
            }
            Err(_) => {
                run::let_go(&mut control, &mut Vec::new()).await?;
                None
            }
        };
        Ok(Executed { end, stdout, stderr })
    }

    fn begin(&self) -> Result<(UnixStream, Receiver, Receiver), ScriptError> {
        let lost = ScriptError::Lost;
        let (control, theirs) = StdStream::pair().map_err(lost)?;
        let (output, writes_output) = pipe().map_err(lost)?;
        let (errors, writes_errors) = pipe().map_err(lost)?;
        // Whose other end is closed: it reads nothing, at once.
        let (nothing, _) = pipe().map_err(lost)?;
        control.set_nonblocking(true).map_err(lost)?;
        self.hand(&[theirs.as_fd(), nothing.as_fd(), writes_output.as_fd(), writes_errors.as_fd()]).map_err(ScriptError::Launcher)?;
        let receiver = |end: std::io::PipeReader| Receiver::from_owned_fd(end.into()).map_err(lost);
        Ok((UnixStream::from_std(control).map_err(lost)?, receiver(output)?, receiver(errors)?))
    }
}

async fn listen(mut stream: Receiver, kept: &mut Kept) -> Result<(), ScriptError> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = stream.read(&mut buffer).await.map_err(ScriptError::Lost)?;
        if read == 0 {
            return Ok(());
        }
        kept.push(buffer.get(..read).unwrap_or_default());
    }
}

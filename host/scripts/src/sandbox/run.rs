//! One call of a script, as the host sees it: fed, read, bounded, and dead at the end.
//!
//! Owns the pipes and the control socket, whose closing kills the cell: so does dropping this
//! future, and a host that dies. Comes back only when the launcher's side has said, by its own
//! closing, that nothing of the script is alive, or that it does not say so.

use super::command::Asked;
use super::frame::{self, Report};
use super::launcher::Launcher;
use super::lines::Lines;
use super::{Confinement, Contract, Outcome, Refusal, Said, ScriptError};
use crate::child::{Tail, feed};
use crate::limits::{REAP_TIMEOUT, REPORT_BYTES, SCRIPT_VARIABLE_BYTES};
use crate::worker::End;
use serde_json::Value;
use std::io::{self, pipe};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// The variable of `Contract::Environment`.
const INPUT: &str = "SKYNET_INPUT";

/// Our ends of one call.
pub(super) struct Ends {
    pub(super) control: UnixStream,
    pub(super) input: Sender,
    pub(super) output: Receiver,
    pub(super) errors: Receiver,
}

impl Launcher {
    /// Runs a script to its end. `input` is JSON; `proxy` is a connected socket to the egress door, whose
    /// number the script finds in `SKYNET_PROXY_FD`. What it says meanwhile goes to `said`, which it waits
    /// for when it is full, within the deadline. Dropping the future kills all of it.
    pub async fn run(
        &self,
        confinement: &Confinement,
        input: &[u8],
        proxy: Option<OwnedFd>,
        said: mpsc::Sender<Said>,
    ) -> Result<Outcome, ScriptError> {
        if let Some(refusal) = self.abilities().refusal() {
            return Err(refusal.into());
        }
        let (request, input) = request(confinement, input)?;
        let Ends { mut control, input: stdin, output, errors } = self.open(proxy)?;
        let (limits, contract) = (confinement.limits, confinement.contract);
        let (mut stderr, mut reports) = (Tail::default(), Vec::new());
        let work = async {
            // The cell may have refused before it has read all of this, and says why.
            let _ = control.write_all(&request).await;
            let fed = async { feed(Some(stdin), input).await.map_err(ScriptError::Lost) };
            let read = async { read(output, contract, limits.output, &said).await };
            let heard = async { stderr.listen(Some(errors)).await.map_err(ScriptError::Lost) };
            let ended = async { (&mut control).take(REPORT_BYTES).read_to_end(&mut reports).await.map_err(ScriptError::Lost) };
            tokio::try_join!(fed, read, heard, ended).map(|((), read, (), _)| read)
        };
        let outcome = timeout(limits.wall, work).await;
        if !matches!(outcome, Ok(Ok(_))) {
            let_go(&mut control, &mut Vec::new()).await?;
        }
        let stderr = stderr.into_text();
        let Ok(outcome) = outcome else { return Err(ScriptError::Deadline { after: limits.wall, stderr }) };
        let read = outcome?;
        match end(&reports)? {
            End::Code(0) => read.result.map(|result| Outcome { result, stderr: stderr.clone() }).ok_or(ScriptError::NoResult { stderr }),
            end => {
                let stdout = read.result.filter(|_| contract == Contract::Environment);
                let stdout = stdout.and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default();
                Err(ScriptError::Failed { end, stdout, stderr })
            }
        }
    }

    /// Makes both ends, and hands the launcher its own.
    pub(super) fn open(&self, proxy: Option<OwnedFd>) -> Result<Ends, ScriptError> {
        let lost = ScriptError::Lost;
        let (control, theirs) = StdStream::pair().map_err(lost)?;
        let (reads_input, input) = pipe().map_err(lost)?;
        let (output, writes_output) = pipe().map_err(lost)?;
        let (errors, writes_errors) = pipe().map_err(lost)?;
        control.set_nonblocking(true).map_err(lost)?;
        let ends = Ends {
            control: UnixStream::from_std(control).map_err(lost)?,
            input: Sender::from_owned_fd(input.into()).map_err(lost)?,
            output: Receiver::from_owned_fd(output.into()).map_err(lost)?,
            errors: Receiver::from_owned_fd(errors.into()).map_err(lost)?,
        };
        let mut handed = vec![theirs.as_fd(), reads_input.as_fd(), writes_output.as_fd(), writes_errors.as_fd()];
        handed.extend(proxy.as_ref().map(|proxy| proxy.as_fd()));
        self.hand(&handed).map_err(ScriptError::Launcher)?;
        Ok(ends)
    }
}

/// The bytes of the request, and what is left for stdin.
fn request<'a>(confinement: &Confinement, input: &'a [u8]) -> Result<(Vec<u8>, &'a [u8]), ScriptError> {
    let too_large = |max| ScriptError::InputTooLarge { bytes: input.len(), max };
    let refuse = |reason: &str| ScriptError::from(Refusal::new(super::Part::Request, reason));
    let encode = |confinement| frame::encode(&Asked::Script(confinement)).map_err(|error| refuse(&error.to_string()));
    match confinement.contract {
        Contract::Lines => return Ok((encode(confinement.clone())?, input)),
        Contract::Environment => {}
        Contract::Kept => return Err(refuse("what is kept is not run to its end")),
    }
    if input.len() > SCRIPT_VARIABLE_BYTES {
        return Err(too_large(SCRIPT_VARIABLE_BYTES));
    }
    let text = std::str::from_utf8(input).map_err(|_| refuse("its input is not UTF-8"))?;
    let mut confinement = confinement.clone();
    confinement.variables.insert(INPUT.into(), text.to_owned());
    Ok((encode(confinement)?, &[]))
}

/// Lets go of a cell and waits until it is empty.
pub(super) async fn dead(mut control: UnixStream) -> Result<(), ScriptError> {
    let_go(&mut control, &mut Vec::new()).await
}

/// Lets go of a cell and waits until it is empty; what it still said is appended.
pub(super) async fn let_go(control: &mut UnixStream, said: &mut Vec<u8>) -> Result<(), ScriptError> {
    let gone = async {
        control.shutdown().await?;
        control.take(REPORT_BYTES).read_to_end(said).await
    };
    let late = || io::Error::new(io::ErrorKind::TimedOut, "it was killed, but the kernel does not let it go");
    timeout(REAP_TIMEOUT, gone).await.unwrap_or_else(|_| Err(late())).map(drop).map_err(ScriptError::Lost)
}

/// What stdout was.
struct Read {
    result: Option<Value>,
}

async fn read(output: Receiver, contract: Contract, max: u64, said: &mpsc::Sender<Said>) -> Result<Read, ScriptError> {
    // One byte more tells "full" from "too much".
    let mut output = BufReader::new(output.take(max.saturating_add(1)));
    let mut total: u64 = 0;
    let mut count = |bytes: usize| {
        total = total.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        if total > max { Err(ScriptError::OutputTooLarge { max }) } else { Ok(()) }
    };
    if contract == Contract::Environment {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).await.map_err(ScriptError::Lost)?;
        count(bytes.len())?;
        return Ok(Read { result: Some(Value::String(String::from_utf8_lossy(&bytes).into_owned())) });
    }
    let (mut lines, mut line) = (Lines::default(), Vec::new());
    while output.read_until(b'\n', &mut line).await.map_err(ScriptError::Lost)? > 0 {
        count(line.len())?;
        if let Some(word) = lines.take(&line)? {
            // Nobody need listen.
            let _ = said.send(word).await;
        }
        line.clear();
    }
    Ok(Read { result: lines.result() })
}

/// How it ended: the first word counts, as a refusal is followed by the end of who refused.
pub(super) fn end(reports: &[u8]) -> Result<End, ScriptError> {
    let lost = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ScriptError::Lost(io::Error::other("its keeper ended without a word")),
        _ => ScriptError::Lost(error),
    };
    let first: Report = frame::read(&mut &*reports).map_err(lost)?;
    Ok(first.end()?)
}

//! One shell that stays: typed to, followed by its prompt's marks, read at leisure, ended for good.
//!
//! A task of its own reads its terminal into a ring, so the shell never waits for a reader and no reader holds
//! up another. Owns its phases and its end: on request, when idle, when it is no longer allowed, when it is old, or
//! when this is dropped. Refuses a second command while one runs.

use super::marks::{Mark, Marks, Piece};
use super::plain::plain;
use super::ring::Ring;
use super::startup::Kind;
use crate::limits::{
    REAP_TIMEOUT, SHELL_BREATH, SHELL_BUFFER, SHELL_INPUT_BYTES, SHELL_LOOK, SHELL_PROMPT, SHELL_READ_BYTES, SHELL_TYPING, WINDOW_MOST,
};
use crate::sandbox::{Command, Launcher, ScriptError, ScriptLimits, Tty, Window};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout, timeout_at};

/// Whether a shell is still allowed; asked now and then, from another task.
pub type Still = Arc<dyn Fn() -> bool + Send + Sync>;

/// How a shell begins, and for how long it stays.
#[derive(Clone)]
pub struct ShellSpec {
    /// Which shell.
    pub kind: Kind,
    /// Named folders that it may reach, and whether it may change each.
    pub roots: BTreeMap<String, bool>,
    /// Links in its home, by name: how it finds those folders.
    pub links: BTreeMap<String, PathBuf>,
    /// Where it begins; its own empty folder if none.
    pub folder: Option<String>,
    /// Characters in a line, lines.
    pub size: (u16, u16),
    /// What it may use. `wall` is how long it may live.
    pub limits: ScriptLimits,
    /// How long it lives without anybody.
    pub idle: Duration,
    /// Whether it is still allowed.
    pub still: Still,
}

/// Why a shell did not do it.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// It could not be started.
    #[error(transparent)]
    NotStarted(#[from] ScriptError),
    /// A command runs in it.
    #[error("a command is still running in this shell: read what it says, type to it (ctrl-c interrupts it), or kill the shell")]
    Busy,
    /// It has ended.
    #[error("the shell has ended: {0}. The next command begins a new one")]
    Ended(String),
    /// What it was given is not fit for a shell.
    #[error("{0}")]
    Unfit(String),
    /// It shows no prompt.
    #[error("the shell shows no prompt of its own any more, so no command can be put to it. Kill it; the next command begins a new one")]
    NoPrompt,
    /// Nobody reads what is typed.
    #[error("nothing in the shell takes what is typed. Interrupt it with ctrl-c, or kill it")]
    Deaf,
    /// The system failed.
    #[error("the terminal does not work: {0}")]
    Lost(std::io::Error),
}

/// What a shell said since the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// As plain text.
    pub text: String,
    /// Bytes that were dropped ahead of it, as nobody read them in time.
    pub dropped: u64,
    /// Whether a command is running.
    pub running: bool,
    /// The code of the last command that is over.
    pub exit_code: Option<i32>,
    /// Why the shell is no more.
    pub ended: Option<String>,
}

/// Ctrl-C.
const INTERRUPT: &[u8] = b"\x03";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No prompt yet, since it began or since the last command.
    Between,
    Ready,
    /// A command was typed and has not begun.
    Typed,
    Running,
}

struct State {
    ring: Ring,
    marks: Marks,
    phase: Phase,
    /// Commands that are over.
    done: u64,
    exit_code: Option<i32>,
    /// Where the output of the last command begins and ends.
    began: u64,
    finished: u64,
    /// Up to where it was read.
    read: u64,
    used: Instant,
    ended: Option<String>,
}

impl State {
    fn take(&mut self, bytes: &[u8]) {
        for piece in self.marks.take(bytes) {
            match piece {
                Piece::Bytes(bytes) => self.ring.push(&bytes),
                Piece::Mark(Mark::Begins) => {
                    self.began = self.ring.end();
                    self.phase = Phase::Running;
                }
                Piece::Mark(Mark::Done(code)) => {
                    if matches!(self.phase, Phase::Typed | Phase::Running) {
                        self.done = self.done.saturating_add(1);
                        self.finished = self.ring.end();
                        self.exit_code = Some(code);
                    }
                    self.phase = Phase::Between;
                }
                // A prompt that is drawn again, as after a change of size, is no end of a command.
                Piece::Mark(Mark::Ready) if self.phase == Phase::Between => self.phase = Phase::Ready,
                Piece::Mark(Mark::Ready) => {}
            }
        }
    }

    fn end(&mut self, why: String) {
        let rest = self.marks.rest();
        self.ring.push(&rest);
        self.finished = self.ring.end();
        self.ended.get_or_insert(why);
    }

    fn is_running(&self) -> bool {
        self.ended.is_none() && matches!(self.phase, Phase::Typed | Phase::Running)
    }

    /// What stands between these places; from there on is new.
    fn say(&mut self, from: u64, to: u64) -> Said {
        let (bytes, dropped) = self.ring.between(from, to);
        self.read = to;
        let running = self.is_running();
        let exit_code = if running { None } else { self.exit_code };
        Said { text: plain(&bytes), dropped, running, exit_code, ended: self.ended.clone() }
    }
}

struct Inner {
    tty: Tty,
    state: Mutex<State>,
    /// Counts what happened, for who waits.
    changed: watch::Sender<u64>,
    stop: Notify,
    /// Held while a command is put to it.
    turn: tokio::sync::Mutex<()>,
    kind: Kind,
    roots: BTreeMap<String, bool>,
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        // What it holds is whole after each step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until this gives something, or the time comes.
    async fn until<T>(&self, deadline: Instant, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look(&mut self.state()) {
                return Some(found);
            }
            match timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return None,
            }
        }
    }
}

/// It, as long as somebody holds it.
pub struct Shell {
    inner: Arc<Inner>,
}

impl Shell {
    /// Starts one. Its first prompt is waited for by the first command.
    pub async fn start(launcher: &Launcher, spec: ShellSpec) -> Result<Self, ShellError> {
        let (columns, rows) = checked(spec.size)?;
        let nonce = nonce()?;
        let strength = launcher.abilities().strength.as_ref().ok().copied();
        let roots: BTreeSet<String> = spec.roots.keys().cloned().collect();
        let unchanged = spec.roots.iter().filter(|(_, may_change)| !**may_change).map(|(name, _)| name.clone()).collect();
        let command = Command {
            program: spec.kind.program().into(),
            arguments: spec.kind.arguments(),
            startup: Some(spec.kind.startup(&nonce, &spec.links, spec.folder.as_deref(), strength)),
            variables: spec.kind.variables().into_iter().collect(),
            roots,
            unchanged,
            limits: spec.limits,
            window: Some(Window { columns, rows, echo: spec.kind.echo() }),
        };
        let tty = launcher.open_tty(&command).await?;
        let state = State {
            ring: Ring::new(SHELL_BUFFER),
            marks: Marks::new(&nonce),
            phase: Phase::Between,
            done: 0,
            exit_code: None,
            began: 0,
            finished: 0,
            read: 0,
            used: Instant::now(),
            ended: None,
        };
        let (changed, stop) = (watch::Sender::new(0), Notify::new());
        let (turn, kind, roots) = (tokio::sync::Mutex::default(), spec.kind, spec.roots.clone());
        let inner = Arc::new(Inner { tty, state: Mutex::new(state), changed, stop, turn, kind, roots });
        tokio::spawn(tend(Arc::clone(&inner), spec));
        Ok(Self { inner })
    }

    /// Puts a command to it and gives what it says: all of it when it ends within `wait`, else what there is by then.
    /// Dropping the future interrupts the command.
    pub async fn run(&self, command: &str, wait: Duration) -> Result<Said, ShellError> {
        let line = self.inner.kind.line(command).map_err(ShellError::Unfit)?;
        let deadline = Instant::now() + wait;
        let Ok(_turn) = self.inner.turn.try_lock() else { return Err(ShellError::Busy) };
        self.ready().await?;
        let (from, done) = {
            let mut state = self.inner.state();
            state.used = Instant::now();
            state.phase = if self.inner.kind.echo() { Phase::Typed } else { Phase::Running };
            (state.began, state.exit_code) = (state.ring.end(), None);
            (state.began, state.done)
        };
        let left = Left(Some(&self.inner));
        self.write(line.as_bytes()).await?;
        let over = |state: &mut State| (state.done > done || state.ended.is_some()).then_some((state.began, state.finished));
        let over = self.inner.until(deadline, over).await;
        left.stays();
        let mut state = self.inner.state();
        state.used = Instant::now();
        Ok(match over {
            Some((from, to)) => state.say(from, to),
            // It was typed and has not begun: nothing of it is output.
            None if state.phase == Phase::Typed => state.say(from, from),
            None => {
                let (from, to) = (state.began, state.ring.end());
                state.say(from, to)
            }
        })
    }

    /// Waits for the prompt.
    async fn ready(&self) -> Result<(), ShellError> {
        let found = self.inner.until(Instant::now() + SHELL_PROMPT, |state| match (&state.ended, state.phase) {
            (Some(why), _) => Some(Err(ShellError::Ended(why.clone()))),
            (None, Phase::Ready) => Some(Ok(())),
            (None, Phase::Typed | Phase::Running) => Some(Err(ShellError::Busy)),
            (None, Phase::Between) => None,
        });
        found.await.unwrap_or(Err(ShellError::NoPrompt))
    }

    /// Types this, and gives what is said until the running command ends, or until `wait` is over.
    pub async fn input(&self, text: &str, wait: Duration) -> Result<Said, ShellError> {
        self.touch()?;
        let done = self.inner.state().done;
        self.type_in(text).await?;
        let over = |state: &mut State| (state.done > done || state.ended.is_some()).then_some(());
        self.inner.until(Instant::now() + wait, over).await;
        Ok(self.unread())
    }

    /// Types this.
    pub async fn type_in(&self, text: &str) -> Result<(), ShellError> {
        self.touch()?;
        if text.len() > SHELL_INPUT_BYTES {
            return Err(ShellError::Unfit(format!("at most {SHELL_INPUT_BYTES} bytes are typed at once")));
        }
        self.write(text.as_bytes()).await
    }

    /// What was said since the last time; while a command runs, waits for its end at most so long.
    pub async fn read(&self, wait: Duration) -> Said {
        self.inner.state().used = Instant::now();
        self.inner.until(Instant::now() + wait, |state| (!state.is_running()).then_some(())).await;
        self.unread()
    }

    fn unread(&self) -> Said {
        let mut state = self.inner.state();
        state.used = Instant::now();
        let (from, to) = (state.read, state.ring.end());
        state.say(from, to)
    }

    /// Sets the size of its terminal.
    pub fn resize(&self, columns: u16, rows: u16) -> Result<(), ShellError> {
        self.touch()?;
        let (columns, rows) = checked((columns, rows))?;
        self.inner.tty.resize(columns, rows).map_err(ShellError::Lost)
    }

    /// Kills it with all that it started. Returns when nothing of it is alive, or when the kernel does not let it go.
    pub async fn kill(&self) {
        self.inner.stop.notify_one();
        self.over().await;
    }

    /// Returns when it has ended, from whatever cause.
    pub async fn over(&self) {
        let far = Instant::now() + Duration::from_secs(u32::MAX.into());
        self.inner.until(far, |state| state.ended.is_some().then_some(())).await;
    }

    /// Named folders that it reaches, and whether it may change each.
    pub fn roots(&self) -> &BTreeMap<String, bool> {
        &self.inner.roots
    }

    /// For how long nobody has used it; nothing while a command runs.
    pub(super) fn idle(&self) -> Option<Duration> {
        let state = self.inner.state();
        (!state.is_running()).then(|| state.used.elapsed())
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.inner.state().ended.is_some()
    }

    fn touch(&self) -> Result<(), ShellError> {
        let mut state = self.inner.state();
        state.used = Instant::now();
        match &state.ended {
            Some(why) => Err(ShellError::Ended(why.clone())),
            None => Ok(()),
        }
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), ShellError> {
        match timeout(SHELL_TYPING, self.inner.tty.write_all(bytes)).await {
            Ok(written) => written.map_err(ShellError::Lost),
            Err(_) => Err(ShellError::Deaf),
        }
    }
}

/// Whoever waits for a command. When they are stopped meanwhile, so is the command.
struct Left<'a>(Option<&'a Inner>);

impl Left<'_> {
    fn stays(mut self) {
        self.0 = None;
    }
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        if let Some(inner) = self.0 {
            inner.tty.type_now(INTERRUPT);
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        self.inner.stop.notify_one();
    }
}

fn checked((columns, rows): (u16, u16)) -> Result<(u16, u16), ShellError> {
    let fits = |number: u16| (1..=WINDOW_MOST).contains(&number);
    match fits(columns) && fits(rows) {
        true => Ok((columns, rows)),
        false => Err(ShellError::Unfit(format!("a terminal has 1 to {WINDOW_MOST} columns and rows"))),
    }
}

/// Nobody guesses it.
fn nonce() -> Result<String, ShellError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| ShellError::Lost(std::io::Error::other(error.to_string())))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Reads it until it ends, and ends it.
async fn tend(inner: Arc<Inner>, spec: ShellSpec) {
    let mut buffer = vec![0; SHELL_READ_BYTES];
    let oldest = Instant::now() + spec.limits.wall;
    let mut look = interval(SHELL_LOOK.min(spec.idle.max(Duration::from_millis(1))));
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let why = loop {
        tokio::select! {
            read = inner.tty.read(&mut buffer) => match read {
                Ok(count) if count > 0 => {
                    inner.state().take(buffer.get(..count).unwrap_or_default());
                    inner.tell();
                    if count == buffer.len() {
                        sleep(SHELL_BREATH).await;
                    }
                }
                _ => break None,
            },
            () = inner.stop.notified() => break Some("it was killed".to_owned()),
            () = sleep_until(oldest) => break Some(format!("it was closed after {} s, the most that a shell lives", spec.limits.wall.as_secs())),
            _ = look.tick() => {
                if !(spec.still)() {
                    break Some("it was closed, as it is no longer allowed".to_owned());
                }
                if inner.state().used.elapsed() >= spec.idle {
                    break Some(format!("it was closed after {} s in which nobody used it", spec.idle.as_secs()));
                }
            }
        }
    };
    let why = match why {
        Some(why) => {
            if let Err(error) = inner.tty.close().await {
                tracing::warn!(%error, "a shell that was ended");
            }
            why
        }
        None => ended_by_itself(&inner.tty).await,
    };
    inner.state().end(why);
    inner.tell();
}

async fn ended_by_itself(tty: &Tty) -> String {
    // Its first process may live on without its terminal; nobody could speak to it any more.
    let end = match timeout(REAP_TIMEOUT, tty.ended()).await {
        Ok(end) => end,
        Err(_) => tty.close().await,
    };
    match end {
        Ok(Some(end)) => format!("it ended {end}"),
        Ok(None) => "it closed its terminal".into(),
        Err(error) => error.to_string(),
    }
}

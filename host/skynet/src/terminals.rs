//! Shells and commands in the sandbox: what a plugin or the owner asks, put to the launcher of scripts.
//!
//! Owns who has which shell: a plugin one for each user and session, which the host knows from the call; the
//! owner those that they made, by name. What a plugin reads has none of the values that this host knows in it.
//! Refuses, with the reason, where scripts are off: a shell is one more script.

use crate::clock::SystemClock;
use crate::scripts::HostScripts;
use async_trait::async_trait;
use skynet_core::neighbours::Caller;
use skynet_core::ports::Clock as _;
use skynet_core::terminal::{CommandOutcome, Console, JobProgress, JobRow, ShellGrant, ShellRow, ShellSaid, TerminalError, Terminals};
use skynet_policy::scrub::{Held, Known, Place, Scrubber, Seen};
use skynet_scripts::limits::{COMMAND_CPU_SECONDS, JOB_LIFE, SHELL_BUFFER, SHELL_IDLE, SHELL_LIFE};
use skynet_scripts::sandbox::{Command, Executed, Launcher, Part, ScriptError, ScriptLimits};
use skynet_scripts::terminal::jobs::{Job, JobState, Jobs};
use skynet_scripts::terminal::kept::middle_out;
use skynet_scripts::terminal::shell::{Said, Shell, ShellError, ShellSpec};
use skynet_scripts::terminal::shells::{Key, Shells};
use skynet_scripts::terminal::startup::Kind;
use skynet_scripts::worker::End;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, UNIX_EPOCH};

/// Characters of what a shell says that a model or a person is given at once.
const SAID_CHARS: usize = 30_000;

/// The size of a plugin's terminal until it says another.
const SIZE: (u16, u16) = (80, 24);

/// The owner's, among owners of shells; a plugin's id has another form.
const OWNER: &str = "gateway";

/// What a shell or a command may use, of what scripts may.
pub(crate) fn command_limits(scripts: ScriptLimits) -> ScriptLimits {
    ScriptLimits { wall: SHELL_LIFE.max(JOB_LIFE), cpu_seconds: COMMAND_CPU_SECONDS, ..scripts }
}

/// All of them. Dropping this ends each.
pub(crate) struct HostTerminals {
    launcher: Result<Arc<Launcher>, String>,
    limits: ScriptLimits,
    /// Those that are open to scripts at all.
    roots: BTreeMap<String, PathBuf>,
    plugins: Shells,
    own: Shells,
    /// What is told of the owner's shells.
    rows: Mutex<BTreeMap<String, ShellRow>>,
    last: AtomicU64,
    jobs: Jobs,
    known: Known,
    /// The ends of what plugins' shells said that may be the beginning of a value.
    held: Mutex<BTreeMap<Key, (Weak<Shell>, Held)>>,
}

impl HostTerminals {
    /// Beside the scripts, by their launcher and within their bounds. What is known is not shown to plugins.
    pub(crate) fn beside(scripts: &HostScripts, known: Known) -> Self {
        Self {
            launcher: scripts.launcher(),
            limits: command_limits(scripts.limits()),
            roots: scripts.open_roots(),
            plugins: Shells::that_make_room(),
            own: Shells::default(),
            rows: Mutex::default(),
            last: AtomicU64::new(0),
            jobs: Jobs::default(),
            known,
            held: Mutex::default(),
        }
    }

    fn launcher(&self) -> Result<&Arc<Launcher>, TerminalError> {
        self.launcher.as_ref().map_err(|why| TerminalError::Denied(why.clone()))
    }

    fn spec(&self, kind: Kind, grant: &ShellGrant) -> ShellSpec {
        let known = |name: &&String| self.roots.contains_key(*name);
        let roots = grant.roots.iter().filter(|(name, _)| known(name)).map(|(name, change)| (name.clone(), *change)).collect();
        let links = self.roots.iter().filter(|(name, _)| grant.roots.contains_key(*name));
        let links = links.map(|(name, path)| (name.clone(), path.clone())).collect();
        let still = Arc::clone(&grant.still);
        ShellSpec { kind, roots, links, folder: None, size: SIZE, limits: self.limits, idle: SHELL_IDLE, still }
    }

    /// The shell of this key: bash, or sh where there is none.
    async fn obtain(&self, shells: &Shells, key: &Key, spec: impl Fn(Kind) -> ShellSpec) -> Result<Arc<Shell>, TerminalError> {
        let launcher = self.launcher()?;
        let mut obtained = shells.obtain(launcher, key, || spec(Kind::Bash)).await;
        if lacks_program(&obtained) {
            obtained = shells.obtain(launcher, key, || spec(Kind::Sh)).await;
        }
        obtained.map(|(shell, _)| shell).map_err(told)
    }

    fn of_plugin(&self, caller: &Caller) -> Result<Arc<Shell>, TerminalError> {
        self.launcher()?;
        let none = || TerminalError::Unknown("there is no shell: the first command begins one".into());
        self.plugins.find(&key_of(caller)).ok_or_else(none)
    }

    /// For a plugin, which tells a model.
    fn screened(&self, key: Key, shell: &Arc<Shell>, said: Said) -> ShellSaid {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // What a shell that is no more had begun, this one does not end.
        let before = all.remove(&key).filter(|(of, _)| std::ptr::eq(of.as_ptr(), Arc::as_ptr(shell)));
        let mut held = before.map(|(_, held)| held).unwrap_or_default();
        let seen = Arc::new(Seen::default());
        let mut said = screen(&mut held, &self.known.noting(&seen, Place::Service).now(), said);
        said.secrets = seen.news().into_keys().collect();
        if !held.is_empty() {
            all.insert(key, (Arc::downgrade(shell), held));
        }
        said
    }

    fn own(&self, id: &str) -> Result<Arc<Shell>, TerminalError> {
        self.launcher()?;
        let none = || TerminalError::Unknown(format!("there is no shell `{}`; terminal.list shows them", id.escape_debug()));
        self.own.find(&own_key(id)).ok_or_else(none)
    }

    /// All roots that are there now: one on a disk that was taken out keeps nobody from the others.
    fn owners_roots(&self) -> impl Iterator<Item = &String> {
        self.roots.iter().filter(|(_, path)| path.is_dir()).map(|(name, _)| name)
    }

    /// All of them, as their owner has them configured.
    fn owners_grant(&self) -> ShellGrant {
        ShellGrant { roots: self.owners_roots().map(|name| (name.clone(), true)).collect(), still: Arc::new(|| true) }
    }

    fn command(&self, text: &str, wall: Duration) -> Command {
        Command {
            program: Kind::Sh.program().into(),
            arguments: vec!["-c".into(), text.into()],
            startup: None,
            variables: BTreeMap::from([("TERM".to_owned(), "dumb".to_owned())]),
            roots: self.owners_roots().cloned().collect(),
            unchanged: BTreeSet::new(),
            limits: ScriptLimits { wall: wall.min(self.limits.wall), ..self.limits },
            window: None,
        }
    }
}

fn lacks_program<T>(obtained: &Result<T, ShellError>) -> bool {
    matches!(obtained, Err(ShellError::NotStarted(ScriptError::Refused(refusal))) if refusal.part == Part::Program)
}

/// The user and the session are the host's own words, so nobody can name another's.
fn key_of(caller: &Caller) -> Key {
    Key { owner: caller.plugin.id.to_string(), name: format!("{}\n{}", caller.context.user.0, caller.context.session.as_str()) }
}

fn own_key(id: &str) -> Key {
    Key { owner: OWNER.into(), name: id.into() }
}

fn told(error: ShellError) -> TerminalError {
    let why = error.to_string();
    match error {
        ShellError::NotStarted(ScriptError::Refused(_)) => TerminalError::Denied(why),
        ShellError::NotStarted(_) | ShellError::Lost(_) => TerminalError::Failed(why),
        _ => TerminalError::Refused(why),
    }
}

fn broken(error: ScriptError) -> TerminalError {
    let why = error.to_string();
    match error {
        ScriptError::Refused(_) => TerminalError::Denied(why),
        _ => TerminalError::Failed(why),
    }
}

/// Without known values. One may be cut over two reads, so the end of what a running command said may wait for the next;
/// where a part was dropped, that end and the rest of the part's last line go too; and the middle is left out only then.
fn screen(held: &mut Held, scrubber: &Scrubber, mut from: Said) -> ShellSaid {
    if from.dropped > 0 {
        let cut = from.text.find('\n').map_or(0, |at| at + 1);
        from.text.drain(..cut);
        let gone = std::mem::take(held).len().saturating_add(cut);
        from.dropped = from.dropped.saturating_add(u64::try_from(gone).unwrap_or(u64::MAX));
    }
    let mut text = held.push(scrubber, std::mem::take(&mut from.text));
    if !from.running || from.ended.is_some() {
        text.push_str(&held.end(scrubber));
    }
    said(Said { text, ..from })
}

fn said(said: Said) -> ShellSaid {
    let text = middle_out(&said.text, SAID_CHARS);
    ShellSaid { text, dropped: said.dropped, running: said.running, exit_code: said.exit_code, ended: said.ended, secrets: Vec::new() }
}

fn outcome(executed: &Executed, most: usize) -> CommandOutcome {
    let exit_code = executed.end.map(|end| match end {
        End::Code(code) => code,
        // As shells say it.
        End::Signal(signal) => signal.saturating_add(128),
    });
    CommandOutcome { exit_code, stdout: executed.stdout.text(most), stderr: executed.stderr.text(most) }
}

fn row(job: Job) -> JobRow {
    let progress = match job.state {
        JobState::Running => JobProgress::Running,
        JobState::Over(executed) if executed.end.is_none() => JobProgress::TimedOut(outcome(&executed, SAID_CHARS)),
        JobState::Over(executed) => JobProgress::Ended(outcome(&executed, SAID_CHARS)),
        JobState::Killed => JobProgress::Killed,
        JobState::Failed(why) => JobProgress::Failed(why),
    };
    let since = job.began.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    JobRow { id: job.id, command: job.command, started_ms: u64::try_from(since).unwrap_or(u64::MAX), progress }
}

#[async_trait]
impl Terminals for HostTerminals {
    async fn run(&self, caller: &Caller, grant: ShellGrant, command: &str, wait: Duration) -> Result<ShellSaid, TerminalError> {
        let key = key_of(caller);
        let spec = |kind| self.spec(kind, &grant);
        let mut shell = self.obtain(&self.plugins, &key, spec).await?;
        if *shell.roots() != spec(Kind::Sh).roots {
            // It was begun under another grant.
            self.plugins.kill(&key).await;
            shell = self.obtain(&self.plugins, &key, spec).await?;
        }
        shell.run(command, wait).await.map(|said| self.screened(key, &shell, said)).map_err(told)
    }

    async fn input(&self, caller: &Caller, text: &str, wait: Duration) -> Result<ShellSaid, TerminalError> {
        let shell = self.of_plugin(caller)?;
        shell.input(text, wait).await.map(|said| self.screened(key_of(caller), &shell, said)).map_err(told)
    }

    async fn read(&self, caller: &Caller, wait: Duration) -> Result<ShellSaid, TerminalError> {
        let shell = self.of_plugin(caller)?;
        let said = shell.read(wait).await;
        Ok(self.screened(key_of(caller), &shell, said))
    }

    async fn resize(&self, caller: &Caller, columns: u16, rows: u16) -> Result<(), TerminalError> {
        self.of_plugin(caller)?.resize(columns, rows).map_err(told)
    }

    async fn kill(&self, caller: &Caller) -> Result<bool, TerminalError> {
        Ok(self.plugins.kill(&key_of(caller)).await)
    }
}

#[async_trait]
impl Console for HostTerminals {
    async fn exec(&self, command: &str, wall: Duration, max_output: usize) -> Result<CommandOutcome, TerminalError> {
        let executed = self.launcher()?.execute(&self.command(command, wall), SHELL_BUFFER).await.map_err(broken)?;
        Ok(outcome(&executed, max_output))
    }

    async fn create(&self, shell: Option<&str>, cwd: Option<&str>, size: (u16, u16)) -> Result<String, TerminalError> {
        let kinds: &[Kind] = match shell.map(|shell| shell.rsplit('/').next().unwrap_or(shell)) {
            None => &[Kind::Bash, Kind::Sh],
            Some("bash") => &[Kind::Bash],
            Some("sh") => &[Kind::Sh],
            Some(_) => return Err(TerminalError::Refused("a shell is bash or sh; others are started from within one".into())),
        };
        if cwd.is_some_and(|folder| folder.chars().any(char::is_control)) {
            return Err(TerminalError::Refused("cwd has control characters in it".into()));
        }
        let launcher = self.launcher()?;
        let id = format!("shell-{}", self.last.fetch_add(1, Ordering::Relaxed).saturating_add(1));
        let grant = self.owners_grant();
        let (mut obtained, mut used) = (Err(ShellError::NoPrompt), Kind::Sh);
        for kind in kinds {
            let spec = || ShellSpec { folder: cwd.map(str::to_owned), size, ..self.spec(*kind, &grant) };
            (obtained, used) = (self.own.obtain(launcher, &own_key(&id), spec).await.map(drop), *kind);
            if !lacks_program(&obtained) {
                break;
            }
        }
        obtained.map_err(told)?;
        let row = ShellRow {
            id: id.clone(),
            shell: used.program().into(),
            cwd: cwd.map(str::to_owned),
            created_ms: SystemClock.now_ms(),
            is_alive: true,
        };
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), row);
        Ok(id)
    }

    async fn write(&self, id: &str, input: &str) -> Result<(), TerminalError> {
        self.own(id)?.type_in(input).await.map_err(told)
    }

    async fn read(&self, id: &str) -> Result<ShellSaid, TerminalError> {
        Ok(said(self.own(id)?.read(Duration::ZERO).await))
    }

    async fn resize(&self, id: &str, columns: u16, rows: u16) -> Result<(), TerminalError> {
        self.own(id)?.resize(columns, rows).map_err(told)
    }

    async fn kill(&self, id: &str) -> Result<(), TerminalError> {
        self.own(id)?;
        self.own.kill(&own_key(id)).await;
        Ok(())
    }

    async fn list(&self) -> Vec<ShellRow> {
        let held: BTreeMap<String, bool> = self.own.of(OWNER).into_iter().map(|(id, shell)| (id, !shell.is_over())).collect();
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.retain(|id, _| held.contains_key(id));
        let mut all: Vec<ShellRow> = rows.values().cloned().collect();
        all.iter_mut().for_each(|row| row.is_alive = held.get(&row.id).copied().unwrap_or(false));
        all.sort_by_key(|row| row.created_ms);
        all
    }

    async fn begin(&self, command: &str) -> Result<String, TerminalError> {
        let launcher = Arc::clone(self.launcher()?);
        self.jobs.begin(launcher, command, self.command(command, JOB_LIFE), SHELL_BUFFER).map_err(TerminalError::Refused)
    }

    async fn job(&self, id: &str) -> Result<JobRow, TerminalError> {
        self.jobs.find(id).map(row).ok_or_else(|| no_job(id))
    }

    async fn jobs(&self) -> Vec<JobRow> {
        self.jobs.list().into_iter().map(row).collect()
    }

    async fn kill_job(&self, id: &str) -> Result<(), TerminalError> {
        if self.jobs.kill(id).await { Ok(()) } else { Err(no_job(id)) }
    }
}

fn no_job(id: &str) -> TerminalError {
    TerminalError::Unknown(format!(
        "there is no job `{}`: terminal.job_list shows those that run and those of the last hour",
        id.escape_debug()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_gone_is_not_asked_for_and_the_others_are() {
        let folder = tempfile::tempdir().unwrap();
        let mut terminals = HostTerminals::beside(&HostScripts::off("off"), Known::default());
        for name in ["here", "gone"] {
            terminals.roots.insert(name.into(), folder.path().join(name));
        }
        std::fs::create_dir(folder.path().join("here")).unwrap();
        let asked = |terminals: &HostTerminals| terminals.command("true", Duration::from_secs(1)).roots.into_iter().collect::<Vec<_>>();
        assert_eq!(asked(&terminals), ["here"]);
        assert_eq!(terminals.owners_grant().roots.into_keys().collect::<Vec<_>>(), ["here"]);
        std::fs::create_dir(folder.path().join("gone")).unwrap();
        assert_eq!(asked(&terminals), ["gone", "here"]);
    }

    fn spoken(text: &str, running: bool) -> Said {
        Said { text: text.into(), dropped: 0, running, exit_code: None, ended: None }
    }

    #[test]
    fn a_value_that_is_cut_over_two_reads_is_in_neither() {
        let (mut held, scrubber) = (Held::default(), Scrubber::new([("key", "hunter2-hunter2")]));
        let first = screen(&mut held, &scrubber, spoken("it is hunter2-", true)).text;
        let second = screen(&mut held, &scrubber, spoken("hunter2 there", true)).text;
        assert_eq!(first + &second, "it is [secret key] there");
        // Nothing is kept back from who waited for the end.
        assert_eq!(screen(&mut held, &scrubber, spoken("it is hunter2-", false)).text, "it is hunter2-");
        assert!(held.is_empty());
    }

    #[test]
    fn no_half_of_a_value_is_left_where_an_output_is_shortened() {
        let (mut held, scrubber) = (Held::default(), Scrubber::new([("key", "hunter2-hunter2")]));
        let around = "x".repeat(SAID_CHARS / 2 - 7);
        let text = screen(&mut held, &scrubber, spoken(&format!("{around}hunter2-hunter2{around}x"), false)).text;
        assert!(!text.contains("hunter2"), "{}", text.replace('x', ""));
        let cut = screen(&mut held, &scrubber, Said { dropped: 5, ..spoken("hunter2\nrest", false) });
        assert_eq!((cut.text.as_str(), cut.dropped), ("rest", 13));
    }

    #[test]
    fn what_waited_for_its_other_half_goes_with_the_part_that_was_dropped() {
        let (mut held, scrubber) = (Held::default(), Scrubber::new([("key", "hunter2-hunter2")]));
        assert_eq!(screen(&mut held, &scrubber, spoken("it is hunter2-", true)).text, "it is ");
        let next = screen(&mut held, &scrubber, Said { dropped: 100, ..spoken("ter2\nrest", false) });
        assert_eq!((next.text.as_str(), next.dropped), ("rest", 100 + 8 + 5));
        assert!(held.is_empty());
    }
}

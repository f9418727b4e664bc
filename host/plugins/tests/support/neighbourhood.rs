//! The host's own services, as far as doors can see them: they keep what they are given
//! and remember on whose behalf it came. Facts and articles are the real store's.

use async_trait::async_trait;
use serde_json::Value;
use skynet_core::neighbours::{
    AskError, Caller, Holds, KeptScript, Neighbours, Outbox, Outgoing, Script, ScriptError, ScriptOutcome, Scripts, SendError, SubTurns,
    Talk,
};
use skynet_core::proposals::{Candidate, Found, Proposal, ProposalKind, ProposalState, Propose, ProposeError, Proposer};
use skynet_core::schedule::{Fire, Job, JobFilter, NewJob, Schedule, ScheduleError};
use skynet_core::terminal::{ShellGrant, ShellSaid, TerminalError, Terminals};
use skynet_core::{PluginId, StoreError};
use skynet_store::Store;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// All of them at once.
#[derive(Default)]
pub(crate) struct Neighbourhood {
    jobs: Mutex<Vec<Job>>,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Neighbourhood {
    /// What is remembered is really kept.
    pub(crate) fn beside(self: &Arc<Self>, store: &Store) -> Neighbours {
        Neighbours {
            facts: Arc::new(store.clone()),
            articles: Arc::new(store.clone()),
            schedule: self.clone(),
            sub_turns: self.clone(),
            outbox: self.clone(),
            scripts: self.clone(),
            propose: self.clone(),
            terminals: self.clone(),
        }
    }

    /// What came through the doors of agent, messages and scripts.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn planned(&self) -> Vec<Job> {
        self.jobs.lock().unwrap().clone()
    }

    /// Plans a job past all doors.
    pub(crate) fn plan(&self, job: Job) {
        self.jobs.lock().unwrap().push(job);
    }

    fn hear(&self, caller: &Caller, what: &str) {
        self.heard.lock().unwrap().push(format!("{} for {}: {what}", caller.plugin.id, caller.context.user));
    }
}

fn passes(job: &Job, filter: &JobFilter) -> bool {
    filter.user.as_ref().is_none_or(|user| job.user == *user)
        && filter.plugin.as_ref().is_none_or(|plugin| job.plugin.as_ref() == Some(plugin))
}

#[async_trait]
impl Schedule for Neighbourhood {
    async fn add(&self, job: NewJob) -> Result<Job, ScheduleError> {
        if matches!(job.when, skynet_core::schedule::When::Every { every_ms: 0..60_000, .. }) {
            return Err(ScheduleError::Invalid("at most once a minute".into()));
        }
        let mut jobs = self.jobs.lock().unwrap();
        let NewJob { name, when, prompt, user, session, plugin } = job;
        let id = format!("job-{}", jobs.len());
        let job = Job { id, name, when, prompt, user, session, plugin, created_ms: 0, next_ms: None, last_ms: None, runs: 0 };
        jobs.push(job.clone());
        Ok(job)
    }

    async fn jobs(&self, filter: &JobFilter) -> Result<Vec<Job>, StoreError> {
        Ok(self.planned().into_iter().filter(|job| passes(job, filter)).collect())
    }

    async fn remove(&self, id: &str, filter: &JobFilter) -> Result<bool, StoreError> {
        let mut jobs = self.jobs.lock().unwrap();
        let before = jobs.len();
        jobs.retain(|job| !(job.id == id && passes(job, filter)));
        Ok(jobs.len() < before)
    }

    async fn fires(&self, _: &str, _: usize) -> Result<Vec<Fire>, StoreError> {
        Ok(Vec::new())
    }

    async fn newest_fires(&self, _: &JobFilter, _: usize) -> Result<Vec<Fire>, StoreError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl SubTurns for Neighbourhood {
    async fn ask(&self, caller: &Caller, prompt: String) -> Result<String, AskError> {
        self.hear(caller, &prompt);
        match prompt.as_str() {
            "deep" => Err(AskError::TooDeep(2)),
            _ => Ok(format!("you said {prompt}")),
        }
    }
}

#[async_trait]
impl Outbox for Neighbourhood {
    async fn send(&self, caller: &Caller, message: Outgoing) -> Result<(), SendError> {
        self.hear(caller, &format!("{} on {} to {}", message.text, message.channel, message.recipient));
        Ok(())
    }
}

#[async_trait]
impl Scripts for Neighbourhood {
    async fn run(
        &self,
        caller: &Caller,
        name: &str,
        _: Option<&Script>,
        input: &Value,
        _: Option<OwnedFd>,
    ) -> Result<ScriptOutcome, ScriptError> {
        self.hear(caller, &format!("{name} {input}"));
        match name {
            "endless" => {
                let _gone = Gone(Arc::clone(&self.heard));
                std::future::pending().await
            }
            "fails" => Err(ScriptError::Failed("the script ended with code 3; it said: the owner's own words".into())),
            "backup" => Ok(ScriptOutcome { exit_code: 0, output: "backed up".into(), truncated: false }),
            _ => Err(ScriptError::Unknown(name.into())),
        }
    }

    async fn begin(&self, caller: &Caller, name: &str, _: Option<&KeptScript>, _: Holds) -> Result<Box<dyn Talk>, ScriptError> {
        self.hear(caller, &format!("begins with {name}"));
        match name {
            "endless" => Ok(Box::new(Silent(Gone(Arc::clone(&self.heard))))),
            "fails" => Err(ScriptError::TimedOut("it said: the owner's own words".into())),
            _ => Err(ScriptError::Unknown(name.into())),
        }
    }
}

/// A program that was begun with and never says a word.
struct Silent(#[allow(dead_code, reason = "its end is what counts")] Gone);

#[async_trait]
impl Talk for Silent {
    fn before(&self) -> u64 {
        0
    }

    async fn say(&mut self, _: &str) -> Result<(), ScriptError> {
        std::future::pending().await
    }

    async fn hear(&mut self, _: Duration) -> Result<Option<String>, ScriptError> {
        std::future::pending().await
    }

    fn finish(self: Box<Self>) {}
}

/// Tells that a script was ended before it was done.
struct Gone(Arc<Mutex<Vec<String>>>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.lock().unwrap().push("endless was ended".into());
    }
}

fn proposal(caller: &Caller, id: &PluginId) -> Proposal {
    let candidate = Candidate {
        kind: ProposalKind::Registry,
        subject: id.clone(),
        version: semver::Version::new(1, 2, 3),
        digest: "0".repeat(64),
        publisher: "publisher".into(),
        summary: "Does it.".into(),
        permissions: Value::Null,
        request: String::new(),
        asks: vec!["Send requests.".into()],
        tools: Vec::new(),
        findings: vec!["none of note".into()],
        trials: Vec::new(),
        replaces: None,
        source: Some("the whole source".into()),
        registry: None,
    };
    let by = Proposer { user: caller.context.user.clone(), session: caller.context.session.clone(), plugin: caller.plugin.id.clone() };
    Proposal { id: "p1".into(), candidate, by, created_ms: 0, expires_ms: 1, state: ProposalState::Open, why: String::new() }
}

#[async_trait]
impl Propose for Neighbourhood {
    async fn search(&self, _: &Caller, query: &str, _: usize) -> Result<Vec<Found>, ProposeError> {
        let found = Found {
            id: PluginId::new("acme/weather").unwrap(),
            version: semver::Version::new(1, 0, 0),
            summary: format!("knows {query}"),
            registry: "main".into(),
        };
        Ok(if query == "nothing" { Vec::new() } else { vec![found] })
    }

    async fn propose_install(&self, caller: &Caller, id: &str, _: Option<&str>) -> Result<Proposal, ProposeError> {
        let id = PluginId::new(id).map_err(|error| ProposeError::Unfit(error.to_string()))?;
        self.hear(caller, &format!("propose {id}"));
        Ok(proposal(caller, &id))
    }

    async fn propose_plugin(&self, caller: &Caller, source: String, manifest: &str) -> Result<Proposal, ProposeError> {
        self.hear(caller, &format!("propose {} bytes of source and {manifest}", source.len()));
        Ok(proposal(caller, &PluginId::new("made/it").unwrap()))
    }

    async fn proposals_of(&self, _: &Caller) -> Result<Vec<Proposal>, ProposeError> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Terminals for Neighbourhood {
    async fn run(&self, caller: &Caller, grant: ShellGrant, command: &str, wait: Duration) -> Result<ShellSaid, TerminalError> {
        self.hear(caller, &format!("shell {} {:?} {}: {command}", caller.context.session, grant.roots, wait.as_millis()));
        match (command, (grant.still)()) {
            ("fail", _) => Err(TerminalError::Failed("the terminal does not work".into())),
            ("env", true) => Ok(ShellSaid { text: "[secret key]".into(), secrets: vec!["key".into()], ..ShellSaid::default() }),
            (_, true) => Ok(ShellSaid { text: format!("ran {command}"), exit_code: Some(0), ..ShellSaid::default() }),
            (_, false) => Err(TerminalError::Denied("it is no longer allowed".into())),
        }
    }

    async fn input(&self, _: &Caller, _: &str, _: Duration) -> Result<ShellSaid, TerminalError> {
        Ok(ShellSaid::default())
    }

    async fn read(&self, _: &Caller, _: Duration) -> Result<ShellSaid, TerminalError> {
        Ok(ShellSaid::default())
    }

    async fn resize(&self, _: &Caller, _: u16, _: u16) -> Result<(), TerminalError> {
        Ok(())
    }

    async fn kill(&self, _: &Caller) -> Result<bool, TerminalError> {
        Ok(false)
    }
}

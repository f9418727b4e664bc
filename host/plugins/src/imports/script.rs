//! `skynet:plugin/script`: a script that the grant names, in the sandbox of the operating
//! system; or a program of the plugin's own that is kept there, line by line.
//!
//! Linked only when granted. What a script may reach is decided where it is started; this
//! door knows only names.

use super::door::{Act, granted};
use crate::bindings::v0::skynet::plugin::script::{Host, ScriptError, ScriptResult};
use crate::limits;
use crate::store::{CallLimits, CallState};
use serde_json::Value;
use skynet_core::neighbours::{self, Caller, ScriptOutcome, Talk};
use skynet_core::ports::Progress;
use skynet_policy::scrub::{Held, Known};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

impl CallState {
    /// The script of the plugin that this call is of, within what it may; its requests meanwhile go through
    /// the door as the plugin's own.
    async fn run_in_sandbox(&mut self, caller: &Caller, name: &str, input: &Value) -> Result<ScriptOutcome, neighbours::ScriptError> {
        let may = &self.reach.permissions;
        let script = self.reach.folder.as_ref().map(|folder| folder.script(may, CallLimits::call(may).wall));
        let scripts = &self.reach.neighbours.scripts;
        if may.net.is_empty() || script.is_none() {
            return scripts.run(caller, name, script.as_ref(), input, None).await;
        }
        let (theirs, serving) = self.hooks.way_out().map_err(|error| neighbours::ScriptError::Failed(format!("no way out: {error}")))?;
        tokio::select! {
            outcome = scripts.run(caller, name, script.as_ref(), input, Some(theirs)) => outcome,
            // It ends when the script closes its end, which may have more to do.
            never = async { serving.await; std::future::pending().await } => never,
        }
    }

    async fn run_script(&mut self, name: String, input: String) -> Result<ScriptResult, ScriptError> {
        let act = Act::new("script", "run", &name);
        let allowed = granted(self.reach.permissions.script.contains(&name), "this script");
        let mut caller = self.enter(&act, allowed).await.map_err(ScriptError::Denied)?;
        caller.context.progress = scrubbed(caller.context.progress, &self.reach.known);
        let parsed = match input.len() {
            0..=limits::SCRIPT_INPUT_BYTES => serde_json::from_str(&input).map_err(|error| format!("the input is not JSON: {error}")),
            _ => Err(format!("the input has more than {} bytes", limits::SCRIPT_INPUT_BYTES)),
        };
        let input: Value = match parsed {
            Ok(input) => input,
            Err(why) => return Err(ScriptError::Failed(self.failed(&act, why).await)),
        };
        match self.run_in_sandbox(&caller, &name, &input).await {
            Ok(outcome) => {
                let output = self.clean(&outcome.output);
                Ok(ScriptResult { exit_code: outcome.exit_code, output, truncated: outcome.truncated })
            }
            Err(error) => {
                let said = self.failed(&act, error.to_string()).await;
                Err(told(&error, said))
            }
        }
    }

    async fn begin_talk(&mut self, name: String) -> Result<u64, ScriptError> {
        // What it was is not spoken to any more, and so not known.
        self.reach.talk = None;
        let act = Act::new("script", "begin", &name);
        let allowed = granted(self.reach.permissions.script.contains(&name), "this program");
        let caller = self.enter(&act, allowed).await.map_err(ScriptError::Denied)?;
        let may = &self.reach.permissions;
        let kept = self.reach.folder.as_ref().and_then(|folder| folder.kept(may, CallLimits::call(may).wall));
        // Having the folder keeps the copy that it runs from.
        let (grant, folder) = (Arc::clone(&self.reach.granted), self.reach.folder.clone());
        let holds = Arc::new(move || folder.is_some() && grant.check().is_ok());
        match self.reach.neighbours.scripts.begin(&caller, &name, kept.as_ref(), holds).await {
            Ok(talk) => {
                let before = talk.before();
                self.reach.talk = Some(talk);
                Ok(before)
            }
            Err(error) => {
                let said = self.failed(&act, error.to_string()).await;
                Err(told(&error, said))
            }
        }
    }

    /// The conversation that is under way. Its lines have no rows: they are a matter of program and bridge.
    fn talk(&mut self) -> Result<&mut Box<dyn Talk>, ScriptError> {
        self.reach.talk.as_mut().ok_or_else(|| ScriptError::Failed("no conversation was begun".into()))
    }

    /// What broke off is not spoken to any more.
    fn broken_off(&mut self, error: &neighbours::ScriptError) -> ScriptError {
        self.reach.talk = None;
        told(error, self.clean(&error.to_string()))
    }
}

/// Hears the pieces without known secrets, whatever pieces those come in.
fn scrubbed(progress: Progress, known: &Known) -> Progress {
    let (known, held) = (known.clone(), Mutex::<Held>::default());
    Progress::new(move |piece| {
        let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
        // What is held back at the end is in the result.
        progress.say(&held.push(&known.now(), piece.to_owned()));
    })
}

fn told(error: &neighbours::ScriptError, said: String) -> ScriptError {
    match error {
        neighbours::ScriptError::Unknown(_) => ScriptError::UnknownScript(said),
        neighbours::ScriptError::Denied(_) => ScriptError::Denied(said),
        neighbours::ScriptError::TimedOut(_) => ScriptError::TimedOut(said),
        neighbours::ScriptError::Failed(_) => ScriptError::Failed(said),
    }
}

impl Host for CallState {
    async fn run(&mut self, name: String, input: String) -> wasmtime::Result<Result<ScriptResult, ScriptError>> {
        let granted = Arc::clone(&self.hooks.granted);
        tokio::select! {
            biased;
            // A script takes no steps to the host that could be refused; it is dropped with all that it started.
            no_longer = granted.ended() => Err(no_longer.into()),
            said = self.run_script(name, input) => Ok(said),
        }
    }

    async fn begin(&mut self, name: String) -> wasmtime::Result<Result<u64, ScriptError>> {
        Ok(self.begin_talk(name).await)
    }

    async fn say(&mut self, line: String) -> wasmtime::Result<Result<(), ScriptError>> {
        if line.len() > limits::SCRIPT_INPUT_BYTES || line.contains(['\n', '\r']) {
            let why = format!("a line has no line end in it and at most {} bytes", limits::SCRIPT_INPUT_BYTES);
            return Ok(Err(ScriptError::Failed(why)));
        }
        let talk = match self.talk() {
            Ok(talk) => talk,
            Err(none) => return Ok(Err(none)),
        };
        let said = talk.say(&line).await;
        Ok(said.map_err(|error| self.broken_off(&error)))
    }

    async fn hear(&mut self, milliseconds: u64) -> wasmtime::Result<Result<Option<String>, ScriptError>> {
        let talk = match self.talk() {
            Ok(talk) => talk,
            Err(none) => return Ok(Err(none)),
        };
        let heard = talk.hear(Duration::from_millis(milliseconds)).await;
        Ok(match heard {
            Ok(line) => Ok(line.map(|line| self.clean(&line))),
            Err(error) => Err(self.broken_off(&error)),
        })
    }

    async fn finish(&mut self) -> wasmtime::Result<()> {
        if let Some(talk) = self.reach.talk.take() {
            talk.finish();
        }
        Ok(())
    }
}

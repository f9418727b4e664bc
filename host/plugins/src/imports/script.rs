//! `skynet:plugin/script`: a script that the grant names, in the sandbox of the operating
//! system; or a program of the plugin's own that is kept there, line by line.
//!
//! Linked only when granted. What a script may reach is decided where it is started; this
//! door knows only names.

use super::door::{Act, granted};
use crate::bindings::v0::skynet::plugin::script::{Host, ScriptError, ScriptResult};
use crate::limits;
use crate::store::{CallLimits, CallState};
use crate::validity::Granted;
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
            Err(error) => Err(self.did_not_work(&act, &error).await),
        }
    }

    /// A script's last words are for who called it; the row has the host's own.
    async fn did_not_work(&mut self, act: &Act, error: &neighbours::ScriptError) -> ScriptError {
        let row = match error {
            neighbours::ScriptError::Unknown(_) | neighbours::ScriptError::Denied(_) => error.to_string(),
            neighbours::ScriptError::TimedOut(_) => "it took too long".into(),
            neighbours::ScriptError::Failed(_) => "it failed".into(),
        };
        self.failed(act, row).await;
        told(error, self.clean(&error.to_string()))
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
            Err(error) => Err(self.did_not_work(&act, &error).await),
        }
    }

    async fn say_line(&mut self, line: &str) -> Result<(), ScriptError> {
        if line.len() > limits::SCRIPT_INPUT_BYTES || line.contains(['\n', '\r']) {
            let why = format!("a line has no line end in it and at most {} bytes", limits::SCRIPT_INPUT_BYTES);
            return Err(ScriptError::Failed(why));
        }
        let said = self.talk()?.say(line).await;
        said.map_err(|error| self.broken_off(&error))
    }

    async fn hear_line(&mut self, wait: Duration) -> Result<Option<String>, ScriptError> {
        let heard = self.talk()?.hear(wait).await;
        heard.map(|line| line.map(|line| self.clean(&line))).map_err(|error| self.broken_off(&error))
    }

    /// The conversation that is under way. Its lines have no rows: they are a matter of program and bridge.
    fn talk(&mut self) -> Result<&mut Box<dyn Talk>, ScriptError> {
        self.reach.talk.as_mut().ok_or_else(|| ScriptError::Failed("no conversation was begun".into()))
    }

    /// A program whose grant no longer holds is let go at once, and not when the call is cleared away.
    fn kept_by<T>(&mut self, done: wasmtime::Result<T>) -> wasmtime::Result<T> {
        if done.is_err() {
            self.reach.talk = None;
        }
        done
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

/// What comes of it, as long as the grant holds. A script or a program takes no steps to the host that could be
/// refused: it is dropped with all that it started, as the call is at its end.
async fn while_granted<T>(granted: Arc<Granted>, work: impl Future<Output = T> + Send) -> wasmtime::Result<T> {
    tokio::select! {
        biased;
        no_longer = granted.ended() => Err(no_longer.into()),
        done = work => Ok(done),
    }
}

impl Host for CallState {
    async fn run(&mut self, name: String, input: String) -> wasmtime::Result<Result<ScriptResult, ScriptError>> {
        while_granted(Arc::clone(&self.hooks.granted), self.run_script(name, input)).await
    }

    async fn begin(&mut self, name: String) -> wasmtime::Result<Result<u64, ScriptError>> {
        while_granted(Arc::clone(&self.hooks.granted), self.begin_talk(name)).await
    }

    async fn say(&mut self, line: String) -> wasmtime::Result<Result<(), ScriptError>> {
        let said = while_granted(Arc::clone(&self.hooks.granted), self.say_line(&line)).await;
        self.kept_by(said)
    }

    async fn hear(&mut self, milliseconds: u64) -> wasmtime::Result<Result<Option<String>, ScriptError>> {
        let wait = Duration::from_millis(milliseconds);
        let heard = while_granted(Arc::clone(&self.hooks.granted), self.hear_line(wait)).await;
        self.kept_by(heard)
    }

    async fn finish(&mut self) -> wasmtime::Result<()> {
        if let Some(talk) = self.reach.talk.take() {
            talk.finish();
        }
        Ok(())
    }
}

//! `skynet:plugin/script`: a script that the grant names, in the sandbox of the operating
//! system.
//!
//! Linked only when granted. What a script may reach is decided where it is started; this
//! door knows only names.

use super::door::{Act, granted};
use crate::bindings::v0::skynet::plugin::script::{Host, ScriptError, ScriptResult};
use crate::limits;
use crate::store::{CallLimits, CallState};
use serde_json::Value;
use skynet_core::neighbours::{self, Caller, ScriptOutcome};
use std::sync::Arc;

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
        let caller = self.enter(&act, allowed).await.map_err(ScriptError::Denied)?;
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
                Err(match error {
                    neighbours::ScriptError::Unknown(_) => ScriptError::UnknownScript(said),
                    neighbours::ScriptError::Denied(_) => ScriptError::Denied(said),
                    neighbours::ScriptError::TimedOut(_) => ScriptError::TimedOut(said),
                    neighbours::ScriptError::Failed(_) => ScriptError::Failed(said),
                })
            }
        }
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
}

//! `skynet:plugin/terminal`: a shell in the sandbox, of the plugin, user and session that a call is for.
//!
//! Linked only when granted. The guest names no shell. The row is there before the act, with what stands out
//! in the command and never the command itself. Advice refuses nothing; the cell does.

use super::door::{Act, Shut, granted};
use crate::bindings::v0::skynet::plugin::terminal::{Host, Said};
use crate::limits;
use crate::store::{CallLimits, CallState};
use serde_json::json;
use skynet_core::neighbours::Caller;
use skynet_core::terminal::{ShellGrant, ShellSaid, TerminalError};
use skynet_policy::permission::Access;
use skynet_policy::safety;
use skynet_policy::scrub::Place;
use std::sync::Arc;
use std::time::Duration;

impl CallState {
    fn may_use_shell(&self) -> Result<(), Shut> {
        granted(self.reach.permissions.terminal, "a shell")
    }

    fn shell_grant(&self) -> ShellGrant {
        let granted = Arc::clone(&self.reach.granted);
        let rules = &self.reach.permissions.fs;
        ShellGrant {
            roots: rules.iter().map(|rule| (rule.root.clone(), rule.access == Access::Write)).collect(),
            still: Arc::new(move || granted.check().is_ok()),
        }
    }

    /// Within what is left for the guest to say of it in the same call.
    fn shell_wait(&self, wait_ms: u32) -> Duration {
        let wall = CallLimits::call(&self.reach.permissions).wall;
        Duration::from_millis(wait_ms.into()).min(wall.saturating_sub(limits::SHELL_ANSWER))
    }

    async fn use_shell(&mut self, action: &'static str, advice: Option<&str>) -> Result<(Act, Caller), String> {
        let session = self.reach.context.as_ref().map(|context| context.session.as_str().to_owned()).unwrap_or_default();
        let act = Act::new("terminal", action, &session);
        let detail = advice.map_or_else(|| json!({}), |advice| json!({ "advice": advice }));
        let allowed = self.may_use_shell();
        let caller = self.enter_with(&act, allowed, detail).await?;
        Ok((act, caller))
    }

    async fn said(&mut self, act: &Act, advice: String, said: Result<ShellSaid, TerminalError>) -> Result<Said, String> {
        match said {
            Ok(said) => {
                // The shell's owner took them out before it shortened the text; the call's row names them.
                said.secrets.iter().for_each(|name| self.hooks.budget.seen.note(name, Place::Service));
                let text = self.clean(&said.text);
                Ok(Said { text, dropped: said.dropped, running: said.running, exit_code: said.exit_code, ended: said.ended, advice })
            }
            Err(error) => Err(self.failed(act, error.to_string()).await),
        }
    }

    async fn run_in_shell(&mut self, command: &str, wait_ms: u32) -> Result<Said, String> {
        let advice = safety::look(command).advice();
        let (act, caller) = self.use_shell("run", Some(&advice)).await?;
        let (grant, wait) = (self.shell_grant(), self.shell_wait(wait_ms));
        let terminals = self.reach.neighbours.terminals.clone();
        let said = terminals.run(&caller, grant, command, wait).await;
        self.said(&act, advice, said).await
    }

    async fn type_into_shell(&mut self, text: &str, wait_ms: u32) -> Result<Said, String> {
        let (act, caller) = self.use_shell("input", None).await?;
        let (terminals, wait) = (self.reach.neighbours.terminals.clone(), self.shell_wait(wait_ms));
        let said = terminals.input(&caller, text, wait).await;
        self.said(&act, String::new(), said).await
    }

    async fn read_shell(&mut self, wait_ms: u32) -> Result<Said, String> {
        let (act, caller) = self.use_shell("read", None).await?;
        let (terminals, wait) = (self.reach.neighbours.terminals.clone(), self.shell_wait(wait_ms));
        let said = terminals.read(&caller, wait).await;
        self.said(&act, String::new(), said).await
    }

    async fn resize_shell(&mut self, columns: u16, rows: u16) -> Result<(), String> {
        let (act, caller) = self.use_shell("resize", None).await?;
        let terminals = self.reach.neighbours.terminals.clone();
        match terminals.resize(&caller, columns, rows).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(&act, error.to_string()).await),
        }
    }

    async fn kill_shell(&mut self) -> Result<bool, String> {
        let (act, caller) = self.use_shell("kill", None).await?;
        let terminals = self.reach.neighbours.terminals.clone();
        match terminals.kill(&caller).await {
            Ok(was_there) => Ok(was_there),
            Err(error) => Err(self.failed(&act, error.to_string()).await),
        }
    }
}

impl Host for CallState {
    async fn run(&mut self, command: String, wait_ms: u32) -> wasmtime::Result<Result<Said, String>> {
        Ok(self.run_in_shell(&command, wait_ms).await)
    }

    async fn input(&mut self, text: String, wait_ms: u32) -> wasmtime::Result<Result<Said, String>> {
        Ok(self.type_into_shell(&text, wait_ms).await)
    }

    async fn read(&mut self, wait_ms: u32) -> wasmtime::Result<Result<Said, String>> {
        Ok(self.read_shell(wait_ms).await)
    }

    async fn resize(&mut self, columns: u16, rows: u16) -> wasmtime::Result<Result<(), String>> {
        Ok(self.resize_shell(columns, rows).await)
    }

    async fn kill(&mut self) -> wasmtime::Result<Result<bool, String>> {
        Ok(self.kill_shell().await)
    }
}

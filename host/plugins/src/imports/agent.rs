//! `skynet:plugin/agent`: a turn of the agent inside a call, so many as the grant says.
//!
//! Linked only when granted. The turn runs in a child session and is offered no tools: a
//! plugin must not reach through the agent what it was not granted itself.

use super::door::{Act, Shut};
use crate::bindings::v0::skynet::plugin::agent::{AgentError, Host};
use crate::store::CallState;
use skynet_core::limits::JOB_PROMPT_BYTES;
use skynet_core::neighbours::AskError;

impl CallState {
    /// Counts a turn; refuses the one that is too many, and prompts that none should have.
    fn one_more_turn(&mut self, prompt: &str) -> Result<(), Shut> {
        let Some(rule) = self.reach.permissions.agent else {
            return Err(Shut::not_granted("turns of the agent"));
        };
        if prompt.trim().is_empty() || prompt.len() > JOB_PROMPT_BYTES {
            return Err(Shut::too_much(format!("a prompt has 1 to {JOB_PROMPT_BYTES} bytes")));
        }
        if self.reach.turns >= rule.turns {
            return Err(Shut::not_granted(&format!("more than {} turns of the agent in one call", rule.turns)));
        }
        self.reach.turns = self.reach.turns.saturating_add(1);
        Ok(())
    }
}

impl Host for CallState {
    async fn ask(&mut self, prompt: String) -> wasmtime::Result<Result<String, AgentError>> {
        let act = Act::new("agent", "ask", "");
        let prompt = self.clean(&prompt);
        let allowed = self.one_more_turn(&prompt);
        let caller = match self.enter(&act, allowed).await {
            Ok(caller) => caller,
            Err(why) => return Ok(Err(AgentError::BudgetSpent(why))),
        };
        Ok(match self.reach.neighbours.sub_turns.ask(&caller, prompt).await {
            Ok(text) => Ok(self.clean(&text)),
            Err(AskError::Cancelled) => Err(AgentError::Cancelled),
            Err(other) => Err(AgentError::Failed(self.failed(&act, other.to_string()).await)),
        })
    }
}

//! Services that plugins may ask for and that are there only after the plugin host is:
//! the turn loop needs the plugins to begin with.
//!
//! Until it is there a plugin is told so.

use async_trait::async_trait;
use skynet_agent::Agent;
use skynet_core::neighbours::{AskError, Caller, Outbox, Outgoing, SendError, SubTurns};
use skynet_core::proposals::{Found, Proposal, Propose, ProposeError};
use std::sync::OnceLock;

const STARTING: &str = "the host is still starting; try again in a moment";

/// The turn loop, once it is there.
#[derive(Default)]
pub(crate) struct LateAgent(OnceLock<Agent>);

impl LateAgent {
    /// From here on plugins reach it.
    pub(crate) fn arrived(&self, agent: Agent) {
        // Only one is ever made.
        let _ = self.0.set(agent);
    }
}

#[async_trait]
impl SubTurns for LateAgent {
    async fn ask(&self, caller: &Caller, prompt: String) -> Result<String, AskError> {
        match self.0.get() {
            Some(agent) => agent.ask(caller, prompt).await,
            None => Err(AskError::Failed(STARTING.into())),
        }
    }
}

#[async_trait]
impl Outbox for LateAgent {
    async fn send(&self, caller: &Caller, message: Outgoing) -> Result<(), SendError> {
        match self.0.get() {
            Some(agent) => agent.send(caller, message).await,
            None => Err(SendError::Failed(STARTING.into())),
        }
    }
}

/// A host on which nobody can propose anything: that of an author's test.
pub(crate) struct NoProposals;

const NOBODY: &str = "no owner is here to be asked";

#[async_trait]
impl Propose for NoProposals {
    async fn search(&self, _: &Caller, _: &str, _: usize) -> Result<Vec<Found>, ProposeError> {
        Err(ProposeError::Unfit(NOBODY.into()))
    }

    async fn propose_install(&self, _: &Caller, _: &str, _: Option<&str>) -> Result<Proposal, ProposeError> {
        Err(ProposeError::Unfit(NOBODY.into()))
    }

    async fn propose_plugin(&self, _: &Caller, _: String, _: &str) -> Result<Proposal, ProposeError> {
        Err(ProposeError::Unfit(NOBODY.into()))
    }

    async fn proposals_of(&self, _: &Caller) -> Result<Vec<Proposal>, ProposeError> {
        Ok(Vec::new())
    }
}

//! One tool call outside a turn: a client asks for it by name.
//!
//! The same checks, the same door and the same audit row as a call in a turn; no
//! model, no history, no journal. The caller bounds the time.

use crate::agent::Agent;
use crate::dispatch::account;
use crate::schema::Fault;
use serde_json::Value;
use skynet_core::ports::CallContext;
use skynet_core::{PluginError, SessionKey, StoreError, ToolCall, ToolError, ToolResult, TurnId, UserId};

/// Why a call gave no result to trust.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// There is no such tool now.
    #[error("there is no tool named `{0}`")]
    Unknown(String),
    /// It was called, and its row could not be written: the result is withheld.
    #[error("the result is withheld, because the audit log could not be written: {0}")]
    Unrecorded(#[from] StoreError),
}

impl Agent {
    /// Calls the tool that the present snapshot offers under this name. Its audit row is
    /// taken, not yet on disk: `Audit::settle` waits for that.
    pub async fn invoke(&self, exposed: &str, arguments: &Value, session: SessionKey, user: UserId) -> Result<ToolResult, InvokeError> {
        let shared = &self.shared;
        let snapshot = shared.ports.registry.snapshot();
        let entry = snapshot.tools().iter().find(|entry| entry.exposed == exposed);
        let entry = entry.ok_or_else(|| InvokeError::Unknown(exposed.chars().take(80).collect()))?;
        let turn = TurnId(format!("invoke-{}", shared.ports.clock.now_ms()));
        let context = CallContext { turn, session, user, time_zone: shared.config.time_zone.clone(), depth: 0 };
        let call = ToolCall { id: context.turn.0.clone(), name: entry.exposed.clone(), arguments: String::new() };
        let began = shared.ports.clock.now_ms();
        let outcome = match shared.validators.check(entry, arguments) {
            Ok(()) => snapshot.call(&entry.exposed, arguments, context.clone()).await,
            Err(Fault::Arguments(faults)) => Err(PluginError::Tool(ToolError::InvalidArguments(faults.join("; ")))),
            Err(Fault::Schema(reason)) => Err(PluginError::Tool(ToolError::Failed(format!("its own schema is broken: {reason}")))),
        };
        let took = shared.ports.clock.now_ms().saturating_sub(began);
        let (result, row) = account(&context, entry, &call, Ok(outcome), took);
        shared.ports.audit.enqueue(row).await?;
        Ok(result)
    }
}

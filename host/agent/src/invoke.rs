//! One tool call outside a turn: a client asks for it by name.
//!
//! The same checks, the same door and the same audit row as a call in a turn; no
//! model, no history, no journal. The caller bounds the time, and may end the call early.

use crate::agent::Agent;
use crate::dispatch::{account, unknown};
use crate::result;
use crate::schema::Fault;
use crate::stop::Stopped;
use serde_json::Value;
use skynet_core::ports::{AuditRow, CallContext, Progress};
use skynet_core::{PluginError, SessionKey, StoreError, ToolCall, ToolError, ToolResult, TurnId, UserId};
use uuid::Uuid;

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

/// What a call gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocation {
    /// Of a failure, what its owner may read: `result` has it as a model may.
    pub for_owner: Option<String>,
    /// As a model would read it, or why it failed.
    pub result: ToolResult,
    /// The outcome as data, where the tool gives it: as it came, uncut.
    pub structured: Option<Value>,
    /// Whether the tool promises to give an object.
    pub promises_object: bool,
}

/// The row, with who asked.
fn signed(mut row: AuditRow, context: &CallContext, client: Option<&str>) -> AuditRow {
    if let Some(detail) = row.detail.as_object_mut() {
        detail.insert("user".into(), context.user.0.clone().into());
        detail.extend(client.map(|client| ("by".to_owned(), Value::from(client))));
    }
    row
}

impl Agent {
    /// Calls the tool that the present snapshot offers under this name. Its audit row is
    /// taken, not yet on disk: `Audit::settle` waits for that.
    pub async fn invoke(&self, exposed: &str, arguments: &Value, session: SessionKey, user: UserId) -> Result<ToolResult, InvokeError> {
        self.invoke_until(exposed, arguments, session, user, None, std::future::pending()).await.map(|invocation| invocation.result)
    }

    /// The same for this client of the user's, by its name in the audit log, dropped when `stop` comes first; the
    /// row says so then.
    pub async fn invoke_until(
        &self,
        exposed: &str,
        arguments: &Value,
        session: SessionKey,
        user: UserId,
        client: Option<&str>,
        stop: impl Future<Output = ()> + Send,
    ) -> Result<Invocation, InvokeError> {
        let shared = &self.shared;
        let snapshot = shared.ports.registry.snapshot();
        // Of this call alone, also when many come at once.
        let turn = TurnId(format!("invoke-{}", Uuid::now_v7()));
        let context =
            CallContext { turn, session, user, time_zone: shared.config.time_zone.clone(), depth: 0, progress: Progress::default() };
        let Some(entry) = snapshot.tools().iter().find(|entry| entry.exposed == exposed) else {
            shared.ports.audit.enqueue(signed(unknown(&context, exposed), &context, client)).await?;
            return Err(InvokeError::Unknown(exposed.chars().take(80).collect()));
        };
        let call = ToolCall { id: context.turn.0.clone(), name: entry.exposed.clone(), arguments: String::new() };
        let began = shared.ports.clock.now_ms();
        let outcome = match shared.validators.check(entry, arguments) {
            Ok(()) => tokio::select! {
                biased;
                () = stop => Err(Stopped("the client took it back".into())),
                outcome = snapshot.call(&entry.exposed, arguments, context.clone()) => Ok(outcome),
            },
            Err(Fault::Arguments(faults)) => Ok(Err(PluginError::Tool(ToolError::InvalidArguments(faults.join("; "))))),
            Err(Fault::Schema(reason)) => Ok(Err(PluginError::Tool(ToolError::Failed(format!("its own schema is broken: {reason}"))))),
        };
        let structured = outcome.as_ref().ok().and_then(|outcome| outcome.as_ref().ok()?.structured.clone());
        let for_owner = outcome.as_ref().ok().and_then(|outcome| outcome.as_ref().err()).map(result::for_owner);
        let took = shared.ports.clock.now_ms().saturating_sub(began);
        let (result, row) = account(&context, entry, &call, outcome, took);
        shared.ports.audit.enqueue(signed(row, &context, client)).await?;
        let promises_object = entry.spec.output.as_ref().is_some_and(|schema| schema["type"] == "object");
        Ok(Invocation { for_owner, result, structured, promises_object })
    }
}

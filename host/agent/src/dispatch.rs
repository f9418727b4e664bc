//! One round of tool calls: checked, journaled, run side by side, audited, and
//! answered in the order of the calls.
//!
//! Owns the rule that every call gets a result and that a call which cannot be
//! accounted for does not count. Refuses calls that are unknown, cut off, broken or
//! against their schema; what a plugin may do is decided behind the `Tools` port.

use crate::agent::Shared;
use crate::answer::Asked;
use crate::catalogue::{Catalogue, FIND_TOOLS};
use crate::desk::Job;
use crate::ledger::Ledger;
use crate::progress;
use crate::request::result_bytes;
use crate::result::{self, INTERRUPTED, cut, refused};
use crate::schema::Fault;
use crate::stop::Stopped;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream;
use serde_json::{Value, json};
use skynet_core::event::TurnEventKind;
use skynet_core::limits::PARALLEL_TOOL_CALLS;
use skynet_core::ports::{AuditRow, CallContext, JournalStep, Snapshot, ToolEntry};
use skynet_core::{PluginError, ResultPart, StoreError, ToolCall, ToolError, ToolOutcome, ToolResult};
use std::sync::{Arc, Mutex, PoisonError};

const REPEATED: &str = "This is the same call as just before, so it was not run again; its result stands above. \
    Use that result, change the arguments, or answer.";
const CUT_OFF: &str = "This call was cut off before it was complete, so it was not run. Call again, with less in one call.";
const UNRECORDED: &str = "The audit log could not be written, so this result is withheld.";

/// What a round needs of its turn.
pub(crate) struct Dispatch<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) job: &'a Job,
    pub(crate) ledger: &'a Ledger,
    pub(crate) snapshot: &'a Arc<dyn Snapshot>,
    pub(crate) context: &'a CallContext,
    /// What the model may call; nothing when absent.
    pub(crate) catalogue: Option<&'a Catalogue>,
    /// Tools that the model looked for, by their places in the snapshot.
    pub(crate) found: Mutex<Vec<usize>>,
}

/// The results, one for each call; and what forbids to go on.
pub(crate) struct Round {
    pub(crate) results: Vec<ToolResult>,
    pub(crate) fatal: Option<StoreError>,
    /// Tools that the model looked for, by their places in the snapshot.
    pub(crate) found: Vec<usize>,
}

/// A call that is accounted for.
enum Sound<'a> {
    Tool(&'a ToolEntry, Value),
    /// None by that name is there; what the model reads.
    Unknown(String),
    /// The host's own: what it answers, and what it found.
    Find(String, Vec<usize>),
}

type Numbered<'a> = BoxFuture<'a, (usize, Result<ToolResult, (ToolResult, StoreError)>)>;

impl Dispatch<'_> {
    /// Runs a round. A stopped turn gets its results too, as far as there are any.
    pub(crate) async fn round(&self, calls: &[Asked], repeated: &[bool]) -> Round {
        let marks = repeated.iter().copied().chain(std::iter::repeat(false));
        let work: Vec<Numbered<'_>> = calls
            .iter()
            .zip(marks)
            .enumerate()
            .map(|(at, (asked, again))| Box::pin(async move { (at, self.one(asked, again).await) }) as _)
            .collect();
        let mut running = stream::iter(work).buffer_unordered(PARALLEL_TOOL_CALLS);
        let mut results: Vec<Option<ToolResult>> = vec![None; calls.len()];
        let mut fatal = None;
        while let Some((at, outcome)) = running.next().await {
            let (result, error) = match outcome {
                Ok(result) => (result, None),
                Err((result, error)) => (result, Some(error)),
            };
            if let Some(place) = results.get_mut(at) {
                *place = Some(result);
            }
            if error.is_some() {
                // The others could not be accounted for either: drop them.
                fatal = error;
                break;
            }
        }
        drop(running);
        let results = results.into_iter().zip(calls).map(|(result, asked)| result.unwrap_or_else(|| refused(&asked.call, INTERRUPTED)));
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        Round { results: results.collect(), fatal, found }
    }

    async fn one(&self, asked: &Asked, again: bool) -> Result<ToolResult, (ToolResult, StoreError)> {
        let call = &asked.call;
        if self.job.stop.reason().is_some() {
            return Ok(refused(call, INTERRUPTED));
        }
        let parsed = result::arguments_of(call);
        let arguments = parsed.as_ref().map_or(Value::Null, Clone::clone);
        self.job.emitter.emit(TurnEventKind::ToolStarted { id: call.id.clone(), name: call.name.clone(), arguments });
        let outcome = match self.check(asked, again, parsed) {
            Ok(Sound::Tool(entry, arguments)) => self.act(entry, call, &arguments).await,
            Ok(Sound::Find(text, found)) => self.find(call, text, found).await,
            Ok(Sound::Unknown(text)) => match self.ledger.audit(unknown(self.context, &call.name)).await {
                Ok(()) => Ok(refused(call, text)),
                Err(error) => Err((refused(call, UNRECORDED), error)),
            },
            Err(text) => Ok(refused(call, text)),
        };
        let (Ok(result) | Err((result, _))) = &outcome;
        self.job.emitter.emit(TurnEventKind::ToolEnded {
            id: result.id.clone(),
            name: result.name.clone(),
            content: result.content.clone(),
            is_error: result.is_error,
        });
        outcome
    }

    /// The tool and its arguments, or why it does not run.
    fn check(&self, asked: &Asked, again: bool, parsed: Result<Value, String>) -> Result<Sound<'_>, String> {
        let call = &asked.call;
        if again {
            return Err(REPEATED.into());
        }
        if !asked.whole {
            return Err(CUT_OFF.into());
        }
        if let Some(catalogue) = self.catalogue
            && catalogue.is_searchable()
            && call.name == FIND_TOOLS
        {
            return catalogue.find(&parsed?).map(|(text, found)| Sound::Find(text, found));
        }
        let Some(entry) = self.catalogue.and_then(|catalogue| catalogue.tool(&call.name)) else {
            let names = self.catalogue.map_or_else(|| "none".to_owned(), Catalogue::names);
            return Ok(Sound::Unknown(format!("There is no tool named `{}`. Tools: {names}.", cut(&call.name, 80))));
        };
        let arguments = parsed?;
        match self.shared.validators.check(entry, &arguments) {
            Ok(()) => Ok(Sound::Tool(entry, arguments)),
            Err(Fault::Arguments(faults)) => Err(format!("The arguments do not fit the tool's schema:\n- {}", faults.join("\n- "))),
            Err(Fault::Schema(reason)) => {
                tracing::warn!(plugin = %entry.plugin, tool = %entry.exposed, %reason, "a tool's parameter schema cannot be used");
                Err("This tool's own schema is broken, so it cannot be called. Its owner must repair the plugin.".into())
            }
        }
    }

    /// Answers a look for tools. It changes nothing, so it is not journaled.
    async fn find(&self, call: &ToolCall, text: String, found: Vec<usize>) -> Result<ToolResult, (ToolResult, StoreError)> {
        let row = AuditRow {
            kind: "tool.call".into(),
            actor: "host".into(),
            subject: FIND_TOOLS.into(),
            verdict: "ok".into(),
            detail: json!({ "turn": self.context.turn.0, "session": self.context.session.as_str(), "found": found.len() }),
        };
        self.ledger.audit(row).await.map_err(|error| (refused(call, UNRECORDED), error))?;
        self.found.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
        let content = vec![ResultPart::text(text)];
        Ok(ToolResult { id: call.id.clone(), name: call.name.clone(), content, is_error: false })
    }

    async fn act(&self, entry: &ToolEntry, call: &ToolCall, arguments: &Value) -> Result<ToolResult, (ToolResult, StoreError)> {
        let refuse = |error| (refused(call, UNRECORDED), error);
        let idempotent = entry.spec.annotations.idempotent || entry.spec.annotations.read_only;
        let intent = JournalStep::ToolIntent { call: call.id.clone(), tool: entry.exposed.clone(), idempotent };
        self.ledger.journal(intent).await.map_err(refuse)?;
        let began = self.shared.ports.clock.now_ms();
        let progress = progress::of_call(&self.job.emitter, &self.shared.ports.clock, call);
        let work = self.snapshot.call(&entry.exposed, arguments, CallContext { progress, ..self.context.clone() });
        let outcome = self.job.stop.unless(work).await;
        let took = self.shared.ports.clock.now_ms().saturating_sub(began);
        let (result, row) = account(self.context, entry, call, outcome, took);
        self.ledger.audit(row).await.map_err(refuse)?;
        let done = JournalStep::ToolDone { call: call.id.clone(), is_error: result.is_error };
        self.ledger.journal(done).await.map_err(refuse)?;
        Ok(result)
    }
}

/// What the row of a call that was denied says of it: why, and whether the door that
/// refused it has a row of its own, with the effect. A guest's own words may quote what it
/// was called with, so they are not in the log.
fn denied(error: &PluginError) -> Option<Value> {
    match error {
        PluginError::Denied(denial) => Some(json!({ "why": denial.why, "door": true })),
        PluginError::Tool(ToolError::Denied(_)) => {
            Some(json!({ "why": "the plugin said no by itself, and the host had refused it nothing; its words are in the answer" }))
        }
        _ => None,
    }
}

/// The row of a call to a tool that is not there. `name` is whatever somebody wrote.
pub(crate) fn unknown(context: &CallContext, name: &str) -> AuditRow {
    let is_name = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    AuditRow {
        kind: "tool.call".into(),
        actor: "host".into(),
        subject: if is_name { name.to_owned() } else { "(not a tool's name)".to_owned() },
        verdict: "unknown".into(),
        detail: json!({ "turn": context.turn.0, "session": context.session.as_str() }),
    }
}

/// The result for the model and the row for the audit log.
pub(crate) fn account(
    context: &CallContext,
    entry: &ToolEntry,
    call: &ToolCall,
    outcome: Result<Result<ToolOutcome, PluginError>, Stopped>,
    took: u64,
) -> (ToolResult, AuditRow) {
    let stopped = outcome.is_err();
    let mut more = None;
    let (result, verdict) = match outcome.unwrap_or(Err(PluginError::Cancelled)) {
        Ok(outcome) => (result::of_outcome(call, outcome), "ok"),
        Err(error) => {
            if !matches!(error, PluginError::Tool(_) | PluginError::Cancelled) {
                tracing::warn!(plugin = %entry.plugin, tool = %entry.exposed, %error, "a tool call failed");
            }
            more = denied(&error);
            result::of_error(call, &error)
        }
    };
    let mut detail = json!({
        "turn": context.turn.0,
        "session": context.session.as_str(),
        "ms": took,
        "bytes": result.content.iter().map(result_bytes).sum::<usize>(),
    });
    if let Some(detail) = detail.as_object_mut() {
        detail.extend(stopped.then(|| ("stopped".to_owned(), Value::from(true))));
        detail.extend(more.as_ref().and_then(Value::as_object).cloned().into_iter().flatten());
    }
    let row = AuditRow {
        kind: "tool.call".into(),
        actor: entry.plugin.to_string(),
        subject: entry.exposed.clone(),
        verdict: verdict.into(),
        detail,
    };
    (result, row)
}

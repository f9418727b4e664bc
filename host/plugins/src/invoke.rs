//! One tool call: a fresh store, `tool.call`, an outcome.

use crate::bindings::v0::exports::skynet::plugin::tool;
use crate::bindings::{from_guest, to_guest};
use crate::fault;
use crate::generation::Generation;
use crate::runtime::{Ended, Runtime};
use crate::scrub::Scrub as _;
use crate::store::{CallLimits, Purpose};
use crate::turnstile::Counted;
use serde_json::Value;
use skynet_core::ports::CallContext;
use skynet_core::{PluginError, ToolError, ToolOutcome};
use skynet_policy::scrub::Known;
use std::sync::Arc;

/// Calls tool `name` of this generation.
pub(crate) async fn call(
    runtime: &Runtime,
    generation: &Generation,
    name: &str,
    arguments: &Value,
    context: CallContext,
) -> Result<ToolOutcome, PluginError> {
    let limits = CallLimits::call(&generation.terms.permissions);
    let guest_context = to_guest::context(&context, limits.wall);
    let during = format!("tool.call {name}");
    runtime.count(generation, Counted::Calls, &during).await?;
    let (name, arguments) = (name.to_owned(), arguments.to_string());
    let answer = runtime.run(
        generation,
        Purpose { limits, during: &during, context: Some(context) },
        Box::new(move |call| {
            Box::pin(async move {
                let indices = call.loaded.tool.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no tool interface"))?;
                let guest = indices.load(&mut *call.store, &call.instance)?;
                guest.call_call(&mut *call.store, &name, &arguments, &guest_context).await
            })
        }),
    );
    let ended = answer.await;
    let seen = Arc::clone(&ended.seen);
    let said = read(generation, &during, &runtime.known_in_result(&seen), ended);
    runtime.tell_scrubbed(generation.plugin(), &during, &seen).await;
    said
}

fn read(
    generation: &Generation,
    during: &str,
    known: &Known,
    ended: Ended<Result<tool::Outcome, tool::ToolError>>,
) -> Result<ToolOutcome, PluginError> {
    match ended.result? {
        Ok(outcome) => checked(generation, during, from_guest::outcome(outcome).scrubbed(known)),
        Err(error) => {
            let error = from_guest::tool_error(error).scrubbed(known);
            // The guest saw an error of its HTTP library; the owner should see the rule.
            let is_plain = matches!(error, ToolError::Denied(_) | ToolError::Failed(_) | ToolError::Unavailable(_));
            match (ended.notes.denial, ended.notes.overrun) {
                (Some(denial), _) if is_plain => Err(denial.into()),
                (None, Some(overrun)) if is_plain => Err(PluginError::Busy(format!("{}: {overrun}", generation.plugin()))),
                _ => Err(error.into()),
            }
        }
    }
}

/// Structured content must be what the tool's own schema calls for: an object.
fn checked(generation: &Generation, during: &str, outcome: ToolOutcome) -> Result<ToolOutcome, PluginError> {
    match &outcome.structured {
        Some(value) if !value.is_object() => {
            Err(fault::bad_answer(generation.plugin(), during, "its structured answer is no JSON object".into()).into())
        }
        _ => Ok(outcome),
    }
}

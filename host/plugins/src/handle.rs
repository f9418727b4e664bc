//! One channel event or one hook point: a fresh store, a pure answer.
//!
//! Events and actions cross as JSON values that mirror the WIT cases, so that the
//! rest of the host needs no WIT type; an answer that is none is a guest fault.

use crate::bindings::v0::exports::skynet::plugin::{channel, hook};
use crate::generation::Generation;
use crate::runtime::{Ended, Runtime};
use crate::scrub::Scrub as _;
use crate::store::{CallLimits, Purpose};
use crate::turnstile::Counted;
use serde_json::Value;
use skynet_core::channel::{Action, Event, Frame, Incoming};
use skynet_core::hook::Verdict;
use skynet_core::{Blob, PluginError, ToolError};
use skynet_policy::scrub::Known;
use std::sync::Arc;

fn event(event: Event) -> channel::Event {
    match event {
        Event::Started { state } => channel::Event::Started(state),
        Event::Frame(frame) => channel::Event::Frame(to_frame(frame)),
        Event::Timer { name } => channel::Event::Timer(name),
        Event::Reply { conversation, text, attachments, partial, in_reply_to } => channel::Event::Reply(channel::Reply {
            conversation,
            text,
            attachments: attachments.into_iter().map(|blob| channel::Blob { mime: blob.mime, data: blob.data }).collect(),
            partial,
            in_reply_to,
            extra: Vec::new(),
        }),
        Event::Typing { conversation } => channel::Event::Typing(conversation),
        Event::Connected { source } => channel::Event::Connected(source),
        Event::Disconnected { source, reason } => channel::Event::Disconnected((source, reason)),
    }
}

fn to_frame(frame: Frame) -> channel::Frame {
    channel::Frame { source: frame.source, data: frame.data, is_text: frame.is_text }
}

fn action(action: channel::Action) -> Action {
    match action {
        channel::Action::Message(message) => Action::Message(Incoming {
            conversation: message.conversation,
            message: message.message,
            sender: message.sender,
            sender_name: message.sender_name,
            text: message.text,
            attachments: message.attachments.into_iter().map(|blob| Blob { mime: blob.mime, data: blob.data }).collect(),
            is_direct: message.is_direct,
            mentions_us: message.mentions_us,
        }),
        channel::Action::Send(frame) => Action::Send(Frame { source: frame.source, data: frame.data, is_text: frame.is_text }),
        channel::Action::Request(request) => Action::Request {
            source: request.source,
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
        },
        channel::Action::SetTimer((name, after_ms)) => Action::SetTimer { name, after_ms },
        channel::Action::SaveState(state) => Action::SaveState { state },
        channel::Action::Close((source, reason)) => Action::Close { source, reason },
        channel::Action::Other(text) => Action::Other(serde_json::from_str(&text).unwrap_or(Value::String(text))),
    }
}

/// Tells a channel what happened; gives what it wants done.
pub(crate) async fn channel(runtime: &Runtime, generation: &Generation, happened: Event) -> Result<Vec<Action>, PluginError> {
    runtime.count(generation, Counted::Events, "channel.handle").await?;
    let limits = CallLimits::call(&generation.terms.permissions);
    let happened = event(happened);
    let ended = runtime
        .run(
            generation,
            Purpose::of_host(limits, "channel.handle"),
            Box::new(move |call| {
                Box::pin(async move {
                    let indices = call.loaded.channel.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no channel interface"))?;
                    let guest = indices.load(&mut *call.store, &call.instance)?;
                    guest.call_handle(&mut *call.store, &happened).await
                })
            }),
        )
        .await;
    let seen = Arc::clone(&ended.seen);
    let said = actions(&runtime.known_in_result(&seen), ended);
    runtime.tell_scrubbed(generation.plugin(), "channel.handle", &seen).await;
    said
}

fn actions(known: &Known, ended: Ended<Result<Vec<channel::Action>, String>>) -> Result<Vec<Action>, PluginError> {
    match ended.result? {
        Ok(actions) => Ok(actions.into_iter().map(action).collect::<Vec<_>>().scrubbed(known)),
        Err(reason) => {
            // The guest saw an error of its HTTP library; the owner should see the rule.
            if let Some(denial) = ended.notes.denial {
                return Err(denial.into());
            }
            let reason = known.now().text(&reason).into_owned();
            Err(ToolError::Failed(skynet_policy::naming::plain_line(&reason, 600)).into())
        }
    }
}

/// Asks a hook before something happens.
pub(crate) async fn before(runtime: &Runtime, generation: &Generation, point: &str, payload: &Value) -> Result<Verdict, PluginError> {
    let limits = CallLimits::call(&generation.terms.permissions);
    let (point, payload) = (point.to_owned(), payload.to_string());
    let ended = runtime
        .run(
            generation,
            Purpose::of_host(limits, "hook.before"),
            Box::new(move |call| {
                Box::pin(async move {
                    let indices = call.loaded.hook.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no hook interface"))?;
                    let guest = indices.load(&mut *call.store, &call.instance)?;
                    guest.call_before(&mut *call.store, &point, &payload).await
                })
            }),
        )
        .await;
    let seen = Arc::clone(&ended.seen);
    let said = verdict(&runtime.known_in_result(&seen), generation, ended.result);
    runtime.tell_scrubbed(generation.plugin(), "hook.before", &seen).await;
    said
}

fn verdict(known: &Known, generation: &Generation, said: Result<hook::Verdict, PluginError>) -> Result<Verdict, PluginError> {
    match said? {
        hook::Verdict::Allow => Ok(Verdict::Allow),
        hook::Verdict::Block(why) => {
            let why = known.now().text(&why).into_owned();
            Ok(Verdict::Block(skynet_policy::naming::plain_line(&why, 600)))
        }
        hook::Verdict::Modify(text) => match serde_json::from_str(&text) {
            Ok(value) => Ok(Verdict::Modify(value).scrubbed(known)),
            Err(_) => Err(crate::fault::bad_answer(generation.plugin(), "hook.before", "its new payload is not JSON".into()).into()),
        },
    }
}

/// Tells a hook that something happened.
pub(crate) async fn after(runtime: &Runtime, generation: &Generation, point: &str, payload: &Value) -> Result<(), PluginError> {
    let limits = CallLimits::call(&generation.terms.permissions);
    let (point, payload) = (point.to_owned(), payload.to_string());
    let ended = runtime
        .run(
            generation,
            Purpose::of_host(limits, "hook.after"),
            Box::new(move |call| {
                Box::pin(async move {
                    let indices = call.loaded.hook.as_ref().ok_or_else(|| wasmtime::format_err!("it exports no hook interface"))?;
                    let guest = indices.load(&mut *call.store, &call.instance)?;
                    guest.call_after(&mut *call.store, &point, &payload).await
                })
            }),
        )
        .await;
    runtime.tell_scrubbed(generation.plugin(), "hook.after", &ended.seen).await;
    ended.result
}

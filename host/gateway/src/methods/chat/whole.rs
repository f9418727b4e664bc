//! `chat.send` as this project's forerunner had it: a message and nothing else, answered once, with the
//! whole answer.
//!
//! It is told from the protocol's own shape by having neither session nor key, which that one must
//! have. The run's events come as they do for every client. Refuses `sender_id`: who speaks is who
//! connected, not whom a client names.

use super::super::agent::{ended, model};
use super::super::{Answer, Call};
use super::{aborted, is_stop_word};
use crate::limits::TURN_CEILING;
use crate::message_in;
use crate::refusal::Refusal;
use crate::schema::{Field, Kind, TEXT, WORD, may, must};
use crate::turns::start::{self, Start, Started};
use serde_json::json;
use skynet_core::event::TurnEnd;
use skynet_core::{SessionKey, TurnId, Usage};
use uuid::Uuid;

/// `channel` is the client's own word, and nothing here depends on it; `stream` asks for the events, which always come.
pub(super) const SHAPE: &[Field] =
    &[must("message", WORD), may("stream", Kind::Bool), may("model", WORD), may("channel", TEXT), may("sender_id", TEXT)];

pub(super) async fn send(call: Call) -> Answer {
    if call.params.contains_key("sender_id") {
        return Err(Refusal::invalid("invalid chat.send params: sender_id is not taken: who speaks is who connected; leave it out"));
    }
    let (session, text) = (SessionKey::main(), call.text("message").unwrap_or_default());
    // It answers at the end of the run, whose events do not wait for that.
    call.let_events_go();
    if is_stop_word(text) {
        aborted(&call, &session, None, "stop");
        return Ok(answer("Stopped.", "gateway", &Usage::default(), "command"));
    }
    let run = TurnId(Uuid::new_v4().to_string());
    let message = message_in::message(text, None)?;
    let start = Start { run, session, message, model: model(&call)?, thinking: None, timeout: None, fold_same: false };
    let (Started::New(progress) | Started::Before(progress)) = start::start(&call.server, &call.client, start).await? else {
        return Err(Refusal::unavailable("the same message is being answered already"));
    };
    let Some(ended) = ended(progress, TURN_CEILING).await else { return Err(Refusal::unavailable("the turn did not end")) };
    match &ended.end {
        TurnEnd::Done { text, stop, usage, model, .. } => Ok(answer(text, model, usage, crate::transcript::stop_reason(Some(stop)))),
        TurnEnd::Aborted { text, usage, .. } => Ok(answer(text, "gateway", usage, "cancelled")),
        TurnEnd::Failed { message, class } => Err(Refusal::unavailable(message).with(json!({"status": "error", "kind": class}))),
    }
}

fn answer(content: &str, model: &str, usage: &Usage, stop: &str) -> crate::frame::Payload {
    let model = if model.is_empty() { "gateway" } else { model };
    let usage = json!({"input_tokens": usage.input, "output_tokens": usage.output});
    json!({"content": content, "model": model, "usage": usage, "stop_reason": stop}).into()
}

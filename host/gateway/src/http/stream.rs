//! A completion as server-sent events: role, pieces of text, calls, why it ended.
//!
//! A quiet turn gets comment lines, so that proxies keep the connection.

use crate::frame::json as text_of;
use crate::http::answer::{self, Fault};
use crate::http::completions::{Heading, Step, Turn};
use crate::limits::SSE_KEEPALIVE;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures_util::stream;
use http::header;
use serde_json::{Value, json};
use skynet_core::event::TurnEnd;
use std::convert::Infallible;

struct Streaming {
    heading: Heading,
    turn: Turn,
    wants_usage: bool,
    begun: bool,
    over: bool,
}

/// The response.
pub(super) fn response(heading: Heading, turn: Turn, wants_usage: bool) -> Response {
    let state = Streaming { heading, turn, wants_usage, begun: false, over: false };
    let pieces = stream::unfold(state, |mut state| async move {
        let piece = state.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), state))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream; charset=utf-8"), (header::CACHE_CONTROL, "no-cache, no-transform")];
    (headers, [("x-accel-buffering", "no")], Body::from_stream(pieces)).into_response()
}

impl Streaming {
    async fn next(&mut self) -> Option<String> {
        if self.over {
            return None;
        }
        if !self.begun {
            self.begun = true;
            return Some(self.chunk(&json!({"role": "assistant", "content": ""}), None));
        }
        match tokio::time::timeout(SSE_KEEPALIVE, self.turn.next()).await {
            Err(_) => Some(": waiting\n\n".into()),
            Ok(Some(Step::Text(text))) => Some(self.chunk(&json!({"content": text}), None)),
            Ok(Some(Step::End(end, said))) => {
                self.over = true;
                Some(self.end(&end, &said))
            }
            Ok(None) => {
                self.over = true;
                Some("data: [DONE]\n\n".into())
            }
        }
    }

    fn frame(&self, choices: Value, usage: Option<Value>) -> String {
        let mut frame = json!({
            "id": self.heading.id, "object": "chat.completion.chunk", "created": self.heading.created, "model": self.heading.model,
            "choices": choices,
        });
        if let (true, Some(frame)) = (self.wants_usage, frame.as_object_mut()) {
            frame.insert("usage".into(), usage.unwrap_or(Value::Null));
        }
        format!("data: {}\n\n", text_of(&frame))
    }

    fn chunk(&self, delta: &Value, finish: Option<&str>) -> String {
        self.frame(json!([{"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish}]), None)
    }

    fn end(&self, end: &TurnEnd, said: &str) -> String {
        let mut text = String::new();
        match end {
            TurnEnd::Done { text: last, stop, usage, client_calls, .. } => {
                // An answer that came whole, without deltas before it.
                if said.is_empty() && !last.is_empty() {
                    text.push_str(&self.chunk(&json!({"content": last}), None));
                }
                if !client_calls.is_empty() {
                    text.push_str(&self.chunk(&json!({"tool_calls": answer::tool_calls(client_calls, true)}), None));
                }
                text.push_str(&self.chunk(&json!({}), Some(answer::finish_reason(stop, client_calls))));
                if self.wants_usage {
                    text.push_str(&self.frame(json!([]), Some(answer::usage(usage))));
                }
            }
            other => {
                let fault = Fault::of_end(other).map_or_else(|| json!({}), |fault| fault.json());
                text.push_str(&format!("data: {}\n\n", text_of(&fault)));
            }
        }
        text.push_str("data: [DONE]\n\n");
        text
    }
}

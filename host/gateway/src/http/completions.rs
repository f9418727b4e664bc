//! `POST /v1/chat/completions`: one turn over a conversation that the client keeps.
//!
//! The same turn loop as everywhere, with the client's own tools if it brings some.
//! A client that goes away ends its turn.

use crate::auth::scope::Scope;
use crate::http::answer::{self, Fault};
use crate::http::intake::{Body, DEFAULT_NAMES};
use crate::http::{PeerAddress, bearer, body, stream};
use crate::limits::{BODY_BYTES, TURN_CEILING};
use crate::server::Server;
use axum::Json;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use skynet_agent::{Agent, Offer, Submitted, TurnRequest};
use skynet_core::event::{TurnEnd, TurnEvent, TurnEventKind};
use skynet_core::{SessionKey, TurnId, UserId};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

/// A turn that ends with its client.
pub(super) struct Turn {
    agent: Agent,
    session: SessionKey,
    turn: TurnId,
    events: UnboundedReceiver<Arc<TurnEvent>>,
    over: bool,
    after_tool: bool,
    said: String,
}

/// What a client of a turn needs to know of it.
pub(super) enum Step {
    Text(String),
    /// The end, and the whole text before it.
    End(TurnEnd, String),
}

impl Turn {
    /// What comes next, up to the end.
    pub(super) async fn next(&mut self) -> Option<Step> {
        while !self.over {
            let Ok(event) = tokio::time::timeout(TURN_CEILING, self.events.recv()).await else { return None };
            let Some(event) = event else {
                self.over = true;
                let message = "the turn ended without a word".into();
                return Some(Step::End(TurnEnd::Failed { message, class: "unknown" }, String::new()));
            };
            match &event.kind {
                TurnEventKind::Text { delta } if !delta.is_empty() => return Some(Step::Text(self.say(delta))),
                TurnEventKind::ToolStarted { .. } => self.after_tool = true,
                TurnEventKind::Ended(end) => {
                    self.over = true;
                    return Some(Step::End(end.clone(), std::mem::take(&mut self.said)));
                }
                _ => {}
            }
        }
        None
    }

    fn say(&mut self, delta: &str) -> String {
        let gap = if std::mem::take(&mut self.after_tool) && !self.said.is_empty() { "\n\n" } else { "" };
        let text = format!("{gap}{delta}");
        self.said.push_str(&text);
        text
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.over {
            self.agent.abort(&self.session, Some(&self.turn), "rpc");
        }
    }
}

/// What every answer to one request repeats.
#[derive(Debug, Clone)]
pub(super) struct Heading {
    pub(super) id: String,
    pub(super) created: u64,
    pub(super) model: String,
}

pub(super) async fn complete(
    State(server): State<Arc<Server>>,
    Extension(address): Extension<PeerAddress>,
    request: Request,
) -> Result<Response, Fault> {
    let (head, body) = request.into_parts();
    bearer::need(&server, address.0, &head.headers, Scope::Write).await?;
    let body = Body::parse(&body::read(body, BODY_BYTES).await?)?;
    let id = format!("chatcmpl_{}", Uuid::new_v4().simple());
    let asked = header(&head.headers, "x-openclaw-model").or(body.model.clone());
    let heading = Heading {
        id: id.clone(),
        created: server.clock.now_ms().checked_div(1000).unwrap_or(0),
        model: asked.clone().unwrap_or_else(|| "skynet".into()),
    };
    let user = UserId::owner();
    server.rates.turn(&user, "http").map_err(|after_ms| Fault::too_often("turns", after_ms))?;
    let (streams, wants_usage) = (body.stream.unwrap_or(false), body.wants_usage());
    let request = TurnRequest {
        turn: TurnId(id),
        session: session(&head.headers, body.user.as_deref())?,
        user,
        channel: "http".into(),
        model: model(&server, asked.as_deref()),
        thinking: body.thinking(),
        timeout: None,
        time_zone: None,
        depth: 0,
        tools: Offer::All,
        input: body.into_input()?,
    };
    let session = request.session.clone();
    let Submitted { turn, events } = server.agent.submit(request).await?;
    let turn = Turn { agent: server.agent.clone(), session, turn, events, over: false, after_tool: false, said: String::new() };
    if streams {
        return Ok(stream::response(heading, turn, wants_usage));
    }
    whole(heading, turn).await
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned)
}

/// Nothing of the conversation is stored; the key names it in events and logs.
fn session(headers: &HeaderMap, user: Option<&str>) -> Result<SessionKey, Fault> {
    let key = match (header(headers, "x-openclaw-session-key"), user.map(str::trim).filter(|user| !user.is_empty())) {
        (Some(key), _) => key,
        (None, Some(user)) => format!("agent:main:openai-user:{user}"),
        (None, None) => format!("agent:main:openai:{}", Uuid::new_v4()),
    };
    SessionKey::canonical(&key).map_err(|error| Fault::invalid(error.to_string()))
}

/// The full name of the model; a bare name does when only one provider has it.
fn model(server: &Server, asked: Option<&str>) -> Option<String> {
    let asked = asked.filter(|asked| !DEFAULT_NAMES.contains(asked))?;
    let models = server.agent.models();
    if models.iter().any(|entry| entry.full_name() == asked) {
        return Some(asked.to_owned());
    }
    let mut bare = models.iter().filter(|entry| entry.info.id == asked);
    match (bare.next(), bare.next()) {
        (Some(entry), None) => Some(entry.full_name()),
        _ => Some(asked.to_owned()),
    }
}

async fn whole(heading: Heading, mut turn: Turn) -> Result<Response, Fault> {
    loop {
        match turn.next().await {
            Some(Step::Text(_)) => {}
            Some(Step::End(end, said)) => return answer(&heading, &end, &said),
            None => return Err(Fault::new(StatusCode::GATEWAY_TIMEOUT, "timeout", "the turn did not end")),
        }
    }
}

fn answer(heading: &Heading, end: &TurnEnd, said: &str) -> Result<Response, Fault> {
    if let Some(fault) = Fault::of_end(end) {
        return Err(fault);
    }
    let TurnEnd::Done { text, stop, usage, client_calls, .. } = end else { return Err(Fault::invalid("no answer")) };
    let whole = if said.ends_with(text.as_str()) { said } else { text };
    let content = if whole.is_empty() && !client_calls.is_empty() { Value::Null } else { whole.into() };
    let mut message = json!({"role": "assistant", "content": content});
    if let (false, Some(message)) = (client_calls.is_empty(), message.as_object_mut()) {
        message.insert("tool_calls".into(), answer::tool_calls(client_calls, false));
    }
    let choice = json!({"index": 0, "message": message, "logprobs": null, "finish_reason": answer::finish_reason(stop, client_calls)});
    Ok(Json(json!({
        "id": heading.id, "object": "chat.completion", "created": heading.created, "model": heading.model,
        "choices": [choice], "usage": answer::usage(usage),
    }))
    .into_response())
}

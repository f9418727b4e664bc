//! Turns inside calls: a plugin asks the agent, in a child session of its caller's.
//!
//! The model is offered no tools in such a turn: a plugin that may ask the agent must
//! not reach through it what it was not granted itself. For the same reason neither the
//! workspace files nor what is remembered of the person stand in its prompt. The child session is deleted
//! when its turn is over, also when nobody waits any more, so that none pile up; the
//! question and its answer live on with whoever asked. Refuses turns nested too deep.

use crate::agent::Agent;
use crate::ledger::within;
use crate::limits::{ASK_PROMPT_BYTES, SUB_TURNS, TURNS_DEEP};
use crate::request::{Offer, Submitted, TurnInput, TurnRequest};
use async_trait::async_trait;
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::neighbours::{AskError, Caller, SubTurns};
use skynet_core::{Message, Role, SessionKey, TurnId};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use uuid::Uuid;

/// The part of a child session's key that tells it from a conversation.
const CHILD: &str = "subagent";

/// Whether the session is one of a turn inside a call.
pub(crate) fn is_child(session: &SessionKey) -> bool {
    let mut parts = session.as_str().splitn(4, ':').skip(2);
    parts.next() == Some(CHILD) && parts.next().is_some()
}

#[async_trait]
impl SubTurns for Agent {
    async fn ask(&self, caller: &Caller, prompt: String) -> Result<String, AskError> {
        let depth = caller.context.depth;
        if depth >= TURNS_DEEP {
            return Err(AskError::TooDeep(depth));
        }
        if prompt.trim().is_empty() {
            return Err(AskError::Failed("the prompt is empty".into()));
        }
        if prompt.len() > ASK_PROMPT_BYTES {
            return Err(AskError::Failed(format!("the prompt is longer than {ASK_PROMPT_BYTES} bytes; send less")));
        }
        let busy = || AskError::Failed(format!("{SUB_TURNS} turns inside calls are running; try again in a moment"));
        let place = Arc::clone(&self.shared.sub_turns).try_acquire_owned().map_err(|_| busy())?;
        let request = child(caller, &prompt)?;
        let (reply, answer) = oneshot::channel();
        // A task of its own: it ends the turn and tidies up when this future is dropped.
        tokio::spawn(tend(self.clone(), request, reply, place));
        answer.await.unwrap_or_else(|_| Err(AskError::Failed("the turn ended without a word".into())))
    }
}

fn child(caller: &Caller, prompt: &str) -> Result<TurnRequest, AskError> {
    let unique = Uuid::now_v7();
    let session = SessionKey::canonical(&format!("agent:{}:{CHILD}:{unique}", caller.context.session.agent()));
    let session = session.map_err(|error| AskError::Failed(error.to_string()))?;
    // The line before it also keeps a prompt from being taken for a chat command.
    let text = format!("[The plugin {} asks this in the middle of its work; no person wrote it.]\n{prompt}", caller.plugin.id);
    Ok(TurnRequest {
        turn: TurnId(format!("{CHILD}:{unique}")),
        session,
        user: caller.context.user.clone(),
        channel: CHILD.into(),
        input: TurnInput::Session { message: Message::text(Role::User, text) },
        model: None,
        thinking: None,
        timeout: None,
        time_zone: caller.context.time_zone.clone(),
        depth: caller.context.depth.saturating_add(1),
        tools: Offer::None,
    })
}

/// Runs the turn to its end, which comes soon when nobody waits for it, and deletes its session.
async fn tend(agent: Agent, request: TurnRequest, mut reply: oneshot::Sender<Result<String, AskError>>, place: OwnedSemaphorePermit) {
    let session = request.session.clone();
    let answer = match agent.submit(request).await {
        Ok(submitted) => follow(&agent, &session, submitted, &mut reply).await,
        Err(error) => Err(AskError::Failed(error.to_string())),
    };
    forget(&agent, &session).await;
    drop(place);
    // Nobody there to hear it is what the whole task is for.
    let _ = reply.send(answer);
}

async fn follow(
    agent: &Agent,
    session: &SessionKey,
    mut submitted: Submitted,
    reply: &mut oneshot::Sender<Result<String, AskError>>,
) -> Result<String, AskError> {
    let mut is_wanted = true;
    loop {
        let event = tokio::select! {
            biased;
            event = submitted.events.recv() => event,
            () = reply.closed(), if is_wanted => {
                is_wanted = false;
                agent.abort(session, Some(&submitted.turn), "cancelled");
                continue;
            }
        };
        match event.as_ref().map(|event| &event.kind) {
            Some(TurnEventKind::Ended(end)) => return answer_of(end),
            Some(_) => {}
            None => return Err(AskError::Failed("the turn ended without a word".into())),
        }
    }
}

fn answer_of(end: &TurnEnd) -> Result<String, AskError> {
    match end {
        TurnEnd::Done { text, .. } => Ok(text.clone()),
        TurnEnd::Aborted { .. } => Err(AskError::Cancelled),
        TurnEnd::Failed { message, class } => Err(AskError::Failed(format!("{class}: {message}"))),
    }
}

/// A session that stays costs a row; the answer is worth more.
async fn forget(agent: &Agent, session: &SessionKey) {
    let ports = &agent.shared.ports;
    if let Err(error) = within(&*ports.clock, ports.memory.delete_session(session)).await {
        tracing::warn!(%session, %error, "the session of a turn inside a call could not be deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn child_sessions_are_told_from_conversations() {
        for (key, child) in [
            ("agent:main:subagent:1", true),
            ("agent:work:subagent:a:b", true),
            ("agent:main:subagent", false),
            ("agent:main:x:subagent:1", false),
            ("subagent:1", true),
            ("main", false),
        ] {
            assert_eq!(is_child(&SessionKey::canonical(key).unwrap()), child, "{key}");
        }
    }
}

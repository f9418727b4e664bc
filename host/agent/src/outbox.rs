//! Messages of plugins to people: today to the conversations of `webchat`.
//!
//! A message takes its place in its session's queue as a turn that asks no model: the
//! text is stored as the assistant's, under a first line that names the plugin, and
//! clients hear of it as of any answer. Where a turn is at work, `send` does not wait
//! for it, since that turn may be waiting for `send`: the message is handed over, and a
//! crash in between loses it. Refuses sessions that do not exist, and those of sub-turns.

use crate::agent::{Agent, Shared};
use crate::desk::{Job, Place};
use crate::ledger::{Ledger, within};
use crate::limits::OUTBOX_TEXT_BYTES;
use crate::request::{Offer, SubmitError, TurnInput, TurnRequest};
use crate::sub_turn::is_child;
use async_trait::async_trait;
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::neighbours::{Caller, Outbox, Outgoing, SendError};
use skynet_core::ports::{JournalStep, NewMessage};
use skynet_core::{Message, Role, SessionKey, StopReason, StoreError, TurnId, Usage};
use uuid::Uuid;

/// The one channel that there is: conversations that clients of the gateway show.
const CHANNEL: &str = "webchat";

/// What stands in place of a model's name in the end of such a turn.
const MODEL: &str = "host/message";

#[async_trait]
impl Outbox for Agent {
    async fn send(&self, caller: &Caller, message: Outgoing) -> Result<(), SendError> {
        let session = self.recipient(&message).await?;
        let request = TurnRequest {
            turn: TurnId(format!("message:{}", Uuid::now_v7())),
            session,
            user: caller.context.user.clone(),
            channel: CHANNEL.into(),
            input: TurnInput::Note { text: format!("[message from the plugin {}]\n{}", caller.plugin.id, message.text) },
            model: None,
            thinking: None,
            timeout: None,
            time_zone: None,
            depth: caller.context.depth,
            tools: Offer::None,
        };
        let (mut submitted, place) = self.admit(request).await.map_err(refused)?;
        if place == Place::Waits {
            return Ok(());
        }
        while let Some(event) = submitted.events.recv().await {
            match &event.kind {
                TurnEventKind::Ended(TurnEnd::Done { .. }) => return Ok(()),
                TurnEventKind::Ended(TurnEnd::Failed { message, .. }) => return Err(SendError::Failed(message.clone())),
                TurnEventKind::Ended(TurnEnd::Aborted { reason, .. }) => return Err(SendError::Failed(format!("stopped: {reason}"))),
                _ => {}
            }
        }
        Err(SendError::Failed("the message was taken and nothing was heard of it".into()))
    }
}

impl Agent {
    /// The session that the message is for, or why it is not sent.
    async fn recipient(&self, message: &Outgoing) -> Result<SessionKey, SendError> {
        if message.channel != CHANNEL {
            return Err(SendError::NoChannel(crate::result::cut(&message.channel, 40), CHANNEL.into()));
        }
        if message.text.trim().is_empty() {
            return Err(SendError::Refused("the message is empty".into()));
        }
        if message.text.len() > OUTBOX_TEXT_BYTES {
            return Err(SendError::Refused(format!("the message is longer than {OUTBOX_TEXT_BYTES} bytes; send less")));
        }
        let session = SessionKey::canonical(&message.recipient).map_err(|error| SendError::Refused(error.to_string()))?;
        if is_child(&session) {
            return Err(SendError::Refused(format!("{session} is a conversation between a plugin and a model; nobody reads it")));
        }
        match is_there(&self.shared, &session).await {
            Ok(true) => Ok(session),
            Ok(false) => Err(SendError::Refused(absent(&session))),
            Err(error) => Err(SendError::Failed(error.to_string())),
        }
    }
}

fn refused(error: SubmitError) -> SendError {
    SendError::Failed(error.to_string())
}

fn absent(session: &SessionKey) -> String {
    format!("there is no session {session}; a message can only go to a conversation that somebody began")
}

async fn is_there(shared: &Shared, session: &SessionKey) -> Result<bool, StoreError> {
    Ok(within(&*shared.ports.clock, shared.ports.memory.session(session)).await?.is_some())
}

/// Looked at again when the message's place in the queue has come: the owner may have
/// deleted the session, and a message must not bring it back.
pub(crate) async fn still_there(shared: &Shared, session: &SessionKey) -> Result<(), TurnEnd> {
    match is_there(shared, session).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed(absent(session))),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn failed(message: String) -> TurnEnd {
    TurnEnd::Failed { message, class: "unknown" }
}

/// Makes the text part of the conversation, durably first.
pub(crate) async fn store(job: &Job, ledger: &Ledger, text: &str) -> TurnEnd {
    let stored = async {
        ledger.journal(JournalStep::Begun).await?;
        ledger.append(vec![NewMessage::plain(Message::text(Role::Assistant, text))]).await
    };
    match stored.await {
        Ok(stored) => {
            for stored in stored {
                job.emitter.emit(TurnEventKind::UserStored { message: stored.message, index: stored.index });
            }
            job.emitter.emit(TurnEventKind::Text { delta: text.to_owned() });
            let (stop, usage) = (StopReason::EndTurn, Usage::default());
            TurnEnd::Done { text: text.to_owned(), stop, usage, model: MODEL.into(), client_calls: Vec::new() }
        }
        Err(error) => {
            tracing::warn!(%error, "a plugin's message to a person could not be stored");
            failed(error.to_string())
        }
    }
}

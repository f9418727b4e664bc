//! `skynet:plugin/messages`: a message to a person, on a channel that the grant names.
//!
//! Linked only when granted. What all calls of a plugin send in a minute is bounded, so
//! that no plugin can write a person into despair; the refusal says when to come again.

use super::door::{Act, Shut, granted};
use crate::bindings::v0::skynet::plugin::messages::Host;
use crate::limits;
use crate::store::CallState;
use skynet_core::neighbours::Outgoing;

impl CallState {
    fn may_send(&mut self, channel: &str, text: &str) -> Result<(), Shut> {
        let reach = &mut self.reach;
        granted(reach.permissions.messages.iter().any(|named| named == channel), "messages on this channel")?;
        if text.trim().is_empty() || text.len() > limits::MESSAGE_BYTES {
            return Err(Shut::too_much(format!("a message has 1 to {} bytes", limits::MESSAGE_BYTES)));
        }
        if reach.sent >= limits::CALL_MESSAGES {
            return Err(Shut::too_much(format!("one call may send {} messages", limits::CALL_MESSAGES)));
        }
        reach.sent = reach.sent.saturating_add(1);
        reach.post.take(&reach.plugin.id).map_err(|overrun| Shut::too_much(overrun.to_string()))
    }

    async fn send_message(&mut self, channel: String, recipient: String, text: String) -> Result<(), String> {
        let text = self.clean(&text);
        let act = Act::new("messages", "send", &format!("{channel} {recipient}"));
        let allowed = self.may_send(&channel, &text);
        let caller = self.enter(&act, allowed).await?;
        match self.reach.neighbours.outbox.send(&caller, Outgoing { channel, recipient, text }).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(&act, error.to_string()).await),
        }
    }
}

impl Host for CallState {
    async fn send(&mut self, channel: String, recipient: String, text: String) -> wasmtime::Result<Result<(), String>> {
        Ok(self.send_message(channel, recipient, text).await)
    }
}

//! Known secret values taken out of everything that a guest gives back.
//!
//! A guest is not given values, but a server may echo one, and a guest that was granted
//! `reveal` has one. So this is the border: past it stand the model, the history, the
//! log, clients and other plugins. A picture that holds a value is left out whole. With
//! no secrets nothing is looked at.

use serde_json::json;
use skynet_core::channel::Action;
use skynet_core::hook::Verdict;
use skynet_core::ports::{Audit, AuditRow};
use skynet_core::{
    Completion, Delta, Denial, GuestFault, ModelError, ModelInfo, PluginError, PluginRef, ResultPart, StopReason, ToolError, ToolOutcome,
};
use skynet_policy::scrub::{Held, Known, Scrubber, Seen};
use std::collections::BTreeMap;

/// A thing with texts in it.
pub(crate) trait Scrub: Sized {
    /// Takes the values out of it.
    fn scrub(&mut self, scrubber: &Scrubber);

    /// It, without the values that are known now.
    fn scrubbed(mut self, known: &Known) -> Self {
        let scrubber = known.now();
        if !scrubber.is_empty() {
            self.scrub(&scrubber);
        }
        self
    }
}

/// Says in one row which secrets were taken out of what a call said since this was asked last, and where.
/// Costs a look where there were none.
pub(crate) async fn record(audit: &dyn Audit, plugin: &PluginRef, during: &str, seen: &Seen) {
    let places = seen.news();
    if places.is_empty() {
        return;
    }
    tracing::warn!(%plugin, %during, ?places, "secrets were taken out of what it said");
    let subject = places.keys().cloned().collect::<Vec<_>>().join(", ");
    let detail = json!({ "during": during, "where": places });
    let row = AuditRow { kind: "secret".into(), actor: plugin.to_string(), subject, verdict: "scrubbed".into(), detail };
    // They are out of it either way; the log that takes no rows stops the next call.
    if let Err(error) = audit.enqueue(row).await {
        tracing::error!(%plugin, %error, "that secrets were taken out of what it said was not recorded");
    }
}

impl Scrub for AuditRow {
    fn scrub(&mut self, scrubber: &Scrubber) {
        [&mut self.kind, &mut self.actor, &mut self.subject, &mut self.verdict].into_iter().for_each(|text| scrubber.string(text));
        scrubber.json(&mut self.detail);
    }
}

impl<T: Scrub> Scrub for Vec<T> {
    fn scrub(&mut self, scrubber: &Scrubber) {
        self.iter_mut().for_each(|item| item.scrub(scrubber));
    }
}

impl Scrub for ToolOutcome {
    fn scrub(&mut self, scrubber: &Scrubber) {
        self.content.scrub(scrubber);
        if let Some(value) = &mut self.structured {
            scrubber.json(value);
        }
    }
}

impl Scrub for ResultPart {
    fn scrub(&mut self, scrubber: &Scrubber) {
        match self {
            Self::Text { text } => scrubber.string(text),
            Self::Json { value } => scrubber.json(value),
            Self::Image { image } => {
                if scrubber.finds(&image.data) || scrubber.finds(image.mime.as_bytes()) {
                    *self = Self::text("[a picture was left out: it held a secret]");
                }
            }
        }
    }
}

impl Scrub for ToolError {
    fn scrub(&mut self, scrubber: &Scrubber) {
        let (Self::UnknownTool(text) | Self::InvalidArguments(text) | Self::Denied(text) | Self::Failed(text) | Self::Unavailable(text)) =
            self;
        scrubber.string(text);
    }
}

impl Scrub for PluginError {
    fn scrub(&mut self, scrubber: &Scrubber) {
        match self {
            Self::Tool(error) => error.scrub(scrubber),
            Self::Fault(GuestFault { reason, during, .. }) => [reason, during].into_iter().for_each(|text| scrubber.string(text)),
            Self::Denied(denial) => denial.scrub(scrubber),
            Self::Bug(bug) => scrubber.string(&mut bug.reason),
            Self::Busy(text) => scrubber.string(text),
            Self::Cancelled => {}
        }
    }
}

impl Scrub for Denial {
    fn scrub(&mut self, scrubber: &Scrubber) {
        [&mut self.what, &mut self.why, &mut self.remedy].into_iter().for_each(|text| scrubber.string(text));
    }
}

impl Scrub for ModelError {
    fn scrub(&mut self, scrubber: &Scrubber) {
        match self {
            Self::Unauthorized(text)
            | Self::InvalidRequest(text)
            | Self::ContextOverflow(text)
            | Self::Refused(text)
            | Self::Protocol(text)
            | Self::Other(text)
            | Self::RateLimited { message: text, .. }
            | Self::Unavailable { message: text, .. } => scrubber.string(text),
            Self::Plugin(error) => error.scrub(scrubber),
        }
    }
}

impl Scrub for Completion {
    fn scrub(&mut self, scrubber: &Scrubber) {
        if let StopReason::Other(word) = &mut self.stop {
            scrubber.string(word);
        }
    }
}

impl Scrub for ModelInfo {
    fn scrub(&mut self, scrubber: &Scrubber) {
        [&mut self.id, &mut self.name].into_iter().chain(&mut self.abilities).for_each(|text| scrubber.string(text));
    }
}

impl Scrub for Verdict {
    fn scrub(&mut self, scrubber: &Scrubber) {
        match self {
            Self::Allow => {}
            Self::Block(why) => scrubber.string(why),
            Self::Modify(value) => scrubber.json(value),
        }
    }
}

impl Scrub for Action {
    fn scrub(&mut self, scrubber: &Scrubber) {
        let bytes = |bytes: &mut Vec<u8>| *bytes = scrubber.bytes(bytes).into_owned();
        match self {
            Self::Message(message) => {
                [&mut message.conversation, &mut message.message, &mut message.sender, &mut message.text]
                    .into_iter()
                    .chain(&mut message.sender_name)
                    .for_each(|text| scrubber.string(text));
                message.attachments.iter_mut().for_each(|blob| bytes(&mut blob.data));
            }
            Self::Send(frame) => bytes(&mut frame.data),
            Self::Request { url, headers, body, .. } => {
                scrubber.string(url);
                headers.iter_mut().for_each(|(_, value)| scrubber.string(value));
                bytes(body);
            }
            Self::SetTimer { name, .. } => scrubber.string(name),
            Self::SaveState { state } => scrubber.string(state),
            Self::Close { reason, .. } => scrubber.string(reason),
            Self::Other(value) => scrubber.json(value),
        }
    }
}

/// An answer that comes in pieces: each kind of text is one text, and a value may be cut
/// over several pieces of it.
pub(crate) struct Deltas {
    known: Known,
    text: Held,
    thinking: Held,
    /// Of each call that is being written, by its id on the wire.
    calls: BTreeMap<String, Held>,
}

impl Deltas {
    pub(crate) fn new(known: &Known) -> Self {
        Self { known: known.clone(), text: Held::default(), thinking: Held::default(), calls: BTreeMap::new() }
    }

    /// What can go on now.
    pub(crate) fn push(&mut self, deltas: Vec<Delta>) -> Vec<Delta> {
        let scrubber = self.known.now();
        if scrubber.is_empty() && self.calls.is_empty() && self.text.is_empty() && self.thinking.is_empty() {
            return deltas;
        }
        let mut out = Vec::with_capacity(deltas.len() + 2);
        for delta in deltas {
            self.one(&scrubber, delta, &mut out);
        }
        out
    }

    /// What was held back, when nothing follows.
    pub(crate) fn end(&mut self) -> Vec<Delta> {
        let scrubber = self.known.now();
        let mut out = Vec::new();
        self.end_texts(&scrubber, &mut out);
        for (id, mut held) in std::mem::take(&mut self.calls) {
            let fragment = held.end(&scrubber);
            if !fragment.is_empty() {
                out.push(Delta::ToolCallArguments { id, fragment });
            }
        }
        out
    }

    fn end_texts(&mut self, scrubber: &Scrubber, out: &mut Vec<Delta>) {
        let (thinking, text) = (self.thinking.end(scrubber), self.text.end(scrubber));
        if !thinking.is_empty() {
            out.push(Delta::Thinking(thinking));
        }
        if !text.is_empty() {
            out.push(Delta::Text(text));
        }
    }

    fn one(&mut self, scrubber: &Scrubber, delta: Delta, out: &mut Vec<Delta>) {
        // Another kind of piece ends the text before it.
        match &delta {
            Delta::Text(_) | Delta::Thinking(_) | Delta::ToolCallArguments { .. } | Delta::Usage(_) => {}
            _ => self.end_texts(scrubber, out),
        }
        let delta = match delta {
            Delta::Text(text) => {
                let thinking = self.thinking.end(scrubber);
                out.extend((!thinking.is_empty()).then_some(Delta::Thinking(thinking)));
                Delta::Text(self.text.push(scrubber, text))
            }
            Delta::Thinking(text) => {
                let before = self.text.end(scrubber);
                out.extend((!before.is_empty()).then_some(Delta::Text(before)));
                Delta::Thinking(self.thinking.push(scrubber, text))
            }
            Delta::ToolCallArguments { id, fragment } => {
                let id = scrubber.text(&id).into_owned();
                let fragment = self.calls.entry(id.clone()).or_default().push(scrubber, fragment);
                Delta::ToolCallArguments { id, fragment }
            }
            Delta::ToolCallEnd { id } => {
                let id = scrubber.text(&id).into_owned();
                let rest = self.calls.remove(&id).map(|mut held| held.end(scrubber)).unwrap_or_default();
                out.extend((!rest.is_empty()).then(|| Delta::ToolCallArguments { id: id.clone(), fragment: rest }));
                Delta::ToolCallEnd { id }
            }
            other => whole(scrubber, other),
        };
        let empty = matches!(&delta, Delta::Text(text) | Delta::Thinking(text) if text.is_empty())
            || matches!(&delta, Delta::ToolCallArguments { fragment, .. } if fragment.is_empty());
        if !empty {
            out.push(delta);
        }
    }
}

/// A piece that is whole in itself.
fn whole(scrubber: &Scrubber, delta: Delta) -> Delta {
    let text = |mut text: String| {
        scrubber.string(&mut text);
        text
    };
    match delta {
        Delta::ThinkingSignature(seal) => Delta::ThinkingSignature(text(seal)),
        Delta::ThinkingRedacted(block) => Delta::ThinkingRedacted(text(block)),
        Delta::ToolCallStart { id, name } => Delta::ToolCallStart { id: text(id), name: text(name) },
        Delta::Notice(words) => Delta::Notice(text(words)),
        Delta::Other(mut value) => {
            scrubber.json(&mut value);
            Delta::Other(value)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests;

//! Puts an answer together from its pieces.
//!
//! Owns the knowledge of which tool calls are whole. A call without its end, or in
//! an answer that the output limit or a refusal cut off, is never offered for
//! running.

use crate::limits::{ANSWER_BYTES, CALLS_PER_ANSWER};
use skynet_core::event::TurnEventKind;
use skynet_core::{Completion, Delta, Message, Part, Role, StopReason, Thinking, ToolCall, Usage};

/// An answer that is still coming.
#[derive(Default)]
pub(crate) struct Draft {
    parts: Vec<Part>,
    /// Of each call, in order: the id on the wire and whether it ended.
    calls: Vec<(String, bool)>,
    usage: Usage,
    bytes: usize,
}

/// A call as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) call: ToolCall,
    /// Whether it may run.
    pub(crate) whole: bool,
}

/// A complete answer.
pub(crate) struct Answer {
    pub(crate) message: Message,
    pub(crate) stop: StopReason,
    pub(crate) usage: Usage,
    pub(crate) calls: Vec<Asked>,
}

impl Draft {
    /// Takes one piece; gives what listeners should hear of it at once.
    pub(crate) fn take(&mut self, delta: Delta) -> Option<TurnEventKind> {
        // Pieces without content count too: each may become a part.
        self.bytes += 16;
        match delta {
            Delta::Text(delta) => return self.text_piece(delta),
            Delta::Thinking(delta) => return self.thinking_piece(delta),
            Delta::ThinkingSignature(signature) => {
                self.bytes += signature.len();
                self.change_thinking(|block| block.signature = Some(signature));
            }
            Delta::ThinkingRedacted(redacted) => {
                self.bytes += redacted.len();
                self.parts.push(Part::Thinking { thinking: Thinking { redacted: Some(redacted), ..Thinking::default() } });
            }
            Delta::ToolCallStart { id, name } => self.start_call(id, name),
            Delta::ToolCallArguments { id, fragment } => {
                self.bytes += fragment.len();
                if let Some(call) = self.call_of(&id) {
                    call.arguments.push_str(&fragment);
                }
            }
            Delta::ToolCallEnd { id } => {
                if let Some((_, ended)) = self.calls.iter_mut().rev().find(|(wire, _)| *wire == id) {
                    *ended = true;
                }
            }
            Delta::Usage(usage) => self.usage = usage,
            // `CompletionItem::End` has the last word on this.
            Delta::Stop(_) => {}
            Delta::Notice(text) => {
                self.bytes += text.len();
                return Some(TurnEventKind::Notice { text });
            }
            Delta::Other(value) => {
                self.bytes += value.to_string().len();
                self.parts.push(Part::Other { value });
            }
        }
        None
    }

    fn text_piece(&mut self, delta: String) -> Option<TurnEventKind> {
        if delta.is_empty() {
            return None;
        }
        self.bytes += delta.len();
        match self.parts.last_mut() {
            Some(Part::Text { text }) => text.push_str(&delta),
            _ => self.parts.push(Part::text(delta.clone())),
        }
        Some(TurnEventKind::Text { delta })
    }

    fn thinking_piece(&mut self, delta: String) -> Option<TurnEventKind> {
        if delta.is_empty() {
            return None;
        }
        self.bytes += delta.len();
        self.change_thinking(|block| block.text.push_str(&delta));
        Some(TurnEventKind::Thinking { delta })
    }

    /// Changes the block that is being written: the last part, unless it is sealed.
    fn change_thinking(&mut self, change: impl FnOnce(&mut Thinking)) {
        match self.parts.last_mut() {
            Some(Part::Thinking { thinking }) if thinking.signature.is_none() && thinking.redacted.is_none() => change(thinking),
            _ => {
                let mut thinking = Thinking::default();
                change(&mut thinking);
                self.parts.push(Part::Thinking { thinking });
            }
        }
    }

    /// Two calls of one answer never share an id, whatever the server does.
    fn start_call(&mut self, wire: String, name: String) {
        self.bytes += wire.len() + name.len();
        let taken = |id: &str| self.parts.iter().any(|part| matches!(part, Part::ToolCall { call } if call.id == id));
        let base = if wire.is_empty() { "call".to_owned() } else { wire.clone() };
        let mut id = base.clone();
        let mut number = 1;
        while taken(&id) {
            number += 1;
            id = format!("{base}-{number}");
        }
        self.parts.push(Part::ToolCall { call: ToolCall { id, name, arguments: String::new() } });
        self.calls.push((wire, false));
    }

    fn call_of(&mut self, wire: &str) -> Option<&mut ToolCall> {
        let place = self.calls.iter().rposition(|(known, _)| known == wire)?;
        let mut calls = self.parts.iter_mut().filter_map(|part| match part {
            Part::ToolCall { call } => Some(call),
            _ => None,
        });
        calls.nth(place)
    }

    /// Whether the answer is larger than any honest one.
    pub(crate) fn is_too_large(&self) -> bool {
        self.bytes > ANSWER_BYTES || self.calls.len() > CALLS_PER_ANSWER
    }

    /// The visible text so far.
    pub(crate) fn text(&self) -> String {
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// What was counted so far.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// The end.
    pub(crate) fn finish(self, end: Completion) -> Answer {
        let usage = if end.usage == Usage::default() { self.usage } else { end.usage };
        let cut_off = matches!(end.stop, StopReason::MaxTokens | StopReason::Refusal);
        let message = Message { role: Role::Assistant, parts: self.parts };
        let calls = message.tool_calls().zip(&self.calls).map(|(call, (_, ended))| Asked { call: call.clone(), whole: *ended && !cut_off });
        let calls = calls.collect();
        Answer { message, stop: end.stop, usage, calls }
    }
}

impl Answer {
    /// Takes the calls out, for an answer that must not ask for any.
    pub(crate) fn without_calls(mut self) -> Self {
        self.message.parts.retain(|part| !matches!(part, Part::ToolCall { .. }));
        self.calls.clear();
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(id: &str, name: &str) -> Delta {
        Delta::ToolCallStart { id: id.into(), name: name.into() }
    }

    fn piece(id: &str, fragment: &str) -> Delta {
        Delta::ToolCallArguments { id: id.into(), fragment: fragment.into() }
    }

    fn answer(deltas: Vec<Delta>, stop: StopReason) -> Answer {
        let mut draft = Draft::default();
        for delta in deltas {
            draft.take(delta);
        }
        draft.finish(Completion { stop, usage: Usage::default() })
    }

    fn whole(answer: &Answer) -> Vec<(&str, &str, bool)> {
        answer.calls.iter().map(|asked| (asked.call.id.as_str(), asked.call.arguments.as_str(), asked.whole)).collect()
    }

    #[test]
    fn interleaved_calls_keep_their_own_arguments() {
        let deltas = vec![
            start("a", "x"),
            start("b", "y"),
            piece("a", "{\"n\":"),
            piece("b", "{}"),
            piece("a", "1}"),
            Delta::ToolCallEnd { id: "b".into() },
            Delta::ToolCallEnd { id: "a".into() },
        ];
        assert_eq!(whole(&answer(deltas, StopReason::ToolUse)), [("a", "{\"n\":1}", true), ("b", "{}", true)]);
    }

    #[test]
    fn a_call_without_an_end_or_in_a_cut_answer_is_not_whole() {
        let ended = |id: &str| Delta::ToolCallEnd { id: id.into() };
        let deltas = vec![start("a", "x"), ended("a"), start("b", "y"), piece("b", "{")];
        assert_eq!(whole(&answer(deltas.clone(), StopReason::ToolUse)), [("a", "", true), ("b", "{", false)]);
        assert_eq!(whole(&answer(deltas, StopReason::MaxTokens)), [("a", "", false), ("b", "{", false)]);
    }

    #[test]
    fn a_repeated_or_empty_id_is_made_unique() {
        let ended = |id: &str| Delta::ToolCallEnd { id: id.into() };
        let deltas = vec![start("0", "x"), piece("0", "{}"), ended("0"), start("0", "y"), piece("0", "[]"), ended("0"), start("", "z")];
        assert_eq!(whole(&answer(deltas, StopReason::ToolUse)), [("0", "{}", true), ("0-2", "[]", true), ("call", "", false)]);
    }

    #[test]
    fn a_seal_closes_its_thinking_block_and_no_byte_of_it_changes() {
        let deltas = vec![
            Delta::Thinking("a ".into()),
            Delta::Thinking(" b".into()),
            Delta::ThinkingSignature("S1==".into()),
            Delta::Thinking("c".into()),
            Delta::ThinkingSignature("S2".into()),
            Delta::ThinkingRedacted("R".into()),
            Delta::Text("hi".into()),
        ];
        let thinking = |text: &str, signature: Option<&str>, redacted: Option<&str>| Part::Thinking {
            thinking: Thinking { text: text.into(), signature: signature.map(Into::into), redacted: redacted.map(Into::into) },
        };
        let answer = answer(deltas, StopReason::EndTurn);
        let want = [thinking("a  b", Some("S1=="), None), thinking("c", Some("S2"), None), thinking("", None, Some("R")), Part::text("hi")];
        assert_eq!(answer.message.parts, want);
    }

    #[test]
    fn a_provider_that_never_stops_talking_is_noticed() {
        let mut draft = Draft::default();
        draft.take(Delta::Thinking("x".repeat(ANSWER_BYTES - 32)));
        assert!(!draft.is_too_large());
        draft.take(Delta::Text("yy".into()));
        assert!(draft.is_too_large());

        let mut draft = Draft::default();
        draft.take(Delta::Notice("x".repeat(ANSWER_BYTES)));
        assert!(draft.is_too_large(), "what is told beside the answer counts, too");

        let mut draft = Draft::default();
        for _ in 0..=CALLS_PER_ANSWER {
            assert!(!draft.is_too_large());
            draft.take(start("", "x"));
        }
        assert!(draft.is_too_large());
    }
}

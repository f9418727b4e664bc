//! The conversation of one turn, and what of it a given model is sent.
//!
//! Owns the repair of history: every tool call gets exactly one result, no result
//! stands without its call, and history starts with a person. Also what must not
//! travel: another model's reasoning, and images to a model that sees none.

use crate::result::INTERRUPTED;
use skynet_core::ports::ModelEntry;
use skynet_core::session::StoredMessage;
use skynet_core::{Blob, Message, Part, ResultPart, Role, ToolCall, ToolResult};

/// One message and, of an assistant's, the model that wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) message: Message,
    pub(crate) model: Option<String>,
}

/// The conversation.
pub(crate) struct Context {
    lines: Vec<Line>,
    /// Lines before this one may be left out when the conversation is too long.
    own: usize,
    /// The person's new message, if that is what is to be answered.
    newest: Option<usize>,
    /// Stands before the newest message in requests, and nowhere else.
    now: String,
}

impl Context {
    /// A stored conversation and the person's new message.
    pub(crate) fn of_session(history: Vec<StoredMessage>, new: Message, now: String) -> Self {
        let stored = history.into_iter().map(|stored| Line { message: stored.message, model: stored.answer.map(|answer| answer.model) });
        let stored: Vec<Line> = stored.skip_while(|line| line.message.role != Role::User).collect();
        let mut lines = repair(stored);
        let own = lines.len();
        lines.push(Line { message: new, model: None });
        Self { lines, own, newest: Some(own), now }
    }

    /// A conversation that the client brought.
    pub(crate) fn of_client(messages: Vec<Message>, now: String) -> Self {
        let lines = repair(messages.into_iter().map(|message| Line { message, model: None }).collect());
        let newest = lines.len().checked_sub(1).filter(|last| lines.get(*last).is_some_and(|line| line.message.role == Role::User));
        // The client decides what to leave out.
        Self { lines, own: 0, newest, now }
    }

    pub(crate) fn push(&mut self, message: Message, model: Option<String>) {
        self.lines.push(Line { message, model });
    }

    /// Names of the tools that were called, oldest first.
    pub(crate) fn called(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| line.message.tool_calls()).map(|call| call.name.as_str())
    }

    /// What is to be answered, as far as it is text of a person.
    pub(crate) fn newest_text(&self) -> &str {
        let line = self.newest.and_then(|newest| self.lines.get(newest));
        let mut texts = line.into_iter().flat_map(|line| &line.message.parts).rev().filter_map(|part| match part {
            Part::Text { text } => Some(text.as_str()),
            _ => None,
        });
        texts.next().unwrap_or_default()
    }

    /// Leaves out the older half of what came before this turn, up to a message of
    /// a person. `false` when nothing is left to leave out.
    pub(crate) fn forget_older_half(&mut self) -> bool {
        if self.own == 0 {
            return false;
        }
        let people = |place: &usize| self.lines.get(*place).is_some_and(|line| line.message.role == Role::User);
        let half = self.own.div_ceil(2);
        let end = (half..self.own).find(people).unwrap_or(self.own);
        self.lines.drain(..end);
        self.own -= end;
        self.newest = self.newest.and_then(|newest| newest.checked_sub(end));
        true
    }

    /// What this model is sent. `note` comes last, as if the person had said it.
    pub(crate) fn for_model(&self, model: &ModelEntry, note: Option<&str>) -> Vec<Message> {
        let name = model.full_name();
        let sees = model.info.can("images");
        let mut messages = Vec::with_capacity(self.lines.len() + 1);
        for (place, line) in self.lines.iter().enumerate() {
            let same = line.model.as_deref() == Some(name.as_str());
            let mut parts: Vec<Part> = line.message.parts.iter().filter_map(|part| fit(part, same, sees)).collect();
            if Some(place) == self.newest {
                parts.insert(0, Part::text(format!("{}\n", self.now)));
            }
            if !parts.is_empty() {
                messages.push(Message { role: line.message.role, parts });
            }
        }
        messages.extend(note.map(|note| Message::text(Role::User, note)));
        messages
    }
}

/// The part as this model may have it.
fn fit(part: &Part, same_model: bool, sees: bool) -> Option<Part> {
    match part {
        Part::Thinking { thinking } => {
            // Without a seal it is for people only; with one it is for its maker only.
            let sealed = thinking.signature.is_some() || thinking.redacted.is_some();
            (same_model && sealed).then(|| part.clone())
        }
        Part::Other { .. } => same_model.then(|| part.clone()),
        Part::Text { text } if text.is_empty() => None,
        Part::Image { image } if !sees => Some(Part::text(unseen(image))),
        Part::ToolResult { result } if !sees => {
            let content = result.content.iter().map(|piece| match piece {
                ResultPart::Image { image } => ResultPart::text(unseen(image)),
                other => other.clone(),
            });
            Some(Part::ToolResult { result: ToolResult { content: content.collect(), ..result.clone() } })
        }
        other => Some(other.clone()),
    }
}

fn unseen(image: &Blob) -> String {
    format!("[an image ({}, {} bytes) was left out: this model cannot see images]", image.mime, image.data.len())
}

/// Gives every call exactly one result, in the order of the calls and in one
/// message right after them, and drops results that nobody asked for.
fn repair(lines: Vec<Line>) -> Vec<Line> {
    let mut repaired: Vec<Line> = Vec::with_capacity(lines.len());
    let mut open: Vec<ToolCall> = Vec::new();
    let mut found: Vec<ToolResult> = Vec::new();
    for line in lines {
        if line.message.role == Role::Tool {
            found.extend(line.message.parts.into_iter().filter_map(|part| match part {
                Part::ToolResult { result } => Some(result),
                _ => None,
            }));
            continue;
        }
        close(&mut repaired, &mut open, &mut found);
        if line.message.role == Role::Assistant {
            open = line.message.tool_calls().cloned().collect();
        }
        repaired.push(line);
    }
    close(&mut repaired, &mut open, &mut found);
    repaired
}

fn close(repaired: &mut Vec<Line>, open: &mut Vec<ToolCall>, found: &mut Vec<ToolResult>) {
    let results = std::mem::take(found);
    let calls = std::mem::take(open);
    if calls.is_empty() {
        return;
    }
    let result_of = |call: ToolCall| {
        let found = results.iter().find(|result| result.id == call.id).cloned();
        let result = found.unwrap_or_else(|| crate::result::refused(&call, INTERRUPTED));
        Part::ToolResult { result }
    };
    let parts = calls.into_iter().map(result_of).collect();
    repaired.push(Line { message: Message { role: Role::Tool, parts }, model: None });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `u` person, `a` answer, `a:1,2` answer with calls, `t:1` results.
    fn lines(text: &str) -> Vec<Line> {
        let line = |word: &str| {
            let (role, ids) = word.split_once(':').unwrap_or((word, ""));
            let ids = ids.split(',').filter(|id| !id.is_empty()).map(str::to_owned);
            let message = match role {
                "u" => Message::text(Role::User, "u"),
                "a" => {
                    let call = |id| Part::ToolCall { call: ToolCall { id, name: "t".into(), arguments: "{}".into() } };
                    Message { role: Role::Assistant, parts: ids.map(call).collect() }
                }
                _ => {
                    let result = |id: String| Part::ToolResult {
                        result: ToolResult { id, name: "t".into(), content: vec![ResultPart::text("ok")], is_error: false },
                    };
                    Message { role: Role::Tool, parts: ids.map(result).collect() }
                }
            };
            Line { message, model: None }
        };
        text.split_whitespace().map(line).collect()
    }

    /// As above; an error result is `!id`.
    fn shape(lines: &[Line]) -> String {
        let one = |line: &Line| {
            let ids = line.message.parts.iter().filter_map(|part| match part {
                Part::ToolCall { call } => Some(call.id.clone()),
                Part::ToolResult { result } => Some(format!("{}{}", if result.is_error { "!" } else { "" }, result.id)),
                _ => None,
            });
            let ids: Vec<String> = ids.collect();
            let role = match line.message.role {
                Role::User => "u",
                Role::Assistant => "a",
                Role::Tool => "t",
            };
            if ids.is_empty() { role.to_owned() } else { format!("{role}:{}", ids.join(",")) }
        };
        lines.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn check(stored: &str, want: &str) {
        assert_eq!(shape(&repair(lines(stored))), want, "from {stored}");
    }

    #[test]
    fn every_call_has_one_result_and_every_result_a_call() {
        check("u a:1 t:1 a", "u a:1 t:1 a");
        check("u a:1,2 t:2 u a", "u a:1,2 t:!1,2 u a");
        check("u a:1", "u a:1 t:!1");
        check("u a:1 a", "u a:1 t:!1 a");
        check("t:9 u t:8 a", "u a");
        check("u a:1,2 t:2 t:1 a", "u a:1,2 t:1,2 a");
        check("u a:1 t:1,1,7 a:1 t:1", "u a:1 t:1 a:1 t:1");
    }

    #[test]
    fn stored_history_starts_with_a_person() {
        let stored = |line: Line| StoredMessage { index: 1, id: "x".into(), message: line.message, at_ms: 0, answer: None };
        let history = lines("t:1 a a:2 t:2 u a").into_iter().map(stored).collect();
        let context = Context::of_session(history, Message::text(Role::User, "new"), String::new());
        assert_eq!(shape(&context.lines), "u a u");
    }

    #[test]
    fn forgetting_keeps_whole_exchanges_and_the_present_turn() {
        let stored = |line: Line| StoredMessage { index: 1, id: "x".into(), message: line.message, at_ms: 0, answer: None };
        let history = lines("u a:1 t:1 a u a u a").into_iter().map(stored).collect();
        let mut context = Context::of_session(history, Message::text(Role::User, "new"), String::new());
        let mut seen = Vec::new();
        while context.forget_older_half() {
            seen.push(shape(&context.lines));
        }
        assert_eq!(seen, ["u a u a u", "u a u", "u"]);
    }
}

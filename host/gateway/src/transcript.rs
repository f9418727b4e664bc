//! Messages as clients read them: rows of `chat.history` and of chat events.
//!
//! Owns what is left out: seals of reasoning, bytes of images, messages that are too
//! large for a client. Text never comes with anything that the host added for the model.

use crate::limits::HISTORY_MESSAGE_BYTES;
use serde_json::{Map, Value, json};
use skynet_core::session::StoredMessage;
use skynet_core::{Part, ResultPart, Role, StopReason, Usage};

/// An answer of text alone.
pub(crate) fn answer(text: &str, ts: u64) -> Value {
    json!({"role": "assistant", "content": [{"type": "text", "text": text}], "timestamp": ts})
}

/// Names the model, `provider/model`, that an answer is of.
pub(crate) fn name_model(message: &mut Value, full_name: &str) {
    if let Some(row) = message.as_object_mut() {
        let (provider, model) = full_name.split_once('/').unwrap_or(("", full_name));
        row.insert("api".into(), provider.into());
        row.insert("provider".into(), provider.into());
        row.insert("model".into(), model.into());
    }
}

/// Token counts in the names of the protocol.
pub(crate) fn usage(usage: &Usage) -> Value {
    json!({
        "input": usage.input, "output": usage.output, "cacheRead": usage.cache_read, "cacheWrite": usage.cache_write,
        "totalTokens": usage.input.saturating_add(usage.output), "cost": {"total": 0},
    })
}

/// Why it stopped, in the words of the protocol; `None` is an abort.
pub(crate) fn stop_reason(stop: Option<&StopReason>) -> &'static str {
    match stop {
        None => "aborted",
        Some(StopReason::ToolUse) => "toolUse",
        Some(StopReason::MaxTokens) => "length",
        Some(StopReason::Refusal) => "refusal",
        Some(_) => "stop",
    }
}

/// What a tool gave, as content parts.
pub(crate) fn result_content(parts: &[ResultPart]) -> Value {
    let part = |part: &ResultPart| match part {
        ResultPart::Text { text } => json!({"type": "text", "text": text}),
        ResultPart::Json { value } => json!({"type": "text", "text": value.to_string()}),
        ResultPart::Image { image } => json!({"type": "image", "mimeType": image.mime, "omitted": true, "bytes": image.data.len()}),
    };
    parts.iter().map(part).collect()
}

/// A stored message as rows: one, or one for each tool result in it.
pub(crate) fn rows(stored: &StoredMessage, max_chars: Option<usize>) -> Vec<Value> {
    let rows: Vec<Value> = match stored.message.role {
        Role::User => vec![json!({"role": "user", "content": content(stored, max_chars)})],
        Role::Assistant => vec![assistant(stored, max_chars)],
        Role::Tool => stored.message.parts.iter().filter_map(|part| tool_result(part, max_chars)).collect(),
    };
    rows.into_iter().map(|row| finish(row, stored)).collect()
}

fn finish(row: Value, stored: &StoredMessage) -> Value {
    let Value::Object(mut row) = row else { return row };
    if row.get("content").is_some_and(|content| content.to_string().len() > HISTORY_MESSAGE_BYTES) {
        row.insert("content".into(), json!([{"type": "text", "text": "[this message is too large to be shown here]"}]));
    }
    row.insert("timestamp".into(), stored.at_ms.into());
    row.insert("__openclaw".into(), json!({"id": stored.id, "seq": stored.index}));
    Value::Object(row)
}

fn assistant(stored: &StoredMessage, max_chars: Option<usize>) -> Value {
    let mut row = Map::new();
    row.insert("role".into(), "assistant".into());
    row.insert("content".into(), content(stored, max_chars));
    let Some(answer) = &stored.answer else { return Value::Object(row) };
    row.insert("usage".into(), usage(&answer.usage));
    row.insert("stopReason".into(), stop_reason(answer.stop.as_ref()).into());
    let mut row = Value::Object(row);
    name_model(&mut row, &answer.model);
    row
}

fn content(stored: &StoredMessage, max_chars: Option<usize>) -> Value {
    stored.message.parts.iter().filter_map(|part| shown(part, max_chars)).collect()
}

fn shown(part: &Part, max_chars: Option<usize>) -> Option<Value> {
    match part {
        Part::Text { text } => Some(json!({"type": "text", "text": cut(text, max_chars)})),
        Part::Image { image } => Some(json!({"type": "image", "mimeType": image.mime, "omitted": true, "bytes": image.data.len()})),
        Part::Thinking { thinking } if thinking.text.is_empty() => None,
        Part::Thinking { thinking } => Some(json!({"type": "thinking", "thinking": cut(&thinking.text, max_chars)})),
        Part::ToolCall { call } => {
            let arguments = serde_json::from_str::<Value>(&call.arguments).unwrap_or_else(|_| json!({"raw": call.arguments}));
            Some(json!({"type": "toolCall", "id": call.id, "name": call.name, "arguments": arguments}))
        }
        Part::ToolResult { result } => Some(json!({"type": "text", "text": cut(&result.to_text(), max_chars)})),
        Part::Other { .. } => None,
    }
}

fn tool_result(part: &Part, max_chars: Option<usize>) -> Option<Value> {
    let Part::ToolResult { result } = part else { return None };
    let text = result.to_text();
    Some(json!({
        "role": "toolResult", "toolCallId": result.id, "toolName": result.name, "isError": result.is_error,
        "content": [{"type": "text", "text": cut(&text, max_chars)}],
    }))
}

/// A text of so many characters at most, with a mark where it was cut.
pub(crate) fn cut(text: &str, max_chars: Option<usize>) -> String {
    match max_chars.and_then(|most| text.char_indices().nth(most)) {
        Some((end, _)) => format!("{}\n...(truncated)...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_core::session::AnswerMeta;
    use skynet_core::{Blob, Message, Thinking, ToolCall, ToolResult};

    fn check(message: Message, answer: Option<AnswerMeta>, expected: Value) {
        let stored = StoredMessage { index: 3, id: "m3".into(), message, at_ms: 1000, answer };
        assert_eq!(Value::from(rows(&stored, Some(5))), expected);
    }

    #[test]
    fn a_persons_message_shows_its_text_and_not_its_bytes() {
        let image = Blob { mime: "image/png".into(), data: vec![1, 2, 3] };
        let content = json!([
            {"type": "text", "text": "hello\n...(truncated)..."},
            {"type": "image", "mimeType": "image/png", "omitted": true, "bytes": 3},
        ]);
        check(
            Message { role: Role::User, parts: vec![Part::text("hello world"), Part::Image { image }] },
            None,
            json!([{"role": "user", "content": content, "timestamp": 1000, "__openclaw": {"id": "m3", "seq": 3}}]),
        );
    }

    #[test]
    fn an_answer_shows_calls_and_reasoning_without_seals() {
        let call = ToolCall { id: "c".into(), name: "t".into(), arguments: "{broken".into() };
        let thinking = Thinking { text: "hm".into(), signature: Some("seal".into()), redacted: None };
        let usage = Usage { input: 2, output: 3, ..Usage::default() };
        check(
            Message { role: Role::Assistant, parts: vec![Part::Thinking { thinking }, Part::ToolCall { call }] },
            Some(AnswerMeta { model: "p/m/x".into(), stop: Some(StopReason::ToolUse), usage }),
            json!([{
                "role": "assistant", "api": "p", "provider": "p", "model": "m/x", "stopReason": "toolUse", "timestamp": 1000,
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "toolCall", "id": "c", "name": "t", "arguments": {"raw": "{broken"}},
                ],
                "usage": {"input": 2, "output": 3, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 5, "cost": {"total": 0}},
                "__openclaw": {"id": "m3", "seq": 3},
            }]),
        );
    }

    #[test]
    fn each_tool_result_is_a_row() {
        let result = |id: &str| Part::ToolResult {
            result: ToolResult { id: id.into(), name: "t".into(), content: vec![ResultPart::text("ok")], is_error: false },
        };
        let row = |id: &str| {
            json!({
                "role": "toolResult", "toolCallId": id, "toolName": "t", "isError": false, "timestamp": 1000,
                "content": [{"type": "text", "text": "ok"}], "__openclaw": {"id": "m3", "seq": 3},
            })
        };
        check(Message { role: Role::Tool, parts: vec![result("a"), result("b")] }, None, json!([row("a"), row("b")]));
    }

    #[test]
    fn a_huge_message_is_replaced_by_a_note() {
        let stored = StoredMessage {
            index: 1,
            id: "m".into(),
            message: Message::text(Role::User, "x".repeat(HISTORY_MESSAGE_BYTES + 1)),
            at_ms: 0,
            answer: None,
        };
        assert!(rows(&stored, None)[0].to_string().contains("too large to be shown"));
    }
}

//! One turn from a terminal: send, print what comes, end with the end.
//!
//! Ctrl-C stops the turn, not the program. What a model, a tool or a server says is text and nothing
//! else: the same terminal is where an owner answers proposals.

use crate::client::{Client, answer};
use crate::exit::{Kind, fail};
use crate::output::Out;
use crate::plain::{spoken, visible};
use anyhow::Result;
use serde_json::{Value, json};
use skynet_policy::naming::plain_line;
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How a turn ended.
pub(crate) struct Ended {
    pub(crate) text: String,
    pub(crate) usage: Value,
    /// `provider/model` that answered; null where nothing was said.
    pub(crate) model: Value,
    /// What the host had to say beside the answer, such as that another model was asked.
    pub(crate) notices: Vec<String>,
}

/// What was printed so far.
struct Screen<'a> {
    out: &'a Out,
    shown: String,
    at_line_start: bool,
    notices: Vec<String>,
}

impl Screen<'_> {
    /// Prints what `text` adds to what was shown.
    fn show(&mut self, text: &str) {
        let added = text.strip_prefix(self.shown.as_str()).unwrap_or(text);
        if added.is_empty() {
            return;
        }
        if !self.out.json {
            let mut stdout = std::io::stdout();
            // A closed pipe is the reader's word that it has enough.
            let _ = write!(stdout, "{}", spoken(added)).and_then(|()| stdout.flush());
        }
        self.at_line_start = added.ends_with('\n');
        self.shown = text.to_owned();
    }

    fn aside(&mut self, text: &str) {
        if self.out.json {
            return;
        }
        if !self.at_line_start {
            eprintln_line("");
            self.at_line_start = true;
        }
        eprintln_line(&self.out.paint("2", text));
    }

    fn end(&mut self) {
        if !self.at_line_start && !self.out.json {
            let _ = writeln!(std::io::stdout());
        }
    }
}

fn eprintln_line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A name for a new turn. The same line under the same name is one turn, however often it is sent.
pub(crate) fn name() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Runs the turn of that name to its end.
pub(crate) async fn run(client: &mut Client, session: &str, message: &str, run: &str, limit: Duration, out: &Out) -> Result<Ended> {
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let params = json!({ "sessionKey": session, "message": message, "idempotencyKey": run, "timeoutMs": limit_ms });
    let request = client.send("chat.send", params).await?;
    let mut screen = Screen { out, shown: String::new(), at_line_start: true, notices: Vec::new() };
    // The host ends the turn at `limit`; a little more is for its last word.
    let deadline = Instant::now() + limit + Duration::from_secs(10);
    loop {
        let frame = tokio::select! {
            frame = timeout_at(deadline, client.frame()) => frame.map_err(|_| fail(Kind::TryLater, "the answer took too long"))??,
            _ = tokio::signal::ctrl_c() => {
                client.send("chat.abort", json!({ "sessionKey": session, "runId": run })).await?;
                continue;
            }
        };
        if frame["type"] == "res" && frame["id"] == request.as_str() {
            // Only where the line was sent before: no event comes of a turn that is over.
            if answer(frame)?["status"] == "ok" {
                anyhow::bail!("the host answered while it could not be heard; what it said is in the session");
            }
            continue;
        }
        let payload = &frame["payload"];
        if payload["runId"] != run {
            continue;
        }
        match frame["event"].as_str() {
            Some("agent") => agent_event(&mut screen, payload),
            Some("chat") => {
                if let Some(ended) = chat_event(&mut screen, payload)? {
                    return Ok(ended);
                }
            }
            _ => {}
        }
    }
}

fn agent_event(screen: &mut Screen<'_>, payload: &Value) {
    if payload["stream"] == "assistant" {
        screen.show(payload["data"]["text"].as_str().unwrap_or_default());
    }
    if payload["stream"] == "notice" {
        screen.notices.push(payload["data"]["text"].as_str().unwrap_or_default().to_owned());
    }
    asides(payload).iter().for_each(|line| screen.aside(line));
}

/// Lines beside the answer, each made plain: what runs, what it says meanwhile, what the host notes.
fn asides(payload: &Value) -> Vec<String> {
    let data = &payload["data"];
    let text = |key: &str| data[key].as_str().unwrap_or_default();
    match (payload["stream"].as_str(), data["phase"].as_str()) {
        (Some("tool"), Some("start")) => {
            let arguments: String = data["args"].to_string().chars().take(120).collect();
            vec![format!("· {} {}", visible(text("name")), visible(&arguments))]
        }
        // Not in the answer: what the model makes of it comes later.
        (Some("tool"), Some("update")) => {
            text("delta").lines().filter(|line| !line.trim().is_empty()).map(|line| format!("  {}", plain_line(line, 500))).collect()
        }
        (Some("notice"), _) => vec![format!("! {}", visible(text("text")))],
        _ => Vec::new(),
    }
}

fn text_of(payload: &Value) -> String {
    let parts = payload["message"]["content"].as_array().into_iter().flatten();
    parts.filter_map(|part| part["text"].as_str()).collect()
}

fn model_of(message: &Value) -> Value {
    match (message["provider"].as_str(), message["model"].as_str()) {
        (Some(""), Some(model)) => model.into(),
        (Some(provider), Some(model)) => format!("{provider}/{model}").into(),
        _ => Value::Null,
    }
}

fn chat_event(screen: &mut Screen<'_>, payload: &Value) -> Result<Option<Ended>> {
    match payload["state"].as_str() {
        Some("final") => {
            let text = text_of(payload);
            screen.show(&text);
            screen.end();
            let (usage, notices) = (payload["usage"].clone(), std::mem::take(&mut screen.notices));
            Ok(Some(Ended { text, usage, model: model_of(&payload["message"]), notices }))
        }
        Some("aborted") => {
            screen.end();
            Err(fail(Kind::TryLater, "the turn was stopped; what was said is kept in the session"))
        }
        Some("error") => {
            screen.end();
            anyhow::bail!("{}", payload["errorMessage"].as_str().unwrap_or("the turn failed; see the host's log"))
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_beside_an_answer_moves_a_cursor_or_begins_a_line() {
        let hostile = "x\u{1b}[2J\u{9b}1m\n> yes\u{202e}";
        let events = [
            json!({ "stream": "tool", "data": { "phase": "start", "name": hostile, "args": { hostile: hostile } } }),
            json!({ "stream": "tool", "data": { "phase": "update", "delta": hostile } }),
            json!({ "stream": "notice", "data": { "text": hostile } }),
        ];
        for event in events {
            let lines = asides(&event);
            assert!(!lines.is_empty() && lines.iter().all(|line| !line.contains(['\u{1b}', '\u{9b}', '\n', '\u{202e}'])), "{lines:?}");
        }
        assert!(asides(&json!({ "stream": "assistant", "data": { "text": "hello" } })).is_empty());
    }
}

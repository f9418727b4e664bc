//! `events` in `calls.json`: what a channel is told, and the actions that should come of it.
//!
//! One event each: a channel keeps nothing between two but what it asks to be saved.

use super::super::bed::Bed;
use super::came::Came;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skynet_core::channel::{Action, Event, Frame};

/// One event and the actions that should come.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct GoldenEvent {
    /// For the report.
    pub(in super::super) name: String,
    event: Told,
    expect: Expected,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// All of them, in order; of each, what is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    actions: Option<Vec<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// An event as its author writes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum Told {
    Started {
        #[serde(default)]
        state: String,
    },
    /// A frame of text, or of the bytes that `hex` names.
    Frame {
        source: String,
        #[serde(default)]
        text: Option<String>,
        #[serde(default)]
        hex: Option<String>,
    },
    Timer {
        timer: String,
    },
    Reply {
        conversation: String,
        text: String,
        #[serde(default)]
        partial: bool,
        #[serde(default)]
        in_reply_to: Option<String>,
    },
    Typing {
        conversation: String,
    },
    Connected {
        source: String,
    },
    Disconnected {
        source: String,
        #[serde(default)]
        reason: String,
    },
}

impl Told {
    /// The error is a sentence about the file.
    fn event(self) -> Result<Event, String> {
        Ok(match self {
            Self::Started { state } => Event::Started { state },
            Self::Frame { source, text: Some(text), hex: None } => Event::Frame(Frame { source, data: text.into_bytes(), is_text: true }),
            Self::Frame { source, text: None, hex: Some(hex) } => {
                let data = hex::decode(&hex).map_err(|error| format!("the hex of a frame: {error}"))?;
                Event::Frame(Frame { source, data, is_text: false })
            }
            Self::Frame { .. } => return Err("a frame holds either `text` or `hex`".into()),
            Self::Timer { timer } => Event::Timer { name: timer },
            Self::Reply { conversation, text, partial, in_reply_to } => {
                Event::Reply { conversation, text, attachments: Vec::new(), partial, in_reply_to }
            }
            Self::Typing { conversation } => Event::Typing { conversation },
            Self::Connected { source } => Event::Connected { source },
            Self::Disconnected { source, reason } => Event::Disconnected { source, reason },
        })
    }
}

/// Bytes as an author compares them.
fn bytes(data: &[u8]) -> (&'static str, Value) {
    match std::str::from_utf8(data) {
        Ok(text) => ("text", json!(text)),
        Err(_) => ("hex", json!(hex::encode(data))),
    }
}

fn shown(action: &Action) -> Value {
    match action {
        Action::Message(said) => json!({
            "kind": "message", "conversation": said.conversation, "message": said.message, "sender": said.sender,
            "sender_name": said.sender_name, "text": said.text, "is_direct": said.is_direct, "mentions_us": said.mentions_us,
            "attachments": said.attachments.iter().map(|blob| json!({ "mime": blob.mime, "bytes": blob.data.len() })).collect::<Vec<_>>(),
        }),
        Action::Send(frame) => {
            let (key, data) = bytes(&frame.data);
            json!({ "kind": "send", "source": frame.source, "is_text": frame.is_text, key: data })
        }
        Action::Request { source, method, url, headers, body } => {
            let (key, data) = bytes(body);
            json!({ "kind": "request", "source": source, "method": method, "url": url, "headers": headers, key: data })
        }
        Action::SetTimer { name, after_ms } => json!({ "kind": "set-timer", "timer": name, "after_ms": after_ms }),
        Action::SaveState { state } => json!({ "kind": "save-state", "state": state }),
        Action::Close { source, reason } => json!({ "kind": "close", "source": source, "reason": reason }),
        Action::Other(value) => json!({ "kind": "other", "value": value }),
    }
}

impl GoldenEvent {
    pub(in super::super) async fn tell(&self, bed: &Bed) -> Came {
        let event = match self.event.clone().event() {
            Ok(event) => event,
            Err(why) => return Came::Fault(why),
        };
        let actions = bed.host.handle(&bed.id, event).await;
        Came::of(actions, |actions| json!({ "actions": actions.iter().map(shown).collect::<Vec<_>>() }))
    }

    pub(in super::super) fn differs(&self, came: &Came) -> Option<String> {
        came.differs(&self.expect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(event: Value) -> Result<Event, String> {
        serde_json::from_value::<Told>(event).map_err(|error| error.to_string())?.event()
    }

    #[test]
    fn a_frame_is_text_or_bytes_and_a_misspelt_event_is_refused() {
        let frame = |data: &[u8], is_text| Event::Frame(Frame { source: "s".into(), data: data.to_vec(), is_text });
        assert_eq!(read(json!({ "kind": "frame", "source": "s", "text": "é" })).unwrap(), frame("é".as_bytes(), true));
        assert_eq!(read(json!({ "kind": "frame", "source": "s", "hex": "ff00" })).unwrap(), frame(&[0xff, 0], false));
        assert!(read(json!({ "kind": "frame", "source": "s" })).is_err());
        assert!(read(json!({ "kind": "frame", "source": "s", "txt": "x" })).is_err());
        assert!(read(json!({ "kind": "framed", "source": "s" })).is_err());
        assert!(matches!(read(json!({ "kind": "timer", "timer": "t" })).unwrap(), Event::Timer { name } if name == "t"));
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_as_hex() {
        let send = |data: &[u8]| shown(&Action::Send(Frame { source: "s".into(), data: data.to_vec(), is_text: false }));
        assert_eq!(send(b"hi")["text"], "hi");
        assert_eq!(send(&[0xff])["hex"], "ff");
    }
}

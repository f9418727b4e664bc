//! {{title}}: speaks a chat system's language. The host owns sockets, timers and reconnects;
//! this only says what an event means. Here, each text frame is a message of its socket.

use skynet_plugin_sdk::channel::{Action, Event, Frame, Incoming};
use skynet_plugin_sdk::{Channel, Description, Lifecycle, export_channel};

struct Plugin;

impl Lifecycle for Plugin {
    fn describe() -> Description {
        Description::new("{{title}}", "Each text frame is a message, each answer a frame.")
    }
}

impl Channel for Plugin {
    fn handle(event: Event) -> Result<Vec<Action>, String> {
        match event {
            Event::Frame(frame) => {
                let text = String::from_utf8(frame.data).map_err(|_| "a frame is no text".to_owned())?;
                Ok(vec![Action::Message(Incoming {
                    conversation: frame.source.clone(),
                    message: String::new(),
                    sender: frame.source,
                    sender_name: None,
                    text,
                    attachments: Vec::new(),
                    is_direct: true,
                    mentions_us: true,
                    extra: Vec::new(),
                })])
            }
            Event::Reply(reply) if !reply.partial => {
                Ok(vec![Action::Send(Frame { source: reply.conversation, data: reply.text.into_bytes(), is_text: true })])
            }
            _ => Ok(Vec::new()),
        }
    }
}

export_channel!(Plugin);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_frame_is_a_message() {
        let frame = Frame { source: "socket".to_owned(), data: b"hello".to_vec(), is_text: true };
        let actions = Plugin::handle(Event::Frame(frame)).unwrap();
        assert!(matches!(&actions[..], [Action::Message(message)] if message.text == "hello"));
    }
}

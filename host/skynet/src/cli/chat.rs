//! `skynet chat`: talk to the agent. In a terminal with line editing and history;
//! with a message, or a pipe, one answer on stdout.

mod owner;
mod terminal;
mod turn;

use crate::args::Chat;
use crate::client::Client;
use crate::home::Home;
use crate::output::Out;
use anyhow::{Context, Result};
use owner::Word;
use serde_json::json;
use std::io::{IsTerminal, Read};
use std::time::Duration;
use tokio::time::timeout;

pub(crate) async fn run(home: &Home, chat: Chat, out: &Out) -> Result<()> {
    let limit = Duration::from_secs(chat.timeout);
    if let Some(word) = chat.message.as_deref().and_then(Word::of) {
        return word.carry_out(home, out).await;
    }
    let mut client = Client::connect(home).await?;
    if let Some(model) = &chat.model {
        let patch = json!({ "key": chat.session, "model": model });
        timeout(limit, client.call("sessions.patch", patch)).await.context("the host did not answer")??;
    }
    let message = match chat.message {
        Some(message) => Some(message),
        None if std::io::stdin().is_terminal() => None,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("the message on stdin is no text")?;
            owner::refuse_from_a_pipe(&text)?;
            Some(text)
        }
    };
    match message {
        Some(message) => {
            let ended = turn::run(&mut client, &chat.session, &message, &turn::name(), limit, out).await?;
            let turn::Ended { text, usage, model, notices } = ended;
            out.value(&json!({ "text": text, "session": chat.session, "usage": usage, "model": model, "notices": notices }));
            Ok(())
        }
        None => terminal::run(home, client, &chat.session, limit, out).await,
    }
}

//! The chat in a terminal: line editing, history over runs, Ctrl-D to leave.

use super::owner::Word;
use super::turn;
use crate::client::Client;
use crate::exit::{Failure, Kind};
use crate::home::Home;
use crate::output::Out;
use anyhow::{Context, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::time::Duration;

/// What the keyboard said.
enum Line {
    Text(String),
    Again,
    End,
}

fn read(mut editor: DefaultEditor) -> (DefaultEditor, Result<Line>) {
    let line = match editor.readline("> ") {
        Ok(text) => {
            if Word::of(&text).is_none_or(|word| !word.is_secret()) {
                // History that cannot grow is no reason to stop talking.
                let _ = editor.add_history_entry(text.as_str());
            }
            Ok(Line::Text(text))
        }
        Err(ReadlineError::Interrupted) => Ok(Line::Again),
        Err(ReadlineError::Eof) => Ok(Line::End),
        Err(error) => Err(error).context("the terminal cannot be read"),
    };
    (editor, line)
}

pub(crate) async fn run(home: &Home, mut client: Client, session: &str, limit: Duration, out: &Out) -> Result<()> {
    let mut editor = DefaultEditor::new().context("this terminal allows no line editing; use: skynet chat \"message\"")?;
    let history = home.history();
    let _ = editor.load_history(&history);
    out.line(&out.paint(
        "2",
        "Talk to your agent. /help lists commands, /proposals what waits for your yes, Ctrl-C stops an answer, Ctrl-D leaves.",
    ));
    loop {
        let (back, line) = tokio::task::spawn_blocking(move || read(editor)).await?;
        editor = back;
        let text = match line? {
            Line::Text(text) if !text.trim().is_empty() => text,
            Line::Text(_) | Line::Again => continue,
            Line::End => break,
        };
        if let Some(word) = Word::of(&text) {
            if let Err(error) = word.carry_out(home, out).await {
                out.error(&format!("{error:#}"), 1);
            }
            continue;
        }
        if let Err(error) = turn::run(&mut client, session, &text, limit, out).await {
            out.error(&format!("{error:#}"), 1);
            let lost = error.downcast_ref::<Failure>().is_some_and(|failure| failure.kind == Kind::NotRunning);
            if lost {
                client = Client::connect(home).await?;
            }
        }
    }
    if editor.save_history(&history).is_ok() {
        // What was typed is private.
        use std::os::unix::fs::PermissionsExt;
        let _ = std::fs::set_permissions(&history, std::fs::Permissions::from_mode(0o600));
    }
    Ok(())
}

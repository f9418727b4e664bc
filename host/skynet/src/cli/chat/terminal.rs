//! The chat in a terminal: line editing, history over runs, Ctrl-D to leave.

use super::owner::Word;
use super::turn;
use crate::client::Client;
use crate::exit::{Kind, kind};
use crate::home::Home;
use crate::output::Out;
use anyhow::{Context, Result};
use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the keyboard said.
enum Line {
    Text(String),
    Again,
    End,
}

/// The file of what was typed, which is private from its first moment.
fn own(history: &Path) -> std::io::Result<()> {
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(history)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

fn read(mut editor: DefaultEditor, history: &Path) -> (DefaultEditor, Result<Line>) {
    let line = match editor.readline("> ") {
        Ok(text) => {
            if Word::of(&text).is_none_or(|word| !word.is_secret()) {
                // History that cannot grow is no reason to stop talking.
                let _ = editor.add_history_entry(text.as_str());
                // At once: a terminal that hangs up asks nobody first.
                let _ = own(history).is_ok() && editor.append_history(history).is_ok();
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
    let history = Arc::new(home.history());
    let _ = editor.load_history(history.as_path());
    out.line(&out.paint(
        "2",
        "Talk to your agent. /help lists commands, /proposals what waits for your yes, Ctrl-C stops an answer, Ctrl-D leaves.",
    ));
    loop {
        let file = Arc::clone(&history);
        let (back, line) = tokio::task::spawn_blocking(move || read(editor, &file)).await?;
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
        if let Err(error) = say(home, &mut client, session, &text, limit, out).await {
            out.error(&format!("{error:#}"), 1);
            if is_away(&error) {
                out.line("This line is kept: once the host runs, arrow up and Enter send it.");
            }
        }
    }
    Ok(())
}

fn is_away(error: &anyhow::Error) -> bool {
    kind(error) == Some(Kind::NotRunning)
}

/// One line and its answer. Over a connection that broke it is sent once more, under the same name: a host that
/// had heard it does not begin again.
async fn say(home: &Home, client: &mut Client, session: &str, text: &str, limit: Duration, out: &Out) -> Result<()> {
    let name = turn::name();
    match turn::run(client, session, text, &name, limit, out).await {
        Err(error) if is_away(&error) => {}
        ended => return ended.map(drop),
    }
    *client = Client::connect(home).await?;
    turn::run(client, session, text, &name, limit, out).await.map(drop)
}

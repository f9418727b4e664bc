//! The tools of the terminal: their words before the model, and the words of what came of a command.

use crate::keys;
use serde::Deserialize;
use skynet_plugin_sdk::services::terminal::{self, Said};
use skynet_plugin_sdk::tool::{Outcome, ToolError, ToolSpec};

/// For a command, when the model says nothing.
const WAIT_S: u32 = 30;
/// The most.
const WAIT_MOST_S: u32 = 300;
/// For what is typed to be answered.
const ANSWER_S: u32 = 2;

/// The host's shell, or a test in its place. Errors are sentences of the host's.
pub(crate) trait Shell {
    fn run(&self, command: &str, wait_ms: u32) -> Result<Said, String>;
    fn input(&self, text: &str, wait_ms: u32) -> Result<Said, String>;
    fn read(&self, wait_ms: u32) -> Result<Said, String>;
    fn resize(&self, columns: u16, rows: u16) -> Result<(), String>;
    fn kill(&self) -> Result<bool, String>;
}

/// The real one.
pub(crate) struct Host;

impl Shell for Host {
    fn run(&self, command: &str, wait_ms: u32) -> Result<Said, String> {
        terminal::run(command, wait_ms)
    }

    fn input(&self, text: &str, wait_ms: u32) -> Result<Said, String> {
        terminal::input(text, wait_ms)
    }

    fn read(&self, wait_ms: u32) -> Result<Said, String> {
        terminal::read(wait_ms)
    }

    fn resize(&self, columns: u16, rows: u16) -> Result<(), String> {
        terminal::resize(columns, rows)
    }

    fn kill(&self) -> Result<bool, String> {
        terminal::kill()
    }
}

#[derive(Deserialize)]
pub(crate) struct Run {
    command: String,
    wait_s: Option<u32>,
}

#[derive(Deserialize)]
pub(crate) struct Input {
    #[serde(default)]
    text: String,
    #[serde(default)]
    keys: Vec<String>,
    wait_s: Option<u32>,
}

#[derive(Deserialize)]
pub(crate) struct Read {
    wait_s: Option<u32>,
}

#[derive(Deserialize)]
pub(crate) struct Resize {
    columns: u16,
    rows: u16,
}

pub(crate) fn specs() -> Vec<ToolSpec> {
    vec![
        ToolSpec::new(
            "run",
            "Runs a command, of one or several lines, in the shell of this conversation (bash) and gives its output and exit code. Folder, \
             variables and functions stay for the next command. The shell is in a sandbox: no network, no files but the folders that its \
             owner granted and an empty home that goes with it. A command that is not over after `wait_s` goes on: use `output` to \
             wait for more, `input` to answer or interrupt it. What is found to stand out in a command is told as advice.",
            r#"{"type":"object","properties":{"command":{"type":"string","minLength":1,"maxLength":16384},"wait_s":{"type":"integer","minimum":1,"maximum":300,"description":"Seconds to wait for its end; 30 if absent"}},"required":["command"],"additionalProperties":false}"#,
        )
        .closed_world(),
        ToolSpec::new(
            "input",
            "Types into the shell of this conversation, for a program that asks for something or is to be interrupted: first `text`, then \
             each of `keys`, such as ctrl-c, ctrl-d, enter, tab, up. Gives what was said since the last time.",
            r#"{"type":"object","properties":{"text":{"type":"string","maxLength":16384},"keys":{"type":"array","items":{"type":"string","maxLength":16},"maxItems":64},"wait_s":{"type":"integer","minimum":0,"maximum":300,"description":"Seconds to wait for the end of what runs; 2 if absent"}},"additionalProperties":false}"#,
        )
        .closed_world(),
        ToolSpec::new(
            "output",
            "Gives what the shell of this conversation said since the last time. While a command runs, waits for its end for `wait_s`.",
            r#"{"type":"object","properties":{"wait_s":{"type":"integer","minimum":0,"maximum":300,"description":"Seconds; 2 if absent"}},"additionalProperties":false}"#,
        )
        .read_only()
        .closed_world(),
        ToolSpec::new(
            "resize",
            "Sets the size of the terminal, for programs that fill it. It begins with 80 columns and 24 rows.",
            r#"{"type":"object","properties":{"columns":{"type":"integer","minimum":1,"maximum":1000},"rows":{"type":"integer","minimum":1,"maximum":1000}},"required":["columns","rows"],"additionalProperties":false}"#,
        )
        .idempotent()
        .closed_world(),
        ToolSpec::new(
            "kill",
            "Kills the shell of this conversation with everything that it started. Its home is emptied; the next command begins a new one.",
            r#"{"type":"object","properties":{},"additionalProperties":false}"#,
        )
        .idempotent()
        .closed_world(),
    ]
}

fn wait(seconds: Option<u32>, default: u32) -> u32 {
    seconds.unwrap_or(default).min(WAIT_MOST_S).saturating_mul(1000)
}

pub(crate) fn run(shell: &impl Shell, Run { command, wait_s }: &Run) -> Result<Outcome, ToolError> {
    shell.run(command, wait(*wait_s, WAIT_S)).map(|said| Outcome::text(told(&said))).map_err(ToolError::Failed)
}

pub(crate) fn input(shell: &impl Shell, Input { text, keys, wait_s }: &Input) -> Result<Outcome, ToolError> {
    let keys: String = keys.iter().map(|key| keys::typed(key)).collect::<Result<_, _>>().map_err(ToolError::InvalidArguments)?;
    let typed = format!("{text}{keys}");
    if typed.is_empty() {
        return Err(ToolError::InvalidArguments("there is neither text nor a key to type".into()));
    }
    shell.input(&typed, wait(*wait_s, ANSWER_S)).map(|said| Outcome::text(told(&said))).map_err(ToolError::Failed)
}

pub(crate) fn read(shell: &impl Shell, Read { wait_s }: &Read) -> Result<Outcome, ToolError> {
    shell.read(wait(*wait_s, ANSWER_S)).map(|said| Outcome::text(told(&said))).map_err(ToolError::Failed)
}

pub(crate) fn resize(shell: &impl Shell, Resize { columns, rows }: &Resize) -> Result<Outcome, ToolError> {
    shell
        .resize(*columns, *rows)
        .map(|()| Outcome::text(format!("The terminal has {columns} columns and {rows} rows.")))
        .map_err(ToolError::Failed)
}

pub(crate) fn kill(shell: &impl Shell) -> Result<Outcome, ToolError> {
    let was_there = shell.kill().map_err(ToolError::Failed)?;
    Ok(Outcome::text(if was_there { "The shell is killed, with everything that it started." } else { "There was no shell." }))
}

/// The output, and beneath it in brackets how the shell is.
fn told(said: &Said) -> String {
    let mut lines = Vec::new();
    if said.dropped > 0 {
        lines.push(format!("[{} older bytes of output were dropped]", said.dropped));
    }
    let text = said.text.trim_end_matches('\n');
    if !text.is_empty() {
        lines.push(text.to_owned());
    }
    lines.push(match (&said.ended, said.running, said.exit_code) {
        (Some(why), ..) => format!("[the shell is no more: {why}; the next command begins a new one]"),
        (None, true, _) => "[still running]".to_owned(),
        (None, false, Some(code)) => format!("[exit code {code}]"),
        (None, false, None) => "[no command is running]".to_owned(),
    });
    if !said.advice.is_empty() {
        lines.push(format!("[advice: {}]", said.advice));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_plugin_sdk::tool::ResultPart;
    use std::cell::RefCell;

    #[derive(Default)]
    struct OneShell(RefCell<Vec<String>>);

    fn said(text: &str) -> Said {
        Said { text: text.into(), dropped: 0, running: false, exit_code: Some(0), ended: None, advice: String::new() }
    }

    impl OneShell {
        fn hear(&self, what: String) {
            self.0.borrow_mut().push(what);
        }
    }

    impl Shell for OneShell {
        fn run(&self, command: &str, wait_ms: u32) -> Result<Said, String> {
            self.hear(format!("run {command} {wait_ms}"));
            match command {
                "busy" => Err("a command is still running".into()),
                "slow" => Ok(Said { running: true, exit_code: None, ..said("part") }),
                "exit" => Ok(Said { ended: Some("it ended with code 3".into()), ..said("") }),
                _ => Ok(Said { advice: "harmless".into(), dropped: 7, ..said("out\n") }),
            }
        }

        fn input(&self, text: &str, wait_ms: u32) -> Result<Said, String> {
            self.hear(format!("input {text:?} {wait_ms}"));
            Ok(said("typed"))
        }

        fn read(&self, wait_ms: u32) -> Result<Said, String> {
            self.hear(format!("read {wait_ms}"));
            Ok(said("read"))
        }

        fn resize(&self, columns: u16, rows: u16) -> Result<(), String> {
            self.hear(format!("resize {columns} {rows}"));
            Ok(())
        }

        fn kill(&self) -> Result<bool, String> {
            Ok(false)
        }
    }

    fn words(outcome: Result<Outcome, ToolError>) -> String {
        match outcome {
            Ok(outcome) => outcome.content.iter().map(|part| if let ResultPart::Text(text) = part { text.as_str() } else { "" }).collect(),
            Err(error) => format!("{error:?}"),
        }
    }

    fn of(command: &str, wait_s: Option<u32>) -> Run {
        Run { command: command.into(), wait_s }
    }

    #[test]
    fn the_model_reads_output_code_and_advice() {
        let shell = OneShell::default();
        assert_eq!(words(run(&shell, &of("ls", None))), "[7 older bytes of output were dropped]\nout\n[exit code 0]\n[advice: harmless]");
        assert_eq!(words(run(&shell, &of("slow", Some(5)))), "part\n[still running]");
        assert_eq!(
            words(run(&shell, &of("exit", Some(9999)))),
            "[the shell is no more: it ended with code 3; the next command begins a new one]"
        );
        assert!(words(run(&shell, &of("busy", None))).contains("still running"));
        assert_eq!(*shell.0.borrow(), ["run ls 30000", "run slow 5000", "run exit 300000", "run busy 30000"]);
    }

    #[test]
    fn text_and_keys_are_typed_in_their_order() {
        let shell = OneShell::default();
        let keys =
            |text: &str, keys: &[&str]| Input { text: text.into(), keys: keys.iter().map(ToString::to_string).collect(), wait_s: None };
        assert_eq!(words(input(&shell, &keys("yes", &["enter", "ctrl-c"]))), "typed\n[exit code 0]");
        assert!(words(input(&shell, &keys("", &["f99"]))).contains("there is no key"));
        assert!(words(input(&shell, &keys("", &[]))).contains("neither text nor a key"));
        assert_eq!(words(read(&shell, &Read { wait_s: Some(0) })), "read\n[exit code 0]");
        assert!(words(resize(&shell, &Resize { columns: 100, rows: 30 })).contains("100 columns"));
        assert_eq!(words(kill(&shell)), "There was no shell.");
        assert_eq!(*shell.0.borrow(), ["input \"yes\\n\\u{3}\" 2000", "read 0", "resize 100 30"]);
    }

    #[test]
    fn every_shape_is_json() {
        for spec in specs() {
            assert!(serde_json::from_str::<serde_json::Value>(&spec.parameters).is_ok(), "{}", spec.name);
        }
    }
}

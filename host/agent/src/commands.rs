//! Chat commands: a message such as `/status` that the host answers itself, as a
//! turn with a final text. None of them reaches a model or history.
//!
//! Those that only look, and `/stop`, are answered at once; those that change the
//! session take their place in its queue.

use crate::agent::Shared;
use crate::desk::Job;
use crate::ledger::within;
use crate::limits::LISTED;
use crate::request::TurnInput;
use crate::route::{self, AUTO};
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::ports::{ModelEntry, ToolEntry};
use skynet_core::session::SessionPatch;
use skynet_core::{Part, StopReason, StoreError, Usage};

/// What stands in place of a model's name in the end of such a turn.
const MODEL: &str = "host/command";

const HELP: &str = "Commands:
/help – this list
/model – the model of this session and those that serve
/model NAME – use this model in this session; `/model auto` goes back to the default
/tools – what the model can call
/new or /reset – start an empty conversation in this session
/stop – stop what runs and what waits in this session
/status – what is going on
/proposals, /approve, /refuse – plugins that wait for their owner's yes; in `skynet chat`, and never told to the model";

const OWNER: &str = "Plugins that wait for a yes are answered by the owner, on the owner's machine: type this in `skynet chat` there, or run \
`skynet proposals`. The model was not told.";

/// One command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    ShowModel,
    SetModel(String),
    Tools,
    Reset,
    Stop,
    Status,
    /// The owner's, and answered by the owner's own program alone.
    Owner,
    Unknown(String),
}

impl Command {
    /// The command in a session's message, if it is one.
    pub(crate) fn of(input: &TurnInput) -> Option<Self> {
        let TurnInput::Session { message } = input else { return None };
        match message.parts.as_slice() {
            [Part::Text { text }] => Self::parse(text),
            _ => None,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.trim().strip_prefix('/')?.split_whitespace();
        let verb = words.next()?.to_ascii_lowercase();
        let argument = words.next();
        let alone = argument.is_none();
        let command = match verb.as_str() {
            // However it goes on: there may be a code in it, which is no model's to see.
            "approve" => Self::Owner,
            "proposals" | "refuse" if words.next().is_none() => Self::Owner,
            "model" => argument.map_or(Self::ShowModel, |name| Self::SetModel(name.to_owned())),
            "help" if alone => Self::Help,
            "tools" if alone => Self::Tools,
            "reset" | "new" if alone => Self::Reset,
            "stop" if alone => Self::Stop,
            "status" if alone => Self::Status,
            // A lone word after a slash was meant as a command; a path or a
            // sentence that starts with one was not.
            word if alone && word.len() <= 20 && word.bytes().all(|b| b.is_ascii_lowercase()) => Self::Unknown(word.to_owned()),
            _ => return None,
        };
        Some(command)
    }

    /// Whether it is answered beside the queue.
    pub(crate) fn is_immediate(&self) -> bool {
        !matches!(self, Self::SetModel(_) | Self::Reset)
    }
}

/// Answers as a turn.
pub(crate) async fn play(shared: &Shared, job: &Job, command: &Command) -> TurnEnd {
    match answer(shared, job, command).await {
        Ok(text) => {
            job.emitter.emit(TurnEventKind::Text { delta: text.clone() });
            TurnEnd::Done { text, stop: StopReason::EndTurn, usage: Usage::default(), model: MODEL.into(), client_calls: Vec::new() }
        }
        Err(error) => TurnEnd::Failed { message: error.to_string(), class: "unknown" },
    }
}

async fn answer(shared: &Shared, job: &Job, command: &Command) -> Result<String, StoreError> {
    let session = &job.request.session;
    let clock = &*shared.ports.clock;
    match command {
        Command::Help => Ok(HELP.into()),
        Command::Owner => Ok(OWNER.into()),
        Command::Unknown(word) => Ok(format!("There is no command /{word}.\n\n{HELP}")),
        Command::Tools => Ok(list_tools(shared.ports.registry.snapshot().tools())),
        Command::Stop => {
            let stopped = shared.abort(session, None, "stop").len();
            Ok(match stopped {
                0 => "Nothing was running.".into(),
                1 => "Stopped.".into(),
                many => format!("Stopped {many} turns."),
            })
        }
        Command::Reset => {
            within(clock, shared.ports.memory.reset_session(session)).await?;
            Ok("This session starts anew; the old conversation is kept aside.".into())
        }
        Command::ShowModel => {
            let chosen = within(clock, shared.ports.memory.session(session)).await?.and_then(|known| known.model);
            Ok(show_models(shared, chosen))
        }
        Command::SetModel(wanted) => set_model(shared, job, wanted).await,
        Command::Status => status(shared, job).await,
    }
}

fn list_tools(tools: &[ToolEntry]) -> String {
    if tools.is_empty() {
        return "No tool serves. Drop a signed tool plugin into the plugins folder.".into();
    }
    let mut lines: Vec<String> = tools.iter().map(|tool| format!("{} – {}", tool.exposed, first_line(&tool.spec.description))).collect();
    lines.sort();
    listed(lines)
}

fn listed(mut lines: Vec<String>) -> String {
    let more = lines.len().saturating_sub(LISTED);
    lines.truncate(LISTED);
    if more > 0 {
        lines.push(format!("… and {more} more"));
    }
    lines.join("\n")
}

fn first_line(text: &str) -> String {
    crate::result::cut(text.lines().next().unwrap_or_default(), 100)
}

fn show_models(shared: &Shared, chosen: Option<String>) -> String {
    let default = shared.resolved_default().unwrap_or_else(|| "none serves".into());
    let present = match chosen {
        Some(name) => format!("This session uses {name}; the default is {default}."),
        None => format!("This session uses the default, {default}."),
    };
    let snapshot = shared.ports.registry.snapshot();
    let names = snapshot.models().iter().map(ModelEntry::full_name).collect();
    format!("{present}\n\n{}", listed(names))
}

async fn set_model(shared: &Shared, job: &Job, wanted: &str) -> Result<String, StoreError> {
    let snapshot = shared.ports.registry.snapshot();
    let chosen = match pick(snapshot.models(), wanted) {
        Ok(chosen) => chosen,
        Err(sentence) => return Ok(sentence),
    };
    let patch = SessionPatch { model: Some(chosen.clone()), ..SessionPatch::default() };
    within(&*shared.ports.clock, shared.ports.memory.patch_session(&job.request.session, patch)).await?;
    Ok(match chosen {
        Some(name) => format!("This session now uses {name}."),
        None => "This session now uses the default model.".into(),
    })
}

/// `None` is the default. A part of a name does when only one model has it.
fn pick(models: &[ModelEntry], wanted: &str) -> Result<Option<String>, String> {
    if wanted.eq_ignore_ascii_case(AUTO) || wanted.eq_ignore_ascii_case("default") {
        return Ok(None);
    }
    if route::serves(models, wanted) {
        return Ok(Some(wanted.to_owned()));
    }
    let part = wanted.to_lowercase();
    let names = models.iter().map(ModelEntry::full_name).filter(|name| name.to_lowercase().contains(&part));
    let names: Vec<String> = names.collect();
    match names.as_slice() {
        [one] => Ok(Some(one.clone())),
        [] => Err(format!("No model that serves now is called {}. `/model` lists them.", crate::result::cut(wanted, 100))),
        many => Err(format!("That could be several: {}. Write the whole name.", listed(many.to_vec()).replace('\n', ", "))),
    }
}

async fn status(shared: &Shared, job: &Job) -> Result<String, StoreError> {
    let session = &job.request.session;
    let known = within(&*shared.ports.clock, shared.ports.memory.session(session)).await?;
    let snapshot = shared.ports.registry.snapshot();
    let (running, waiting) = shared.desk.counts(session);
    let model = known.as_ref().and_then(|known| known.model.clone()).or_else(|| shared.resolved_default());
    let (messages, usage) = known.map_or((0, Usage::default()), |known| (known.messages, known.usage));
    Ok(format!(
        "Session {session}: {messages} messages, {} tokens in, {} out, {} of them from the cache\n\
         Model: {}\nServing: {} models, {} tools (revision {})\nTurns: {running} running, {waiting} waiting",
        usage.input,
        usage.output,
        usage.cache_read,
        model.as_deref().unwrap_or("none serves"),
        snapshot.models().len(),
        snapshot.tools().len(),
        snapshot.revision(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_sentences_and_paths() {
        let check = |text: &str, want: Option<Command>| assert_eq!(Command::parse(text), want, "{text}");
        check(" /help ", Some(Command::Help));
        check("/NEW", Some(Command::Reset));
        check("/reset", Some(Command::Reset));
        check("/model", Some(Command::ShowModel));
        check("/model a/b", Some(Command::SetModel("a/b".into())));
        check("/stop", Some(Command::Stop));
        check("/frobnicate", Some(Command::Unknown("frobnicate".into())));
        check("/stop the presses, I have news", None);
        check("/etc/hosts", None);
        check("/home is where the heart is", None);
        check("/", None);
        check("help", None);
        check("what does /help do", None);
    }
}

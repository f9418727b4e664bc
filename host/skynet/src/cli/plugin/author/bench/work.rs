//! What is measured of a plugin: a call of its tool, a question to its hook, an event for its
//! channel, or a completion; its author's own where `calls.json` has one.

use super::super::bed::Bed;
use super::super::checks;
use super::super::golden::came::Came;
use super::super::golden::completion;
use super::super::golden::{Ended, Golden, Question};
use super::super::sample;
use crate::exit::{Kind, fail};
use anyhow::Result;
use serde_json::{Value, json};
use skynet_core::PluginError;
use skynet_core::channel::{Event, Frame};
use skynet_core::plugin::PluginKind;
use skynet_plugins::{Bare, EMPTY_TOOL};
use std::path::Path;

/// One thing, done again and again.
pub(super) enum Work<'a> {
    Tool { tool: String, arguments: Value },
    Own(PluginKind, Question<'a>),
    Plain(PluginKind),
}

/// What a component is.
pub(super) fn kinds(component: &Path) -> Result<Vec<PluginKind>> {
    let look = skynet_plugins::file::look(&std::fs::read(component)?).map_err(|why| fail(Kind::Refused, why))?;
    Ok(look.kinds)
}

impl<'a> Work<'a> {
    /// The tool that was named, or the first thing that there is.
    pub(super) fn chosen(bed: &Bed, golden: &'a Golden, kinds: &[PluginKind], wanted: Option<&str>) -> Result<Self> {
        if wanted.is_some() || kinds.contains(&PluginKind::Tool) {
            return Self::tool(bed, golden, wanted);
        }
        let own = golden.questions().find_map(|question| {
            let kind = match &question {
                Question::Hook(_) => PluginKind::Hook,
                Question::Event(_) => PluginKind::Channel,
                Question::Completion(_) => PluginKind::Provider,
                Question::Models(_) => return None,
            };
            kinds.contains(&kind).then_some(Self::Own(kind, question))
        });
        let plain = kinds.first().map(|kind| Self::Plain(*kind));
        own.or(plain).ok_or_else(|| fail(Kind::NotFound, "this component is no plugin of any kind"))
    }

    /// With the author's own arguments where there are some.
    fn tool(bed: &Bed, golden: &Golden, wanted: Option<&str>) -> Result<Self> {
        let tools = checks::tools(bed);
        let tool = tools.iter().find(|tool| wanted.is_none_or(|name| name == tool.name));
        let tool = tool.ok_or_else(|| fail(Kind::NotFound, "there is no such tool to measure"))?;
        let own = golden.calls.iter().find(|call| call.tool == tool.name).map(|call| call.arguments.clone());
        let made = own.or_else(|| sample::good(&tool.parameters));
        let arguments =
            made.ok_or_else(|| fail(Kind::NotFound, format!("no arguments for {}; write a call of it into calls.json", tool.name)))?;
        Ok(Self::Tool { tool: tool.name.clone(), arguments })
    }

    /// The same for the empty component: as little as there is to do.
    pub(super) fn idle(&self) -> Work<'static> {
        match self {
            Self::Tool { .. } => Work::Tool { tool: EMPTY_TOOL.into(), arguments: json!({}) },
            Self::Own(kind, _) | Self::Plain(kind) => Work::Plain(*kind),
        }
    }

    pub(super) fn is_a_tool(&self) -> bool {
        matches!(self, Self::Tool { .. })
    }

    pub(super) fn kind(&self) -> PluginKind {
        match self {
            Self::Tool { .. } => PluginKind::Tool,
            Self::Own(kind, _) | Self::Plain(kind) => *kind,
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Tool { tool, .. } => tool,
            Self::Own(_, question) => question.name(),
            Self::Plain(PluginKind::Hook) => "a tool call that is watched",
            Self::Plain(PluginKind::Channel) => "a frame of text",
            Self::Plain(_) => "a question",
        }
    }

    /// Does it once; gives why it was a fault, if it was. An error of the plugin's own is none.
    pub(super) async fn once(&self, bed: &Bed) -> Option<String> {
        let came = match self {
            Self::Tool { tool, arguments } => {
                let ended = checks::call(bed, tool, arguments).await;
                return if let Ended::Fault(why) = ended { Some(why) } else { None };
            }
            Self::Own(_, question) => question.ask(bed).await,
            Self::Plain(PluginKind::Hook) => {
                let verdict = bed.host.before(&bed.id, "tool.call", &json!({ "tool": "x", "arguments": {} })).await;
                done(verdict.map(drop))
            }
            Self::Plain(PluginKind::Channel) => {
                let frame = Frame { source: "bench".into(), data: b"hello".to_vec(), is_text: true };
                done(bed.host.handle(&bed.id, Event::Frame(frame)).await.map(drop))
            }
            Self::Plain(_) => completion::Question::saying("hello").ask(bed).await,
        };
        came.fault()
    }

    /// Calls the tool bare.
    pub(super) async fn bare(&self, bare: Option<&Bare>) {
        if let (Self::Tool { tool, arguments }, Some(bare)) = (self, bare) {
            // An error of the tool costs what an answer does.
            let _ = bare.call(tool, &arguments.to_string()).await;
        }
    }
}

fn done(result: Result<(), PluginError>) -> Came {
    Came::of(result, |()| Value::Null)
}

//! What every plugin must hold, whatever it does: it answers or says why not, and never traps.
//!
//! Each check asks the plugin itself, past the host's look at the arguments: a plugin should
//! not fall over where one day a host is looser. Kinds without tools are asked at their own
//! export. Judges nothing about what a plugin is for; that is what `calls.json` is there for.

use super::bed::Bed;
use super::golden::Ended;
use super::golden::completion::Question;
use super::sample;
use crate::plain::visible;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use skynet_core::channel::{Event, Frame};
use skynet_core::plugin::PluginKind;
use skynet_core::ports::Registry as _;
use skynet_core::{PluginError, ToolSpec};

/// One check and how it went.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Check {
    pub(super) name: String,
    /// Why it failed.
    pub(super) fault: Option<String>,
}

/// Checks as they are made.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report(pub(super) Vec<Check>);

impl Report {
    pub(super) fn note(&mut self, name: impl Into<String>, fault: Option<String>) {
        // A name may be of a stranger's file; a fault may have lines, each made plain by who says it.
        self.0.push(Check { name: visible(&name.into()), fault });
    }

    pub(super) fn failed(&self) -> usize {
        self.0.iter().filter(|check| check.fault.is_some()).count()
    }
}

/// Calls a tool.
pub(super) async fn call(bed: &Bed, tool: &str, arguments: &Value) -> Ended {
    Ended::of(bed.host.call_staged(&bed.id, tool, arguments, Bed::context()).await)
}

/// The tools on offer.
pub(super) fn tools(bed: &Bed) -> Vec<ToolSpec> {
    bed.host.snapshot().tools().iter().map(|entry| entry.spec.clone()).collect()
}

/// A fault, in words for the report.
fn unless_it_fell(ended: &Ended, about: &str) -> Option<String> {
    if let Ended::Fault(why) = ended { Some(visible(&format!("{about}: {why}"))) } else { None }
}

pub(super) async fn run(bed: &Bed, kinds: &[PluginKind], report: &mut Report) {
    report.note("describes itself, and serves", None);
    if kinds.contains(&PluginKind::Tool) {
        for tool in tools(bed) {
            check_tool(bed, &tool, report).await;
        }
        let ended = call(bed, "no_such_tool", &json!({})).await;
        let right = matches!(&ended, Ended::Error { case: "unknown-tool", .. });
        report.note("an unknown tool is the error unknown-tool", (!right).then(|| format!("got {}", ended.told())));
    }
    if kinds.contains(&PluginKind::Hook) {
        check_hook(bed, report).await;
    }
    if kinds.contains(&PluginKind::Channel) {
        check_channel(bed, report).await;
    }
    if kinds.contains(&PluginKind::Provider) {
        check_provider(bed, report).await;
    }
}

async fn check_tool(bed: &Bed, tool: &ToolSpec, report: &mut Report) {
    let name = &tool.name;
    let usable = |schema: &Value| jsonschema::validator_for(schema).err().map(|error| visible(&error.to_string()));
    report.note(format!("{name}: the schema of its arguments can be used"), usable(&tool.parameters));
    if let Some(output) = &tool.output {
        report.note(format!("{name}: the schema of its outcome can be used"), usable(output));
    }
    match sample::good(&tool.parameters) {
        Some(arguments) => {
            let ended = call(bed, name, &arguments).await;
            report.note(format!("{name}: answers good arguments"), unless_it_fell(&ended, &arguments.to_string()));
            let again = call(bed, name, &arguments).await;
            let differs = (ended != again).then(|| format!("{} and then {}", ended.told(), again.told()));
            report.note(format!("{name}: same arguments, clock and random numbers give the same outcome"), differs);
        }
        None => report.note(format!("{name}: no good arguments could be made of its schema; its calls.json must do"), None),
    }
    let mut fault = None;
    for arguments in sample::wrong(&tool.parameters) {
        let ended = call(bed, name, &arguments).await;
        fault = fault.or_else(|| unless_it_fell(&ended, &arguments.to_string()));
    }
    report.note(format!("{name}: wrong arguments are an answer or an error, no trap"), fault);
    let ended = call(bed, name, &sample::huge(&tool.parameters)).await;
    report.note(
        format!("{name}: a text of {} KiB is an answer or an error, no trap", sample::HUGE / 1024),
        unless_it_fell(&ended, "arguments of that size"),
    );
}

async fn check_hook(bed: &Bed, report: &mut Report) {
    let large = json!({ "text": "x".repeat(sample::HUGE) });
    for payload in [json!({}), json!({ "tool": "x", "arguments": {} }), json!([1]), large] {
        let size = payload.to_string().len();
        for point in ["tool.call", "message.received", "no.such.point"] {
            let first = bed.host.before(&bed.id, point, &payload).await;
            let fault = first.as_ref().err().filter(|error| fell(error)).map(|error| visible(&error.to_string()));
            report.note(format!("before {point}, {size} bytes: a verdict, no trap"), fault);
        }
    }
    let after = bed.host.after(&bed.id, "tool.call", &json!({})).await;
    report.note("after tool.call: no trap", after.err().filter(fell).map(|error| visible(&error.to_string())));
}

async fn check_channel(bed: &Bed, report: &mut Report) {
    let frame = |data: Vec<u8>, is_text| Event::Frame(Frame { source: "test".into(), data, is_text });
    let events = [
        ("it starts", Event::Started { state: String::new() }),
        ("it starts with a state that is none of its own", Event::Started { state: "{\"x\":".into() }),
        ("a frame of text", frame(b"hello".to_vec(), true)),
        ("a frame that is no UTF-8", frame(vec![0xff, 0, 0xfe], false)),
        ("an empty frame", frame(Vec::new(), true)),
        ("a frame of 1 MiB", frame(vec![b'{'; sample::HUGE], true)),
        ("a timer that it never asked for", Event::Timer { name: "none".into() }),
        ("a socket that closes", Event::Disconnected { source: "test".into(), reason: "gone".into() }),
    ];
    for (what, event) in events {
        let ended = bed.host.handle(&bed.id, event).await;
        report.note(format!("{what}: actions or an error, no trap"), ended.err().filter(fell).map(|error| visible(&error.to_string())));
    }
}

async fn check_provider(bed: &Bed, report: &mut Report) {
    let hello = || Question::saying("hello");
    let questions = [
        ("a question", hello()),
        ("a question to a model that it does not have", hello().of("no-such-model")),
        ("no message at all", Question::default()),
        ("a message of 1 MiB", Question::saying(&"x".repeat(sample::HUGE))),
        ("an empty message", Question::saying("")),
    ];
    for (what, question) in questions {
        report.note(format!("{what}: an answer or an error, no trap"), question.ask(bed).await.fault());
    }
    let (first, again) = (hello().ask(bed).await, hello().ask(bed).await);
    let differs = (first != again).then(|| format!("{} and then {}", first.told(), again.told()));
    report.note("the same question, clock and random numbers give the same answer", differs);
}

fn fell(error: &PluginError) -> bool {
    matches!(error, PluginError::Fault(_) | PluginError::Bug(_))
}

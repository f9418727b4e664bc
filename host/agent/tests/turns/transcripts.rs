//! Transcripts: a script and what came of it, in one readable file each. To accept
//! a change, run with `UPDATE_EXPECT=1` and read the difference.

use crate::stage::*;
use skynet_core::error::FaultKind;
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::*;

const RULE: &str = "-----\n";

macro_rules! transcripts {
    ($($name:ident)*) => { $(
        #[tokio::test]
        async fn $name() {
            let path = concat!("../transcripts/", stringify!($name), ".txt");
            check(include_str!(concat!("../transcripts/", stringify!($name), ".txt")), expect_test::expect_file![path]).await;
        }
    )* };
}

transcripts! {
    a_plain_answer_and_the_next_turn
    calls_run_side_by_side_and_answer_in_their_order
    every_bad_call_gets_a_result_and_the_turn_goes_on
    the_same_call_again_is_not_run_and_then_tools_end
    a_call_that_was_cut_off_is_never_run
    sealed_thinking_stays_with_its_model
    a_model_that_fails_gives_way_to_the_next
    images_become_a_note_for_a_model_that_sees_none
}

async fn check(file: &str, expected: expect_test::ExpectFile) {
    let script = file.split(RULE).next().unwrap();
    let mut stage_line = String::new();
    let mut acts: Vec<(&str, Act)> = Vec::new();
    let mut script_of_models = Vec::new();
    let mut turns: Vec<&str> = Vec::new();
    let mut fallbacks = Vec::new();
    for line in script.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (verb, rest) = line.split_once(' ').unwrap();
        match verb {
            "models" => stage_line = rest.to_owned(),
            "fallbacks" => fallbacks = rest.split(' ').map(str::to_owned).collect(),
            "tool" => acts.push(act(Box::leak(rest.to_owned().into_boxed_str()))),
            "model" => script_of_models.push(rest.split(" | ").map(say).collect()),
            "user" => turns.push(rest),
            other => panic!("unknown line {other}"),
        }
    }
    let config = config::AgentConfig { fallbacks, ..config::AgentConfig::default() };
    let stage = Stage::with(&stage_line, acts, config);
    stage.script(script_of_models);
    let mut out = String::new();
    for (number, words) in turns.iter().enumerate() {
        let mut request = request(&format!("t{}", number + 1), "main", words);
        if let Some(words) = words.strip_prefix("[image] ") {
            let image = Part::Image { image: Blob { mime: "image/png".into(), data: vec![1, 2, 3] } };
            request.input =
                skynet_agent::TurnInput::Session { message: Message { role: Role::User, parts: vec![Part::text(words), image] } };
        }
        out.push_str(&format!("== turn {}\n{}", number + 1, events(&stage.play(request).await)));
    }
    for (number, (name, request)) in stage.asked().iter().enumerate() {
        let tools: Vec<&str> = request.tools.iter().map(|tool| tool.name.as_str()).collect();
        out.push_str(&format!("== request {} to {name}, tools [{}] {:?}\n", number + 1, tools.join(" "), request.tool_choice));
        request.messages.iter().for_each(|message| out.push_str(&shown(message)));
    }
    out.push_str("== history\n");
    for stored in stage.memory.stored(&key("main")) {
        let meta = stored.answer.map(|answer| format!("({}, {:?}) ", answer.model, answer.stop)).unwrap_or_default();
        out.push_str(&format!("{} {meta}{}", stored.index, shown(&stored.message)));
    }
    out.push_str("== audit\n");
    for row in stage.audit.rows.lock().unwrap().iter() {
        out.push_str(&format!("{} {} {} {} {}\n", row.kind, row.actor, row.subject, row.verdict, row.detail));
    }
    out.push_str("== order\n");
    let order = stage.log.lines().into_iter().filter(|line| !line.ends_with(" gave"));
    order.for_each(|line| out.push_str(&format!("{line}\n")));
    expected.assert_eq(&format!("{script}{RULE}{out}"));
}

/// `name give words`, `name echo`, `name denied`, …
fn act(text: &'static str) -> (&'static str, Act) {
    let (name, what) = text.split_once(' ').unwrap();
    let fault = |kind| GuestFault {
        plugin: plugin("tool-kit"),
        during: "tool.call".into(),
        kind,
        reason: "unreachable at 0x1f in /srv/plugins/kit.wasm".into(),
        remedy: "skynet plugin logs acme/tool-kit".into(),
    };
    let denial = Denial {
        who: "acme/tool-kit@1.2.3#4".into(),
        what: "GET https://example.com".into(),
        why: "net was not granted in /etc/skynet/grants".into(),
        remedy: "skynet plugin grant acme/tool-kit net:https://example.com".into(),
    };
    let act = match what.split_once(' ').unwrap_or((what, "")) {
        ("give", words) => Act::Give(words),
        ("echo", _) => Act::Echo,
        ("image", _) => Act::Image,
        ("denied", _) => Act::Fail(denial.into()),
        ("fault", _) => Act::Fail(fault(FaultKind::Trap).into()),
        ("bug", _) => Act::Fail(HostBug { place: "pool", reason: "slot 7 was empty".into() }.into()),
        ("says", words) => Act::Fail(ToolError::Failed(words.into()).into()),
        other => panic!("unknown act {other:?}"),
    };
    (name, act)
}

fn say(text: &str) -> Say {
    let (verb, rest) = text.split_once(' ').unwrap_or((text, ""));
    let words: Vec<&str> = rest.splitn(3, ' ').collect();
    match verb {
        "text" => crate::stage::text(rest),
        "think" => Say::Deltas(vec![Delta::Thinking(rest.into())]),
        "seal" => Say::Deltas(vec![Delta::ThinkingSignature(rest.into())]),
        "call" => call(words[0], words[1], words[2]),
        "cut" => Say::Deltas(vec![
            Delta::ToolCallStart { id: words[0].into(), name: words[1].into() },
            Delta::ToolCallArguments { id: words[0].into(), fragment: words[2].into() },
        ]),
        "end" => end(StopReason::EndTurn),
        "use" => end(StopReason::ToolUse),
        "max" => end(StopReason::MaxTokens),
        "limited" => Say::Fail(ModelError::RateLimited { message: rest.into(), retry_after_ms: Some(60_000) }),
        "unauthorized" => Say::Fail(ModelError::Unauthorized(rest.into())),
        other => panic!("unknown word {other}"),
    }
}

fn events(played: &Played) -> String {
    let mut out = String::new();
    for event in &played.events {
        let line = match &event.kind {
            TurnEventKind::Started => "started".to_owned(),
            TurnEventKind::UserStored { index, .. } => format!("user stored as {index}"),
            TurnEventKind::Text { delta } => format!("text {delta:?}"),
            TurnEventKind::Thinking { delta } => format!("thinking {delta:?}"),
            TurnEventKind::ToolStarted { id, name, arguments } => format!("tool {id} {name} {arguments}"),
            TurnEventKind::ToolSaid { id, delta, .. } => format!("tool {id} says {delta:?}"),
            TurnEventKind::ToolEnded { id, is_error, .. } => format!("tool {id} ended{}", if *is_error { " badly" } else { "" }),
            TurnEventKind::Notice { text } => format!("notice {text}"),
            TurnEventKind::Ended(TurnEnd::Done { text, stop, usage, model, .. }) => {
                format!("done {text:?} {stop:?} by {model}, {} in {} out", usage.input, usage.output)
            }
            TurnEventKind::Ended(other) => format!("{other:?}"),
        };
        out.push_str(&line);
        out.push('\n');
    }
    out
}

fn shown(message: &Message) -> String {
    let part = |part: &Part| match part {
        Part::Text { text } => format!("{text:?}"),
        Part::Image { image } => format!("<{}>", image.mime),
        Part::Thinking { thinking } => format!("<thinking {:?} sealed {:?}>", thinking.text, thinking.signature),
        Part::ToolCall { call } => format!("<call {} {} {}>", call.id, call.name, call.arguments),
        Part::ToolResult { result } => {
            format!("<{} {} {:?}>", if result.is_error { "error" } else { "result" }, result.id, result.to_text())
        }
        Part::Other { value } => value.to_string(),
    };
    let parts: Vec<String> = message.parts.iter().map(part).collect();
    format!("{:?}: {}\n", message.role, parts.join(" "))
}

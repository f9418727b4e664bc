//! A plugin of every kind, as an author writes it: what the traits, the macros,
//! the builders and the fakes promise together.

use skynet_plugin_sdk::channel::{Action, Event};
use skynet_plugin_sdk::hook::Verdict;
use skynet_plugin_sdk::http::{Error, Request, Response, Transport};
use skynet_plugin_sdk::provider::{
    Completion, CompletionRequest, Delta, Emit, EmitError, ModelInfo, ProviderError, Sink, StopReason, Throttle, Usage,
};
use skynet_plugin_sdk::testing::{self, Collected, Reply, Script};
use skynet_plugin_sdk::tool::{self, CallContext, Outcome, ResultPart, ToolError, ToolSpec};
use skynet_plugin_sdk::{
    Channel, Description, Hook, Lifecycle, Migrate, Provider, Tool, clock, config, export_plugin, kv, log, secrets, sse,
};

struct Everything;

impl Lifecycle for Everything {
    fn describe() -> Description {
        Description::new("Everything", "All kinds at once.").with_config_schema("{}")
    }
}

impl Tool for Everything {
    fn tools() -> Vec<ToolSpec> {
        vec![ToolSpec::new("count", "Counts calls.", "{}")]
    }

    fn call(name: &str, arguments: &str, _: &CallContext) -> Result<Outcome, ToolError> {
        let step: std::collections::BTreeMap<String, u32> = tool::arguments(arguments)?;
        log::info(format!("{name} at {}", clock::now_ms()));
        let before: u32 = kv::get_json("count").map_err(|error| ToolError::Failed(error.to_string()))?.unwrap_or_default();
        let count = before + step.get("step").copied().unwrap_or(1);
        kv::set_json("count", &count).map_err(|error| ToolError::Failed(error.to_string()))?;
        Ok(Outcome::text(count.to_string()).with_structured(&count))
    }
}

impl Provider for Everything {
    fn models() -> Result<Vec<ModelInfo>, ProviderError> {
        Ok(vec![ModelInfo::new("m", "M")])
    }

    fn complete(_: CompletionRequest, sink: &Sink<'_>) -> Result<Completion, ProviderError> {
        answer(&mut skynet_plugin_sdk::http::Client::new(), sink)
    }
}

impl Channel for Everything {
    fn handle(event: Event) -> Result<Vec<Action>, String> {
        match event {
            Event::Started(state) => Ok(vec![Action::SaveState(state)]),
            _ => Err("not mine".to_owned()),
        }
    }
}

impl Hook for Everything {
    fn points() -> Vec<String> {
        vec!["tool.call".to_owned()]
    }

    fn before(_: &str, payload: &str) -> Verdict {
        if payload.contains("rm -rf") { Verdict::Block("no".to_owned()) } else { Verdict::Allow }
    }
}

impl Migrate for Everything {
    fn migrate(previous: &str) -> Result<(), String> {
        if previous.starts_with("0.") { Ok(()) } else { Err("from the future".to_owned()) }
    }
}

export_plugin!(Everything: tool, provider, channel, hook, migrate);

/// An adapter's core as the built-in ones are made: a transport in, deltas out.
fn answer(transport: &mut dyn Transport, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    let mut response = transport.send(Request::post("https://models.example/v1").json(&"hello")?)?;
    if !response.is_success() {
        let message = response.error_text();
        return Err(ProviderError::from_status(response.status, &response.headers, &message));
    }
    let mut events = sse::Decoder::new();
    while let Some(chunk) = response.next_chunk()? {
        let found = events.push(&chunk).map_err(|error| ProviderError::Protocol(error.to_string()))?;
        sink.emit(found.into_iter().map(|event| Delta::Text(event.data)).collect())?;
    }
    Ok(Completion { stop: StopReason::EndTurn, usage: Usage::zero(), extra: Vec::new() })
}

#[test]
fn a_tool_keeps_its_state_in_the_store_and_logs_with_the_given_clock() {
    testing::with(|world| world.now_ms = Some(7));
    let call = |json: &str| Everything::call("count", json, &testing::context());
    assert_eq!(call("{}").unwrap().content, [ResultPart::Text("1".to_owned())]);
    assert_eq!(call("{\"step\":4}").unwrap().structured.as_deref(), Some("5"));
    assert!(matches!(call("{\"step\":\"x\"}"), Err(ToolError::InvalidArguments(text)) if text.contains("invalid type")));
    let log: Vec<String> = testing::with(|world| world.log.iter().map(|(_, line)| line.clone()).collect());
    assert_eq!(log, ["count at 7", "count at 7"]);
    assert_eq!(kv::keys("co", None, 9).unwrap(), ["count"]);
    kv::delete("count").unwrap();
    assert_eq!(kv::get("count").unwrap(), None);
}

#[test]
fn every_test_has_a_world_of_its_own() {
    assert_eq!(kv::get("count").unwrap(), None);
    assert!(!secrets::exists("key"));
    testing::with(|world| world.secrets.insert("key".to_owned()));
    assert!(secrets::exists("key"));
}

#[test]
fn a_setting_of_the_wrong_form_is_an_error_and_no_default() {
    testing::with(|world| {
        world.config.extend([("n".to_owned(), "5".to_owned()), ("s".to_owned(), "\"x\"".to_owned()), ("z".to_owned(), "null".to_owned())])
    });
    assert_eq!(config::get_or("n", 1), Ok(5));
    assert_eq!(config::get_or("absent", 1), Ok(1));
    assert_eq!(config::get_or("z", 1), Ok(1));
    assert!(config::get_or("s", 1).unwrap_err().to_string().starts_with("the setting `s` has the wrong form: invalid type"));
}

#[test]
fn an_answer_streams_through_whatever_the_chunks_are() {
    for size in 1..12 {
        let reply = Reply::new(200, "data: grüße\r\n\r\ndata: 🦀\n\n").in_chunks_of(size);
        let (mut script, sink) = (Script::new().reply(reply), Collected::new());
        answer(&mut script, &sink).unwrap();
        assert_eq!(sink.text(), "grüße🦀");
        assert_eq!(script.requests[0].body, b"\"hello\"");
    }
}

fn check_failure(reply: Reply, expected: ProviderError) {
    assert_eq!(answer(&mut Script::new().reply(reply), &Collected::new()).err(), Some(expected));
}

#[test]
fn failures_become_the_cases_that_the_router_decides_by() {
    let throttle = |message: &str, retry_after_ms| Throttle { message: message.to_owned(), retry_after_ms };
    check_failure(Reply::new(401, "bad key"), ProviderError::Unauthorized("HTTP 401: bad key".to_owned()));
    check_failure(Reply::new(429, "").header("Retry-After", "1.5"), ProviderError::RateLimited(throttle("HTTP 429", Some(1500))));
    check_failure(Reply::new(529, "").header("retry-after", "soon"), ProviderError::Unavailable(throttle("HTTP 529", None)));
    check_failure(Reply::new(404, "no model"), ProviderError::InvalidRequest("HTTP 404: no model".to_owned()));
    check_failure(Reply::error(Error::Denied("not granted".to_owned())), ProviderError::Denied("not granted".to_owned()));
    check_failure(
        Reply::new(200, "data: x\n\n").then_error(Error::Network("reset".to_owned())),
        ProviderError::Unavailable(throttle("network trouble: reset", None)),
    );
}

#[test]
fn a_cancelled_sink_stops_an_answer() {
    let reply = Reply::new(200, "data: a\n\n").chunk("data: b\n\n");
    let sink = Collected::cancelling_after(1);
    assert_eq!(answer(&mut Script::new().reply(reply), &sink).unwrap_err(), ProviderError::Cancelled);
    assert_eq!(sink.text(), "a");
    assert_eq!(
        ProviderError::from(EmitError::TooLarge("1 MiB".to_owned())),
        ProviderError::Protocol("the answer is larger than the host takes: 1 MiB".to_owned())
    );
}

#[test]
fn a_body_above_the_callers_bound_is_refused() {
    let response = |body: &str| -> Response {
        Script::new().reply(Reply::new(200, body).in_chunks_of(2)).send(Request::get("https://x.example/")).unwrap()
    };
    assert_eq!(response("12345").text(5).unwrap(), "12345");
    assert_eq!(response("123456").bytes(5).unwrap_err().to_string(), "too large: the response body is over 5 bytes");
}

#[test]
fn denied_is_denied_for_a_tool_too() {
    assert!(matches!(ToolError::from(Error::Denied("x".to_owned())), ToolError::Denied(_)));
    assert!(matches!(ToolError::from(Error::Timeout("x".to_owned())), ToolError::Unavailable(_)));
    assert!(matches!(ToolError::from(Error::Protocol("x".to_owned())), ToolError::Failed(_)));
}

#[test]
fn the_other_kinds_answer_as_plain_functions() {
    assert!(matches!(Everything::handle(Event::Started("s".to_owned())).as_deref(), Ok([Action::SaveState(state)]) if state == "s"));
    assert_eq!(Everything::handle(Event::Timer("t".to_owned())).unwrap_err(), "not mine");
    assert_eq!(Everything::before("tool.call", "rm -rf /"), Verdict::Block("no".to_owned()));
    assert!(Everything::migrate("1.0.0").is_err());
    assert!(Everything::configure("{}").is_ok());
    let [count] = &Everything::tools()[..] else { panic!("one tool") };
    let claims = |spec: &ToolSpec| {
        let said = spec.annotations;
        (said.read_only, said.destructive, said.idempotent, said.open_world)
    };
    assert_eq!(claims(count), (false, false, false, true), "who says nothing claims nothing");
    let spec = || ToolSpec::new("a", "A.", "{}");
    assert_eq!(claims(&spec().read_only().idempotent().closed_world()), (true, false, true, false));
    assert_eq!(
        claims(&spec().read_only().idempotent().closed_world().destructive().not_idempotent().open_world()),
        (false, true, false, true)
    );
}

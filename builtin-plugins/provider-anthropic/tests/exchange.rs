//! What goes over the wire around the body, and which error comes of what.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use provider_anthropic::exchange;
use provider_anthropic::settings::Settings;
use provider_tests::{ask, render};
use skynet_plugin_sdk::http::Error;
use skynet_plugin_sdk::provider::{Delta, ProviderError, ThinkingLevel};
use skynet_plugin_sdk::serde_json::{self, Value, json};
use skynet_plugin_sdk::testing::{Collected, Reply, Script};

const TEXT: &str = include_str!("recorded/text.txt");

fn settings(more: Value) -> Settings {
    let mut all = json!({"base_url": "https://api.anthropic.com/v1/"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Settings::read(&|key| all.get(key).cloned()).unwrap()
}

fn streamed(body: &str) -> Reply {
    Reply::new(200, body).header("content-type", "text/event-stream")
}

fn complete(script: &mut Script, sink: &Collected) -> Result<skynet_plugin_sdk::provider::Completion, ProviderError> {
    exchange::complete(&settings(json!({})), &ask::request("m", vec![ask::user("hi")]), script, sink)
}

fn check_failure(reply: Reply, expected: &str) {
    let error = complete(&mut Script::new().reply(reply), &Collected::new()).unwrap_err();
    assert_eq!(render::failure(&error), expected);
}

fn failed(status: u16, kind: &str, message: &str) -> Reply {
    Reply::new(status, json!({"type": "error", "error": {"type": kind, "message": message}}).to_string())
}

#[test]
fn the_head_of_the_request_is_right_and_holds_no_key() {
    let mut script = Script::new().reply(streamed(TEXT).header("request-id", "req_1"));
    let sink = Collected::new();
    let settings = settings(json!({"betas": ["a-1", "b-2"]}));
    let completion = exchange::complete(&settings, &ask::request("m", vec![ask::user("hi")]), &mut script, &sink).unwrap();
    assert_eq!(completion.extra, [("request_id".to_owned(), "\"req_1\"".to_owned())]);
    let request = &script.requests[0];
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://api.anthropic.com/v1/messages"));
    let mut headers = request.headers.clone();
    headers.sort();
    let expected = [
        ("accept", "text/event-stream"),
        ("anthropic-beta", "a-1,b-2"),
        ("anthropic-version", "2023-06-01"),
        ("content-type", "application/json"),
    ];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

#[test]
fn deltas_are_handed_over_once_per_network_read() {
    let sink = Collected::new();
    let half = TEXT.len() / 2;
    complete(&mut Script::new().reply(streamed(&TEXT[..half]).chunk(&TEXT[half..])), &sink).unwrap();
    assert_eq!(sink.emits(), 2);
    assert_eq!(sink.text(), "Grüße aus Köln 🦀!");
}

#[test]
fn a_cancel_stops_at_once() {
    let sink = Collected::cancelling_after(1);
    let outcome = complete(&mut Script::new().reply(streamed(TEXT).in_chunks_of(300)), &sink);
    assert_eq!(outcome, Err(ProviderError::Cancelled));
    assert_eq!(sink.emits(), 1);
}

#[test]
fn each_error_becomes_the_case_that_the_router_decides_by() {
    let check = |status, kind: &str, message: &str, expected: &str| check_failure(failed(status, kind, message), expected);
    check(
        401,
        "authentication_error",
        "invalid x-api-key",
        "unauthorized: the Anthropic server answered 401 (authentication_error): invalid x-api-key; \
         check the secret `anthropic_api_key` and the account's credit",
    );
    check(
        400,
        "invalid_request_error",
        "Your credit balance is too low to access the Anthropic API.",
        "unauthorized: the Anthropic server answered 400 (invalid_request_error): Your credit balance is too low to access the Anthropic API.; \
         check the secret `anthropic_api_key` and the account's credit",
    );
    check(
        400,
        "invalid_request_error",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "context-overflow: the Anthropic server answered 400 (invalid_request_error): prompt is too long: 210000 tokens > 200000 maximum",
    );
    check(413, "request_too_large", "x", "context-overflow: the Anthropic server answered 413 (request_too_large): x");
    check(
        400,
        "invalid_request_error",
        "max_tokens: required",
        "invalid-request: the Anthropic server answered 400 (invalid_request_error): max_tokens: required",
    );
    check(404, "not_found_error", "model: m", "invalid-request: the Anthropic server answered 404 (not_found_error): model: m");
    check(529, "overloaded_error", "Overloaded", "unavailable: the Anthropic server answered 529 (overloaded_error): Overloaded");
    check(500, "api_error", "Internal", "unavailable: the Anthropic server answered 500 (api_error): Internal");
    check_failure(Reply::new(502, "<html>bad gateway</html>"), "unavailable: the Anthropic server answered 502: <html>bad gateway</html>");
    check_failure(
        Reply::new(302, "").header("location", "https://evil.example/"),
        "protocol: the Anthropic server answered 302; check that `base_url` names an Anthropic server",
    );
}

#[test]
fn the_wait_may_be_seconds_or_a_date_by_the_servers_clock() {
    let limited = || failed(429, "rate_limit_error", "slow down").header("request-id", "req_9");
    let text = "the Anthropic server answered 429 (rate_limit_error): slow down [request req_9]";
    check_failure(limited().header("retry-after", "17"), &format!("rate-limited (17000 ms): {text}"));
    check_failure(limited().header("retry-after", "1.5"), &format!("rate-limited (1500 ms): {text}"));
    let date = |date: &str| limited().header("date", "Sun, 06 Nov 1994 08:49:37 GMT").header("retry-after", date);
    check_failure(date("Sun, 06 Nov 1994 08:50:07 GMT"), &format!("rate-limited (30000 ms): {text}"));
    check_failure(date("Sun, 06 Nov 1994 08:00:00 GMT"), &format!("rate-limited (0 ms): {text}"));
    check_failure(date("soon"), &format!("rate-limited: {text}"));
    check_failure(limited().header("retry-after", "-4"), &format!("rate-limited: {text}"));
    check_failure(limited(), &format!("rate-limited: {text}"));
}

#[test]
fn trouble_before_and_within_an_answer_is_told_apart() {
    check_failure(Reply::error(Error::Denied("no grant".into())), "denied: no grant");
    check_failure(Reply::error(Error::Network("refused".into())), "unavailable: network trouble: refused");
    check_failure(streamed(&TEXT[..900]).then_error(Error::Network("reset".into())), "protocol: the Anthropic server broke off: reset");
    check_failure(
        streamed("data: {oops\n\n"),
        "protocol: the Anthropic server sent an event that is not JSON: key must be a string at line 1 column 2",
    );
    check_failure(
        Reply::new(200, "{}").header("content-type", "application/json"),
        "protocol: the server answered application/json instead of a stream; check that `base_url` names an Anthropic server",
    );
}

#[test]
fn a_model_that_only_thinks_adaptively_is_asked_again() {
    let refusal =
        failed(400, "invalid_request_error", "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\".");
    let mut script = Script::new().reply(refusal).reply(streamed(TEXT));
    let mut request = ask::request("m", vec![ask::user("hi")]);
    request.thinking = ThinkingLevel::Low;
    exchange::complete(&settings(json!({})), &request, &mut script, &Collected::new()).unwrap();
    let sent = |number: usize| serde_json::from_slice::<Value>(&script.requests[number].body).unwrap()["thinking"]["type"].clone();
    assert_eq!((sent(0), sent(1)), (json!("enabled"), json!("adaptive")));
    assert_eq!(script.left(), 0);
}

#[test]
fn a_server_that_refuses_everything_is_not_asked_for_ever() {
    let refusal = || failed(400, "invalid_request_error", "thinking and temperature are not supported; adaptive neither");
    let mut script = (0..9).fold(Script::new(), |script, _| script.reply(refusal()));
    let mut request = ask::request("m", vec![ask::user("hi")]);
    request.thinking = ThinkingLevel::Low;
    exchange::complete(&settings(json!({})), &request, &mut script, &Collected::new()).unwrap_err();
    assert_eq!(script.requests.len(), 3);
}

#[test]
fn notices_come_before_the_answer() {
    let sink = Collected::new();
    let mut request = ask::request("m", vec![ask::user("hi")]);
    request.temperature = Some(1.7);
    exchange::complete(&settings(json!({})), &request, &mut Script::new().reply(streamed(TEXT)), &sink).unwrap();
    assert_eq!(sink.deltas()[0], Delta::Notice("The temperature was lowered to 1, the most that this server takes.".into()));
}

#[test]
fn models_are_read_page_by_page_without_the_retired() {
    let first = json!({"data": [
        {"type": "model", "id": "claude-a", "display_name": "Claude A", "lifecycle": "active", "max_input_tokens": 200_000, "max_tokens": 64_000,
         "capabilities": {"image_input": {"supported": false}, "thinking": {"supported": true}}},
        {"type": "model", "id": "claude-old", "display_name": "Old", "lifecycle": "retired"},
    ], "has_more": true, "first_id": "claude-a", "last_id": "claude-old"});
    let second = json!({"data": [{"type": "model", "id": "claude-b", "created_at": "2025-02-19T00:00:00Z"}], "has_more": false, "last_id": "claude-b"});
    let mut script = Script::new().reply(Reply::new(200, first.to_string())).reply(Reply::new(200, second.to_string()));
    let models = exchange::models(&settings(json!({})), &mut script).unwrap();
    assert_eq!(script.requests[1].url, "https://api.anthropic.com/v1/models?limit=1000&after_id=claude-old");
    let ids: Vec<_> = models.iter().map(|model| (model.id.as_str(), model.name.as_str(), model.context_window)).collect();
    assert_eq!(ids, [("claude-a", "Claude A", Some(200_000)), ("claude-b", "claude-b", None)]);
    assert_eq!(models[0].abilities, ["tools", "thinking", "cache", "json"]);
}

#[test]
fn the_owners_list_of_models_needs_no_server() {
    let settings = settings(json!({"models": ["a", {"id": "b", "context_window": 5, "abilities": ["tools"]}]}));
    let models = exchange::models(&settings, &mut Script::new()).unwrap();
    assert_eq!(models.iter().map(|model| model.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((models[1].context_window, models[1].abilities.join(" ")), (Some(5), "tools".to_owned()));
}

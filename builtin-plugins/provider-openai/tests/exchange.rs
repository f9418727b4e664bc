//! What goes over the wire around the body, and which error comes of what.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use provider_openai::exchange;
use provider_openai::settings::Settings;
use provider_tests::{ask, render};
use skynet_plugin_sdk::http::Error;
use skynet_plugin_sdk::provider::{Completion, Delta, ProviderError, ThinkingLevel};
use skynet_plugin_sdk::serde_json::{self, Value, json};
use skynet_plugin_sdk::testing::{Collected, Reply, Script};

const TEXT: &str = include_str!("recorded/text.txt");

fn settings(more: Value) -> Settings {
    let mut all = json!({"base_url": "https://llm.example/v1/"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Settings::read(&|key| all.get(key).cloned()).unwrap()
}

fn streamed(body: &str) -> Reply {
    Reply::new(200, body).header("content-type", "text/event-stream")
}

fn complete(script: &mut Script, sink: &Collected) -> Result<Completion, ProviderError> {
    exchange::complete(&settings(json!({})), &ask::request("m", vec![ask::user("hi")]), script, sink)
}

fn check_failure(reply: Reply, expected: &str) {
    let error = complete(&mut Script::new().reply(reply), &Collected::new()).unwrap_err();
    assert_eq!(render::failure(&error), expected);
}

fn failed(status: u16, error: Value) -> Reply {
    Reply::new(status, json!({"error": error}).to_string())
}

#[test]
fn the_head_of_the_request_is_right_and_holds_no_key() {
    let mut script = Script::new().reply(streamed(TEXT));
    complete(&mut script, &Collected::new()).unwrap();
    let request = &script.requests[0];
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://llm.example/v1/chat/completions"));
    let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "content-type"]);
}

#[test]
fn deltas_are_handed_over_once_per_network_read() {
    let sink = Collected::new();
    let half = TEXT.find("data: {\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"created\":1700000000,\"model\":\"gpt-5-mini\",\"choices\":[]").unwrap();
    complete(&mut Script::new().reply(streamed(&TEXT[..half]).chunk(&TEXT[half..])), &sink).unwrap();
    assert_eq!((sink.emits(), sink.text().as_str()), (2, "Grüße aus Köln 🦀!"));
}

#[test]
fn a_cancel_stops_at_once() {
    let sink = Collected::cancelling_after(1);
    let outcome = complete(&mut Script::new().reply(streamed(TEXT).in_chunks_of(200)), &sink);
    assert_eq!((outcome, sink.emits()), (Err(ProviderError::Cancelled), 1));
}

#[test]
fn each_error_becomes_the_case_that_the_router_decides_by() {
    let check = |status, error: Value, expected: &str| check_failure(failed(status, error), expected);
    let key = "; check the secret `openai_api_key` and the account's quota";
    check(
        401,
        json!({"message": "Incorrect API key provided: sk-1", "type": "invalid_request_error", "param": null, "code": "invalid_api_key"}),
        &format!(
            "unauthorized: the model server answered 401 (invalid_request_error, invalid_api_key): Incorrect API key provided: sk-1{key}"
        ),
    );
    check(
        429,
        json!({"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}),
        &format!(
            "unauthorized: the model server answered 429 (insufficient_quota, insufficient_quota): You exceeded your current quota{key}"
        ),
    );
    check(
        400,
        json!({"message": "This model's maximum context length is 8192 tokens.", "type": "invalid_request_error", "code": "context_length_exceeded"}),
        "context-overflow: the model server answered 400 (invalid_request_error, context_length_exceeded): \
         This model's maximum context length is 8192 tokens.",
    );
    check(400, json!({"message": "bad", "param": "messages"}), "invalid-request: the model server answered 400 (messages): bad");
    check(404, json!("no such model"), "invalid-request: the model server answered 404: no such model");
    check(400, json!({"code": "content_filter", "message": "no"}), "refused: the model server answered 400 (content_filter): no");
    check(503, json!({"message": "busy"}), "unavailable: the model server answered 503: busy");
    check_failure(Reply::new(500, "oops"), "unavailable: the model server answered 500: oops");
    check_failure(Reply::new(422, r#"{"detail":"extra field"}"#), "invalid-request: the model server answered 422: extra field");
    check_failure(
        Reply::new(429, r#"[{"error":{"code":429,"message":"slow"}}]"#),
        "rate-limited: the model server answered 429 (429): slow",
    );
    check_failure(Reply::new(301, ""), "protocol: the model server answered 301; check that `base_url` names an OpenAI-compatible server");
}

#[test]
fn the_wait_may_be_milliseconds_seconds_or_a_date_by_the_servers_clock() {
    let limited = || failed(429, json!({"message": "slow"})).header("x-request-id", "req_9");
    let text = "the model server answered 429: slow [request req_9]";
    check_failure(limited().header("retry-after", "17"), &format!("rate-limited (17000 ms): {text}"));
    check_failure(limited().header("retry-after", "17").header("retry-after-ms", "250"), &format!("rate-limited (250 ms): {text}"));
    let date = limited().header("date", "Sun, 06 Nov 1994 08:49:37 GMT").header("retry-after", "Sun, 06 Nov 1994 08:50:07 GMT");
    check_failure(date, &format!("rate-limited (30000 ms): {text}"));
    check_failure(limited().header("retry-after", "NaN"), &format!("rate-limited: {text}"));
}

#[test]
fn trouble_before_and_within_an_answer_is_told_apart() {
    check_failure(Reply::error(Error::Denied("no grant".into())), "denied: no grant");
    check_failure(Reply::error(Error::Timeout("connect".into())), "unavailable: timed out: connect");
    check_failure(streamed(&TEXT[..400]).then_error(Error::Network("reset".into())), "protocol: the model server broke off: reset");
    check_failure(streamed("data: <p>\n\n"), "protocol: the model server sent a chunk that is not JSON: expected value at line 1 column 1");
    check_failure(streamed(""), "protocol: the model server broke off before the answer was complete; unfinished tool calls were dropped");
}

#[test]
fn a_refused_setting_is_dropped_and_the_person_told() {
    let refusal = |name: &str| failed(400, json!({"message": format!("Unsupported parameter: '{name}'"), "param": name}));
    let mut script = Script::new().reply(refusal("reasoning_effort")).reply(refusal("temperature")).reply(streamed(TEXT));
    let mut request = ask::request("m", vec![ask::user("hi")]);
    request.thinking = ThinkingLevel::High;
    request.temperature = Some(0.1);
    let sink = Collected::new();
    exchange::complete(&settings(json!({})), &request, &mut script, &sink).unwrap();
    let last: Value = serde_json::from_slice(&script.requests[2].body).unwrap();
    assert_eq!((last.get("reasoning_effort"), last.get("temperature")), (None, None));
    let notices: Vec<Delta> = sink.deltas().into_iter().filter(|delta| matches!(delta, Delta::Notice(_))).collect();
    assert_eq!(notices.len(), 2);
}

#[test]
fn a_server_that_refuses_everything_is_not_asked_for_ever() {
    let refusal = || failed(400, json!({"message": "max_tokens, max_completion_tokens and all else are not supported"}));
    let mut script = (0..9).fold(Script::new(), |script, _| script.reply(refusal()));
    let mut request = ask::request("m", vec![ask::user("hi")]);
    request.max_output = Some(5);
    exchange::complete(&settings(json!({})), &request, &mut script, &Collected::new()).unwrap_err();
    assert_eq!(script.requests.len(), 4);
}

fn models(body: Value) -> Vec<(String, Option<u64>, String)> {
    let mut script = Script::new().reply(Reply::new(200, body.to_string()));
    let models = exchange::models(&settings(json!({})), &mut script).unwrap();
    assert_eq!((script.requests[0].method.as_str(), script.requests[0].url.as_str()), ("GET", "https://llm.example/v1/models"));
    models.into_iter().map(|model| (model.id, model.context_window, model.abilities.join(" "))).collect()
}

#[test]
fn models_are_listed_with_what_their_server_says() {
    let list = json!({"object": "list", "data": [
        {"id": "z-model", "object": "model", "owned_by": "x"},
        {"id": "text-embedding-3-small"},
        {"id": "m/router", "context_length": 131_072, "supported_parameters": ["tools", "temperature"],
         "architecture": {"input_modalities": ["text"]}},
        {"id": "mi", "max_context_length": 32_768, "capabilities": {"function_calling": false, "vision": true}},
        {"id": "vl", "max_model_len": 4096, "type": "chat"},
    ]});
    let expected = [
        ("m/router", Some(131_072), "tools"),
        ("mi", Some(32_768), "images thinking json"),
        ("vl", Some(4096), "tools images thinking json"),
        ("z-model", None, "tools images thinking json"),
    ];
    assert_eq!(models(list), expected.map(|(id, window, abilities)| (id.to_owned(), window, abilities.to_owned())));
    assert_eq!(models(json!([{"id": "bare"}])).len(), 1);
}

#[test]
fn a_server_without_a_list_of_models_is_a_clear_error() {
    let error = exchange::models(&settings(json!({})), &mut Script::new().reply(Reply::new(200, "<html>"))).unwrap_err();
    assert!(render::failure(&error).contains("name them in the setting `models`"), "{error:?}");
    let owners = exchange::models(&settings(json!({"models": ["a"]})), &mut Script::new()).unwrap();
    assert_eq!(owners[0].id, "a");
}

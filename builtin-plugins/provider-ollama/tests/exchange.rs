//! What goes over the wire around the body, and which error comes of what.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use provider_ollama::exchange;
use provider_ollama::settings::Settings;
use provider_tests::{ask, render};
use skynet_plugin_sdk::http::Error;
use skynet_plugin_sdk::provider::{Completion, Delta, ProviderError, ThinkingLevel};
use skynet_plugin_sdk::serde_json::{self, Value, json};
use skynet_plugin_sdk::testing::{Collected, Reply, Script};

const TEXT: &str = include_str!("recorded/text.txt");

fn settings() -> Settings {
    let all = json!({"base_url": "http://127.0.0.1:11434/api/", "num_ctx": 8192});
    Settings::read(&|key| all.get(key).cloned()).unwrap()
}

fn complete(script: &mut Script, sink: &Collected) -> Result<Completion, ProviderError> {
    exchange::complete(&settings(), &ask::request("m", vec![ask::user("hi")]), script, sink)
}

fn check_failure(reply: Reply, expected: &str) {
    let error = complete(&mut Script::new().reply(reply), &Collected::new()).unwrap_err();
    assert_eq!(render::failure(&error), expected);
}

fn failed(status: u16, said: &str) -> Reply {
    Reply::new(status, json!({"error": said}).to_string())
}

#[test]
fn the_request_goes_to_the_chat_address() {
    let mut script = Script::new().reply(Reply::new(200, TEXT));
    complete(&mut script, &Collected::new()).unwrap();
    let request = &script.requests[0];
    assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "http://127.0.0.1:11434/api/chat"));
}

#[test]
fn deltas_are_handed_over_once_per_network_read_and_a_cancel_stops() {
    let sink = Collected::new();
    complete(&mut Script::new().reply(Reply::new(200, TEXT)), &sink).unwrap();
    assert_eq!((sink.emits(), sink.text().as_str()), (1, "Grüße aus Köln 🦀"));
    let sink = Collected::cancelling_after(1);
    let outcome = complete(&mut Script::new().reply(Reply::new(200, TEXT).in_chunks_of(150)), &sink);
    assert_eq!((outcome, sink.emits()), (Err(ProviderError::Cancelled), 1));
}

#[test]
fn each_error_becomes_the_case_that_the_router_decides_by() {
    let check = |status, said: &str, expected: &str| check_failure(failed(status, said), expected);
    check(
        404,
        "model 'm' not found",
        "invalid-request: the Ollama server answered 404: model 'm' not found; pull the model on the server first",
    );
    check(400, "invalid options", "invalid-request: the Ollama server answered 400: invalid options");
    check(401, "unauthorized", "unauthorized: the Ollama server answered 401: unauthorized");
    check(500, "model requires more system memory", "unavailable: the Ollama server answered 500: model requires more system memory");
    check(400, "input exceeds the context length", "context-overflow: the Ollama server answered 400: input exceeds the context length");
    check_failure(
        failed(503, "server busy").header("retry-after", "2"),
        "unavailable (2000 ms): the Ollama server answered 503: server busy",
    );
    check_failure(Reply::new(302, ""), "protocol: the Ollama server answered 302; check that `base_url` names an Ollama server");
    check_failure(Reply::error(Error::Denied("private".into())), "denied: private");
    check_failure(Reply::new(200, &TEXT[..20]).then_error(Error::Network("reset".into())), "protocol: the Ollama server broke off: reset");
    check_failure(
        Reply::new(200, "<html>\n"),
        "protocol: the Ollama server sent a line that is not JSON: expected value at line 1 column 1",
    );
}

#[test]
fn a_model_without_tools_and_thinking_still_answers_and_the_person_is_told() {
    let mut script = Script::new()
        .reply(failed(400, "\"m\" does not support thinking"))
        .reply(failed(400, "registry.ollama.ai/library/m:latest does not support tools"))
        .reply(Reply::new(200, TEXT));
    let mut request = ask::request("m", vec![ask::user("hi")]);
    request.tools = vec![ask::weather()];
    request.thinking = ThinkingLevel::High;
    let sink = Collected::new();
    exchange::complete(&settings(), &request, &mut script, &sink).unwrap();
    let last: Value = serde_json::from_slice(&script.requests[2].body).unwrap();
    assert_eq!((last.get("tools"), last["think"].clone()), (None, json!(false)));
    assert_eq!(sink.deltas().iter().filter(|delta| matches!(delta, Delta::Notice(_))).count(), 2);
}

#[test]
fn models_are_described_where_the_server_can() {
    let tags = json!({"models": [
        {"name": "qwen3:8b", "model": "qwen3:8b", "size": 5_225_388_164_u64, "details": {"family": "qwen3"}},
        {"name": "nomic-embed-text:latest", "model": "nomic-embed-text:latest"},
        {"name": "old:latest"},
    ]});
    let qwen = json!({"capabilities": ["completion", "tools", "thinking"], "model_info": {"qwen3.context_length": 40_960}});
    let nomic = json!({"capabilities": ["embedding"], "model_info": {"nomic-bert.context_length": 2048}});
    let mut script = Script::new()
        .reply(Reply::new(200, tags.to_string()))
        .reply(Reply::new(200, nomic.to_string()))
        .reply(failed(404, "no such address"))
        .reply(Reply::new(200, qwen.to_string()));
    let models = exchange::models(&settings(), &mut script).unwrap();
    let got: Vec<_> = models.iter().map(|model| (model.id.as_str(), model.context_window, model.abilities.join(" "))).collect();
    assert_eq!(got, [("old:latest", Some(8192), "tools json".to_owned()), ("qwen3:8b", Some(8192), "tools thinking json".to_owned()),]);
    let asked: Vec<&str> = script.requests.iter().map(|request| request.url.as_str()).collect();
    assert_eq!(asked[..2], ["http://127.0.0.1:11434/api/tags", "http://127.0.0.1:11434/api/show"]);
}

#[test]
fn a_server_that_is_not_ollama_is_a_clear_error() {
    let error = exchange::models(&settings(), &mut Script::new().reply(Reply::new(200, "[]"))).unwrap_err();
    assert!(render::failure(&error).contains("check that `base_url` names an Ollama server"), "{error:?}");
}

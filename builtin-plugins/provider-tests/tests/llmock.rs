//! The plugins against llmock, which keeps our requests as they came.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use provider_tests::ask::{self, answered, message, system, user, weather};
use provider_tests::peer::Peer;
use provider_tests::render;
use provider_tests::tcp::Tcp;
use serde_json::{Value, json};
use skynet_plugin_sdk::http::Transport;
use skynet_plugin_sdk::provider::{Completion, CompletionRequest, Delta, Emit, ProviderError, Role, StopReason};
use skynet_plugin_sdk::testing::Collected;

fn peer() -> Peer {
    Peer::from_env("SKYNET_LLMOCK")
}

fn url(path: &str) -> impl Fn(&str) -> Option<Value> {
    let url = format!("{}{path}", peer().url);
    move |key: &str| (key == "base_url").then(|| json!(url))
}

fn anthropic(request: &CompletionRequest, transport: &mut dyn Transport, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    let settings = provider_anthropic::settings::Settings::read(&url("/anthropic")).unwrap();
    provider_anthropic::exchange::complete(&settings, request, transport, sink)
}

fn openai(request: &CompletionRequest, transport: &mut dyn Transport, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    let settings = provider_openai::settings::Settings::read(&url("/v1")).unwrap();
    provider_openai::exchange::complete(&settings, request, transport, sink)
}

fn mistral(request: &CompletionRequest, transport: &mut dyn Transport, sink: &dyn Emit) -> Result<Completion, ProviderError> {
    let settings = provider_openai::settings::Settings::read(&url("/mistral/v1")).unwrap();
    provider_openai::exchange::complete(&settings, request, transport, sink)
}

type Plugin = fn(&CompletionRequest, &mut dyn Transport, &dyn Emit) -> Result<Completion, ProviderError>;

const ALL: [(&str, Plugin); 3] = [("anthropic", anthropic), ("openai", openai), ("mistral", mistral)];

fn key() -> Tcp {
    let mut tcp = Tcp::with_header("authorization", "Bearer k");
    tcp.injected.push(("x-api-key".to_owned(), "k".to_owned()));
    tcp
}

/// The bodies that the server got for this model; each test has its own.
fn sent(model: &str) -> Vec<Value> {
    let journal = peer().control("GET", "/_llmock/requests", &Value::Null, "");
    let requests = journal["requests"].as_array().unwrap();
    requests.iter().filter(|request| request["model"] == model).map(|request| request["body"].clone()).collect()
}

fn calls(deltas: &[Delta]) -> Vec<(String, String, String)> {
    let mut calls: Vec<(String, String, String)> = Vec::new();
    for delta in deltas {
        match delta {
            Delta::ToolCallStart(start) => calls.push((start.id.clone(), start.name.clone(), String::new())),
            Delta::ToolCallArguments(piece) => calls.iter_mut().find(|call| call.0 == piece.id).unwrap().2.push_str(&piece.fragment),
            _ => {}
        }
    }
    calls
}

#[test]
fn a_round_of_tools_goes_there_and_back() {
    for (name, plugin) in ALL {
        let mut request = ask::request(&format!("{name}-round"), vec![user("What is the weather in Rome?")]);
        request.tools = vec![weather()];
        let sink = Collected::new();
        assert_eq!(plugin(&request, &mut key(), &sink).unwrap().stop, StopReason::ToolUse, "{name}");
        let asked = calls(&sink.deltas());
        assert_eq!((asked.len(), asked[0].1.as_str()), (1, "get_weather"), "{name}");
        assert!(serde_json::from_str::<Value>(&asked[0].2).unwrap()["city"].is_string(), "{name}: {}", asked[0].2);
        request.messages.push(message(Role::Assistant, vec![ask::call(&asked[0].0, "get_weather", &asked[0].2)]));
        request.messages.push(message(Role::Tool, vec![answered(&asked[0].0, "get_weather", "12 °C")]));
        let sink = Collected::new();
        let completion = plugin(&request, &mut key(), &sink).unwrap();
        assert_eq!(completion.stop, StopReason::EndTurn, "{name}");
        assert!(!sink.text().is_empty() && completion.usage.output > 0 && completion.usage.input > 0, "{name}: {completion:?}");
    }
}

#[test]
fn cache_marks_arrive_where_they_belong_and_the_moving_one_moves() {
    let model = "anthropic-cache";
    let mut request = ask::request(model, vec![user("What is the weather in Rome?")]);
    request.system = vec![system("You are kind.", true), system("The user is Ada.", true), system("It is noon.", false)];
    request.tools = vec![ask::tool("look", "Looks.", "{}"), weather()];
    anthropic(&request, &mut key(), &Collected::new()).unwrap();
    request.messages.push(message(Role::Assistant, vec![ask::call("toolu_1", "get_weather", r#"{"city":"Rome"}"#)]));
    request.messages.push(message(Role::Tool, vec![answered("toolu_1", "get_weather", "12 °C")]));
    anthropic(&request, &mut key(), &Collected::new()).unwrap();
    let bodies = sent(model);
    assert_eq!(bodies.len(), 2);
    let mark = json!({"type": "ephemeral"});
    for body in &bodies {
        assert_eq!(body.to_string().matches("cache_control").count(), 4, "{body}");
        assert_eq!((body["tools"][0].get("cache_control"), &body["tools"][1]["cache_control"]), (None, &mark));
        assert_eq!((&body["system"][0]["cache_control"], &body["system"][1]["cache_control"]), (&mark, &mark));
    }
    assert_eq!(bodies[0]["messages"][0]["content"][0]["cache_control"], mark);
    assert_eq!(bodies[1]["messages"][0]["content"][0].get("cache_control"), None);
    assert_eq!(bodies[1]["messages"][2]["content"][0]["cache_control"], mark);
    assert_eq!(bodies[1]["messages"][2]["content"][0]["type"], "tool_result");
    // What is before the marks is the same, so the server can find it again.
    assert_eq!((&bodies[0]["tools"], &bodies[0]["system"]), (&bodies[1]["tools"], &bodies[1]["system"]));
}

#[test]
fn the_body_is_what_the_server_says_it_wants() {
    let mut request = ask::request("openai-body", vec![user("hello")]);
    request.max_output = Some(50);
    request.stop = vec!["END".into()];
    openai(&request, &mut key(), &Collected::new()).unwrap();
    let expected = json!({
        "model": "openai-body", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 50, "stop": ["END"],
        "messages": [{"role": "user", "content": "hello"}],
    });
    assert_eq!(sent("openai-body"), [expected]);
}

fn check_forced(status: u16, expected: [&str; 3]) {
    for ((name, plugin), expected) in ALL.into_iter().zip(expected) {
        let mut tcp = key();
        tcp.injected.push(("x-llmock-force-status".to_owned(), status.to_string()));
        let sink = Collected::new();
        let error = plugin(&ask::request(&format!("{name}-forced"), vec![user("hello")]), &mut tcp, &sink).unwrap_err();
        let got = render::failure(&error);
        assert!(got.starts_with(expected), "{name}, {status}: {got}");
    }
}

#[test]
fn forced_errors_become_the_right_case() {
    check_forced(400, ["invalid-request: "; 3]);
    check_forced(401, ["unauthorized: "; 3]);
    check_forced(403, ["unauthorized: "; 3]);
    check_forced(413, ["context-overflow: "; 3]);
    check_forced(429, ["rate-limited ("; 3]);
    check_forced(500, ["unavailable"; 3]);
    check_forced(529, ["unavailable"; 3]);
}

fn fault(model: &str, kind: &str, after_chunks: u64) {
    let fault = json!({"type": "stream_fault", "kind": kind, "after_chunks": after_chunks, "match": {"model": model}});
    peer().control("POST", "/_llmock/scenario", &json!({"behaviors": [fault]}), "");
}

#[test]
fn a_broken_stream_is_never_taken_for_an_answer() {
    for (name, plugin) in ALL {
        for kind in ["truncate", "disconnect", "malformed"] {
            let model = format!("{name}-{kind}");
            fault(&model, kind, 3);
            let sink = Collected::new();
            let request = ask::request(&model, vec![user("Tell me a long story, please.")]);
            let outcome = plugin(&request, &mut key(), &sink);
            assert!(matches!(outcome, Err(ProviderError::Protocol(_))), "{name}, {kind}: {outcome:?}");
            assert!(!sink.deltas().iter().any(|delta| matches!(delta, Delta::Stop(_))), "{name}, {kind} said that it stopped");
        }
    }
}

#[test]
fn a_call_in_a_broken_stream_is_never_ended() {
    for (name, plugin) in ALL {
        let model = format!("{name}-cut-call");
        fault(&model, "truncate", 2);
        let mut request = ask::request(&model, vec![user("What is the weather in Rome?")]);
        request.tools = vec![weather()];
        let sink = Collected::new();
        let outcome = plugin(&request, &mut key(), &sink);
        assert!(matches!(outcome, Err(ProviderError::Protocol(_))), "{name}: {outcome:?}");
        let finished = |delta: &Delta| matches!(delta, Delta::Stop(_) | Delta::ToolCallEnd(_));
        assert!(!sink.deltas().iter().any(finished), "{name}");
    }
}

#[test]
fn broken_arguments_reach_the_loop_as_the_model_wrote_them() {
    for (name, plugin) in ALL {
        let model = format!("{name}-broken");
        let behaviors =
            json!({"behaviors": [{"type": "tool_fault", "kind": "malformed_arguments", "match": {"model": model, "tools": true}}]});
        peer().control("POST", "/_llmock/scenario", &behaviors, "");
        let mut request = ask::request(&model, vec![user("What is the weather in Rome?")]);
        request.tools = vec![weather()];
        let sink = Collected::new();
        assert_eq!(plugin(&request, &mut key(), &sink).unwrap().stop, StopReason::ToolUse, "{name}");
        let asked = calls(&sink.deltas());
        assert!(serde_json::from_str::<Value>(&asked[0].2).is_err(), "{name}: {}", asked[0].2);
        // Handed back, they must not break the next request.
        request.messages.push(message(Role::Assistant, vec![ask::call(&asked[0].0, "get_weather", &asked[0].2)]));
        request.messages.push(message(Role::Tool, vec![answered(&asked[0].0, "get_weather", "unreadable arguments")]));
        plugin(&request, &mut key(), &Collected::new()).unwrap();
    }
}

#[test]
fn models_are_listed() {
    let settings = provider_anthropic::settings::Settings::read(&url("/anthropic")).unwrap();
    let models = provider_anthropic::exchange::models(&settings, &mut key()).unwrap();
    assert!(models.iter().any(|model| model.name == "Claude Sonnet 4.6"), "{models:?}");
    let settings = provider_openai::settings::Settings::read(&url("/v1")).unwrap();
    let models = provider_openai::exchange::models(&settings, &mut key()).unwrap();
    assert!(!models.is_empty() && models.iter().all(|model| !model.id.contains("embedding")), "{models:?}");
}

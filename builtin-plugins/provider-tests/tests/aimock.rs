//! All three plugins against aimock: what they understand, what they send.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use provider_tests::ask::{self, message, user, weather};
use provider_tests::peer::Peer;
use provider_tests::render;
use provider_tests::tcp::Tcp;
use serde_json::{Value, json};
use skynet_plugin_sdk::provider::{
    Completion, CompletionRequest, Delta, ModelInfo, Part, ProviderError, Role, StopReason, Thinking, ThinkingLevel, ToolCall,
};
use skynet_plugin_sdk::testing::Collected;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Anthropic,
    OpenAi,
    Ollama,
}

const ALL: [Kind; 3] = [Kind::Anthropic, Kind::OpenAi, Kind::Ollama];

/// One plugin in one test: the server keeps the tests apart by the test's name.
struct Talk {
    kind: Kind,
    test: String,
    peer: Peer,
}

impl Talk {
    fn new(kind: Kind, test: &str) -> Self {
        Self { kind, test: format!("{test}-{kind:?}"), peer: Peer::from_env("SKYNET_AIMOCK") }
    }

    fn tcp(&self) -> Tcp {
        let mut tcp = Tcp::with_header("x-test-id", &self.test);
        // As the host does with secrets.
        let key = if self.kind == Kind::Anthropic { ("x-api-key", "k") } else { ("authorization", "Bearer k") };
        tcp.injected.push((key.0.to_owned(), key.1.to_owned()));
        tcp.injected.push(("x-aimock-strict".to_owned(), "true".to_owned()));
        tcp
    }

    fn setting(&self, path: &str) -> impl Fn(&str) -> Option<Value> {
        let url = format!("{}{path}", self.peer.url);
        move |key: &str| (key == "base_url").then(|| json!(url))
    }

    fn ask(&self, request: &CompletionRequest) -> (Vec<Delta>, Result<Completion, ProviderError>) {
        let (mut tcp, sink) = (self.tcp(), Collected::new());
        let outcome = match self.kind {
            Kind::Anthropic => {
                let settings = provider_anthropic::settings::Settings::read(&self.setting("")).unwrap();
                provider_anthropic::exchange::complete(&settings, request, &mut tcp, &sink)
            }
            Kind::OpenAi => {
                let settings = provider_openai::settings::Settings::read(&self.setting("/v1")).unwrap();
                provider_openai::exchange::complete(&settings, request, &mut tcp, &sink)
            }
            Kind::Ollama => {
                let settings = provider_ollama::settings::Settings::read(&self.setting("")).unwrap();
                provider_ollama::exchange::complete(&settings, request, &mut tcp, &sink)
            }
        };
        (sink.deltas(), outcome)
    }

    fn say(&self, text: &str) -> (Vec<Delta>, Result<Completion, ProviderError>) {
        self.ask(&ask::request(self.model(), vec![user(text)]))
    }

    fn model(&self) -> &'static str {
        match self.kind {
            Kind::Anthropic => "claude-sonnet-4-5",
            Kind::OpenAi => "gpt-5-mini",
            Kind::Ollama => "qwen3",
        }
    }

    /// The bodies that the server got in this test.
    fn journal(&self) -> Vec<Value> {
        let entries = self.peer.control("GET", &format!("/__aimock/journal?testId={}", self.test), &Value::Null, &self.test);
        entries.as_array().unwrap().iter().map(|entry| entry["body"].clone()).collect()
    }

    fn models(&self) -> Vec<ModelInfo> {
        let mut tcp = self.tcp();
        match self.kind {
            Kind::OpenAi => {
                let settings = provider_openai::settings::Settings::read(&self.setting("/v1")).unwrap();
                provider_openai::exchange::models(&settings, &mut tcp).unwrap()
            }
            Kind::Ollama => {
                let settings = provider_ollama::settings::Settings::read(&self.setting("")).unwrap();
                provider_ollama::exchange::models(&settings, &mut tcp).unwrap()
            }
            Kind::Anthropic => panic!("aimock lists models as OpenAI does"),
        }
    }
}

fn text(deltas: &[Delta]) -> String {
    deltas.iter().filter_map(|delta| if let Delta::Text(text) = delta { Some(text.as_str()) } else { None }).collect()
}

fn ended(deltas: &[Delta]) -> usize {
    deltas.iter().filter(|delta| matches!(delta, Delta::ToolCallEnd(_))).count()
}

/// The message that the host keeps of an answer.
fn kept(deltas: &[Delta]) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for delta in deltas {
        match (delta, parts.last_mut()) {
            (Delta::Text(piece), Some(Part::Text(text))) => text.push_str(piece),
            (Delta::Text(piece), _) => parts.push(Part::Text(piece.clone())),
            (Delta::Thinking(piece), Some(Part::Thinking(Thinking { text, signature: None, redacted: None }))) => text.push_str(piece),
            (Delta::Thinking(piece), _) => {
                parts.push(Part::Thinking(Thinking { text: piece.clone(), signature: None, redacted: None }));
            }
            (Delta::ThinkingSignature(seal), Some(Part::Thinking(thinking))) => thinking.signature = Some(seal.clone()),
            (Delta::ThinkingRedacted(data), _) => {
                parts.push(Part::Thinking(Thinking { text: String::new(), signature: None, redacted: Some(data.clone()) }));
            }
            (Delta::ToolCallStart(start), _) => {
                parts.push(Part::ToolCall(ToolCall { id: start.id.clone(), name: start.name.clone(), arguments: String::new() }));
            }
            (Delta::ToolCallArguments(piece), _) => {
                let call = parts.iter_mut().find_map(|part| match part {
                    Part::ToolCall(call) if call.id == piece.id => Some(call),
                    _ => None,
                });
                call.unwrap().arguments.push_str(&piece.fragment);
            }
            _ => {}
        }
    }
    parts
}

fn calls(parts: &[Part]) -> Vec<ToolCall> {
    parts.iter().filter_map(|part| if let Part::ToolCall(call) = part { Some(call.clone()) } else { None }).collect()
}

#[test]
fn text_streams_in_pieces_and_is_counted() {
    for kind in ALL {
        let (deltas, outcome) = Talk::new(kind, "text").say("tell me a long story");
        let completion = outcome.unwrap();
        assert_eq!(text(&deltas), "Es war einmal in Köln ein Krebs 🦀, der gerne ging.", "{kind:?}");
        assert!(deltas.iter().filter(|delta| matches!(delta, Delta::Text(_))).count() > 3, "{kind:?} did not stream");
        assert_eq!(completion.stop, StopReason::EndTurn, "{kind:?}");
        if kind != Kind::Ollama {
            // This mock counts nothing for Ollama.
            assert_eq!((completion.usage.input, completion.usage.output), (21, 13), "{kind:?}");
        }
    }
}

#[test]
fn a_round_of_tools_goes_there_and_back() {
    for kind in ALL {
        let talk = Talk::new(kind, "round");
        let mut request = ask::request(talk.model(), vec![user("what is the weather?")]);
        request.tools = vec![weather(), ask::tool("get_time", "Tells the time.", "{}")];
        let (deltas, outcome) = talk.ask(&request);
        assert_eq!(outcome.unwrap().stop, StopReason::ToolUse, "{kind:?}");
        assert_eq!((text(&deltas).as_str(), ended(&deltas)), ("Let me look.", 2), "{kind:?}");
        let answer = kept(&deltas);
        let asked = calls(&answer);
        assert_eq!(asked[0].name, "get_weather", "{kind:?}");
        assert_eq!(serde_json::from_str::<Value>(&asked[0].arguments).unwrap(), json!({"city": "Zürich", "days": 2}), "{kind:?}");
        assert_eq!((asked[1].name.as_str(), asked[1].arguments.as_str()), ("get_time", "{}"), "{kind:?}");
        request.messages.push(message(Role::Assistant, answer));
        request.messages.push(message(Role::Tool, vec![ask::answered(&asked[0].id, "get_weather", "12 °C")]));
        request.messages.push(message(Role::Tool, vec![ask::answered(&asked[1].id, "get_time", "noon, 12 °C outside")]));
        let (deltas, outcome) = talk.ask(&request);
        assert_eq!(outcome.unwrap().stop, StopReason::EndTurn, "{kind:?}");
        assert_eq!(text(&deltas), "It is mild.", "{kind:?}");
        let journal = talk.journal();
        assert_eq!(journal.len(), 2, "{kind:?}");
        assert_eq!(journal[0]["tools"][0]["function"]["parameters"]["required"], json!(["city"]), "{kind:?}: {}", journal[0]);
        let roles: Vec<&str> = journal[1]["messages"].as_array().unwrap().iter().map(|message| message["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "assistant", "tool", "tool"], "{kind:?}");
    }
}

#[test]
fn sealed_and_hidden_thinking_survives_a_round_under_the_servers_own_check() {
    let talk = Talk::new(Kind::Anthropic, "thinking");
    let mut request = ask::request(talk.model(), vec![user("think about it")]);
    request.tools = vec![weather()];
    request.thinking = ThinkingLevel::Low;
    let (deltas, outcome) = talk.ask(&request);
    assert_eq!(outcome.unwrap().stop, StopReason::ToolUse);
    let answer = kept(&deltas);
    let thinking: Vec<&Thinking> =
        answer.iter().filter_map(|part| if let Part::Thinking(thinking) = part { Some(thinking) } else { None }).collect();
    assert_eq!(thinking[0].redacted.as_deref(), Some("EmwKAhgBEgy3va3pzix/LafP="));
    assert_eq!(
        (thinking[1].text.as_str(), thinking[1].signature.as_deref()),
        ("First I think,\nthen I look.", Some("EqQBCgIYAhIM+/=sealed"))
    );
    request.messages.push(message(Role::Assistant, answer));
    request.messages.push(message(Role::Tool, vec![ask::answered("toolu_t1", "get_weather", "rain")]));
    // In strict mode this server refuses a round whose thinking was lost.
    let (deltas, outcome) = talk.ask(&request);
    outcome.unwrap();
    assert_eq!(text(&deltas), "Rain.");
}

#[test]
fn reasoning_of_a_chat_completions_server_is_thinking() {
    let talk = Talk::new(Kind::OpenAi, "reasoning");
    let mut request = ask::request(talk.model(), vec![user("think about it")]);
    request.tools = vec![weather()];
    request.thinking = ThinkingLevel::High;
    let (deltas, outcome) = talk.ask(&request);
    outcome.unwrap();
    let thought: String =
        deltas.iter().filter_map(|delta| if let Delta::Thinking(text) = delta { Some(text.as_str()) } else { None }).collect();
    assert_eq!(thought, "First I think,\nthen I look.");
    assert_eq!(talk.journal()[0]["reasoning_effort"], "high");
}

fn check_failure(kind: Kind, words: &str, expected: &str) {
    let (deltas, outcome) = Talk::new(kind, "failure").say(words);
    let got = render::failure(&outcome.unwrap_err());
    assert!(got.starts_with(expected), "{kind:?}, {words}: {got}");
    assert_eq!(deltas, [], "{kind:?}, {words}");
}

#[test]
fn errors_are_understood() {
    check_failure(Kind::Anthropic, "overload", "unavailable: the Anthropic server answered 529 (overloaded_error): Overloaded");
    check_failure(Kind::OpenAi, "overload", "unavailable: the model server answered 529");
    check_failure(Kind::Ollama, "overload", "unavailable: the Ollama server answered 529: Overloaded");
    check_failure(Kind::Anthropic, "hurry", "rate-limited (7000 ms): the Anthropic server answered 429 (rate_limit_error): Slow down");
    check_failure(Kind::OpenAi, "hurry", "rate-limited (7000 ms): the model server answered 429");
    check_failure(Kind::Ollama, "hurry", "rate-limited (7000 ms): the Ollama server answered 429");
    check_failure(Kind::OpenAi, "no quota", "unauthorized: ");
    check_failure(Kind::OpenAi, "too long", "context-overflow: ");
}

#[test]
fn the_output_limit_is_told() {
    for kind in [Kind::Anthropic, Kind::OpenAi] {
        let (deltas, outcome) = Talk::new(kind, "limit").say("stop short");
        assert_eq!((text(&deltas).as_str(), outcome.unwrap().stop), ("Only this mu", StopReason::MaxTokens), "{kind:?}");
    }
}

#[test]
fn a_line_that_is_cut_is_an_error_and_what_came_was_handed_on() {
    for kind in ALL {
        let (deltas, outcome) = Talk::new(kind, "cut").say("break off in words");
        assert!(matches!(outcome, Err(ProviderError::Protocol(_))), "{kind:?}: {outcome:?}");
        let came = text(&deltas);
        assert!(!came.is_empty() && "These words will not all arrive".starts_with(&came), "{kind:?}: {came}");
    }
    for kind in [Kind::Anthropic, Kind::OpenAi] {
        let talk = Talk::new(kind, "cut-call");
        let mut request = ask::request(talk.model(), vec![user("break off in a call")]);
        request.tools = vec![weather()];
        let (deltas, outcome) = talk.ask(&request);
        assert!(matches!(outcome, Err(ProviderError::Protocol(_))), "{kind:?}: {outcome:?}");
        assert!(deltas.iter().any(|delta| matches!(delta, Delta::ToolCallStart(_))), "{kind:?} began no call");
        assert_eq!(ended(&deltas), 0, "{kind:?} ended a call that was cut");
    }
}

fn check_chaos(kind: Kind, chaos: &Value, expected: &str) {
    let talk = Talk::new(kind, "chaos");
    talk.peer.control("POST", "/__aimock/chaos", chaos, &talk.test);
    let (deltas, outcome) = talk.say("tell me a long story");
    let got = render::failure(&outcome.unwrap_err());
    assert!(got.starts_with(expected), "{kind:?}, {chaos}: {got}");
    assert_eq!(deltas, [], "{kind:?}, {chaos}");
    talk.peer.control("DELETE", "/__aimock/chaos", &Value::Null, &talk.test);
    assert!(talk.say("tell me a long story").1.is_ok(), "{kind:?} after {chaos}");
}

#[test]
fn chaos_ends_in_the_right_case_and_leaves_nothing_behind() {
    for kind in ALL {
        check_chaos(kind, &json!({"disconnectRate": 1}), "unavailable: network trouble");
        check_chaos(kind, &json!({"dropRate": 1}), "unavailable: ");
        check_chaos(kind, &json!({"rateLimitRate": 1}), "rate-limited (");
        check_chaos(kind, &json!({"malformedRate": 1}), "protocol: ");
    }
}

#[test]
fn models_are_listed() {
    for kind in [Kind::OpenAi, Kind::Ollama] {
        let models = Talk::new(kind, "models").models();
        assert!(!models.is_empty(), "{kind:?}");
        assert!(models.iter().all(|model| model.abilities.contains(&"tools".to_owned())), "{kind:?}: {models:?}");
    }
}

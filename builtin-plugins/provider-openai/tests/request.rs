//! Requests as they go out: whole ones as files, single rules as assertions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use expect_test::expect_file;
use provider_openai::request::{adapt, prepare};
use provider_openai::settings::Settings;
use provider_tests::ask::{self, answered, assistant, blob, call, message, result, system, thought, user, weather};
use skynet_plugin_sdk::provider::{CompletionRequest, Message, Part, ProviderError, ResultPart, Role, ThinkingLevel, ToolChoice};
use skynet_plugin_sdk::serde_json::{self, Value, json};

fn settings(more: Value) -> Settings {
    let mut all = json!({"base_url": "https://llm.example/v1"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Settings::read(&|key| all.get(key).cloned()).unwrap()
}

fn body(request: &CompletionRequest) -> Value {
    prepare(request, &settings(json!({}))).unwrap().body
}

fn golden(name: &str, request: &CompletionRequest, settings: &Settings) {
    let prepared = prepare(request, settings).unwrap();
    let text = serde_json::to_string_pretty(&json!({"body": prepared.body, "notices": prepared.notices})).unwrap() + "\n";
    expect_file![format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"))].assert_eq(&text);
}

fn round() -> CompletionRequest {
    let asked = vec![
        Part::Text("Let me look.".into()),
        thought("They want the weather.", "sealed elsewhere"),
        call("call_1", "get_weather", r#"{"city": "Köln"}"#),
        call("call_2", "look", ""),
    ];
    let seen = vec![ResultPart::Json(r#"{"seen":1}"#.into()), ResultPart::Image(blob("image/jpeg", b"\xff\xd8"))];
    let mut request = ask::request(
        "gpt-5-mini",
        vec![
            message(Role::User, vec![Part::Text("What is on it?".into()), Part::Image(blob("image/png", b"\x89PNG"))]),
            message(Role::Assistant, asked),
            message(Role::Tool, vec![answered("call_1", "get_weather", "12 °C")]),
            message(Role::Tool, vec![result("call_2", "look", seen, true)]),
            user("And hurry."),
        ],
    );
    request.system = vec![system("You are kind.", true), system("It is noon.\n", false)];
    request.tools = vec![ask::tool("look", "Looks.", "{}"), weather()];
    request.thinking = ThinkingLevel::Medium;
    request.max_output = Some(2000);
    request.temperature = Some(0.5);
    request.stop = ["A", "B", "C", "D", "E"].map(str::to_owned).to_vec();
    request.options = r#"{"top_p":0.9,"model":"other","messages":[],"unknown":1}"#.into();
    request
}

#[test]
fn a_round_of_tools_with_images() {
    golden("round", &round(), &settings(json!({"base_url": "https://api.openai.com/v1"})));
}

#[test]
fn a_plain_question_sends_nothing_that_was_not_wished() {
    golden("plain", &ask::request("m", vec![user("hello")]), &settings(json!({"include_usage": false})));
}

fn reasoning_of(messages: Vec<Message>, settings: &Settings) -> Vec<Option<String>> {
    let body = prepare(&ask::request("m", messages), settings).unwrap().body;
    let messages = body["messages"].as_array().unwrap();
    messages.iter().map(|message| message.get("reasoning_content").and_then(Value::as_str).map(str::to_owned)).collect()
}

#[test]
fn reasoning_goes_back_only_if_wished_and_only_within_the_round() {
    let spoke = |text: &str| message(Role::Assistant, vec![thought(text, ""), call("1", "t", "{}")]);
    let messages = || vec![user("a"), spoke("old"), message(Role::Tool, vec![answered("1", "t", "x")]), user("b"), spoke("new")];
    assert_eq!(reasoning_of(messages(), &settings(json!({}))), vec![None; 5]);
    let wished = reasoning_of(messages(), &settings(json!({"return_reasoning": true})));
    assert_eq!(wished, [None, None, None, None, Some("new".to_owned())]);
}

#[test]
fn broken_arguments_are_sent_as_valid_json() {
    let request = ask::request("m", vec![user("a"), message(Role::Assistant, vec![call("1", "t", "{\"a\":"), call("2", "t", "[1]")])]);
    let calls = body(&request)["messages"][1]["tool_calls"].clone();
    for (number, original) in ["{\"a\":", "[1]"].iter().enumerate() {
        let text = calls[number]["function"]["arguments"].as_str().unwrap();
        assert_eq!(serde_json::from_str::<Value>(text).unwrap(), json!({"unreadable_arguments": original}));
    }
}

#[test]
fn empty_messages_and_foreign_blocks_stay_out() {
    let foreign = message(Role::Assistant, vec![Part::Other(r#"{"kind":"x"}"#.into()), thought("t", "s")]);
    let request = ask::request("m", vec![user("a"), foreign, message(Role::User, vec![]), assistant("b")]);
    assert_eq!(body(&request)["messages"], json!([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]));
}

#[test]
fn the_choice_of_tools_is_told() {
    let choice = |choice: ToolChoice| {
        let mut request = ask::request("m", vec![user("a")]);
        request.tools = vec![weather()];
        request.tool_choice = choice;
        body(&request).get("tool_choice").cloned()
    };
    assert_eq!(choice(ToolChoice::Automatic), None);
    assert_eq!(choice(ToolChoice::None), Some(json!("none")));
    assert_eq!(choice(ToolChoice::Required), Some(json!("required")));
    let named = json!({"type": "function", "function": {"name": "get_weather"}});
    assert_eq!(choice(ToolChoice::Named("get_weather".into())), Some(named));
}

fn check_limit(base_url: &str, expected: &str) {
    let mut request = ask::request("m", vec![user("a")]);
    request.max_output = Some(7);
    let body = prepare(&request, &settings(json!({"base_url": base_url}))).unwrap().body;
    assert_eq!(body.get(expected), Some(&json!(7)), "{base_url}: {body}");
}

#[test]
fn the_output_limit_has_the_name_that_the_server_knows() {
    check_limit("https://api.openai.com/v1", "max_completion_tokens");
    check_limit("http://127.0.0.1:8080/v1/", "max_tokens");
    check_limit("https://api.openai.com.evil.example/v1", "max_tokens");
}

#[test]
fn a_request_is_adapted_only_to_a_refusal_by_name() {
    let prepared = prepare(&round(), &settings(json!({}))).unwrap();
    let refused = |text: &str| ProviderError::InvalidRequest(text.into());
    let text = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.";
    let next = adapt(&prepared, &refused(text)).unwrap();
    assert_eq!((next.body.get("max_tokens"), next.body.get("max_completion_tokens")), (None, Some(&json!(2000))));
    let next = adapt(&prepared, &refused("Unrecognized request argument supplied: reasoning_effort")).unwrap();
    assert_eq!(next.body.get("reasoning_effort"), None);
    assert!(next.notices.last().unwrap().contains("thinking level"));
    let next = adapt(&prepared, &refused("Extra inputs are not permitted, field: 'stream_options'")).unwrap();
    assert_eq!(next.body.get("stream_options"), None);
    assert_eq!(adapt(&prepared, &refused("max_tokens is too large: 9. This model takes at most 5")), None);
    assert_eq!(adapt(&prepared, &ProviderError::Unauthorized(text.into())), None);
}

#[test]
fn settings_are_checked_with_a_sentence() {
    let check = |proposed: &str| provider_openai::settings::check(proposed).err().unwrap_or_default();
    assert_eq!(check(r#"{"base_url":"http://127.0.0.1:1234/v1/chat/completions","models":["a"]}"#), "");
    assert!(check("{}").contains("settings.\"skynet/provider-openai\".base_url must be set"));
    assert!(check(r#"{"base_url":"api.openai.com"}"#).contains("http or https"));
    assert!(check(r#"{"base_url":"https://x","include_usage":1}"#).contains("`include_usage`"));
    assert!(check(r#"{"base_url":"https://x","system_role":"user"}"#).contains("`system_role`"));
}

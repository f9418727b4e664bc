//! Requests as they go out: whole ones as files, single rules as assertions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use expect_test::expect_file;
use provider_ollama::request::{adapt, prepare};
use provider_ollama::settings::Settings;
use provider_tests::ask::{self, answered, blob, call, message, result, system, thought, user, weather};
use skynet_plugin_sdk::provider::{CompletionRequest, Part, ProviderError, ResultPart, Role, ThinkingLevel, ToolChoice};
use skynet_plugin_sdk::serde_json::{self, Value, json};

fn settings(more: Value) -> Settings {
    let mut all = json!({"base_url": "http://127.0.0.1:11434"});
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Settings::read(&|key| all.get(key).cloned()).unwrap()
}

fn golden(name: &str, request: &CompletionRequest, settings: &Settings) {
    let prepared = prepare(request, settings).unwrap();
    let text = serde_json::to_string_pretty(&json!({"body": prepared.body, "notices": prepared.notices})).unwrap() + "\n";
    expect_file![format!("{}/tests/golden/{name}.json", env!("CARGO_MANIFEST_DIR"))].assert_eq(&text);
}

#[test]
fn a_round_of_tools_with_images() {
    let earlier = message(Role::Assistant, vec![thought("long ago", ""), Part::Text("Hello.".into())]);
    let asked = vec![
        thought("They want the weather.", ""),
        Part::Text("Let me look.".into()),
        call("call_1", "get_weather", r#"{"city":"Köln"}"#),
        call("call_2", "look", "{broken"),
    ];
    let seen = vec![ResultPart::Json(r#"{"seen":1}"#.into()), ResultPart::Image(blob("image/jpeg", b"\xff\xd8"))];
    let mut request = ask::request(
        "gpt-oss:20b",
        vec![
            user("Hi."),
            earlier,
            message(Role::User, vec![Part::Text("What is on it?".into()), Part::Image(blob("image/png", b"\x89PNG"))]),
            message(Role::Assistant, asked),
            message(Role::Tool, vec![answered("call_1", "get_weather", "12 °C"), result("call_2", "look", seen, true)]),
        ],
    );
    request.system = vec![system("You are kind.", true), system("It is noon.", false)];
    request.tools = vec![ask::tool("look", "Looks.", "{}"), weather()];
    request.thinking = ThinkingLevel::Medium;
    request.max_output = Some(2000);
    request.temperature = Some(0.5);
    request.stop = vec!["END".into()];
    request.options = r#"{"top_k":5,"format":"json","unknown":1}"#.into();
    golden("round", &request, &settings(json!({"num_ctx": 8192, "keep_alive": "10m"})));
}

#[test]
fn a_plain_question_names_the_window_and_stops_thinking() {
    golden("plain", &ask::request("llama3.2", vec![user("hello")]), &settings(json!({})));
}

#[test]
fn thinking_is_a_flag_for_most_models() {
    let mut request = ask::request("qwen3", vec![user("a")]);
    request.thinking = ThinkingLevel::High;
    assert_eq!(prepare(&request, &settings(json!({}))).unwrap().body["think"], json!(true));
}

#[test]
fn a_prompt_that_cannot_fit_is_refused_instead_of_being_cut() {
    let request = ask::request("m", vec![user(&"word ".repeat(2000))]);
    let error = prepare(&request, &settings(json!({"num_ctx": 1000}))).unwrap_err();
    let why = "the conversation is at least 1666 tokens long and the model's window has 1000; raise the setting `num_ctx`";
    assert_eq!(error, ProviderError::ContextOverflow(why.into()));
    assert!(prepare(&request, &settings(json!({"num_ctx": 2000}))).is_ok());
}

fn check_choice(choice: ToolChoice, offered: &[&str], notices: usize) {
    let mut request = ask::request("m", vec![user("a")]);
    request.tools = vec![weather(), ask::tool("look", "Looks.", "{}")];
    request.tool_choice = choice;
    let prepared = prepare(&request, &settings(json!({}))).unwrap();
    let tools = prepared.body.get("tools").and_then(Value::as_array).cloned().unwrap_or_default();
    let names: Vec<&str> = tools.iter().map(|tool| tool["function"]["name"].as_str().unwrap()).collect();
    assert_eq!((names.as_slice(), prepared.notices.len()), (offered, notices));
}

#[test]
fn the_choice_of_tools_is_told_as_well_as_this_server_can() {
    check_choice(ToolChoice::Automatic, &["get_weather", "look"], 0);
    check_choice(ToolChoice::None, &[], 0);
    check_choice(ToolChoice::Required, &["get_weather", "look"], 1);
    check_choice(ToolChoice::Named("look".into()), &["look"], 1);
}

#[test]
fn a_request_is_adapted_only_to_what_the_model_does_not_do() {
    let mut request = ask::request("m", vec![user("a")]);
    request.tools = vec![weather()];
    request.thinking = ThinkingLevel::Low;
    let prepared = prepare(&request, &settings(json!({}))).unwrap();
    let refused = |text: &str| ProviderError::InvalidRequest(text.into());
    let next = adapt(&prepared, &refused("\"m\" does not support thinking")).unwrap();
    assert_eq!((next.body["think"].clone(), next.notices.len()), (json!(false), 1));
    assert_eq!(adapt(&next, &refused("\"m\" does not support thinking")), None);
    let next = adapt(&next, &refused("registry.ollama.ai/library/m does not support tools")).unwrap();
    assert_eq!((next.body.get("tools"), next.notices.len()), (None, 2));
    assert_eq!(adapt(&prepared, &refused("invalid options: temperature")), None);
}

#[test]
fn settings_are_checked_with_a_sentence() {
    let check = |proposed: &str| provider_ollama::settings::check(proposed).err().unwrap_or_default();
    assert_eq!(check(r#"{"base_url":"http://127.0.0.1:11434/api/","num_ctx":4096,"keep_alive":-1}"#), "");
    assert!(check("{}").contains("settings.\"skynet/provider-ollama\".base_url must be set"));
    assert!(check(r#"{"base_url":"http://"}"#).contains("http or https"));
    assert!(check(r#"{"base_url":"http://x","num_ctx":0}"#).contains("`num_ctx`"));
    assert!(check(r#"{"base_url":"http://x","keep_alive":[]}"#).contains("`keep_alive`"));
}

//! Requests as they go out: whole ones as files, single rules as assertions.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests fail by panicking")]

use expect_test::expect_file;
use provider_anthropic::request::{adapt, prepare};
use provider_anthropic::settings::Settings;
use provider_tests::ask::{self, answered, assistant, blob, call, hidden, message, result, system, thought, user, weather};
use skynet_plugin_sdk::provider::{CompletionRequest, Part, ProviderError, ResultPart, Role, ThinkingLevel, ToolChoice};
use skynet_plugin_sdk::serde_json::{self, Value, json};

fn settings(more: Value) -> Settings {
    let mut all = json!({"base_url": "https://api.anthropic.com"});
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

fn model(messages: Vec<skynet_plugin_sdk::provider::Message>) -> CompletionRequest {
    ask::request("claude-sonnet-4-5", messages)
}

#[test]
fn a_round_of_tools_with_thinking_images_and_cache_marks() {
    let mut request = model(vec![
        message(Role::User, vec![Part::Text("What is on it, and is it warm there?".into()), Part::Image(blob("image/png", b"\x89PNG"))]),
        message(
            Role::Assistant,
            vec![
                thought("A postcard…\n", "EqQBCgIYAhIM1gbc+/="),
                hidden("EmwKAhgBEgy3va3pzix/"),
                Part::Text("Let me look.".into()),
                call("toolu_1", "get_weather", r#"{"city":"Köln"}"#),
                call("toolu_2", "look", "{}"),
            ],
        ),
        message(Role::Tool, vec![answered("toolu_1", "get_weather", "12 °C")]),
        message(
            Role::Tool,
            vec![result(
                "toolu_2",
                "look",
                vec![ResultPart::Json(r#"{"seen":1}"#.into()), ResultPart::Image(blob("image/jpeg", b"\xff\xd8"))],
                true,
            )],
        ),
        message(Role::User, vec![Part::Text("And hurry.".into())]),
    ]);
    request.system = vec![system("You are kind.", true), system("The user is called Ada.", true), system("It is noon.", false)];
    request.tools = vec![ask::tool("look", "Looks.", "{}"), weather()];
    request.thinking = ThinkingLevel::Medium;
    request.max_output = Some(2000);
    request.stop = vec!["END".into(), " ".into()];
    request.options = r#"{"top_k":5,"service_tier":"auto","frequency_penalty":1}"#.into();
    golden("round", &request, &settings(json!({"cache_ttl": "1h"})));
}

#[test]
fn a_plain_question() {
    golden("plain", &model(vec![user("hello")]), &settings(json!({"cache": false})));
}

#[test]
fn never_more_than_four_cache_marks() {
    let mut request = model(vec![user("a"), assistant("b"), user("c")]);
    request.system = (0..9).map(|number| system(&format!("part {number}"), true)).collect();
    request.tools = vec![weather(), ask::tool("b", "B.", "{}")];
    let text = body(&request).to_string();
    assert_eq!(text.matches("cache_control").count(), 4, "{text}");
    let marked: Vec<bool> = body(&request)["system"].as_array().unwrap().iter().map(|block| block.get("cache_control").is_some()).collect();
    assert_eq!(marked, [false, false, false, false, false, false, false, true, true], "the last anchors cover the others");
    request.tools.clear();
    assert_eq!(body(&request).to_string().matches("cache_control").count(), 4);
}

#[test]
fn the_moving_mark_does_not_sit_on_thinking() {
    let request = model(vec![user("a"), message(Role::Assistant, vec![Part::Text("b".into()), thought("c", "sig")])]);
    let content = body(&request)["messages"][1]["content"].clone();
    assert_eq!(content[0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(content[1], json!({"type": "thinking", "thinking": "c", "signature": "sig"}));
}

#[test]
fn the_same_conversation_gives_the_same_bytes() {
    let mut request = model(vec![user("a")]);
    request.tools = vec![ask::tool("t", "T.", r#"{"required":["b","a"],"properties":{"b":{},"a":{}},"type":"object"}"#)];
    let first = body(&request).to_string();
    request.tools[0].parameters = r#"{"type":"object","properties":{"a":{},"b":{}},"required":["b","a"]}"#.into();
    assert_eq!(first, body(&request).to_string(), "the order of keys must not break the cached prefix");
}

#[test]
fn thinking_from_elsewhere_empty_text_and_foreign_blocks_stay_out() {
    let unsealed = Part::Thinking(skynet_plugin_sdk::provider::Thinking { text: "secret".into(), signature: None, redacted: None });
    let foreign = Part::Other(r#"{"kind":"someone-else","block":{"type":"x"}}"#.into());
    let request = model(vec![user("a"), message(Role::Assistant, vec![unsealed, foreign, Part::Text("\n".into())]), user("b")]);
    let messages = body(&request)["messages"].clone();
    assert_eq!(messages.as_array().unwrap().len(), 2, "an assistant message without content is none: {messages}");
    assert!(!messages.to_string().contains("secret"));
}

#[test]
fn the_servers_own_blocks_go_back_unchanged() {
    let block = json!({"type": "server_tool_use", "id": "srvtoolu_01", "name": "web_search", "input": {"query": "weather"}});
    let kept = Part::Other(json!({"kind": "anthropic-block", "block": block}).to_string());
    let request = model(vec![user("a"), message(Role::Assistant, vec![kept])]);
    assert_eq!(prepare(&request, &settings(json!({"cache": false}))).unwrap().body["messages"][1]["content"], json!([block]));
}

#[test]
fn ids_of_other_providers_and_broken_arguments_are_made_fit() {
    let request = model(vec![
        user("a"),
        message(Role::Assistant, vec![call("call:1|x", "t", "{\"a\":"), call("2", "t", "")]),
        message(Role::Tool, vec![answered("call:1|x", "t", "no"), answered("2", "t", "yes")]),
    ]);
    let messages = body(&request)["messages"].clone();
    assert_eq!(messages[1]["content"][0]["id"], "call_1_x");
    assert_eq!(messages[1]["content"][0]["input"], json!({"unreadable_arguments": "{\"a\":"}));
    assert_eq!(messages[1]["content"][1]["input"], json!({}));
    assert_eq!(messages[2]["content"][0]["tool_use_id"], "call_1_x");
}

fn check_thinking(change: impl FnOnce(&mut CompletionRequest), thinking: Option<Value>, max_tokens: u64, notice: &str) {
    let mut request = model(vec![user("a")]);
    request.tools = vec![weather()];
    request.thinking = ThinkingLevel::Low;
    request.max_output = Some(1000);
    change(&mut request);
    let prepared = prepare(&request, &settings(json!({}))).unwrap();
    assert_eq!(prepared.body.get("thinking").cloned(), thinking);
    assert_eq!(prepared.body["max_tokens"], max_tokens);
    assert!(prepared.notices.join(" ").contains(notice) && prepared.notices.is_empty() == notice.is_empty(), "{:?}", prepared.notices);
}

#[test]
fn thinking_tokens_come_on_top_of_the_answers() {
    let budget = |tokens: u64| Some(json!({"type": "enabled", "budget_tokens": tokens}));
    check_thinking(|_| (), budget(4096), 5096, "");
    check_thinking(|request| request.thinking = ThinkingLevel::High, budget(16_384), 17_384, "");
    check_thinking(|request| request.max_output = Some(u32::MAX), budget(4096), u64::from(u32::MAX), "");
    check_thinking(|request| request.thinking = ThinkingLevel::Off, None, 1000, "");
}

#[test]
fn what_cannot_go_with_thinking_is_settled_with_a_notice() {
    let budget = Some(json!({"type": "enabled", "budget_tokens": 4096}));
    check_thinking(|request| request.temperature = Some(0.2), budget.clone(), 5096, "temperature was ignored");
    check_thinking(|request| request.tool_choice = ToolChoice::Required, None, 1000, "told to make");
    check_thinking(|request| request.tool_choice = ToolChoice::None, budget, 5096, "");
    let mid_round = |request: &mut CompletionRequest| {
        let asked = message(Role::Assistant, vec![call("1", "get_weather", "{}")]);
        request.messages.extend([asked, message(Role::Tool, vec![answered("1", "get_weather", "mild")])]);
    };
    check_thinking(mid_round, None, 1000, "until the next question");
    check_thinking(
        |request| {
            mid_round(request);
            request.messages.push(user("next"));
        },
        Some(json!({"type": "enabled", "budget_tokens": 4096})),
        5096,
        "",
    );
}

#[test]
fn the_choice_of_tools_is_told() {
    let choice = |choice: ToolChoice| {
        let mut request = model(vec![user("a")]);
        request.tools = vec![weather()];
        request.tool_choice = choice;
        body(&request).get("tool_choice").cloned()
    };
    assert_eq!(choice(ToolChoice::Automatic), None);
    assert_eq!(choice(ToolChoice::None), Some(json!({"type": "none"})));
    assert_eq!(choice(ToolChoice::Required), Some(json!({"type": "any"})));
    assert_eq!(choice(ToolChoice::Named("get_weather".into())), Some(json!({"type": "tool", "name": "get_weather"})));
}

#[test]
fn a_broken_tool_schema_is_named() {
    let mut request = model(vec![user("a")]);
    request.tools = vec![ask::tool("odd", "Odd.", "[]")];
    let error = prepare(&request, &settings(json!({}))).unwrap_err();
    assert_eq!(error, ProviderError::InvalidRequest("the parameters of tool `odd` are not an object".into()));
}

#[test]
fn a_request_is_adapted_only_to_a_refusal_by_name() {
    let mut request = model(vec![user("a")]);
    request.thinking = ThinkingLevel::High;
    let prepared = prepare(&request, &settings(json!({}))).unwrap();
    let refused = |text: &str| ProviderError::InvalidRequest(text.into());
    let adaptive = "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\"";
    let next = adapt(&prepared, &refused(adaptive), request.thinking).unwrap();
    assert_eq!(next.body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(next.body["output_config"], json!({"effort": "high"}));
    let next = adapt(&prepared, &refused("this model does not support thinking"), request.thinking).unwrap();
    assert_eq!(next.body.get("thinking"), None);
    assert!(next.notices[0].contains("does not think"));
    assert_eq!(adapt(&prepared, &refused("thinking.budget_tokens: must be less than max_tokens"), request.thinking), None);
    assert_eq!(adapt(&prepared, &ProviderError::Unauthorized(adaptive.into()), request.thinking), None);
}

#[test]
fn settings_are_checked_with_a_sentence() {
    let check = |proposed: &str| provider_anthropic::settings::check(proposed).err().unwrap_or_default();
    assert_eq!(check(r#"{"base_url":"https://api.anthropic.com/v1/","models":["a",{"id":"b"}],"cache_ttl":"1h"}"#), "");
    assert!(check("{}").contains("settings.\"skynet/provider-anthropic\".base_url must be set"));
    assert!(check(r#"{"base_url":"ftp://x"}"#).contains("http or https"));
    assert!(check(r#"{"base_url":"https://x","cache":"yes"}"#).contains("`cache`"));
    assert!(check(r#"{"base_url":"https://x","betas":["a\r\nx: y"]}"#).contains("`betas`"));
    assert!(check(r#"{"base_url":"https://x","models":[{}]}"#).contains("`models`"));
    assert!(check("[]").contains("object"));
}

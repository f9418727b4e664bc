//! Which model is asked, how often, and when a turn fails honestly.

use crate::stage::*;
use skynet_agent::{SubmitError, TurnInput, limits as own};
use skynet_core::config::AgentConfig;
use skynet_core::ports::Memory as _;
use skynet_core::session::SessionPatch;
use skynet_core::*;
use std::time::Duration;

fn config(model: &str, fallbacks: &[&str]) -> AgentConfig {
    AgentConfig { model: model.into(), fallbacks: fallbacks.iter().map(|name| (*name).to_owned()).collect(), ..AgentConfig::default() }
}

fn limited(wait: Option<u64>) -> Vec<Say> {
    vec![Say::Fail(ModelError::RateLimited { message: "slow down".into(), retry_after_ms: wait })]
}

#[tokio::test]
async fn a_server_that_asks_to_wait_is_asked_again_after_that_time_and_no_sooner() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![limited(Some(1_500)), answer("patience")]);
    let submitted = stage.submit(request("t", "main", "hi")).await;
    stage.clock.sleeper(Duration::from_millis(1_500)).await;
    stage.clock.advance(Duration::from_millis(1_499));
    tokio::task::yield_now().await;
    assert_eq!(stage.asked().len(), 1);
    stage.clock.advance(Duration::from_millis(1));
    assert_eq!(finish(submitted).await.text(), "patience");
    assert_eq!(stage.asked().len(), 2);
}

#[tokio::test]
async fn each_model_gets_two_tries_and_its_own_name() {
    let stage = Stage::with("a/one b/two", vec![], config("a/one", &["b/two"]));
    stage.script(vec![limited(None), limited(None), limited(None), limited(None)]);
    let submitted = stage.submit(request("t", "main", "hi")).await;
    for tries in [1, 2] {
        while stage.clock.sleeps(Duration::from_millis(own::BACKOFF_MS)) < tries {
            tokio::task::yield_now().await;
        }
        stage.clock.advance(Duration::from_millis(own::BACKOFF_MS));
    }
    let played = finish(submitted).await;
    assert_eq!(stage.asked_names(), "a/one a/one b/two b/two");
    let (message, class) = played.failure();
    assert!(message.contains("a/one: rate limited") && message.contains("b/two: rate limited"), "{message}");
    assert_eq!(class, "rate_limit");
}

#[tokio::test]
async fn ten_failures_are_the_most_of_a_turn() {
    let names: Vec<String> = (0..15).map(|n| format!("p{n}/m")).collect();
    let fallbacks: Vec<&str> = names.iter().map(String::as_str).collect();
    let stage = Stage::with(&names.join(" "), vec![], config("auto", &fallbacks));
    stage.script((0..15).map(|_| vec![Say::Fail(ModelError::Unauthorized("401".into()))]).collect());
    let played = stage.turn("hi").await;
    assert_eq!(played.failure().1, "unknown");
    assert_eq!(stage.asked().len(), 10);
}

#[tokio::test]
async fn after_visible_text_the_turn_fails_and_keeps_it() {
    let stage = Stage::with("a/one b/two", vec![], config("a/one", &["b/two"]));
    stage.script(vec![vec![text("Half an ans"), Say::Fail(ModelError::Protocol("cut".into()))], answer("never asked")]);
    let played = stage.turn("hi").await;
    assert!(played.failure().0.contains("broke off"), "{:?}", played.end());
    assert_eq!(stage.asked_names(), "a/one");
    let stored = stage.memory.stored(&key("main"));
    assert_eq!((stored[1].message.to_text().as_str(), &stored[1].answer.as_ref().unwrap().stop), ("Half an ans", &None));
}

#[tokio::test]
async fn an_answer_without_an_end_is_tried_again_when_nothing_was_visible() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Deltas(vec![Delta::Thinking("hm".into())])], answer("there")]);
    let submitted = stage.submit(request("t", "main", "hi")).await;
    stage.clock.sleeper(Duration::from_millis(own::BACKOFF_MS)).await;
    stage.clock.advance(Duration::from_millis(own::BACKOFF_MS));
    assert_eq!(finish(submitted).await.text(), "there");
}

#[tokio::test]
async fn a_model_that_says_nothing_for_too_long_is_left() {
    let stage = Stage::with("a/one b/two", vec![], config("a/one", &["b/two"]));
    stage.script(vec![vec![Say::Gate("never")], vec![Say::Gate("never")], answer("here")]);
    let mut asked = request("t", "main", "hi");
    asked.timeout = Some(Duration::from_secs(36_000));
    let submitted = stage.submit(asked).await;
    for tries in [1, 2] {
        while stage.clock.sleeps(own::FIRST_PIECE) < tries {
            tokio::task::yield_now().await;
        }
        stage.clock.advance(own::FIRST_PIECE);
        if tries == 1 {
            stage.clock.sleeper(Duration::from_millis(own::BACKOFF_MS)).await;
            stage.clock.advance(Duration::from_millis(own::BACKOFF_MS));
        }
    }
    assert_eq!(finish(submitted).await.text(), "here");
    assert_eq!(stage.log.count("dropped completion a/one"), 2);
}

#[tokio::test]
async fn a_refusal_or_a_bad_request_goes_nowhere_else() {
    for (error, class) in [(ModelError::Refused("no".into()), "refusal"), (ModelError::InvalidRequest("400".into()), "unknown")] {
        let stage = Stage::with("a/one b/two", vec![], config("a/one", &["b/two"]));
        stage.script(vec![vec![Say::Fail(error)]]);
        assert_eq!(stage.turn("hi").await.failure().1, class);
        assert_eq!(stage.asked_names(), "a/one");
    }
}

#[tokio::test]
async fn a_conversation_that_fits_nowhere_loses_its_oldest_part_visibly() {
    let overflow = || vec![Say::Fail(ModelError::ContextOverflow("too long".into()))];
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![answer("1"), answer("2"), overflow(), answer("3"), overflow(), overflow(), overflow(), overflow()]);
    stage.turn("first").await;
    stage.turn("second").await;
    let played = stage.turn("third").await;
    assert_eq!(played.text(), "3");
    assert!(played.notices()[0].contains("oldest part was left out"));
    let sent: Vec<String> = stage.asked()[3].1.messages.iter().map(Message::to_text).collect();
    assert!(sent[0].starts_with("second") && sent[2].ends_with("third"), "{sent:?}");
    assert_eq!(stage.history("main").len(), 6, "history itself stays whole");
    assert_eq!(stage.turn("fourth").await.failure().1, "context_length");
}

#[tokio::test]
async fn an_overflow_goes_to_a_larger_model_first() {
    let stage = Stage::with("a/one=100 b/two=100 c/three=200", vec![], config("a/one", &["b/two", "c/three"]));
    stage.script(vec![vec![Say::Fail(ModelError::ContextOverflow("too long".into()))], answer("fits")]);
    assert_eq!(stage.turn("hi").await.text(), "fits");
    assert_eq!(stage.asked_names(), "a/one c/three");
}

#[tokio::test]
async fn a_message_that_no_count_of_tokens_makes_fit_is_not_sent_to_the_model() {
    let huge = "word ".repeat(1_000_000);
    let stage = Stage::new("a/small=2048", vec![]);
    let played = stage.turn(&huge).await;
    let (message, class) = played.failure();
    assert_eq!(class, "context_length");
    assert!(message.contains("cannot fit into its 2048 tokens"), "{message}");
    assert!(stage.asked().is_empty(), "three of these would have its plugin taken for broken");

    let stage = Stage::with("a/small=2048 b/large=200000", vec![], config("a/small", &["b/large"]));
    stage.script(vec![answer("read it")]);
    assert_eq!(stage.turn(&huge).await.text(), "read it");
    assert_eq!(stage.asked_names(), "b/large");
}

#[tokio::test]
async fn a_past_that_cannot_fit_is_left_out_before_the_model_is_asked_and_the_person_is_told() {
    let stage = Stage::new("a/small=2048", vec![]);
    stage.turn(&"word ".repeat(1_000_000)).await;
    stage.script(vec![answer("1")]);
    let played = stage.turn("hi").await;
    assert_eq!(played.text(), "1");
    assert!(played.notices()[0].contains("oldest part was left out"), "{:?}", played.notices());
    let sent: usize = stage.asked()[0].1.messages.iter().map(|message| message.to_text().len()).sum();
    assert!(sent < 1_000, "{sent}");
    // A server that says that its window is nothing does not know it.
    let stage = Stage::new("a/unknown=0", vec![]);
    stage.script(vec![answer("1")]);
    assert_eq!(stage.turn("hi").await.text(), "1");
}

#[tokio::test]
async fn the_requests_model_comes_before_the_sessions_and_that_before_the_default() {
    let stage = Stage::with("a/one b/two c/three", vec![], config("a/one", &[]));
    let mut asked = request("t1", "main", "hi");
    asked.model = Some("b/two".into());
    stage.play(asked.clone()).await;
    let patch = SessionPatch { model: Some(Some("c/three".into())), ..SessionPatch::default() };
    stage.memory.patch_session(&key("main"), patch).await.unwrap();
    asked.turn = TurnId("t2".into());
    stage.play(asked).await;
    stage.play(request("t3", "main", "hi")).await;
    stage.play(request("t4", "else", "hi")).await;
    assert_eq!(stage.asked_names(), "b/two b/two c/three a/one");
}

#[tokio::test]
async fn the_default_can_be_changed_while_it_runs() {
    let stage = Stage::with("a/one b/two", vec![], config("auto", &[]));
    assert_eq!(stage.agent.default_model().as_deref(), Some("a/one"));
    assert_eq!(stage.agent.set_default_model("b/two").unwrap(), "auto");
    assert_eq!(stage.agent.default_model().as_deref(), Some("b/two"));
    assert!(stage.agent.set_default_model("b/none").unwrap_err().to_string().contains("b/none"));
    stage.turn("hi").await;
    assert_eq!(stage.asked_names(), "b/two");
    assert_eq!(stage.agent.set_default_model("auto").unwrap(), "b/two");
}

#[tokio::test]
async fn a_model_that_does_not_serve_is_refused_when_asked_for_and_told_when_chosen() {
    let stage = Stage::with("a/one", vec![], config("auto", &["a/one"]));
    let mut asked = request("t", "main", "hi");
    asked.model = Some("x/gone".into());
    assert!(matches!(stage.agent.submit(asked).await, Err(SubmitError::UnknownModel(name)) if name == "x/gone"));
    let patch = SessionPatch { model: Some(Some("x/gone".into())), ..SessionPatch::default() };
    stage.memory.patch_session(&key("main"), patch).await.unwrap();
    let played = stage.turn("hi").await;
    assert!(played.notices()[0].contains("x/gone does not serve now; asking a/one"), "{:?}", played.notices());
}

#[tokio::test]
async fn without_any_model_the_turn_says_what_to_do() {
    let stage = Stage::new("", vec![]);
    let played = stage.turn("hi").await;
    assert!(played.failure().0.contains("install a provider"), "{:?}", played.end());
    assert_eq!(stage.history("main").len(), 1, "the message is kept");
}

#[tokio::test]
async fn thinking_and_output_limits_follow_the_model() {
    let stage = Stage::new("a/one b/two+thinking", vec![]);
    for (turn, model) in [("t1", "a/one"), ("t2", "b/two")] {
        let mut asked = request(turn, "x", "hi");
        asked.model = Some(model.into());
        asked.thinking = Some(ThinkingLevel::High);
        stage.play(asked).await;
    }
    let levels: Vec<ThinkingLevel> = stage.asked().iter().map(|(_, request)| request.thinking).collect();
    assert_eq!(levels, [ThinkingLevel::Off, ThinkingLevel::High]);
}

#[tokio::test]
async fn a_paused_answer_is_handed_back_and_goes_on() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![text("Searching"), end(StopReason::Pause)], answer("Found.")]);
    assert_eq!(stage.turn("hi").await.text(), "Found.");
    assert_eq!(stage.asked()[1].1.messages.last().unwrap().to_text(), "Searching");
}

#[tokio::test]
async fn a_clients_broken_conversation_is_mended_before_it_is_sent() {
    let stage = Stage::new("a/one+tools", vec![]);
    let call = Part::ToolCall { call: ToolCall { id: "1".into(), name: "x".into(), arguments: "{}".into() } };
    let orphan = ToolResult { id: "9".into(), name: "x".into(), content: vec![], is_error: false };
    let messages = vec![
        Message { role: Role::Tool, parts: vec![Part::ToolResult { result: orphan }] },
        Message { role: Role::Assistant, parts: vec![call] },
        Message::text(Role::User, "so?"),
    ];
    let mut asked = request("t", "http", "");
    asked.input = TurnInput::Stateless {
        system: vec![],
        messages,
        client_tools: vec![],
        tool_choice: ToolChoice::Automatic,
        max_output: None,
        temperature: None,
        stop: vec![],
    };
    stage.play(asked).await;
    let roles: Vec<Role> = stage.asked()[0].1.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::Assistant, Role::Tool, Role::User]);
}

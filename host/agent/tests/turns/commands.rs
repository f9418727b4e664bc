//! Chat commands through whole turns.

use crate::stage::*;
use skynet_core::ports::Memory as _;
use skynet_core::*;

#[tokio::test]
async fn commands_are_answered_without_a_model_and_without_a_trace_in_history() {
    let stage = Stage::new("a/one+tools b/two", vec![("send", Act::Echo), ("get_time", Act::Echo)]);
    let help = stage.turn("/help").await;
    assert!(help.text().contains("/status"));
    assert!(stage.turn("/tools").await.text().starts_with("get_time – does get_time\nsend"));
    assert!(stage.turn("/model").await.text().contains("the default, a/one.\n\na/one\nb/two"));
    assert!(stage.turn("/status").await.text().contains("2 models, 2 tools (revision 1)\nTurns: 0 running, 0 waiting"));
    assert!(stage.turn("/nonsense").await.text().starts_with("There is no command /nonsense"));
    // From wherever it comes, a code that approves a plugin is no model's to see.
    for line in ["/approve KQ7M-2XRP", "/approve k3x9ab KQ7M-2XRP", "/Approve k3x9ab KQ7M-2XRP please", "/proposals", "/refuse k3x9ab"] {
        assert!(stage.turn(line).await.text().contains("`skynet chat`"), "{line}");
    }
    assert_eq!(stage.turn("/stop").await.text(), "Nothing was running.");
    assert!(stage.asked().is_empty() && stage.history("main").is_empty());
    assert!(stage.agent.active().is_empty());
}

#[tokio::test]
async fn a_model_is_chosen_for_the_session_by_its_name_or_a_part_of_it() {
    let stage = Stage::new("a/one b/two-large b/two-small", vec![]);
    assert!(stage.turn("/model two").await.text().contains("could be several: b/two-large, b/two-small"));
    assert!(stage.turn("/model none").await.text().contains("No model that serves now is called none"));
    assert_eq!(stage.turn("/model SMALL").await.text(), "This session now uses b/two-small.");
    stage.turn("hi").await;
    assert_eq!(stage.turn("/model auto").await.text(), "This session now uses the default model.");
    stage.turn("hi").await;
    assert_eq!(stage.asked_names(), "b/two-small a/one");
    assert_eq!(stage.memory.session(&key("main")).await.unwrap().unwrap().model, None);
}

#[tokio::test]
async fn a_reset_waits_for_its_place_and_empties_the_conversation() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Gate("go"), text("old"), end(StopReason::EndTurn)], answer("new")]);
    let first = stage.submit(request("t1", "main", "remember me")).await;
    stage.log.saw("model waits at go").await;
    let reset = stage.submit(request("t2", "main", "/new")).await;
    let after = stage.submit(request("t3", "main", "hello")).await;
    assert_eq!(stage.log.count("reset"), 0);
    stage.open("go");
    assert_eq!(finish(first).await.text(), "old");
    assert!(finish(reset).await.text().contains("starts anew"));
    assert_eq!(finish(after).await.text(), "new");
    assert_eq!(stage.asked()[1].1.messages.len(), 1);
}

#[tokio::test]
async fn stop_reaches_the_running_turn_past_the_queue() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![text("Once"), Say::Gate("never")]]);
    let running = stage.submit(request("t1", "main", "tell")).await;
    stage.log.saw("model waits at never").await;
    assert_eq!(stage.play(request("t2", "main", "/stop")).await.text(), "Stopped.");
    assert_eq!(finish(running).await.aborted(), ("Once", "stop"));
}

#[tokio::test]
async fn a_stateless_message_is_never_a_command() {
    let stage = Stage::new("a/one", vec![]);
    let mut asked = request("t", "http", "");
    asked.input = skynet_agent::TurnInput::Stateless {
        system: vec![],
        messages: vec![Message::text(Role::User, "/help")],
        client_tools: vec![],
        tool_choice: ToolChoice::Automatic,
        max_output: None,
        temperature: None,
        stop: vec![],
    };
    stage.play(asked).await;
    assert_eq!(stage.asked().len(), 1);
}

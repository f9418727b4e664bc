//! Rounds of tool calls: limits, order, accounting, tools of the client.

use crate::stage::*;
use serde_json::json;
use skynet_agent::TurnInput;
use skynet_core::event::{TurnEnd, TurnEventKind};
use skynet_core::*;
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_turn_that_reaches_its_limit_says_so_and_answers_once_more_without_tools() {
    let stage = Stage::new("a/one+tools", vec![("step", Act::Echo)]);
    let rounds: Vec<Vec<Say>> =
        (0..limits::MAX_ITERATIONS).map(|n| vec![call("1", "step", &format!("{{\"n\":{n}}}")), end(StopReason::ToolUse)]).collect();
    stage.script(rounds).script(vec![answer("This is how far I came.")]);
    let played = stage.turn("work for ever").await;
    assert_eq!(played.text(), "This is how far I came.");
    assert!(played.notices()[0].contains("limit of 25 requests"), "{:?}", played.notices());
    let asked = stage.asked();
    assert_eq!(asked.len(), limits::MAX_ITERATIONS as usize + 1);
    let last = &asked.last().unwrap().1;
    assert_eq!(last.tool_choice, ToolChoice::None);
    assert!(last.messages.last().unwrap().to_text().starts_with("[host] The limit"), "{:?}", last.messages.last());
    assert!(!stage.history("main").iter().any(|message| message.to_text().contains("[host]")), "the note is not stored");
    assert_eq!(played.usage(), Usage { input: 260, output: 130, ..Usage::default() }, "usage is summed over all requests");
}

#[tokio::test]
async fn results_stand_in_the_order_of_the_calls_whichever_ends_first() {
    let stage = Stage::new("a/one+tools", vec![("slow", Act::Gate("slow")), ("fast", Act::Give("fast"))]);
    stage.script(vec![calls(&[("1", "slow", "{}"), ("2", "fast", "{}")]), answer("ok")]);
    let submitted = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("tool fast gave").await;
    stage.open("slow");
    let played = finish(submitted).await;
    let ended: Vec<&str> = played
        .events
        .iter()
        .filter_map(|event| match &event.kind {
            TurnEventKind::ToolEnded { id, .. } => Some(id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(ended, ["2", "1"]);
    let texts: Vec<String> = results(&stage.asked()[1].1).iter().map(ToolResult::to_text).collect();
    assert_eq!(texts, ["slow", "fast"]);
}

#[tokio::test]
async fn no_more_than_eight_calls_run_at_once() {
    let stage = Stage::new("a/one+tools", vec![("wait", Act::Gate("wait"))]);
    let list: Vec<(String, String)> = (0..20).map(|n| (n.to_string(), format!("{{\"n\":{n}}}"))).collect();
    let list: Vec<(&str, &str, &str)> = list.iter().map(|(id, arguments)| (id.as_str(), "wait", arguments.as_str())).collect();
    stage.script(vec![calls(&list), answer("ok")]);
    let submitted = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("tool wait {\"n\":7}").await;
    tokio::task::yield_now().await;
    let running = |stage: &Stage| stage.log.lines().iter().filter(|line| line.starts_with("tool wait {")).count();
    assert_eq!(running(&stage), limits::PARALLEL_TOOL_CALLS);
    stage.open("wait");
    assert_eq!(finish(submitted).await.text(), "ok");
    assert_eq!(running(&stage), 20);
}

#[tokio::test]
async fn a_call_is_journaled_before_it_runs_and_its_answer_stored_before_the_model_goes_on() {
    let stage = Stage::new("a/one+tools", vec![("get_time", Act::Give("noon"))]);
    stage.script(vec![calls(&[("1", "get_time", "{}")]), answer("noon")]);
    stage.play(request("t", "main", "go")).await;
    let order = [
        "journal t begun",
        "stored user of t",
        "asked a/one",
        "stored assistant of t",
        "journal t intent 1 get_time true",
        "tool get_time {}",
        "journal t done 1 false",
        "stored tool of t",
        "journal t ended done",
    ];
    let places: Vec<usize> = order.iter().map(|line| stage.log.position(line)).collect();
    assert!(places.is_sorted(), "{:#?}", stage.log.lines());
}

#[tokio::test]
async fn a_call_that_cannot_be_audited_does_not_count_and_ends_the_turn() {
    let stage = Stage::new("a/one+tools", vec![("send", Act::Give("the secret result"))]);
    stage.script(vec![calls(&[("1", "send", "{}")]), answer("never asked")]);
    stage.audit.broken.store(true, Ordering::SeqCst);
    let played = stage.turn("go").await;
    assert!(played.failure().0.contains("the disk is full"), "{:?}", played.end());
    assert_eq!(stage.asked().len(), 1);
    let history = format!("{:?}", stage.history("main"));
    assert!(history.contains("withheld") && !history.contains("secret result"), "{history}");
}

#[tokio::test]
async fn calls_beside_one_that_cannot_be_audited_are_dropped() {
    let stage = Stage::new("a/one+tools", vec![("hang", Act::Gate("never")), ("send", Act::Gate("go"))]);
    stage.script(vec![calls(&[("1", "hang", "{}"), ("2", "send", "{}")])]);
    stage.audit.broken.store(true, Ordering::SeqCst);
    let submitted = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("tool hang {}").await;
    stage.open("go");
    assert!(finish(submitted).await.failure().0.contains("the disk is full"));
    assert_eq!(stage.log.count("dropped tool hang"), 1);
    assert!(format!("{:?}", stage.history("main")[2]).contains("interrupted"));
}

#[tokio::test]
async fn a_call_that_cannot_be_journaled_does_not_run() {
    let stage = Stage::new("a/one+tools", vec![("send", Act::Give("sent"))]);
    stage.script(vec![calls(&[("1", "send", "{}")])]);
    *stage.memory.broken_step.lock().unwrap() = Some("intent");
    assert!(stage.turn("go").await.failure().0.contains("the disk is full"));
    assert_eq!(stage.log.count("tool send {}"), 0);
}

#[tokio::test]
async fn a_result_larger_than_the_limit_is_cut_on_a_character_border() {
    let stage = Stage::new("a/one+tools", vec![("big", Act::Huge)]);
    stage.script(vec![calls(&[("1", "big", "{}")]), answer("ok")]);
    stage.turn("go").await;
    let text = results(&stage.asked()[1].1)[0].to_text();
    assert!(text.ends_with("[cut: 1 more characters are not shown]") && text.starts_with("éé"));
}

#[tokio::test]
async fn a_panic_in_a_tool_ends_the_turn_and_neither_the_host_nor_the_session() {
    let stage = Stage::new("a/one+tools", vec![("boom", Act::Panic)]);
    stage.script(vec![calls(&[("1", "boom", "{}")]), answer("still here")]);
    let first = stage.submit(request("t1", "main", "go")).await;
    let second = stage.submit(request("t2", "main", "and now")).await;
    let (message, _) = (finish(first).await.failure().0.to_owned(), ());
    assert!(message.contains("host failed inside") && !message.contains("scripted"), "{message}");
    assert_eq!(finish(second).await.text(), "still here");
    assert_eq!(stage.log.count("journal t1 ended failed"), 1);
    let sent = &stage.asked()[1].1;
    assert!(results(sent)[0].is_error, "the next turn sees an error result for the call that never ended");
    assert!(stage.agent.active().is_empty());
}

#[tokio::test]
async fn a_panic_in_a_model_ends_the_turn_only() {
    let stage = Stage::new("a/one", vec![]);
    stage.script(vec![vec![Say::Panic], answer("fine")]);
    assert!(stage.turn("go").await.failure().0.contains("host failed inside"));
    assert_eq!(stage.turn("go").await.text(), "fine");
}

#[tokio::test]
async fn a_schema_that_points_outside_or_is_broken_makes_the_tool_unusable_and_fetches_nothing() {
    for schema in [json!({"$ref": "http://127.0.0.1:9/schema.json"}), json!({"$ref": "file:///etc/passwd"}), json!({"type": 7})] {
        let stage = Stage::new("a/one+tools", vec![]);
        let snapshot = FakeSnapshot::new(&stage.log, &stage.gates(), "a/one+tools", vec![("odd", Act::Give("ran"))]);
        stage.registry.publish(snapshot.with_schema("odd", schema));
        stage.script(vec![calls(&[("1", "odd", "{}")]), answer("ok")]);
        stage.turn("go").await;
        assert!(results(&stage.asked()[1].1)[0].to_text().contains("schema is broken"));
        assert_eq!(stage.log.count("tool odd {}"), 0);
    }
}

#[tokio::test]
async fn a_model_without_tools_is_offered_none_and_can_call_none() {
    let stage = Stage::new("a/one", vec![("send", Act::Give("sent"))]);
    stage.script(vec![calls(&[("1", "send", "{}")]), answer("ok")]);
    assert_eq!(stage.turn("go").await.text(), "ok");
    assert!(stage.asked().iter().all(|(_, request)| request.tools.is_empty()));
    assert_eq!(stage.log.count("tool send {}"), 0);
}

fn stateless(tools: &[&str], messages: Vec<Message>) -> TurnInput {
    let define = |name: &&str| ToolDefinition { name: (*name).into(), description: "theirs".into(), parameters: json!({}) };
    TurnInput::Stateless {
        system: vec!["You are a parrot.".into()],
        messages,
        client_tools: tools.iter().map(define).collect(),
        tool_choice: ToolChoice::Required,
        max_output: Some(99),
        temperature: Some(0.5),
        stop: vec!["END".into()],
    }
}

#[tokio::test]
async fn tools_of_the_client_are_the_only_ones_and_go_back_to_it() {
    let stage = Stage::new("a/one+tools", vec![("send", Act::Give("sent"))]);
    stage.script(vec![calls(&[("1", "send", "{}"), ("2", "theirs", "{}")])]);
    let mut asked = request("t", "http", "");
    asked.input = stateless(&["theirs", "also"], vec![Message::text(Role::User, "hi")]);
    let played = stage.play(asked).await;
    let TurnEnd::Done { client_calls, stop, .. } = played.end() else { panic!("{:?}", played.end()) };
    assert_eq!(client_calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["send", "theirs"]);
    assert_eq!(*stop, StopReason::ToolUse);
    assert_eq!(stage.log.count("tool send {}"), 0, "a call in such a turn is never the host's");
    let request = &stage.asked()[0].1;
    assert_eq!(request.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(), ["also", "theirs"]);
    assert_eq!((request.max_output, request.temperature, request.stop.len()), (Some(99), Some(0.5), 1));
    assert_eq!(request.tool_choice, ToolChoice::Required);
    assert_eq!(request.system.len(), 2);
    assert!(request.system[0].cache_anchor && request.system[1].text.contains("parrot"));
}

#[tokio::test]
async fn a_stateless_turn_runs_host_tools_and_leaves_only_its_audit_row() {
    let stage = Stage::new("a/one+tools", vec![("send", Act::Give("sent"))]);
    stage.script(vec![calls(&[("1", "send", "{}")]), answer("sent")]);
    let mut asked = request("t", "http", "");
    asked.input = stateless(&[], vec![Message::text(Role::User, "hi")]);
    assert_eq!(stage.play(asked).await.text(), "sent");
    assert!(stage.memory.stored(&key("http")).is_empty());
    assert!(!stage.log.lines().iter().any(|line| line.starts_with("journal") || line.starts_with("stored")), "{:?}", stage.log.lines());
    assert_eq!(stage.audit.rows.lock().unwrap().len(), 1);
    let choices: Vec<ToolChoice> = stage.asked().iter().map(|(_, request)| request.tool_choice.clone()).collect();
    assert_eq!(choices, [ToolChoice::Required, ToolChoice::Automatic], "a forced call is forced once");
}

#[tokio::test]
async fn a_turn_keeps_its_snapshot_while_another_is_published() {
    let stage = Stage::new("a/one+tools", vec![("old", Act::Gate("old"))]);
    stage.script(vec![calls(&[("1", "old", "{}")]), answer("old world")]);
    let old = stage.registry.now();
    let submitted = stage.submit(request("t", "main", "go")).await;
    stage.log.saw("tool old {}").await;
    let gates = stage.gates();
    stage.registry.publish(FakeSnapshot::new(&stage.log, &gates, "b/two", vec![]));
    stage.open("old");
    assert_eq!(finish(submitted).await.text(), "old world");
    assert_eq!(old.requests().len(), 2);
    assert_eq!(stage.turn("next").await.text(), "(no script)");
    assert_eq!(stage.asked_names(), "b/two");
}

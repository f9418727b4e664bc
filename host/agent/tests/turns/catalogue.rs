//! Turns over more tools than one request carries.

use crate::stage::*;
use skynet_agent::limits as agent_limits;
use skynet_core::config::AgentConfig;
use skynet_core::*;

/// A thousand tools: `kit0__act` to `kit999__act`.
fn thousand(agent: AgentConfig) -> Stage {
    let names: Vec<String> = (0..1_000).map(|n| format!("kit{n}__act")).collect();
    Stage::with("a/one+tools", names.iter().map(|name| (name.as_str(), Act::Echo)).collect(), agent)
}

fn shown(request: &CompletionRequest) -> Vec<&str> {
    request.tools.iter().map(|tool| tool.name.as_str()).collect()
}

#[tokio::test]
async fn a_few_tools_are_all_offered_and_none_to_find_more() {
    let stage = Stage::new("a/one+tools", vec![("get_time", Act::Give("noon")), ("add", Act::Echo)]);
    stage.script(vec![vec![call("1", "find_tools", "{\"query\":\"add\"}"), end(StopReason::ToolUse)], answer("ok")]);
    stage.turn("hello").await;
    let asked = stage.asked();
    assert_eq!(shown(&asked[0].1), ["add", "get_time"]);
    assert_eq!(results(&asked[1].1)[0].to_text(), "There is no tool named `find_tools`. Tools: add, get_time.");
}

#[tokio::test]
async fn of_a_thousand_tools_the_model_finds_and_calls_number_737() {
    let stage = thousand(AgentConfig::default());
    stage.script(vec![
        vec![call("1", "find_tools", "{\"query\":\"kit737\"}"), end(StopReason::ToolUse)],
        vec![call("2", "kit737__act", "{\"n\":3}"), end(StopReason::ToolUse)],
        answer("done"),
    ]);
    assert_eq!(stage.turn("please do the thing").await.text(), "done");
    let asked = stage.asked();
    assert_eq!(shown(&asked[0].1), ["find_tools"], "nothing fits these words");
    let (about, bytes) = (&asked[0].1.tools[0].description, asked[0].1.tools.iter().map(|tool| tool.description.len()).sum::<usize>());
    assert!(about.contains("1000 tools are installed") && about.contains("kit0, kit1, "), "{about}");
    assert!(bytes < 4_000, "{bytes}");
    let found = results(&asked[1].1)[0].to_text();
    assert_eq!(found, "These can be called from now on, best first:\n- kit737__act: does kit737__act");
    assert_eq!(shown(&asked[1].1), ["kit737__act", "find_tools"]);
    assert_eq!(results(&asked[2].1).last().unwrap().to_text(), "{\"n\":3}");
    let rows = stage.audit.rows.lock().unwrap();
    let calls: Vec<_> = rows.iter().filter(|row| row.kind == "tool.call").map(|row| (row.actor.as_str(), row.subject.as_str())).collect();
    assert_eq!(calls, [("host", "find_tools"), ("acme/tool-kit@1.2.3#4", "kit737__act")]);
}

#[tokio::test]
async fn a_tool_that_is_named_or_was_used_before_is_offered_at_once() {
    let stage = thousand(AgentConfig::default());
    stage.script(vec![vec![call("1", "kit5__act", "{}"), end(StopReason::ToolUse)], answer("ok"), answer("again")]);
    stage.turn("use kit5__act for it").await;
    stage.turn("and now something else").await;
    let asked = stage.asked();
    assert_eq!(shown(&asked[0].1), ["kit5__act", "find_tools"], "the person named it");
    assert_eq!(shown(&asked[2].1), ["kit5__act", "find_tools"], "the conversation used it");
}

#[tokio::test]
async fn the_owners_first_tools_are_always_offered() {
    let first = vec!["kit99*".to_owned(), "kit7__act".to_owned(), "kit8".to_owned()];
    let stage = thousand(AgentConfig { tools_first: first, ..AgentConfig::default() });
    stage.script(vec![answer("ok")]);
    stage.turn("hello").await;
    let asked = stage.asked();
    let names = shown(&asked[0].1);
    assert_eq!(names.len(), 13, "{names:?}");
    assert!(names.contains(&"kit999__act") && names.contains(&"kit7__act") && !names.contains(&"kit8__act"));
}

#[tokio::test]
async fn a_request_carries_a_bounded_number_of_tools_however_many_are_found() {
    let stage = thousand(AgentConfig { tools_first: vec!["*".to_owned()], ..AgentConfig::default() });
    let searches: Vec<Vec<Say>> = (0..20)
        .map(|n| {
            let words = (n * 10..n * 10 + 10).map(|kit| format!("kit{kit}__act")).collect::<Vec<_>>().join(" ");
            vec![call(&n.to_string(), "find_tools", &format!("{{\"query\":\"{words}\"}}")), end(StopReason::ToolUse)]
        })
        .collect();
    stage.script(searches).script(vec![answer("ok")]);
    stage.turn("find all").await;
    for (_, request) in stage.asked() {
        assert!(request.tools.len() <= agent_limits::OFFERED_TOOLS + 1, "{}", request.tools.len());
    }
    let last = stage.asked().pop().unwrap().1;
    assert!(shown(&last).contains(&"kit195__act") && !shown(&last).contains(&"kit0__act"), "the newest ones stay");
}

#[tokio::test]
async fn few_tools_with_huge_schemas_are_bounded_too_and_each_can_be_had() {
    let names: Vec<String> = (0..10).map(|n| format!("big{n}__act")).collect();
    let acts = || names.iter().map(|name| (name.as_str(), Act::Echo)).collect::<Vec<_>>();
    let stage = Stage::new("a/one+tools", acts());
    let mut snapshot = FakeSnapshot::new(&stage.log, &stage.gates(), "a/one+tools", acts());
    for name in &names {
        let note = "x".repeat(agent_limits::OFFERED_BYTES / 3);
        snapshot = snapshot.with_schema(name, serde_json::json!({ "type": "object", "description": note }));
    }
    stage.registry.publish(snapshot);
    stage.script(vec![
        vec![call("1", "find_tools", "{\"query\":\"big1 big2 big3 big4\"}"), end(StopReason::ToolUse)],
        vec![call("2", "big4__act", "{}"), end(StopReason::ToolUse)],
        answer("ok"),
    ]);
    stage.turn("hello").await;
    let asked = stage.asked();
    assert_eq!(shown(&asked[0].1), ["find_tools"]);
    assert_eq!(shown(&asked[1].1), ["big1__act", "big2__act", "find_tools"], "two of them fit");
    assert_eq!(results(&asked[2].1).last().unwrap().to_text(), "{}", "one that is not shown can be called all the same");
}

#[tokio::test]
async fn a_search_without_a_query_or_without_a_find_says_what_to_do() {
    let stage = thousand(AgentConfig::default());
    stage.script(vec![
        calls(&[
            ("1", "find_tools", "{}"),
            ("2", "find_tools", "{\"query\":\"\"}"),
            ("3", "find_tools", "{\"query\":7}"),
            ("4", "kit1000__act", "{}"),
        ]),
        answer("ok"),
    ]);
    stage.turn("hello").await;
    let texts: Vec<String> = results(&stage.asked()[1].1).iter().map(ToolResult::to_text).collect();
    assert_eq!(texts[0], "`find_tools` takes {\"query\": \"words\"}.");
    assert_eq!(texts[1], "No tool has any of these words. Try other words for what it should do.");
    assert_eq!(texts[2], texts[0]);
    assert_eq!(texts[3], "There is no tool named `kit1000__act`. Tools: find_tools.");
}

//! One tool call outside a turn: the same checks and the same row as in one.

use crate::stage::{Act, FakeSnapshot, Stage, key};
use serde_json::{Value, json};
use skynet_agent::InvokeError;
use skynet_core::{ToolResult, UserId};
use std::sync::atomic::Ordering;

fn stage() -> Stage {
    let stage = Stage::new("a/one", vec![]);
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } }, "required": ["n"] });
    let snapshot = FakeSnapshot::new(&stage.log, &stage.gates(), "a/one", vec![("count", Act::Give("counted"))]);
    stage.registry.publish(snapshot.with_schema("count", schema));
    stage
}

async fn invoke(stage: &Stage, tool: &str, arguments: Value) -> Result<ToolResult, InvokeError> {
    stage.agent.invoke(tool, &arguments, key("main"), UserId::owner()).await
}

#[tokio::test]
async fn a_call_gives_its_result_and_leaves_one_audit_row_and_no_history() {
    let stage = stage();
    let result = invoke(&stage, "count", json!({ "n": 1 })).await.unwrap();
    assert_eq!((result.to_text().as_str(), result.is_error), ("counted", false));
    let rows = stage.audit.rows.lock().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.subject.as_str(), row.verdict.as_str())).collect();
    assert_eq!(told, [("tool.call", "count", "ok")]);
    assert!(stage.history("main").is_empty());
}

#[tokio::test]
async fn arguments_against_the_schema_never_reach_the_tool() {
    let stage = stage();
    let result = invoke(&stage, "count", json!({ "n": "one" })).await.unwrap();
    assert!(result.is_error, "{}", result.to_text());
    assert!(stage.log.lines().iter().all(|line| !line.starts_with("tool count")), "{:?}", stage.log.lines());
    assert_eq!(stage.audit.rows.lock().unwrap()[0].verdict, "error");
}

#[tokio::test]
async fn an_unknown_tool_is_named_and_its_call_is_audited_without_strangers_text() {
    let stage = stage();
    let error = invoke(&stage, "nosuch", json!({})).await.unwrap_err();
    assert!(matches!(&error, InvokeError::Unknown(name) if name == "nosuch"), "{error}");
    let text = format!("my password is\n{}", "x".repeat(100_000));
    invoke(&stage, &text, json!({})).await.unwrap_err();
    let rows = stage.audit.rows.lock().unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.kind.as_str(), row.subject.as_str(), row.verdict.as_str())).collect();
    assert_eq!(told, [("tool.call", "nosuch", "unknown"), ("tool.call", "(not a tool's name)", "unknown")]);
    assert_eq!(rows[0].detail["user"], UserId::owner().0);
}

#[tokio::test]
async fn a_call_to_an_unknown_tool_that_cannot_be_audited_says_so() {
    let stage = stage();
    stage.audit.broken.store(true, Ordering::SeqCst);
    let error = invoke(&stage, "nosuch", json!({})).await.unwrap_err();
    assert!(matches!(error, InvokeError::Unrecorded(_)), "{error}");
}

#[tokio::test]
async fn a_result_that_cannot_be_audited_is_withheld() {
    let stage = stage();
    stage.audit.broken.store(true, Ordering::SeqCst);
    let error = invoke(&stage, "count", json!({ "n": 1 })).await.unwrap_err().to_string();
    assert!(error.contains("withheld") && !error.contains("counted"), "{error}");
}

#[tokio::test]
async fn two_calls_of_one_moment_are_told_apart_and_each_names_who_asked() {
    let stage = stage();
    for client in ["token one", "token two"] {
        let arguments = json!({ "n": 1 });
        let never = std::future::pending();
        let done = stage.agent.invoke_until("count", &arguments, key("main"), UserId::owner(), Some(client), never).await.unwrap();
        assert!(!done.promises_object);
    }
    let rows = stage.audit.rows.lock().unwrap();
    assert_eq!([&rows[0].detail["by"], &rows[1].detail["by"]], ["token one", "token two"]);
    assert_eq!(rows[0].detail["user"], UserId::owner().0);
    assert_ne!(rows[0].detail["turn"], rows[1].detail["turn"]);
}

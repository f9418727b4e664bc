//! `agent` in its two phases, `agent.wait`, and what is said of agents.

use crate::fakes::Say;
use crate::world::World;
use serde_json::{Value, json};
use skynet_core::{ModelError, StopReason};

fn ask(key: &str) -> Value {
    json!({"message": "hi", "idempotencyKey": key, "sessionKey": "main", "agentId": "main", "thinking": "low", "deliver": false, "timeout": 60})
}

#[tokio::test]
async fn an_agent_call_is_answered_twice_under_one_id() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let id = owner.ask("agent", ask("r")).await;
    let first = owner.frame().await.unwrap();
    assert_eq!((&first["id"], &first["ok"], &first["payload"]["status"]), (&json!(id), &json!(true), &json!("accepted")));
    assert_eq!(first["payload"]["runId"], "r");
    assert!(first["payload"]["acceptedAt"].is_u64());
    let last = owner.answer(&id).await;
    let payload = &last["payload"];
    assert_eq!((&payload["runId"], &payload["status"], &payload["summary"]), (&json!("r"), &json!("ok"), &json!("completed")));
    assert_eq!(payload["result"]["payloads"], json!([{"text": "Hello there.", "mediaUrl": null}]));
    let meta = &payload["result"]["meta"];
    assert_eq!(meta["aborted"], false);
    assert_eq!((&meta["agentMeta"]["provider"], &meta["agentMeta"]["model"]), (&json!("fake"), &json!("one")));
    assert_eq!(meta["agentMeta"]["usage"], json!({"input": 10, "output": 5, "total": 15}));
    assert!(meta["agentMeta"]["sessionId"].is_string());
    assert_eq!(owner.run("r").await.last().unwrap()["payload"]["state"], "final");
}

#[tokio::test]
async fn an_agent_call_that_fails_says_so_in_its_second_answer() {
    let world = World::start().await;
    world.script(std::iter::repeat_n(vec![Say::Fail(ModelError::InvalidRequest("bad".into()))], 2));
    let mut owner = world.owner().await;
    let id = owner.ask("agent", ask("r")).await;
    assert_eq!(owner.answer(&id).await["payload"]["status"], "accepted");
    let last = owner.answer(&id).await;
    assert_eq!(last["ok"], false);
    assert_eq!(last["error"]["details"]["status"], "error");
    assert_eq!(owner.call("agent.wait", json!({"runId": "r"})).await["status"], "error");
}

#[tokio::test]
async fn a_waiting_agent_call_does_not_hold_up_the_socket() {
    let world = World::start().await;
    world.script([vec![Say::Text("x"), Say::Gate("go"), Say::End(StopReason::EndTurn)]]);
    let mut owner = world.owner().await;
    let id = owner.ask("agent", ask("r")).await;
    assert_eq!(owner.answer(&id).await["payload"]["status"], "accepted");
    assert_eq!(owner.call("ping", json!({})).await["pong"], true);
    let status = owner.call("agent.status", json!({})).await;
    assert_eq!(status["agents"][0]["status"], "running");
    assert_eq!(owner.call("agent.wait", json!({"runId": "r", "timeoutMs": 0})).await, json!({"runId": "r", "status": "timeout"}));
    world.snapshot.gates.open("go");
    assert_eq!(owner.answer(&id).await["payload"]["status"], "ok");
    let waited = owner.call("agent.wait", json!({"runId": "r"})).await;
    let again = owner.request("agent", ask("r")).await;
    assert_eq!(again["payload"]["status"], "ok", "a key that was used gets its end at once");
    assert_eq!((&waited["status"], &waited["stopReason"]), (&json!("ok"), &json!("stop")));
}

#[tokio::test]
async fn a_run_goes_on_when_its_caller_leaves() {
    let world = World::start().await;
    world.script([vec![Say::Text("x"), Say::Gate("go"), Say::End(StopReason::EndTurn)]]);
    let mut owner = world.owner().await;
    let id = owner.ask("agent", ask("r")).await;
    owner.answer(&id).await;
    drop(owner);
    let mut other = world.owner().await;
    world.snapshot.gates.open("go");
    assert_eq!(other.call("agent.wait", json!({"runId": "r"})).await["status"], "ok");
}

#[tokio::test]
async fn an_unknown_run_times_out_at_once_and_an_unknown_agent_is_refused() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    assert_eq!(owner.call("agent.wait", json!({"runId": "none"})).await, json!({"runId": "none", "status": "timeout"}));
    let mut params = ask("r");
    params["agentId"] = "other".into();
    assert_eq!(owner.refused("agent", params).await, "INVALID_REQUEST unknown agent id \"other\"");
    let mut params = ask("r");
    params["model"] = "fake/none".into();
    assert!(owner.refused("agent", params).await.contains("fake/none"));
}

#[tokio::test]
async fn a_model_of_ones_own_choice_is_for_owners() {
    let world = World::start().await;
    let mut params = ask("r");
    params["model"] = "two".into();
    params["provider"] = "fake".into();
    let mut writer = world.scoped(&["operator.write"]).await;
    assert_eq!(writer.refused("agent", params.clone()).await, "INVALID_REQUEST missing scope: operator.admin");
    let mut owner = world.owner().await;
    let id = owner.ask("agent", params).await;
    owner.answer(&id).await;
    assert_eq!(owner.answer(&id).await["payload"]["result"]["meta"]["agentMeta"]["model"], "two");
}

#[tokio::test]
async fn the_agent_and_its_model_are_told_and_the_owner_may_change_it() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let agents = owner.call("agents.list", json!({})).await;
    assert_eq!(
        (&agents["defaultId"], &agents["agents"][0]["id"], &agents["agents"][0]["model"]["primary"]),
        (&json!("main"), &json!("main"), &json!("fake/one"))
    );
    assert_eq!(owner.call("agent.identity.get", json!({"sessionKey": "main"})).await["agentId"], "main");
    assert_eq!(owner.call("agent.model", json!({})).await, json!({"model": "fake/one"}));
    assert_eq!(owner.call("agent.model", json!({"set": "fake/two"})).await, json!({"model": "fake/two", "previous": "fake/one"}));
    assert_eq!(owner.call("agent.status", json!({})).await["agents"][0]["model"], "fake/two");
    assert!(owner.refused("agent.model", json!({"set": "fake/none"})).await.contains("fake/none"));
}

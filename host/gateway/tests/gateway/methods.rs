//! The small methods: status, configuration, catalogues, and what is not here.

use crate::fakes::Say;
use crate::wire::Hello;
use crate::world::{OWNER, START_MS, World};
use serde_json::json;
use skynet_core::{ModelError, StopReason};

#[tokio::test]
async fn health_is_for_anyone_who_got_in() {
    let world = World::start().await;
    let (mut socket, _) = world.connect(Hello::new().client("cli", "cli")).await;
    let health = socket.call("health", json!({"probe": true})).await;
    for key in
        ["ok", "ts", "durationMs", "channels", "channelOrder", "channelLabels", "heartbeatSeconds", "defaultAgentId", "agents", "sessions"]
    {
        assert!(!health[key].is_null(), "{key} in {health}");
    }
    assert_eq!(health["agents"][0]["agentId"], "main");
    assert_eq!(health["models"], 2);
}

#[tokio::test]
async fn the_four_questions_of_a_probe_are_answered() {
    let world = World::start().await;
    let (mut probe, _) = world.connect(Hello::device(1).client("cli", "probe").scopes(&["operator.read"])).await;
    let ids = [
        probe.ask("health", json!({})).await,
        probe.ask("status", json!({})).await,
        probe.ask("system-presence", json!({})).await,
        probe.ask("config.get", json!({})).await,
    ];
    for id in &ids {
        assert_eq!(probe.answer(id).await["ok"], true);
    }
    let status = probe.call("status", json!({})).await;
    assert_eq!(status["runtimeVersion"], "9.9.9");
    assert!(status["sessions"]["defaults"]["contextTokens"].is_u64());
}

#[tokio::test]
async fn the_configuration_shows_no_secret() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let config = owner.call("config.get", json!({})).await;
    for key in ["path", "exists", "parsed", "valid", "config", "hash", "issues", "warnings", "legacyIssues"] {
        assert!(!config[key].is_null(), "{key} in {config}");
    }
    assert_eq!(config["raw"], json!(null));
    assert_eq!(config["config"]["gateway"]["auth"]["token"], "__OPENCLAW_REDACTED__");
    assert!(!config.to_string().contains(OWNER));
}

#[tokio::test]
async fn models_tools_and_commands_are_listed() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let models = owner.call("models.list", json!({"view": "configured"})).await;
    assert_eq!(
        models["models"][0],
        json!({
            "id": "one", "name": "Fake one", "provider": "fake", "contextWindow": 100000, "reasoning": false, "input": ["text", "image"],
        })
    );
    let catalog = owner.call("tools.catalog", json!({})).await;
    assert_eq!((&catalog["groups"][0]["id"], &catalog["groups"][0]["tools"][0]["id"]), (&json!("acme/tool-look"), &json!("look")));
    let effective = owner.call("tools.effective", json!({"sessionKey": "main"})).await;
    assert_eq!(effective["groups"][0]["tools"][0]["rawDescription"], "Looks at something");
    let commands = owner.call("commands.list", json!({"scope": "text", "includeArgs": true})).await;
    let model = commands["commands"].as_array().unwrap().iter().find(|command| command["name"] == "model").unwrap();
    assert_eq!(
        (&model["textAliases"], &model["acceptsArgs"], &model["args"][0]["name"]),
        (&json!(["/model"]), &json!(true), &json!("model"))
    );
}

#[tokio::test]
async fn what_the_control_page_loads_is_answered() {
    let world = World::start().await;
    let scopes = ["operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.pairing"];
    let hello = Hello::device(6).client("openclaw-control-ui", "webchat").scopes(&scopes).set("caps", json!(["tool-events"]));
    let (mut page, hello) = world.connect(hello).await;
    assert_eq!(hello["auth"]["scopes"], json!(scopes));
    for (method, params) in [
        ("sessions.subscribe", json!({})),
        ("agent.identity.get", json!({"sessionKey": "main"})),
        ("agents.list", json!({})),
        ("health", json!({})),
        ("node.list", json!({})),
        ("device.pair.list", json!({})),
        ("chat.history", json!({"sessionKey": "main", "limit": 200})),
        ("sessions.list", json!({"includeGlobal": true, "includeUnknown": true})),
        ("models.list", json!({"view": "configured"})),
        ("commands.list", json!({"scope": "text", "includeArgs": true})),
        ("models.authStatus", json!({})),
        ("plugins.uiDescriptors", json!({})),
        ("update.status", json!({})),
        ("voicewake.get", json!({})),
        ("talk.config", json!({})),
        ("artifacts.list", json!({})),
        ("exec.approval.list", json!({})),
        ("gateway.identity.get", json!({})),
    ] {
        page.call(method, params).await;
    }
    assert_eq!(page.request("last-heartbeat", json!({})).await["payload"], json!(null));
}

#[tokio::test]
async fn the_gateways_identity_is_its_key() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let identity = owner.call("gateway.identity.get", json!({})).await;
    assert_eq!(identity["deviceId"].as_str().unwrap().len(), 64);
    assert_eq!(identity["publicKey"].as_str().unwrap().len(), 43);
    assert_eq!(owner.call("gateway.identity.get", json!({})).await, identity);
}

#[tokio::test]
async fn providers_are_told_with_how_often_they_answered_and_failed() {
    let world = World::start().await;
    let mut reader = world.scoped(&["operator.read"]).await;
    let fake = json!({
        "name": "fake", "status": "serving", "plugin": "acme/provider-fake@1.0.0#1", "models": ["one", "two"],
        "requests_ok": 0, "requests_err": 0, "total_requests": 0, "avg_latency_ms": null,
        "last_success_at": null, "last_error_at": null, "last_error": null,
    });
    assert_eq!(reader.call("provider.status", json!({})).await, json!({"providers": [fake], "default": "fake/one"}));
    let mut owner = world.owner().await;
    world.script([vec![Say::Text("hi"), Say::End(StopReason::EndTurn)], vec![Say::Fail(ModelError::Refused("not that\nnow".into()))]]);
    for key in ["a", "b"] {
        owner.call("chat.send", json!({"sessionKey": "main", "message": "hello", "idempotencyKey": key})).await;
        owner.run(key).await;
    }
    let told = reader.call("provider.status", json!({})).await["providers"][0].clone();
    assert_eq!((&told["requests_ok"], &told["requests_err"], &told["total_requests"]), (&json!(1), &json!(1), &json!(2)));
    assert_eq!(
        (&told["avg_latency_ms"], &told["last_success_at"], &told["last_error_at"]),
        (&json!(0), &json!(START_MS), &json!(START_MS))
    );
    assert_eq!(told["last_error"], "the model declined: not that now");
}

#[tokio::test]
async fn the_version_is_told_and_an_update_says_what_to_do_instead() {
    let world = World::start().await;
    let mut owner = world.owner().await;
    let version = owner.call("system.version", json!({})).await;
    assert_eq!((&version["version"], &version["protocol"], &version["install_mode"]), (&json!("9.9.9"), &json!(3), &json!("source")));
    assert_eq!(version["git_sha"], "c0ffee");
    let check = owner.call("system.check_update", json!({})).await;
    assert_eq!((&check["update_available"], &check["current"], &check["latest"]), (&json!(false), &json!("9.9.9"), &json!(null)));
    assert!(check["reason"].as_str().unwrap().ends_with("git pull && ./setup.sh"));
    let refused = owner.error("system.update", json!({"yes": true})).await;
    assert_eq!((&refused["code"], &refused["details"]["code"]), (&json!("UNAVAILABLE"), &json!("NO_RELEASE_CHANNEL")));
    assert!(refused["message"].as_str().unwrap().ends_with("git pull && ./setup.sh"));
    let mut reader = world.scoped(&["operator.read"]).await;
    assert!(reader.refused("system.update", json!({})).await.contains("missing scope: operator.admin"));
}

//! The answer to a good `connect`: who the server is, what it can, how things stand.

use crate::auth::scope::Scope;
use crate::client::Client;
use crate::frame::{Payload, StateVersion, ready};
use crate::limits::{BUFFERED_BYTES, FRAME_BYTES};
use crate::presence;
use crate::server::Server;
use crate::ws::connect::PROTOCOL;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Hello<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    protocol: u64,
    server: Value,
    features: Value,
    snapshot: Snapshot<'a>,
    auth: Value,
    policy: Value,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot<'a> {
    presence: Vec<Value>,
    health: &'a RawValue,
    state_version: StateVersion,
    uptime_ms: u64,
    session_defaults: Value,
    auth_mode: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    config_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_dir: Option<&'a str>,
}

/// The payload for this client.
pub(crate) fn payload(server: &Server, client: &Client, device_token: Option<(String, u64)>) -> Payload {
    let identity = &client.identity;
    let mut auth = json!({"role": identity.role.name(), "scopes": identity.scopes.json()});
    if let (Some((token, issued_ms)), Some(map)) = (device_token, auth.as_object_mut()) {
        map.insert("deviceToken".into(), token.into());
        map.insert("issuedAtMs".into(), issued_ms.into());
    }
    let health = server.health.current();
    let admin = identity.scopes.cover(Scope::Admin);
    let hello = Hello {
        kind: "hello-ok",
        protocol: PROTOCOL,
        server: with(
            json!({"version": server.version, "connId": client.conn}),
            identity.seed,
            || json!({"name": "skynet", "node_id": "primary"}),
        ),
        features: with(server.features(), identity.seed, || json!({"streaming": true})),
        snapshot: Snapshot {
            presence: presence::list(server),
            health: &health,
            state_version: server.state_version(),
            uptime_ms: server.uptime_ms(),
            session_defaults: json!({
                "defaultAgentId": "main", "mainKey": "main", "mainSessionKey": "agent:main:main", "scope": "per-sender",
            }),
            auth_mode: "token",
            config_path: server.state_dir.as_ref().filter(|_| admin).map(|folder| format!("{folder}/skynet.toml")),
            state_dir: server.state_dir.as_deref().filter(|_| admin),
        },
        auth,
        policy: with(
            json!({"maxPayload": FRAME_BYTES, "maxBufferedBytes": BUFFERED_BYTES, "tickIntervalMs": server.config.tick_interval_ms}),
            identity.seed,
            || json!({"max_message_size": FRAME_BYTES, "rate_limit": null}),
        ),
    };
    Payload::Raw(ready(&hello))
}

/// With the keys that only clients of the forerunner's shape look for: to others they are unknown.
fn with(mut value: Value, seed: bool, more: impl Fn() -> Value) -> Value {
    if seed && let (Some(map), Value::Object(more)) = (value.as_object_mut(), more()) {
        map.extend(more);
    }
    value
}

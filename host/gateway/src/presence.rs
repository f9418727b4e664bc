//! Who is here: the gateway itself, then the programs that people look at.
//!
//! A command line connects for one call and is not listed. The list is bounded,
//! since every hello carries it.

use crate::client::Client;
use crate::limits::PRESENCE_ENTRIES;
use crate::server::Server;
use serde_json::{Map, Value, json};

/// Whether a client is worth a line.
pub(crate) fn is_listed(client: &Client) -> bool {
    !matches!(client.identity.info.mode.as_str(), "cli" | "probe" | "backend")
}

/// The list, the gateway first, then the newest clients.
pub(crate) fn list(server: &Server) -> Vec<Value> {
    let now = server.clock.now_ms();
    let mut entries = vec![json!({
        "host": "skynet", "version": server.version, "platform": std::env::consts::OS, "mode": "gateway", "reason": "self",
        "text": format!("Gateway: skynet {}", server.version), "ts": now, "roles": ["gateway"],
    })];
    let clients = server.hub.clients();
    entries.extend(clients.iter().rev().filter(|client| is_listed(client)).take(PRESENCE_ENTRIES).map(|client| entry(client)));
    entries
}

fn entry(client: &Client) -> Value {
    let identity = &client.identity;
    let info = &identity.info;
    let mut entry = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            entry.insert(key.into(), value);
        }
    };
    put("host", Some(info.display_name.as_deref().unwrap_or(&info.id).into()));
    put("ip", Some(identity.peer.address.to_string().into()));
    put("version", Some(info.version.as_str().into()));
    put("platform", Some(info.platform.as_str().into()));
    put("deviceFamily", info.device_family.as_deref().map(Value::from));
    put("modelIdentifier", info.model_identifier.as_deref().map(Value::from));
    put("mode", Some(info.mode.as_str().into()));
    put("reason", Some("connect".into()));
    put("deviceId", identity.device.as_deref().map(Value::from));
    put("instanceId", info.instance_id.as_deref().map(Value::from));
    put("roles", Some(json!([identity.role.name()])));
    put("scopes", Some(identity.scopes.json()));
    put("ts", Some(identity.connected_ms.into()));
    Value::Object(entry)
}

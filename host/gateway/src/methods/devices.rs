//! Devices and nodes: which are paired, which wait, which are here.
//!
//! Who is turned away or forgotten is in the audit log first, and a second row says when nothing came of it.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::auth::secret::within;
use crate::client::{Client, Role};
use crate::refusal::Refusal;
use crate::schema::{Field, WORD, must};
use serde_json::{Value, json};
use skynet_core::access::DeviceRow;
use skynet_policy::naming::plain_line;

/// Characters of a device's name in the audit log: an id is 64 hexadecimal digits.
const DEVICE_CHARS: usize = 80;

const PAIRING: Option<Scope> = Some(Scope::Pairing);
const REQUEST: &[Field] = &[must("requestId", WORD)];

pub(super) const METHODS: &[Method] = &[
    method("device.pair.list", PAIRING, Some(&[]), |call| Box::pin(list(call))),
    method("device.pair.approve", PAIRING, Some(REQUEST), |call| Box::pin(approve(call))),
    method("device.pair.reject", PAIRING, Some(REQUEST), |call| Box::pin(reject(call))),
    method("device.pair.remove", PAIRING, Some(&[must("deviceId", WORD)]), |call| Box::pin(remove(call))),
    method("node.list", Some(Scope::Read), Some(&[]), |call| Box::pin(nodes(call))),
];

fn paired(row: &DeviceRow) -> Value {
    let token = json!({"role": row.role, "scopes": row.scopes, "createdAtMs": row.approved_ms});
    let tokens = if row.token.is_some() { vec![token] } else { vec![] };
    json!({
        "deviceId": row.id, "publicKey": row.public_key, "platform": row.platform, "clientId": row.client_id, "clientMode": row.client_mode,
        "displayName": row.display_name, "role": row.role, "roles": [row.role], "scopes": row.scopes,
        "createdAtMs": row.created_ms, "approvedAtMs": row.approved_ms, "tokens": tokens,
    })
}

async fn list(call: Call) -> Answer {
    let devices = within(call.server.access.devices()).await?;
    let paired: Vec<Value> = devices.iter().map(paired).collect();
    let pending: Vec<Value> = call.server.pairing.pending().iter().map(|waiting| waiting.json()).collect();
    Ok(json!({"pending": pending, "paired": paired}).into())
}

async fn approve(call: Call) -> Answer {
    let request = call.text("requestId").unwrap_or_default();
    let row = call.server.pairing.approve(request, call.client.identity.scopes).await?;
    Ok(json!({"requestId": request, "device": paired(&row)}).into())
}

/// How a device is named in the audit log: its id is the client's word until it was found.
fn named(id: &str) -> String {
    plain_line(&format!("device {id}"), DEVICE_CHARS)
}

async fn reject(call: Call) -> Answer {
    let request = call.text("requestId").unwrap_or_default();
    let waiting = call.server.pairing.pending().into_iter().find(|waiting| waiting.request == request);
    let Some(waiting) = waiting else { return Err(Refusal::invalid("unknown requestId")) };
    let act = call.server.pairing.reject(request);
    let device = call.recorded("auth", &named(&waiting.row.id), json!({"action": "reject"}), act).await?;
    Ok(json!({"requestId": request, "deviceId": device}).into())
}

async fn remove(call: Call) -> Answer {
    let id = call.text("deviceId").unwrap_or_default();
    let act = async {
        match call.server.pairing.remove(id).await? {
            true => Ok(()),
            false => Err(Refusal::invalid("unknown deviceId")),
        }
    };
    call.recorded("auth", &named(id), json!({"action": "remove"}), act).await?;
    let removed = |client: &Client| client.identity.device.as_deref() == Some(id);
    call.server.hub.close_each(1008, "device removed", removed);
    Ok(json!({"deviceId": id}).into())
}

async fn nodes(call: Call) -> Answer {
    let clients = call.server.hub.clients();
    let node = |client: &Client| {
        let identity = &client.identity;
        json!({
            "nodeId": identity.device.as_deref().or(identity.info.instance_id.as_deref()).unwrap_or(&client.conn),
            "displayName": identity.info.display_name.as_deref().unwrap_or(&identity.info.id),
            "platform": identity.info.platform, "version": identity.info.version, "caps": identity.caps, "commands": identity.commands,
            "remoteIp": identity.peer.address.to_string(), "paired": identity.device.is_some(), "connected": true,
            "connectedAtMs": identity.connected_ms,
        })
    };
    let nodes: Vec<Value> = clients.iter().filter(|client| client.identity.role == Role::Node).map(|client| node(client)).collect();
    Ok(json!({"ts": call.server.clock.now_ms(), "nodes": nodes}).into())
}

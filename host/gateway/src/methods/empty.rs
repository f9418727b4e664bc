//! Things that this host does not have, said in the shape in which clients ask.
//!
//! Each is true: there is no speech, no update channel, no plugin page, no artifact, no
//! chat channel.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use serde_json::json;

const READ: Option<Scope> = Some(Scope::Read);

pub(super) const METHODS: &[Method] = &[
    method("last-heartbeat", READ, None, |_| Box::pin(async { Ok(serde_json::Value::Null.into()) })),
    method("models.authStatus", READ, None, |call| Box::pin(async move { Ok(json!({"ts": now(&call), "providers": []}).into()) })),
    method("usage.status", READ, None, |call| Box::pin(async move { Ok(json!({"updatedAt": now(&call), "providers": []}).into()) })),
    method("channels.status", READ, None, |call| Box::pin(channels(call))),
    method("plugins.uiDescriptors", READ, Some(&[]), |_| Box::pin(async { Ok(json!({"ok": true, "descriptors": []}).into()) })),
    method("update.status", Some(Scope::Admin), Some(&[]), |_| Box::pin(async { Ok(json!({"sentinel": null}).into()) })),
    method("voicewake.get", READ, None, |_| Box::pin(async { Ok(json!({"triggers": []}).into()) })),
    method("talk.config", READ, None, |_| Box::pin(async { Ok(json!({"config": {}}).into()) })),
    method("artifacts.list", READ, None, |_| Box::pin(async { Ok(json!({"artifacts": []}).into()) })),
    method("exec.approval.list", Some(Scope::Approvals), None, |_| Box::pin(async { Ok(json!([]).into()) })),
];

fn now(call: &Call) -> u64 {
    call.server.clock.now_ms()
}

async fn channels(call: Call) -> Answer {
    Ok(json!({
        "ts": now(&call), "channelOrder": [], "channelLabels": {}, "channelDetailLabels": {}, "channelSystemImages": {}, "channelMeta": [],
        "channels": {}, "channelAccounts": {}, "channelDefaultAccountId": {},
    })
    .into())
}

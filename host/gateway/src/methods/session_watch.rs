//! Asking to hear of sessions, and no longer.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::schema::{Field, WORD, must};
use serde_json::json;

const READ: Option<Scope> = Some(Scope::Read);
const KEY: &[Field] = &[must("key", WORD)];

pub(super) const METHODS: &[Method] = &[
    method("sessions.subscribe", READ, None, |call| Box::pin(all(call, true))),
    method("sessions.unsubscribe", READ, None, |call| Box::pin(all(call, false))),
    method("sessions.messages.subscribe", READ, Some(KEY), |call| Box::pin(one(call, true))),
    method("sessions.messages.unsubscribe", READ, Some(KEY), |call| Box::pin(one(call, false))),
];

async fn all(call: Call, on: bool) -> Answer {
    call.client.watch_all(on);
    Ok(json!({"subscribed": on}).into())
}

async fn one(call: Call, on: bool) -> Answer {
    let session = call.session("key")?;
    call.client.watch(&session, on)?;
    Ok(json!({"subscribed": on, "key": session}).into())
}

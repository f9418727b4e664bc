//! Logins in the audit log: each that holds, and those that do not as far as they do not
//! fill the disk. Of a flood of failures some get rows, and the next row says how many did
//! not. Who could not be recorded does not get in.

use crate::server::Server;
use serde_json::{Value, json};
use skynet_core::StoreError;
use skynet_core::ports::AuditRow;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

/// Failures that got no row since the last that did.
#[derive(Debug, Default)]
pub(crate) struct Untold(AtomicU64);

fn row(actor: &str, subject: &str, verdict: &str, detail: Value) -> AuditRow {
    AuditRow { kind: "auth".into(), actor: actor.into(), subject: subject.into(), verdict: verdict.into(), detail }
}

/// Somebody came in.
pub(crate) async fn came_in(server: &Server, actor: &str, way: &str, client: &str, address: IpAddr) -> Result<(), StoreError> {
    server.enqueue_ahead(row(actor, way, "ok", json!({"client": client, "peer": address}))).await
}

/// Somebody showed what does not hold, or came while locked out.
pub(crate) async fn failed(server: &Server, way: &str, reason: &str, address: IpAddr) {
    if !server.rates.failure_row() {
        server.untold.0.fetch_add(1, Ordering::Relaxed);
        return;
    }
    let mut detail = json!({"reason": reason, "peer": address});
    let untold = server.untold.0.swap(0, Ordering::Relaxed);
    if let (1.., Some(detail)) = (untold, detail.as_object_mut()) {
        detail.insert("more_before".into(), untold.into());
    }
    // Nobody acts on this one: a log that takes no rows is told elsewhere.
    if let Err(error) = server.enqueue(row("client", way, "denied", detail)).await {
        tracing::error!(%error, "a failed login was not recorded");
    }
}

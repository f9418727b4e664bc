//! What this host is and whether there is a newer one, and which providers serve and how they answer.
//!
//! Tells only what is known: what was not asked since the start has no times. This host has no
//! release channel; it says that, and what to do.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use crate::limits::LAST_ERROR_CHARS;
use crate::refusal::Refusal;
use serde_json::{Value, json};
use skynet_policy::naming;
use std::collections::BTreeMap;

const READ: Option<Scope> = Some(Scope::Read);

/// What a person does instead.
const REMEDY: &str = "no release channel is configured; this host was built from source: git pull && ./setup.sh";

pub(super) const METHODS: &[Method] = &[
    method("provider.status", READ, Some(&[]), |call| Box::pin(providers(call))),
    method("system.version", READ, Some(&[]), |call| Box::pin(version(call))),
    method("system.check_update", READ, Some(&[]), |call| Box::pin(check_update(call))),
    method("system.update", Some(Scope::Admin), Some(&[crate::schema::may("yes", crate::schema::Kind::Bool)]), |_| Box::pin(update())),
];

async fn providers(call: Call) -> Answer {
    let mut providers: BTreeMap<String, (String, Vec<String>)> = BTreeMap::new();
    for entry in call.server.agent.models() {
        let provider = providers.entry(entry.provider.clone()).or_insert_with(|| (entry.plugin.to_string(), Vec::new()));
        provider.1.push(entry.info.id);
    }
    let row = |(name, (plugin, models)): (String, (String, Vec<String>))| {
        let tally = call.server.agent.tally(&name);
        json!({
            "name": name, "status": "serving", "plugin": plugin, "models": models,
            "requests_ok": tally.answered, "requests_err": tally.failed, "total_requests": tally.answered.saturating_add(tally.failed),
            "avg_latency_ms": tally.average_ms(), "last_success_at": tally.last_answer_ms, "last_error_at": tally.last_failure_ms,
            // In a plugin's or a server's own words.
            "last_error": tally.last_failure.map(|why| naming::plain_line(&why, LAST_ERROR_CHARS)),
        })
    };
    let providers: Vec<Value> = providers.into_iter().map(row).collect();
    Ok(json!({"providers": providers, "default": call.server.agent.default_model()}).into())
}

async fn version(call: Call) -> Answer {
    let server = &call.server;
    Ok(json!({"version": server.version, "git_sha": server.commit, "protocol": 3, "install_mode": "source"}).into())
}

async fn check_update(call: Call) -> Answer {
    Ok(json!({
        "update_available": false, "current": call.server.version, "latest": null, "release_url": null, "published_at": null,
        "reason": REMEDY,
    })
    .into())
}

async fn update() -> Answer {
    Err(Refusal::unavailable(format!("the host cannot update itself: {REMEDY}")).with(json!({"code": "NO_RELEASE_CHANNEL"})))
}

//! The configuration as clients may see it: what matters to them, no secrets.

use super::{Answer, Call, Method, method};
use crate::auth::scope::Scope;
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// What stands in place of a secret.
const REDACTED: &str = "__OPENCLAW_REDACTED__";

pub(super) const METHODS: &[Method] = &[method("config.get", Some(Scope::Read), Some(&[]), |call| Box::pin(get(call)))];

async fn get(call: Call) -> Answer {
    let server = &call.server;
    let gateway = &server.config;
    let config = json!({
        "gateway": {
            "mode": "local", "port": gateway.port, "bind": gateway.bind.to_string(),
            "auth": {"mode": "token", "token": REDACTED},
            "controlUi": {"allowedOrigins": gateway.allowed_origins},
        },
        "agents": {"defaults": {"model": {"primary": server.agent.default_model()}}},
        "session": {"scope": "per-sender", "mainKey": "main"},
    });
    let hash = hex::encode(Sha256::digest(config.to_string()));
    let folder = server.state_dir.as_ref().filter(|_| call.need(Scope::Admin).is_ok());
    let path = folder.map_or_else(|| "skynet.toml".to_owned(), |folder| format!("{folder}/skynet.toml"));
    Ok(json!({
        "path": path, "exists": true, "raw": null, "parsed": config, "valid": true, "config": config,
        "sourceConfig": config, "resolved": config, "runtimeConfig": config,
        "hash": hash, "issues": [], "warnings": [], "legacyIssues": [],
    })
    .into())
}

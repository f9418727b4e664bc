//! `skynet:plugin/secret-reveal`: the value itself, for schemes that sign with it.
//!
//! Linked only when granted, by its own permission, secret by secret. Given only inside a
//! call and only after its audit row was taken; what the guest gives back is scrubbed of
//! it like of any other. Refuses a secret that its owner bound to servers: nobody could
//! hold a plugin to that once it has the value. Errors tell a guest nothing.

use crate::bindings::v0::skynet::plugin::secret_reveal::Host;
use crate::limits;
use crate::store::CallState;
use serde_json::json;
use skynet_core::Denial;
use skynet_core::ports::AuditRow;

const REFUSED: &str = "this secret is not to be had";

impl Host for CallState {
    async fn reveal(&mut self, name: String) -> wasmtime::Result<Result<Vec<u8>, String>> {
        let reach = &mut self.reach;
        reach.revealed = reach.revealed.saturating_add(1);
        if reach.revealed > limits::REFUSAL_ROWS {
            // Each has an audit row, and no call needs so many.
            return Ok(Err(REFUSED.into()));
        }
        let plugin = &reach.plugin;
        let opened = if !reach.permissions.reveal.contains(&name) {
            Err("it was not granted".to_owned())
        } else if !reach.in_call {
            Err("no call is under way".to_owned())
        } else {
            match reach.secrets.open(&plugin.id, &name).await {
                // The vault may have taken a while.
                Ok(_) if reach.granted.check().is_err() => Err("its grant is over".to_owned()),
                Ok(secret) if secret.servers.is_empty() => Ok(secret),
                Ok(secret) => Err(format!("its owner bound it to {}", secret.servers.join(", "))),
                Err(fault) => Err(fault.to_string()),
            }
        };
        let name = skynet_policy::naming::plain_line(&name, 80);
        let (verdict, detail) = match &opened {
            Ok(secret) => ("ok", json!({ "revealed": true, "version": secret.version })),
            Err(why) => ("denied", json!({ "revealed": false, "why": why })),
        };
        if let Err(why) = &opened {
            tracing::warn!(%plugin, secret = %name, %why, "a secret was not revealed; see: skynet secret test");
            self.hooks.budget.note_denial(Denial {
                who: plugin.to_string(),
                what: format!("secret-reveal {name}"),
                why: REFUSED.into(),
                remedy: format!("`skynet plugin why-denied {}` says more to the owner", plugin.id),
            });
        }
        let row = AuditRow { kind: "secret".into(), actor: plugin.to_string(), subject: name, verdict: verdict.into(), detail };
        if let Err(error) = reach.audit.enqueue(row).await {
            tracing::error!(%plugin, %error, "the audit log did not take a row; the secret is not revealed");
            return Ok(Err(REFUSED.into()));
        }
        Ok(opened.map(|secret| secret.value.expose().as_bytes().to_vec()).map_err(|_| REFUSED.into()))
    }
}

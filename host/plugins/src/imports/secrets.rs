//! `skynet:plugin/secrets`: whether a granted secret is set; never its value.

use crate::bindings::v0::skynet::plugin::secrets::Host;
use crate::store::CallState;

impl Host for CallState {
    async fn exists(&mut self, name: String) -> wasmtime::Result<bool> {
        let reach = &self.reach;
        let permissions = &reach.permissions;
        let granted = permissions.secrets.iter().any(|rule| rule.name == name) || permissions.reveal.contains(&name);
        if !granted {
            return Ok(false);
        }
        let opened = reach.secrets.open(&reach.plugin.id, &name).await;
        Ok(opened.is_ok_and(|secret| !secret.value.expose().is_empty()))
    }
}

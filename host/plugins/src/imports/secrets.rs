//! `skynet:plugin/secrets`: whether a granted secret is set; never its value.

use crate::bindings::v0::skynet::plugin::secrets::Host;
use crate::store::CallState;

impl Host for CallState {
    fn exists(&mut self, name: String) -> wasmtime::Result<bool> {
        let reach = &self.reach;
        let granted = reach.permissions.secrets.iter().any(|rule| rule.name == name);
        Ok(granted && reach.secrets.get(&reach.plugin.id, &name).is_some())
    }
}

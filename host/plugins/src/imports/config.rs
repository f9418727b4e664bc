//! `skynet:plugin/config`: the owner's settings for this plugin, read only.

use crate::bindings::v0::skynet::plugin::config::Host;
use crate::store::CallState;

impl Host for CallState {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<String>> {
        Ok(self.reach.settings.get(&key).map(ToString::to_string))
    }
}

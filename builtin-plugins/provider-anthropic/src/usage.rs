//! The server's counts, which are totals: a later one replaces an earlier one.
//!
//! The server counts input in three disjoint parts; the contract wants the
//! whole input with the cached parts inside.

use serde_json::Value;
use skynet_plugin_sdk::provider::Usage;

/// The counts so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    fresh: u64,
    cache_write: u64,
    cache_read: u64,
    output: u64,
    reasoning: u64,
}

impl Tally {
    /// Takes over the fields that `usage` has; the others keep their value.
    pub fn replace(&mut self, usage: &Value) {
        let pairs = [
            ("input_tokens", &mut self.fresh),
            ("cache_creation_input_tokens", &mut self.cache_write),
            ("cache_read_input_tokens", &mut self.cache_read),
            ("output_tokens", &mut self.output),
        ];
        for (key, field) in pairs {
            if let Some(count) = usage.get(key).and_then(Value::as_u64) {
                *field = count;
            }
        }
        let details = usage.get("output_tokens_details");
        if let Some(count) = details.and_then(|details| details.get("thinking_tokens")).and_then(Value::as_u64) {
            self.reasoning = count;
        }
    }

    /// As the contract counts.
    pub fn usage(&self) -> Usage {
        Usage {
            input: self.fresh.saturating_add(self.cache_write).saturating_add(self.cache_read),
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
            reasoning: self.reasoning,
            extra: Vec::new(),
        }
    }
}

//! The server's counts. Cached and reasoning tokens are inside the totals, as
//! the contract wants them.

use serde_json::Value;
use skynet_plugin_sdk::provider::Usage;

/// Reads a `usage` object, wherever this kind of server puts it.
pub fn read(chunk: &Value) -> Option<Usage> {
    let usage = chunk.get("usage").filter(|usage| usage.is_object());
    // One vendor puts it into a corner of its own.
    let usage = usage.or_else(|| chunk.get("x_groq")?.get("usage"))?;
    let number = |names: &[&str]| names.iter().find_map(|name| usage.get(name).and_then(Value::as_u64));
    let detail = |group: &str, name: &str| usage.get(group)?.get(name)?.as_u64();
    Some(Usage {
        input: number(&["prompt_tokens", "input_tokens"]).unwrap_or(0),
        output: number(&["completion_tokens", "output_tokens"]).unwrap_or(0),
        cache_read: detail("prompt_tokens_details", "cached_tokens").or_else(|| number(&["prompt_cache_hit_tokens"])).unwrap_or(0),
        cache_write: detail("prompt_tokens_details", "cache_write_tokens").unwrap_or(0),
        reasoning: detail("completion_tokens_details", "reasoning_tokens").unwrap_or(0),
        extra: Vec::new(),
    })
}

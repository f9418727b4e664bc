//! The time, which a test can set.

/// Milliseconds since the Unix epoch.
pub fn now_ms() -> u64 {
    #[cfg(not(target_family = "wasm"))]
    if let Some(now) = crate::testing::with(|world| world.now_ms) {
        return now;
    }
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

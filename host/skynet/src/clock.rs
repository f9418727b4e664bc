//! The real clock, and how a time is shown: in UTC, so that it sorts and compares.

use async_trait::async_trait;
use skynet_core::ports::Clock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The system's time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn shown(ms: u64, format: &str) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{ms} ms"), |time| time.strftime(format).to_string())
}

/// To the minute, for sentences.
pub(crate) fn minute(ms: u64) -> String {
    shown(ms, "%Y-%m-%d %H:%M UTC")
}

/// RFC 3339 to the millisecond, for records.
pub(crate) fn instant(ms: u64) -> String {
    shown(ms, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_in_utc_and_one_beyond_the_calendar_as_it_is() {
        assert_eq!((minute(0), instant(1_001)), ("1970-01-01 00:00 UTC".into(), "1970-01-01T00:00:01.001Z".into()));
        assert_eq!(minute(u64::MAX), format!("{} ms", u64::MAX));
    }
}

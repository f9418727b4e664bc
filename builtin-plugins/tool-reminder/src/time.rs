//! When a job is due, from what a model wrote: exactly one of four ways to say it.

use jiff::Timestamp;
use serde::Deserialize;
use skynet_plugin_sdk::services::schedule::When;
use std::str::FromStr as _;

const MINUTE_MS: u64 = 60_000;

/// The four ways.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Due {
    pub(crate) in_minutes: Option<u64>,
    pub(crate) at: Option<String>,
    pub(crate) every_minutes: Option<u64>,
    pub(crate) cron: Option<String>,
}

/// Reads it. The error is for the model.
pub(crate) fn when(due: &Due, now_ms: u64) -> Result<When, String> {
    match due {
        Due { in_minutes: Some(minutes), at: None, every_minutes: None, cron: None } => {
            Ok(When::At(minutes.saturating_mul(MINUTE_MS).saturating_add(now_ms)))
        }
        Due { in_minutes: None, at: Some(text), every_minutes: None, cron: None } => {
            let time = Timestamp::from_str(text.trim()).ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
            time.map(When::At).ok_or_else(|| "`at` is a date and time with an offset, such as 2026-03-02T16:00:00+01:00".to_owned())
        }
        Due { in_minutes: None, at: None, every_minutes: Some(minutes), cron: None } => {
            Ok(When::EveryMs(minutes.saturating_mul(MINUTE_MS)))
        }
        Due { in_minutes: None, at: None, every_minutes: None, cron: Some(line) } => Ok(When::Cron(line.clone())),
        _ => Err("say when by exactly one of `in_minutes`, `at`, `every_minutes` and `cron`".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(due: Due, expected: &str) {
        let shown = match when(&due, 1_000_000) {
            Ok(When::At(ms)) => format!("at {ms}"),
            Ok(When::EveryMs(ms)) => format!("every {ms}"),
            Ok(When::Cron(line)) => format!("cron {line}"),
            Err(why) => why,
        };
        assert!(shown.starts_with(expected), "{shown}");
    }

    #[test]
    fn each_way_of_saying_when_is_understood() {
        check(Due { in_minutes: Some(10), ..Due::default() }, "at 1600000");
        check(Due { at: Some("1970-01-01T01:00:10+01:00".into()), ..Due::default() }, "at 10000");
        check(Due { every_minutes: Some(60), ..Due::default() }, "every 3600000");
        check(Due { cron: Some("0 9 * * 1-5".into()), ..Due::default() }, "cron 0 9 * * 1-5");
    }

    #[test]
    fn none_two_or_a_time_without_an_offset_are_refused_with_the_way_to_say_it() {
        check(Due::default(), "say when by exactly one");
        check(Due { in_minutes: Some(1), cron: Some("* * * * *".into()), ..Due::default() }, "say when by exactly one");
        for text in ["2026-03-02 16:00", "tomorrow", "", "1960-01-01T00:00:00Z"] {
            check(Due { at: Some(text.into()), ..Due::default() }, "`at` is a date and time with an offset");
        }
        check(Due { in_minutes: Some(u64::MAX), ..Due::default() }, &format!("at {}", u64::MAX));
    }
}

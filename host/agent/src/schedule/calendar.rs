//! When a job is due: once, at a beat, or by a calendar line in a time zone.
//!
//! Where clocks go forward, a job of a fixed time that falls into the gap is due right
//! after it. Where they go back, it is due once, the first time; a job of every so many
//! minutes goes on through both. Refuses lines with seconds, and lines that never fire.

use crate::limits::{CRON_LINE_BYTES, JOB_PAST_MS};
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use skynet_core::limits::JOB_MIN_EVERY_MS;
use skynet_core::schedule::When;

/// The checked form of `when` and the first time that it is due. `home` is the zone of
/// lines that name none. The error is a sentence for whoever wrote it.
pub(crate) fn settle(when: When, now_ms: u64, home: &str) -> Result<(When, u64), String> {
    let when = match when {
        When::At { at_ms } => {
            if now_ms.saturating_sub(at_ms) > JOB_PAST_MS {
                return Err("the time of this job is in the past; give one that is still to come".into());
            }
            instant(at_ms)?;
            return Ok((When::At { at_ms }, at_ms));
        }
        When::Every { every_ms, anchor_ms } => {
            if every_ms < JOB_MIN_EVERY_MS {
                return Err(format!("a job cannot come more often than every {} s", JOB_MIN_EVERY_MS / 1000));
            }
            When::Every { every_ms, anchor_ms }
        }
        When::Cron { line, zone } => {
            let zone = zone_named(if zone.trim().is_empty() { home } else { zone.trim() })?;
            let name = zone.iana_name().unwrap_or("UTC").to_owned();
            parse(&line)?;
            When::Cron { line: line.split_whitespace().collect::<Vec<_>>().join(" "), zone: name }
        }
    };
    match next(&when, now_ms)? {
        Some(first) => Ok((when, first)),
        None => Err("this job would never come; check the day and the month, such as 30 February".into()),
    }
}

/// The next time strictly after `after_ms`; `None` when there is none.
pub(crate) fn next(when: &When, after_ms: u64) -> Result<Option<u64>, String> {
    match when {
        When::At { at_ms } => Ok((*at_ms > after_ms).then_some(*at_ms)),
        When::Every { every_ms, anchor_ms } => {
            let Some(since) = after_ms.checked_sub(*anchor_ms) else {
                instant(*anchor_ms)?;
                return Ok(Some(*anchor_ms));
            };
            let beats = since.checked_div(*every_ms).ok_or("a job cannot come every 0 ms")?.saturating_add(1);
            let at_ms = anchor_ms.saturating_add(beats.saturating_mul(*every_ms));
            instant(at_ms)?;
            Ok(Some(at_ms))
        }
        When::Cron { line, zone } => {
            let after = instant(after_ms)?.to_zoned(zone_named(zone)?);
            match parse(line)?.find_next_occurrence(&after, false) {
                Ok(next) => Ok(u64::try_from(next.timestamp().as_millisecond()).ok()),
                Err(CronError::TimeSearchLimitExceeded) => Ok(None),
                Err(fault) => Err(format!("the next time of `{line}` cannot be found: {fault}")),
            }
        }
    }
}

/// The zone of this name.
pub(crate) fn zone_named(name: &str) -> Result<TimeZone, String> {
    let unknown = |_| format!("`{}` is no time zone; write its IANA name, such as Europe/Rome", crate::result::cut(&plain(name), 40));
    TimeZone::get(name).map_err(unknown)
}

fn instant(ms: u64) -> Result<Timestamp, String> {
    let found = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    found.ok_or_else(|| "this time is beyond the year 9999".into())
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

fn parse(line: &str) -> Result<Cron, String> {
    const HOW: &str = "write five fields, minute hour day month weekday, such as `0 9 * * 1-5` for nine o'clock on weekdays";
    let shown = crate::result::cut(&plain(line), 60);
    if line.len() > CRON_LINE_BYTES {
        return Err(format!("the line is longer than {CRON_LINE_BYTES} bytes; {HOW}"));
    }
    let fields = line.split_whitespace().count();
    if fields != 5 {
        return Err(format!("`{shown}` has {fields} fields; {HOW}"));
    }
    let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
    parser.parse(line).map_err(|fault| format!("`{shown}` is no calendar line ({}); {HOW}", plain(&fault.to_string())))
}

#[cfg(test)]
mod tests;

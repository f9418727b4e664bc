//! Times as people write them: each case is a start and what follows.

use super::*;

fn ms(text: &str) -> u64 {
    u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()).unwrap()
}

/// The next times after `start`, in UTC to the minute.
fn times(when: &When, start: &str, count: usize) -> Vec<String> {
    let mut after = ms(start);
    let mut times = Vec::new();
    while times.len() < count {
        let Some(next) = next(when, after).unwrap() else { break };
        assert!(next > after, "strictly after");
        times.push(jiff::Timestamp::from_millisecond(i64::try_from(next).unwrap()).unwrap().strftime("%m-%d %H:%M").to_string());
        after = next;
    }
    times
}

fn cron(line: &str, zone: &str) -> When {
    When::Cron { line: line.into(), zone: zone.into() }
}

fn refusal(when: When) -> String {
    settle(when, ms("2026-03-02T13:05:00Z"), "UTC").unwrap_err()
}

#[test]
fn a_calendar_line_means_the_time_of_its_zone() {
    let check = |line: &str, zone: &str, want: &[&str]| {
        assert_eq!(times(&cron(line, zone), "2026-03-02T13:05:00Z", want.len()), want, "{line} in {zone}");
    };
    check("0 9 * * 1-5", "Europe/Rome", &["03-03 08:00", "03-04 08:00", "03-05 08:00", "03-06 08:00", "03-09 08:00"]);
    check("0 9 * * MON", "America/New_York", &["03-02 14:00", "03-09 13:00"]);
    check("*/20 14 * * *", "UTC", &["03-02 14:00", "03-02 14:20", "03-02 14:40", "03-03 14:00"]);
    check("5 13 * * *", "UTC", &["03-03 13:05"]);
    check("0 0 1 * 1", "UTC", &["03-09 00:00"]);
    check("30 6 29 2 *", "UTC", &["02-29 06:30"]);
}

#[test]
fn a_fixed_time_in_the_hour_that_spring_leaves_out_is_due_right_after_it() {
    // Berlin: 02:00 becomes 03:00 on 29 March 2026, which is 01:00 in UTC.
    let half_past_two = cron("30 2 * * *", "Europe/Berlin");
    assert_eq!(times(&half_past_two, "2026-03-27T12:00:00Z", 3), ["03-28 01:30", "03-29 01:00", "03-30 00:30"]);
    let each_half_hour = cron("*/30 * * * *", "Europe/Berlin");
    assert_eq!(times(&each_half_hour, "2026-03-29T00:00:00Z", 4), ["03-29 00:30", "03-29 01:00", "03-29 01:30", "03-29 02:00"]);
}

#[test]
fn a_fixed_time_in_the_hour_that_autumn_repeats_is_due_once() {
    // Berlin: 03:00 becomes 02:00 on 25 October 2026, which is 01:00 in UTC.
    let half_past_two = cron("30 2 * * *", "Europe/Berlin");
    assert_eq!(times(&half_past_two, "2026-10-24T12:00:00Z", 2), ["10-25 00:30", "10-26 01:30"]);
    let each_half_hour = cron("*/30 * * * *", "Europe/Berlin");
    assert_eq!(times(&each_half_hour, "2026-10-25T00:00:00Z", 4), ["10-25 00:30", "10-25 01:00", "10-25 01:30", "10-25 02:00"]);
}

#[test]
fn a_beat_is_counted_from_its_anchor_however_late_it_was_looked_at() {
    let beat = When::Every { every_ms: 600_000, anchor_ms: ms("2026-03-02T13:05:00Z") };
    assert_eq!(times(&beat, "2026-03-02T13:05:00Z", 2), ["03-02 13:15", "03-02 13:25"]);
    assert_eq!(times(&beat, "2026-03-02T13:17:59.999Z", 1), ["03-02 13:25"]);
    assert_eq!(times(&beat, "2026-03-01T00:00:00Z", 1), ["03-02 13:05"], "not before its anchor");
    assert_eq!(times(&beat, "2027-03-02T13:05:00Z", 1), ["03-02 13:15"], "a year later it does not catch up");
}

#[test]
fn once_is_once() {
    let once = When::At { at_ms: ms("2026-03-02T14:00:00Z") };
    assert_eq!(times(&once, "2026-03-02T13:05:00Z", 2), ["03-02 14:00"]);
    assert_eq!(times(&once, "2026-03-02T14:00:00Z", 2), Vec::<String>::new());
}

#[test]
fn a_line_that_names_no_zone_gets_that_of_the_host_and_one_spelling() {
    let now = ms("2026-03-02T13:05:00Z");
    assert_eq!(
        settle(cron(" 0  9 * * * ", ""), now, "Europe/Berlin"),
        Ok((cron("0 9 * * *", "Europe/Berlin"), ms("2026-03-03T08:00:00Z")))
    );
    assert_eq!(settle(cron("0 9 * * *", "europe/rome"), now, "UTC").unwrap().0, cron("0 9 * * *", "Europe/Rome"));
}

#[test]
fn what_is_no_calendar_line_is_refused_with_what_to_write() {
    for (line, why) in [
        ("0 0 9 * * *", "has 6 fields"),
        ("0 0 9 * * * 2026", "has 7 fields"),
        ("@daily", "has 1 fields"),
        ("", "has 0 fields"),
        ("0 25 * * *", "no calendar line"),
        ("0 9 * * funday", "no calendar line"),
        ("0 9 * * \u{1b}[31m", "no calendar line"),
        ("a b c d e", "no calendar line"),
        ("*/0 * * * *", "no calendar line"),
        ("-5 * * * *", "no calendar line"),
    ] {
        let refused = refusal(cron(line, "UTC"));
        assert!(refused.contains(why) && refused.contains("such as `0 9 * * 1-5`"), "{line}: {refused}");
        assert!(!refused.contains(char::is_control), "{refused:?}");
    }
    let long = format!("{} * * * *", "1,".repeat(CRON_LINE_BYTES));
    assert!(refusal(cron(&long, "UTC")).contains("longer than"));
}

#[test]
fn a_line_that_never_comes_is_refused() {
    for line in ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *"] {
        assert!(refusal(cron(line, "Europe/Berlin")).contains("would never come"), "{line}");
    }
}

#[test]
fn unknown_zones_are_refused_by_name() {
    for zone in ["Mars/Olympus", "../../etc/passwd", "Europe/Rome\u{0}", "+01:00"] {
        assert!(refusal(cron("0 9 * * *", zone)).contains("is no time zone; write its IANA name, such as Europe/Rome"), "{zone}");
    }
}

#[test]
fn times_out_of_bounds_are_refused() {
    let now = ms("2026-03-02T13:05:00Z");
    let at = |at_ms| settle(When::At { at_ms }, now, "UTC");
    assert!(at(now - JOB_PAST_MS - 1).unwrap_err().contains("in the past"));
    assert_eq!(at(now - JOB_PAST_MS).unwrap().1, now - JOB_PAST_MS, "who planned it a moment ago is served at once");
    assert!(at(u64::MAX).unwrap_err().contains("beyond the year 9999"));
    let every = |every_ms, anchor_ms| settle(When::Every { every_ms, anchor_ms }, now, "UTC");
    assert!(every(JOB_MIN_EVERY_MS - 1, now).unwrap_err().contains("more often than every 60 s"));
    assert!(every(0, now).unwrap_err().contains("more often"));
    assert!(every(u64::MAX, now).unwrap_err().contains("beyond the year 9999"));
    assert!(every(60_000, u64::MAX).unwrap_err().contains("beyond the year 9999"));
    assert_eq!(every(60_000, 0).unwrap().1, now + 60_000);
}

#[test]
fn a_day_that_none_of_its_months_has_is_refused() {
    for line in ["0 0 31 2,4,6,9,11 *", "0 0 30 2 *", "0 0 31 4 *"] {
        assert!(refusal(cron(line, "Europe/Rome")).contains("would never come"), "{line}");
    }
}

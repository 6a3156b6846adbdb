//! A time as a person types it: Unix seconds, a date, RFC 3339, as tables print it, or how long ago.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, SpanRelativeTo, Timestamp};

use crate::serve::now;

/// What a time may look like.
const FORMS: &str = "give Unix seconds (1750287018), a date in UTC (2025-06-18), a time (2025-06-18T22:50:18Z or \"2025-06-18 22:50:18 UTC\"), \
     or how long ago (90m, 2h, 3d)";

/// Reads a time, as Unix seconds.
pub(super) fn parse(text: &str) -> Result<i64, String> {
    parse_at(text, now().as_unix_secs())
}

fn parse_at(text: &str, now_secs: i64) -> Result<i64, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        return unix_secs(text);
    }
    if let Some(secs) = rfc_3339(text).or_else(|| as_printed(text)).or_else(|| midnight(text)) {
        return match secs < 0 {
            true => Err("it is before 1970".to_owned()),
            false => Ok(secs),
        };
    }
    if text.parse::<DateTime>().is_ok() {
        return Err(format!("it names no offset from UTC; {FORMS}"));
    }
    let ago = text.parse::<Span>().map_err(|_| format!("it is no time; {FORMS}"))?;
    // "2h" and "2h ago" are the same here: what is to come has not happened yet.
    let ago = ago.abs().to_duration(SpanRelativeTo::days_are_24_hours());
    let secs =
        ago.map_err(|_| "months and years differ in length; give days, as in 30d".to_owned())?.as_secs();
    now_secs.checked_sub(secs).filter(|secs| *secs >= 0).ok_or_else(|| "it is before 1970".to_owned())
}

fn rfc_3339(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(Timestamp::as_second)
}

/// A table's `2025-06-18 22:50:18 UTC`.
fn as_printed(text: &str) -> Option<i64> {
    in_utc(text.strip_suffix("UTC")?.trim_end().parse::<DateTime>().ok()?)
}

/// A date begins at midnight, in UTC as everything that is printed.
fn midnight(text: &str) -> Option<i64> {
    // What has a time of day too would be read as its date alone.
    let is_date = text.len() == "2025-06-18".len();
    in_utc(text.parse::<Date>().ok().filter(|_| is_date)?.into())
}

fn in_utc(time: DateTime) -> Option<i64> {
    time.to_zoned(TimeZone::UTC).ok().map(|time| time.timestamp().as_second())
}

fn unix_secs(digits: &str) -> Result<i64, String> {
    let secs = digits.parse().ok().filter(|secs| *secs <= Timestamp::MAX.as_second());
    secs.ok_or_else(|| {
        "it is after the year 9999; Unix times here are in seconds, not milliseconds".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_750_287_018;

    #[test]
    fn every_form_is_read() {
        for (text, expected) in [
            ("1750287018", NOW),
            ("0", 0),
            ("2025-06-18T22:50:18Z", NOW),
            ("2025-06-18T22:50:18.9Z", NOW),
            ("2025-06-19T00:50:18+02:00", NOW),
            ("2025-06-18 22:50:18 UTC", NOW),
            ("2025-06-18 22:50 UTC", NOW - 18),
            ("2025-06-18 UTC", NOW - 82_218),
            ("2025-06-18", NOW - 82_218),
            ("1970-01-01", 0),
            ("30s", NOW - 30),
            ("90m", NOW - 90 * 60),
            ("2h", NOW - 2 * 3600),
            ("2h ago", NOW - 2 * 3600),
            ("3d", NOW - 3 * 86400),
            ("1d 12h", NOW - 36 * 3600),
            ("2 weeks", NOW - 14 * 86400),
        ] {
            assert_eq!(parse_at(text, NOW), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("", "it is no time; give Unix seconds"),
            ("yesterday", "it is no time"),
            ("2x", "it is no time"),
            ("-5", "it is no time"),
            ("2025-06-18 22:50:18", "names no offset from UTC"),
            ("1969-12-31", "before 1970"),
            ("2025-02-30", "it is no time"),
            ("UTC", "it is no time"),
            ("2025-06-18T22:50:18", "names no offset from UTC"),
            ("1750287018000", "in seconds, not milliseconds"),
            ("99999999999999999999", "in seconds"),
            ("2mo", "give days"),
            ("100000d", "before 1970"),
        ] {
            let error = parse_at(text, NOW).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}

//! How long: as a person types it (`90`, `5s`, `1h 30m`, `3d`), and as it is shown (`10 s`, `1 h`).

use std::ops::RangeInclusive;

use jiff::{Span, SpanRelativeTo};

/// What a length of time may look like.
const FORMS: &str = "give seconds (90), or a number with its unit (5s, 10m, 2h, 3d)";

/// Reads whole seconds within a range; `or` says which words are right besides, as in ", or `none`".
pub(super) fn parse(text: &str, range: &RangeInclusive<u32>, or: &str) -> Result<u32, String> {
    let secs = read(text).ok_or_else(|| format!("it is no length of time; {FORMS}{or}"))?;
    u32::try_from(secs).ok().filter(|secs| range.contains(secs)).ok_or_else(|| {
        let (min, max) = (*range.start(), *range.end());
        match max % 3600 {
            0 => format!("it must be {min} s to {} ({max} s){or}", shown(max.into())),
            _ => format!("it must be {min} to {max} seconds{or}"),
        }
    })
}

/// Anything that is less than a second, or not whole seconds, is none.
fn read(text: &str) -> Option<i64> {
    if let Ok(secs) = text.trim().parse::<i64>() {
        return Some(secs);
    }
    let span = text.parse::<Span>().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    (length.subsec_nanos() == 0).then(|| length.as_secs())
}

/// In the largest unit that leaves no rest: what is shown can be typed.
pub(super) fn shown(secs: u64) -> String {
    match secs {
        0 => "0 s".to_owned(),
        _ if secs.is_multiple_of(86_400) => format!("{} d", secs / 86_400),
        _ if secs.is_multiple_of(3_600) => format!("{} h", secs / 3_600),
        _ if secs.is_multiple_of(60) => format!("{} min", secs / 60),
        _ => format!("{secs} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: RangeInclusive<u32> = 1..=86_400;

    #[test]
    fn seconds_and_units_are_read() {
        for (text, secs) in
            [("90", 90), ("5s", 5), ("1m", 60), ("1h 30m", 5400), ("24h", 86_400), ("1d", 86_400)]
        {
            assert_eq!(parse(text, &DAY, ""), Ok(secs), "{text}");
        }
    }

    #[test]
    fn what_is_shown_can_be_typed() {
        for (secs, text) in [(10, "10 s"), (60, "1 min"), (90, "90 s"), (7200, "2 h"), (86_400, "1 d")] {
            assert_eq!(shown(secs), text);
            assert_eq!(parse(text, &DAY, "").map(u64::from), Ok(secs), "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, says) in [
            ("0", "it must be 1 s to 1 d (86400 s), or `none`"),
            ("-1", "it must be 1 s to 1 d"),
            ("25h", "it must be 1 s to 1 d"),
            ("1.5", "it is no length of time; give seconds (90)"),
            ("500ms", "it is no length of time"),
            ("1mo", "it is no length of time"),
            ("soon", "it is no length of time"),
            ("", "it is no length of time"),
        ] {
            let error = parse(text, &DAY, ", or `none`").unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert_eq!(parse("61", &(1..=60), ""), Err("it must be 1 to 60 seconds".to_owned()));
    }
}

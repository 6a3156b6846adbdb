//! What a receiver asks for in the headers of its answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, header};
use ringback_domain::{Advice, Timestamp};

/// The header by which a receiver says what is to become of a delivery.
const DELIVERY_HEADER: &str = "webhook-delivery";
/// Its value for "no further attempt".
const ABORT: &str = "abort-message";

/// What these headers ask for at `now`. What is not understood asks for nothing.
pub(crate) fn advice(headers: &HeaderMap, now: Timestamp) -> Advice {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    Advice {
        retry_after: text(header::RETRY_AFTER.as_str()).and_then(|value| delay(value, now)),
        abort: text(DELIVERY_HEADER).is_some_and(|value| value.eq_ignore_ascii_case(ABORT)),
    }
}

/// Seconds, or a date (RFC 9110, section 10.2.3); a date that is past is no delay.
fn delay(value: &str, now: Timestamp) -> Option<Duration> {
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number holds mean a very long time.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let date: SystemTime = httpdate::parse_http_date(value).ok()?;
    let unix_ms = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Timestamp::from_unix_ms(i64::try_from(unix_ms).ok()?).since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    /// 2025-06-15T15:06:40Z.
    const NOW: Timestamp = Timestamp::from_unix_secs(1_750_000_000);

    fn asked(name: &'static str, value: &[u8]) -> Advice {
        let mut headers = HeaderMap::new();
        headers.insert(name, HeaderValue::from_bytes(value).unwrap());
        advice(&headers, NOW)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let secs = |secs| Some(Duration::from_secs(secs));
        for (value, expected) in [
            ("0", secs(0)),
            ("120", secs(120)),
            (" 7 ", secs(7)),
            ("99999999999999999999999", secs(u32::MAX.into())),
            ("Sun, 15 Jun 2025 15:07:40 GMT", secs(60)),
            ("Sun, 15 Jun 2025 15:00:00 GMT", secs(0)),
            ("Sunday, 15-Jun-25 15:07:40 GMT", secs(60)),
            ("", None),
            ("-5", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 15 Jun 1960 15:07:40 GMT", None),
        ] {
            assert_eq!(asked("retry-after", value.as_bytes()).retry_after, expected, "{value}");
        }
        assert_eq!(asked("retry-after", b"\xff7").retry_after, None);
    }

    #[test]
    fn only_the_one_word_aborts() {
        for (value, expected) in [
            ("abort-message", true),
            (" Abort-Message ", true),
            ("abort", false),
            ("abort-message, x", false),
            ("", false),
        ] {
            assert_eq!(asked("webhook-delivery", value.as_bytes()).abort, expected, "{value}");
        }
    }
}

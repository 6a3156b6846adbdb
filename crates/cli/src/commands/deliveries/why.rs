//! Why a delivery stands as it does, in a few words.

use serde_json::Value;

/// Why it ended, what holds it back, or when it is attempted next.
pub(super) fn short(delivery: &Value, now_secs: i64) -> Option<String> {
    if let Some(reason) = delivery["end_reason"].as_str() {
        return Some(reason.to_owned());
    }
    if delivery["state"] != "pending" {
        return None;
    }
    if delivery["in_flight"] == true {
        return Some("attempt under way".to_owned());
    }
    let held = match delivery["held_by"].as_str() {
        Some("endpoint_paused") => Some("endpoint paused"),
        Some("endpoint_disabled") => Some("endpoint disabled"),
        Some("breaker") => Some("breaker open"),
        Some("order") => Some("waits its turn"),
        _ => None,
    };
    held.map(str::to_owned).or_else(|| Some(next(delivery["next_attempt_at"].as_i64()?, now_secs)))
}

/// About when; to the second it is in `deliveries get`.
fn next(at_secs: i64, now_secs: i64) -> String {
    let wait = at_secs - now_secs;
    match wait {
        ..=0 => "due now".to_owned(),
        1..120 => format!("next in {wait} s"),
        120..7200 => format!("next in {} min", wait / 60),
        _ => format!("next in {} h", wait / 3600),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_ended_says_why_and_what_is_pending_says_what_it_waits_for() {
        let pending =
            json!({ "state": "pending", "end_reason": null, "next_attempt_at": 1000, "in_flight": false });
        let why = |field: &str, value: Value| {
            let mut delivery = pending.clone();
            delivery[field] = value;
            short(&delivery, 1000)
        };
        for (held_by, says) in [
            ("endpoint_paused", "endpoint paused"),
            ("endpoint_disabled", "endpoint disabled"),
            ("breaker", "breaker open"),
            ("order", "waits its turn"),
        ] {
            assert_eq!(why("held_by", held_by.into()).as_deref(), Some(says));
        }
        assert_eq!(why("held_by", Value::Null).as_deref(), Some("due now"));
        assert_eq!(why("in_flight", true.into()).as_deref(), Some("attempt under way"));
        assert_eq!(why("next_attempt_at", 1119.into()).as_deref(), Some("next in 119 s"));
        assert_eq!(why("next_attempt_at", 1120.into()).as_deref(), Some("next in 2 min"));
        assert_eq!(why("next_attempt_at", 20_000.into()).as_deref(), Some("next in 5 h"));
        assert_eq!(why("end_reason", "expired".into()).as_deref(), Some("expired"));
        assert_eq!(why("state", "delivered".into()), None);
    }
}

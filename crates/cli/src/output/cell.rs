//! One field of an answer as people read it.

use anstyle::{AnsiColor, Style};
use indicatif::HumanCount;
use serde_json::Value;

/// The field at a path; `null` if it is not there.
pub(super) fn at<'a>(item: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(item, |value, key| &value[*key])
}

/// A list or an object without anything in it says no more than an absent one.
pub(super) fn is_set(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        _ => true,
    }
}

/// A field as people read it: times as dates in UTC.
pub(super) fn cell(item: &Value, path: &[&str]) -> String {
    let value = at(item, path);
    let is_time = path.last().is_some_and(|key| is_time(key));
    value.as_i64().filter(|_| is_time).and_then(time).unwrap_or_else(|| plain(value))
}

/// Unix seconds as a date and time of day, which `--since` takes too; nothing, if there is no such date.
pub(crate) fn time(unix_secs: i64) -> Option<String> {
    let time = jiff::Timestamp::from_second(unix_secs).ok()?;
    Some(time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Whether the API has Unix seconds under this name.
fn is_time(key: &str) -> bool {
    key.ends_with("_at") || matches!(key, "failing_since" | "created_after" | "created_before")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => harmless(text),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
        Value::Number(number) => {
            number.as_u64().map_or_else(|| number.to_string(), |count| HumanCount(count).to_string())
        }
        other => harmless(&other.to_string()),
    }
}

/// Much of what is shown was sent by somebody: it must not move a terminal's cursor, give it
/// orders, or turn the direction in which a line is read.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match (c.is_control() && c != '\n') || is_bidi_control(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
    }
    shown
}

/// Marks, embeddings, overrides and isolates (Unicode Standard Annex 9), and the separators that break a
/// line.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Words of state have colours with a meaning: green is well, yellow is under way, red wants attention. Of
/// several, the first decides.
pub(super) fn paint(text: &str) -> String {
    let colour = match text.split(", ").next().unwrap_or(text) {
        "delivered" | "accepted" | "active" | "ready" | "ok" | "alive" | "succeeded" | "completed" => {
            AnsiColor::Green
        }
        "pending" | "all made" | "unrouted" | "archived" | "held" | "duplicate" | "running" | "paused"
        | "breaker probing" | "breaker ramping" => AnsiColor::Yellow,
        "dead" | "rejected" | "http_error" | "timeout" | "unreachable" | "blocked" | "unavailable"
        | "disabled" | "failing" | "breaker open" => AnsiColor::Red,
        _ => return text.to_owned(),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn fields_are_shown_as_people_read_them() {
        let item = json!({ "created_at": 1_750_287_018, "n": 5, "none": null, "list": ["a", "b"], "in": { "s": "x" } });
        assert_eq!(cell(&item, &["created_at"]), "2025-06-18 22:50:18 UTC");
        assert_eq!(cell(&item, &["n"]), "5");
        assert_eq!(cell(&json!({ "n": 1_265 }), &["n"]), "1,265");
        assert_eq!(cell(&item, &["none"]), "-");
        assert_eq!(cell(&item, &["list"]), "a,b");
        assert_eq!(cell(&item, &["in", "s"]), "x");
        assert_eq!(cell(&item, &["absent", "deep"]), "-");
    }

    #[test]
    fn what_is_empty_is_not_set() {
        for (value, set) in [(json!(null), false), (json!([]), false), (json!({}), false), (json!([0]), true)]
        {
            assert_eq!(is_set(&value), set, "{value}");
        }
        assert!(is_set(&json!(false)) && is_set(&json!("")) && is_set(&json!(0)));
    }

    #[test]
    fn what_was_sent_cannot_steer_the_terminal() {
        let item = json!({ "body": "a\u{1b}[2J\u{9b}1m\r\nb\tc é" });
        assert_eq!(cell(&item, &["body"]), "a\\u{1b}[2J\\u{9b}1m\\r\nb\\tc é");
        let item = json!({ "body": "a\u{202e}b\u{2066}c\u{200f}d\u{2028}שלום" });
        assert_eq!(cell(&item, &["body"]), "a\\u{202e}b\\u{2066}c\\u{200f}d\\u{2028}שלום");
    }

    #[test]
    fn of_several_states_the_first_has_the_colour() {
        let red = paint("failing, breaker open");
        assert!(red.starts_with("\u{1b}[31m") && red.contains("failing, breaker open"), "{red}");
        assert!(paint("paused, failing").starts_with("\u{1b}[33m"));
        assert_eq!(paint("deadline"), "deadline");
    }
}

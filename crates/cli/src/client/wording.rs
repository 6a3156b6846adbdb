//! What the API says, in the words of the command line: parameters are flags, and the bodies of requests are commands.

use std::borrow::Cow;

/// A parameter of the API, and the flag that sets it.
const FLAGS: [(&str, &str); 34] = [
    ("after", "--after"),
    ("authentication", "--bearer or --basic"),
    ("created_after", "--since"),
    ("created_at", "--created-at"),
    ("created_before", "--until"),
    ("data", "--data"),
    ("description", "--description"),
    ("dry_run", "--dry-run"),
    ("endpoint_id", "--endpoint"),
    ("event_id", "--event"),
    ("event_type", "--event-type"),
    ("event_types", "--event-type"),
    ("headers", "--header"),
    ("kind", "--kind"),
    ("limit", "--limit"),
    ("max_age_secs", "--max-age"),
    ("max_concurrency", "--max-concurrency"),
    ("max_per_sec", "--max-per-sec"),
    ("name", "--name"),
    ("no_retry_statuses", "--no-retry-status"),
    ("object_id", "--object"),
    ("order", "--order"),
    ("ordering", "--ordering"),
    ("ordering_wait_secs", "--ordering-wait"),
    ("rate", "--rate"),
    ("replay_id", "--replay"),
    ("retry_delays_secs", "--retry-delays"),
    ("signature_scheme", "--signature-scheme"),
    ("source_id", "--source"),
    ("target_url", "--to"),
    ("timeout_secs", "--timeout-secs"),
    ("type", "TYPE"),
    ("url", "--to"),
    ("webhook_id", "--webhook-id"),
];

/// What the API says of a request, and what a person types for it.
const PHRASES: [(&str, &str); 2] = [
    ("`{\"disabled\": false}`", "`ringback endpoints enable`"),
    ("`disabled: false`", "`ringback endpoints enable`"),
];

/// Whether a person set this parameter by a flag.
pub(super) fn is_flag(param: &str) -> bool {
    flag_of(param).is_some()
}

/// A message of the API with its parameters as flags.
pub(super) fn as_typed(message: &str) -> String {
    let mut message = Cow::Borrowed(message);
    for (said, typed) in PHRASES {
        message = message.replace(said, typed).into();
    }
    // What stands between a pair of backticks is every other part.
    let parts = message.split('`').enumerate();
    let parts: Vec<&str> = parts
        .map(|(i, part)| match i % 2 {
            1 => flag_of(part).unwrap_or(part),
            _ => part,
        })
        .collect();
    parts.join("`")
}

/// Also of a part of a parameter, as in `headers.x-team` and `event_types[1]`.
fn flag_of(param: &str) -> Option<&'static str> {
    let whole = param.split(['.', '[']).next().unwrap_or(param);
    FLAGS.iter().find(|(name, _)| *name == whole).map(|(_, flag)| *flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_flags_and_the_rest_stays() {
        for (said, typed) in [
            ("`after` must be an item's id", "`--after` must be an item's id"),
            (
                "`created_before` must be later than `created_after`: nothing lies between them",
                "`--until` must be later than `--since`: nothing lies between them",
            ),
            ("`no_retry_statuses[0]` must be 300 to 599", "`--no-retry-status` must be 300 to 599"),
            (
                "enable it first, by `{\"disabled\": false}`",
                "enable it first, by `ringback endpoints enable`",
            ),
            ("the order of data is `whe_x`", "the order of data is `whe_x`"),
        ] {
            assert_eq!(as_typed(said), typed);
        }
    }

    #[test]
    fn what_no_flag_sets_is_no_flag() {
        assert!(is_flag("endpoint_id") && is_flag("headers.x-team"));
        assert!(!is_flag("events[3].data") && !is_flag("paused"));
    }
}

//! What the API says, in the words of the command line: parameters are flags or arguments, and requests are
//! commands.
//!
//! Only the parameter that an error is about is put into other words: whatever else stands between backticks
//! may be what a person typed.

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
    ("type", "--type"),
    ("url", "--to"),
    ("webhook_id", "--webhook-id"),
];

/// What the API says of requests and of parameters other than the one that is wrong, and what a person types
/// for it.
const PHRASES: [(&str, &str); 12] = [
    ("`{\"disabled\": false}`", "`ringback endpoints enable`"),
    ("`disabled: false`", "`ringback endpoints enable`"),
    (
        "`POST /v1/webhook_sources/{id}/signing_secrets {\"signing_secret\": \"whsec_…\"}`",
        "`ringback sources add-secret`",
    ),
    ("`POST /v1/webhook_event_types {\"name\": …}`", "`ringback event-types register`"),
    ("end it by `rotate_secret`", "end it by `ringback endpoints rotate`"),
    ("set its status to `active` to test it", "test it after `ringback sources update --status active`"),
    ("name one as `endpoint_id`", "name one with `--endpoint`"),
    ("later than `created_after`", "later than `--since`"),
    ("`authorization` by `authentication`", "`authorization` by `--bearer` or `--basic`"),
    ("the header `OpenAI-Project`", "`--project` (or RINGBACK_PROJECT)"),
    ("the header `Idempotency-Key`", "`--idempotency-key`"),
    ("this `Idempotency-Key`", "this `--idempotency-key`"),
];

/// Whether a person set this parameter of the request to this path.
pub(super) fn is_typed(param: &str, path: &str) -> bool {
    typed(param, path).is_some()
}

/// A message of the API about this parameter, if it is about one, of the request to this path.
pub(super) fn as_typed(message: &str, param: Option<&str>, path: &str) -> String {
    let mut message = Cow::Borrowed(message);
    for (said, typed) in PHRASES {
        message = message.replace(said, typed).into();
    }
    let Some((param, typed)) = param.and_then(|param| Some((root(param), typed(param, path)?))) else {
        return message.into_owned();
    };
    // What stands between a pair of backticks is every other part.
    let parts = message.split('`').enumerate();
    let parts: Vec<&str> =
        parts.map(|(i, part)| if i % 2 == 1 && root(part) == param { typed } else { part }).collect();
    parts.join("`")
}

fn typed(param: &str, path: &str) -> Option<&'static str> {
    let param = root(param);
    argument(param, path).or_else(|| FLAGS.iter().find(|(name, _)| *name == param).map(|(_, flag)| *flag))
}

/// What is typed without a flag. Lists have a query in their path, and flags for it.
fn argument(param: &str, path: &str) -> Option<&'static str> {
    match (param, path) {
        ("type", "/v1/webhook_events") => Some("TYPE"),
        ("name", "/v1/webhook_event_types") => Some("NAME"),
        ("event_type", path) if path.starts_with("/v1/webhook_sources/") => Some("TYPE"),
        _ => None,
    }
}

/// The parameter that this is a part of, as in `headers.x-team` and `event_types[1]`.
fn root(param: &str) -> &str {
    param.split(['.', '[']).next().unwrap_or(param)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPLAYS: &str = "/v1/webhook_replays";

    #[test]
    fn the_parameter_that_is_wrong_is_a_flag_and_the_rest_stays() {
        for (param, said, typed) in [
            ("after", "`after` must be an item's id", "`--after` must be an item's id"),
            (
                "created_before",
                "`created_before` must be later than `created_after`: nothing lies between them",
                "`--until` must be later than `--since`: nothing lies between them",
            ),
            (
                "no_retry_statuses[0]",
                "`no_retry_statuses[0]` must be 300 to 599",
                "`--no-retry-status` must be 300 to 599",
            ),
            (
                "type",
                "`order` is no event type, as in `order.paid`",
                "`order` is no event type, as in `order.paid`",
            ),
            ("event_types", "`name` is not an event type", "`name` is not an event type"),
            (
                "state",
                "`state` must be one of `dead`, not `type`",
                "`state` must be one of `dead`, not `type`",
            ),
        ] {
            assert_eq!(as_typed(said, Some(param), REPLAYS), typed);
        }
    }

    #[test]
    fn requests_are_commands() {
        for (said, typed) in [
            (
                "enable it first, by `{\"disabled\": false}`",
                "enable it first, by `ringback endpoints enable`",
            ),
            ("the header `OpenAI-Project` names", "`--project` (or RINGBACK_PROJECT) names"),
            ("the order of `data` is `whe_x`", "the order of `data` is `whe_x`"),
        ] {
            assert_eq!(as_typed(said, None, REPLAYS), typed);
        }
    }

    #[test]
    fn arguments_have_no_flag() {
        let said = "`type` must not be empty";
        assert_eq!(as_typed(said, Some("type"), "/v1/webhook_events"), "`TYPE` must not be empty");
        let list = "/v1/webhook_events?limit=20&type=";
        assert_eq!(as_typed(said, Some("type"), list), "`--type` must not be empty");
    }

    #[test]
    fn what_nobody_types_is_no_flag() {
        assert!(is_typed("endpoint_id", REPLAYS) && is_typed("headers.x-team", REPLAYS));
        assert!(!is_typed("events[3].data", REPLAYS) && !is_typed("paused", REPLAYS));
    }
}

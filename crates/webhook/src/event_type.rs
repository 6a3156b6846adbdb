//! The grammar of event types, and the one pair of spellings that mean the same type.

/// The longest well-formed event type, in bytes.
pub const MAX_BYTES: usize = 255;

/// The spelling of the cancelled eval run that OpenAI sends and that subscriptions are stored under.
const EVAL_RUN_CANCELED: &str = "eval.run.canceled";

/// The spelling that every sibling type suggests, and that some descriptions of the API print.
const EVAL_RUN_CANCELLED: &str = "eval.run.cancelled";

/// Whether `name` has the form of an event type: `^[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)+$`, at most [`MAX_BYTES`]
/// bytes.
///
/// At least two identifiers joined by full stops (Standard Webhooks 1.0.0, "Payload structure"). Well-formed
/// does not mean known: senders add types, so a receiver passes unknown ones on.
///
/// ```
/// use ringback_webhook::event_type::is_well_formed;
/// assert!(is_well_formed("response.completed"));
/// assert!(!is_well_formed("completed"));
/// ```
#[must_use]
pub fn is_well_formed(name: &str) -> bool {
    name.len() <= MAX_BYTES && name.contains('.') && name.split('.').all(is_identifier)
}

/// The spelling under which a type is looked up: `eval.run.cancelled` becomes `eval.run.canceled`, every
/// other text is returned as it is.
///
/// For comparing and for subscriptions only; payloads keep the spelling they came with.
#[must_use]
pub fn canonical(name: &str) -> &str {
    if name == EVAL_RUN_CANCELLED { EVAL_RUN_CANCELED } else { name }
}

/// The other spelling that means the same type, if there is one.
///
/// For look-ups among received types, which are kept as they came.
#[must_use]
pub fn other_spelling(name: &str) -> Option<&'static str> {
    match name {
        EVAL_RUN_CANCELED => Some(EVAL_RUN_CANCELLED),
        EVAL_RUN_CANCELLED => Some(EVAL_RUN_CANCELED),
        _ => None,
    }
}

fn is_identifier(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::{MAX_BYTES, canonical, is_well_formed};

    #[test]
    fn accepts_dotted_identifiers() {
        for name in ["a.b", "response.completed", "fine_tuning.job.succeeded", "A1_.b.C.9"] {
            assert!(is_well_formed(name), "{name:?}");
        }
    }

    #[test]
    fn refuses_everything_else() {
        for name in ["", ".", "a", "a.", ".a", "a..b", "a.b ", "a-b.c", "a.é", "batch.*", "a.b\n"] {
            assert!(!is_well_formed(name), "{name:?}");
        }
    }

    #[test]
    fn length_is_bounded() {
        let longest = format!("a.{}", "b".repeat(MAX_BYTES - 2));
        assert!(is_well_formed(&longest));
        assert!(!is_well_formed(&format!("{longest}b")));
    }

    #[test]
    fn only_the_eval_type_has_two_spellings() {
        assert_eq!(canonical("eval.run.cancelled"), "eval.run.canceled");
        for name in ["eval.run.canceled", "batch.cancelled", "response.cancelled", "x.y"] {
            assert_eq!(canonical(name), name);
        }
    }
}

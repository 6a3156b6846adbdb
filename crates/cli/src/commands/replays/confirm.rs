//! The question before a large replay.

use std::io::BufRead;

use indicatif::HumanCount;
use serde_json::Value;

use super::count_of;
use crate::commands::consent;

/// A replay of more deliveries than this is made only after a yes.
const MAX_UNASKED: u64 = 100;

/// What the person said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Consent {
    /// Yes, or it is too small to ask.
    Given,
    /// Anything else.
    Refused,
}

/// Says how many deliveries it will be, to whom, and how long they take, and asks whether that is meant.
pub(super) fn ask(
    preview: &Value,
    to: &str,
    rate: u32,
    answers: impl BufRead,
    question: impl FnOnce(&str),
) -> Consent {
    let count = preview["count"].as_u64();
    if count.is_some_and(|count| count <= MAX_UNASKED) && preview["count_is_minimum"] != true {
        return Consent::Given;
    }
    let time = time(count.unwrap_or_default(), rate);
    let at_least = if preview["count_is_minimum"] == true { "at least" } else { "about" };
    question(&format!(
        "This makes {} to {to}, {rate} a second: {at_least} {time}. Go on? [y/N] ",
        count_of(preview)
    ));
    if consent::is_given(answers) { Consent::Given } else { Consent::Refused }
}

/// How long so many take, in the unit that fits.
fn time(count: u64, rate: u32) -> String {
    let secs = count.div_ceil(u64::from(rate).max(1));
    match secs {
        ..120 => format!("{secs} s"),
        120..7200 => format!("{} min", secs.div_ceil(60)),
        _ => format!("{} h", HumanCount(secs.div_ceil(3600))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(count: u64, is_minimum: bool, answer: &str) -> (String, Consent) {
        let mut said = String::new();
        let preview = json!({ "count": count, "count_is_minimum": is_minimum });
        let consent = ask(&preview, "endpoint whe_1", 50, answer.as_bytes(), |question| {
            said.push_str(question);
        });
        (said, consent)
    }

    #[test]
    fn a_small_one_is_made_unasked() {
        assert_eq!(asked(100, false, ""), (String::new(), Consent::Given));
    }

    #[test]
    fn a_large_one_wants_a_yes() {
        for (answer, consent) in [
            ("y\n", Consent::Given),
            (" YES \n", Consent::Given),
            ("\n", Consent::Refused),
            ("n\n", Consent::Refused),
            ("yup\n", Consent::Refused),
            ("", Consent::Refused),
        ] {
            let expected =
                "This makes 101 deliveries to endpoint whe_1, 50 a second: about 3 s. Go on? [y/N] "
                    .to_owned();
            assert_eq!(asked(101, false, answer), (expected, consent), "{answer:?}");
        }
        let (said, consent) = asked(5, true, "");
        assert_eq!(consent, Consent::Refused, "it may be many more");
        assert!(said.contains("at least 5 deliveries") && said.contains("at least 1 s"), "{said}");
    }

    #[test]
    fn long_times_are_said_in_long_units() {
        assert_eq!(
            (time(119, 1), time(1000, 1), time(1_000_000, 50)),
            ("119 s".to_owned(), "17 min".to_owned(), "6 h".to_owned())
        );
    }
}

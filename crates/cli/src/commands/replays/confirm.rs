//! The question before a large replay.

use std::io::{BufRead, IsTerminal as _};

use serde_json::Value;

use super::count_of;

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

/// Whether somebody is there to be asked.
pub(super) fn is_person() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Says how many deliveries it will be, and asks whether that is meant.
pub(super) fn ask(preview: &Value, mut answers: impl BufRead, question: impl FnOnce(&str)) -> Consent {
    let is_large = preview["count"].as_u64().is_none_or(|count| count > MAX_UNASKED);
    if !is_large && preview["count_is_minimum"] != true {
        return Consent::Given;
    }
    question(&format!("This makes {}. Go on? [y/N] ", count_of(preview)));
    let mut answer = String::new();
    match answers.read_line(&mut answer) {
        Ok(_) if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") => Consent::Given,
        _ => Consent::Refused,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked(count: u64, is_minimum: bool, answer: &str) -> (String, Consent) {
        let mut said = String::new();
        let preview = json!({ "count": count, "count_is_minimum": is_minimum });
        let consent = ask(&preview, answer.as_bytes(), |question| said.push_str(question));
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
            let expected = "This makes 101 deliveries. Go on? [y/N] ".to_owned();
            assert_eq!(asked(101, false, answer), (expected, consent), "{answer:?}");
        }
        assert_eq!(asked(5, true, "").1, Consent::Refused, "it may be many more");
    }
}

//! What someone who mistyped a name probably meant.

/// Longer texts are no typing errors, and comparing takes time in proportion to the length.
const MAX_COMPARED_BYTES: usize = 64;

/// How many characters of a text from outside an error repeats.
const MAX_SHOWN_CHARS: usize = 64;

/// The candidate that takes the fewest keystrokes to reach, if that is no more than half of the text.
pub(crate) fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if text.len() > MAX_COMPARED_BYTES {
        return None;
    }
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(text, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().min(text.len()) / 2)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `; did you mean …?`, or nothing if no candidate is near.
pub(crate) fn did_you_mean<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    nearest(text, candidates).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// A text from outside, short enough for an error message.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["batch.completed", "batch.cancelled", "name"];

    #[test]
    fn the_fewest_keystrokes_win_and_strangers_do_not() {
        assert_eq!(nearest("batch.compelted", NAMES), Some("batch.completed"));
        assert_eq!(nearest("batch.canceled", NAMES), Some("batch.cancelled"));
        assert_eq!(nearest("nmae", NAMES), Some("name"));
        assert_eq!(nearest("galaxy", NAMES), None);
        assert_eq!(nearest("", NAMES), None);
        assert_eq!(nearest(&"x".repeat(100_000), NAMES), None);
        assert_eq!(did_you_mean("nmae", NAMES), "; did you mean `name`?");
        assert_eq!(did_you_mean("galaxy", NAMES), "");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(shown("short"), "short");
        assert_eq!(shown(&"é".repeat(65)), format!("{}…", "é".repeat(64)));
    }
}

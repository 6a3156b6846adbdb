//! What is said of a setting that is wrong: which it is, where it was said, and what it may be. Never its
//! value, which may be a secret.

use figment::error::Kind;
use figment::{Error, Figment, Metadata, Source};

use super::{environment, ranges};

/// What the settings of the environment are called among the sources of settings.
pub(super) const ENVIRONMENT: &str = "environment";
/// What those are called that were typed.
pub(super) const FLAGS: &str = "flags";

/// How alike two names are at least, of which one is suggested for the other; 1 is the same.
const LIKENESS: f64 = 0.8;

/// Where a setting was said, in brackets; nothing, if it is as it comes.
pub(super) fn place(found: Option<&Metadata>, setting: &str) -> String {
    let Some(metadata) = found else { return String::new() };
    match (&metadata.source, &*metadata.name) {
        (Some(Source::Code(_)), _) => String::new(),
        (Some(source), _) => format!(" (in {source})"),
        (None, ENVIRONMENT) => format!(" (in {})", environment::variable_of(setting)),
        (None, FLAGS) => format!(" (in --{})", setting.replace('_', "-")),
        (None, name) => format!(" (in {name})"),
    }
}

/// One sentence about one wrong setting.
pub(super) fn explain(error: &Error, figment: &Figment) -> String {
    let path = error.path.join(".");
    let place_of = |setting: &str| place(figment.find_metadata(setting).or(error.metadata.as_ref()), setting);
    match &error.kind {
        Kind::UnknownField(name, known) => {
            let full = if path.ends_with(name.as_str()) { path } else { format!("{path}.{name}") };
            let full = full.trim_start_matches('.');
            format!("there is no setting `{full}`{}{}", place_of(full), suggestion(name, known))
        }
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            must_be(&path, &place_of(&path), expected)
        }
        Kind::UnknownVariant(_, known) => {
            format!("the setting `{path}`{} must be one of {}", place_of(&path), known.join(", "))
        }
        other if path.is_empty() => {
            let place = place(error.metadata.as_ref(), "");
            format!("the settings{place} cannot be read: {}", without_lines_of_the_file(&other.to_string()))
        }
        other => format!("the setting `{path}`{}: {other}", place_of(&path)),
    }
}

fn must_be(path: &str, place: &str, expected: &str) -> String {
    if expected.starts_with("struct ") {
        let example = if path == "log" { "log.level" } else { "egress.allow" };
        let variable = environment::variable_of(example);
        return format!(
            "the setting `{path}`{place} is a table of settings: set one of them, such as `{example}` ({variable})"
        );
    }
    let range = ranges::range_of(path).map(ranges::in_words);
    let allowed = range.unwrap_or_else(|| in_words(expected).to_owned());
    format!("the setting `{path}`{place} must be {allowed}")
}

/// The name that was probably meant, if there is one.
fn suggestion(name: &str, known: &[&str]) -> String {
    let alike = known.iter().map(|known| (strsim::jaro_winkler(name, known), known));
    let nearest = alike.filter(|(likeness, _)| *likeness >= LIKENESS).max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(String::new, |(_, known)| format!("; did you mean `{known}`?"))
}

/// What a parser says, but for the lines that it shows: there may be a password in them.
fn without_lines_of_the_file(said: &str) -> String {
    let lines = said.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains('|'));
    lines.collect::<Vec<_>>().join(": ")
}

/// What a person calls the type that a setting has.
fn in_words(expected: &str) -> &str {
    match expected {
        "u16" => "a whole number from 0 to 65535",
        "a boolean" => "`true` or `false`",
        "a string" | "path string" => "a text, which a file has in quotation marks",
        "a sequence" => "a list, such as [\"a\", \"b\"]",
        other => other,
    }
}

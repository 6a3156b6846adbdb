//! Where settings come from, in which order, and what is said when one is wrong.

use std::path::{Path, PathBuf};

use figment::error::Kind;
use figment::providers::{Env, Format, Serialized, Toml};
use figment::{Figment, Metadata};
use serde_json::{Value, json};

use super::{DatabaseFlags, Settings, ranges};
use crate::args::Global;
use crate::exit::CliError;
use crate::serve::ServeFlags;

/// The settings file that is read when it is there and none is named.
const DEFAULT_FILE: &str = "ringback.toml";
const ENV_PREFIX: &str = "RINGBACK_";
/// Settings whose values are tables: `RINGBACK_EGRESS_ALLOW` is `egress.allow`.
const SECTIONS: [&str; 2] = ["egress_", "log_"];
/// Variables of the prefix that are not settings of the server.
const NOT_SETTINGS: [&str; 4] = ["url", "api_key", "config", "bin"];

/// Reads the settings.
pub(crate) fn load(global: &Global, flags: &ServeFlags) -> Result<Settings, CliError> {
    let mut typed = serde_json::Map::new();
    flags.type_into(&mut typed);
    load_with(global, &flags.database, typed)
}

/// Reads the settings for a command that is about the database alone.
pub(crate) fn load_for_database(global: &Global, flags: &DatabaseFlags) -> Result<Settings, CliError> {
    load_with(global, flags, serde_json::Map::new())
}

fn load_with(
    global: &Global,
    database: &DatabaseFlags,
    mut typed: serde_json::Map<String, Value>,
) -> Result<Settings, CliError> {
    database.type_into(&mut typed);
    if let Some(data_dir) = &global.data_dir {
        typed.insert("data_dir".into(), json!(data_dir));
    }
    let mut figment = Figment::from(Serialized::defaults(json!({
        "listen": "127.0.0.1:4600",
        "data_dir": default_data_dir(),
    })));
    if let Some(file) = settings_file(database.config.as_deref())? {
        figment = figment.merge(Toml::file_exact(file));
    }
    figment = figment.merge(environment());
    figment = figment.merge(Serialized::defaults(Value::Object(typed)));
    extract(&figment)
}

fn settings_file(named: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    match named {
        Some(file) if file.is_file() => Ok(Some(file.to_owned())),
        Some(file) => Err(CliError::Usage(format!("there is no settings file {}", file.display()))),
        None => Ok(Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.is_file())),
    }
}

fn environment() -> Env {
    Env::prefixed(ENV_PREFIX)
        .filter(|key| !NOT_SETTINGS.iter().any(|name| key == *name) && !key.starts_with("test_"))
        .map(|key| {
            let key = key.as_str().to_ascii_lowercase();
            match SECTIONS.iter().find(|section| key.starts_with(*section)) {
                Some(section) => {
                    format!("{}.{}", section.trim_end_matches('_'), &key[section.len()..]).into()
                }
                None => key.into(),
            }
        })
}

pub(super) fn extract(figment: &Figment) -> Result<Settings, CliError> {
    let settings: Settings =
        figment.extract().map_err(|errors| refusal(errors.into_iter().map(|error| explain(&error))))?;
    let refused = ranges::refused(&settings);
    if refused.is_empty() {
        return Ok(settings);
    }
    Err(refusal(refused.into_iter().map(|ranges::Refused { name, said, allowed }| {
        let place = place(figment.find_metadata(name));
        format!("the setting `{name}`{place} is {said}, but must be {allowed}")
    })))
}

fn refusal(sentences: impl Iterator<Item = String>) -> CliError {
    CliError::Usage(sentences.collect::<Vec<_>>().join("\n       "))
}

/// Where a setting was found.
fn place(found: Option<&Metadata>) -> String {
    found.map_or_else(String::new, |metadata| {
        let source = metadata.source.as_ref().map_or_else(|| metadata.name.to_string(), ToString::to_string);
        format!(" (in {source})")
    })
}

/// One sentence about one wrong setting: what, where, and the nearest right one. Never the value, which may be a secret.
fn explain(error: &figment::Error) -> String {
    let place = place(error.metadata.as_ref());
    let path = error.path.join(".");
    match &error.kind {
        Kind::UnknownField(name, known) => {
            let nearest = known
                .iter()
                .max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
            let hint = nearest.map_or_else(String::new, |nearest| format!("; did you mean `{nearest}`?"));
            let full = if path.ends_with(name.as_str()) { path } else { format!("{path}.{name}") };
            format!("there is no setting `{}`{place}{hint}", full.trim_start_matches('.'))
        }
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            let range = ranges::range_of(&path).map(ranges::in_words);
            let allowed = range.unwrap_or_else(|| in_words(expected).to_owned());
            format!("the setting `{path}`{place} must be {allowed}")
        }
        Kind::UnknownVariant(word, known) => {
            format!("the setting `{path}`{place} is `{word}`, but must be one of {}", known.join(", "))
        }
        other if path.is_empty() => {
            format!("the settings{place} cannot be read: {}", without_lines_of_the_file(&other.to_string()))
        }
        other => format!("the setting `{path}`{place}: {other}"),
    }
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
        "a sequence" => "a list, such as [\"a\", \"b\"]",
        other => other,
    }
}

/// Where data is kept when nothing else is said.
#[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
pub(crate) fn default_data_dir() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| variable("HOME").map(|home| home.join(".local/share")))
        .map_or_else(|| PathBuf::from("ringback-data"), |base| base.join("ringback"))
}

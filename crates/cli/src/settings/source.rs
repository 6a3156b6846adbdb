//! Where settings come from, and in which order.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map};
use figment::{Figment, Metadata, Profile, Provider};
use serde_json::{Value, json};

use super::wording::{self, ENVIRONMENT, FLAGS};
use super::{DatabaseFlags, Settings, environment, ranges};
use crate::args::Global;
use crate::exit::CliError;
use crate::serve::ServeFlags;

/// The settings file that is read when it is there and none is named.
const DEFAULT_FILE: &str = "ringback.toml";
/// Where calls are answered when nothing else is said.
pub(super) const DEFAULT_LISTEN: &str = "127.0.0.1:4600";

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
        "listen": DEFAULT_LISTEN,
        "data_dir": default_data_dir(),
    })));
    if let Some(file) = settings_file(database.config.as_deref())? {
        figment = figment.merge(Toml::file_exact(file));
    }
    figment = figment.merge(Named(ENVIRONMENT, environment::settings()));
    figment = figment.merge(Named(FLAGS, Serialized::defaults(Value::Object(typed))));
    extract(&figment)
}

fn settings_file(named: Option<&Path>) -> Result<Option<PathBuf>, CliError> {
    match named {
        Some(file) if file.is_file() => Ok(Some(file.to_owned())),
        Some(file) => Err(CliError::Usage(format!("there is no settings file {}", file.display()))),
        None => Ok(Some(PathBuf::from(DEFAULT_FILE)).filter(|file| file.is_file())),
    }
}

pub(super) fn extract(figment: &Figment) -> Result<Settings, CliError> {
    let settings: Settings = figment
        .extract()
        .map_err(|errors| refusal(errors.into_iter().map(|error| wording::explain(&error, figment))))?;
    let refused = ranges::refused(&settings);
    if refused.is_empty() {
        return Ok(settings);
    }
    Err(refusal(refused.into_iter().map(|ranges::Refused { name, said, allowed }| {
        let place = wording::place(figment.find_metadata(name), name);
        format!("the setting `{name}`{place} is {said}, but must be {allowed}")
    })))
}

fn refusal(sentences: impl Iterator<Item = String>) -> CliError {
    CliError::Usage(sentences.collect::<Vec<_>>().join("\n       "))
}

/// A source of settings under a name of its own, by which it is known where one was said.
struct Named<P>(&'static str, P);

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.0)
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        self.1.data()
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

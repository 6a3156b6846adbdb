//! Which database is used, and how it is said.

use std::fs;
use std::path::PathBuf;

use ringback_store::PostgresAddress;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{SecretText, Settings};
use crate::exit::CliError;

/// Flags of the commands that use the database themselves; each overrides the setting of its name.
#[derive(Debug, clap::Args)]
pub(crate) struct DatabaseFlags {
    /// The PostgreSQL database that nodes share, postgres://user:password@host:port/database, or file: and the path of a file that
    /// holds that [default: a database file in the data folder].
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<SecretText>,
    /// The settings file [default: ringback.toml in the current folder, if there is one].
    #[arg(long, value_name = "FILE", env = "RINGBACK_CONFIG", hide_env_values = true)]
    pub(crate) config: Option<PathBuf>,
}

/// Which database is used.
#[derive(Debug)]
pub(crate) enum Database {
    /// A file in the data folder, for one node.
    Sqlite,
    /// A database on a server, for many nodes.
    Postgres(Box<PostgresAddress>),
}

impl Database {
    /// Whether other nodes may use it too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl DatabaseFlags {
    /// Those that were typed, as settings.
    pub(super) fn type_into(&self, typed: &mut Map<String, Value>) {
        if let Some(database) = &self.database {
            typed.insert("database".into(), json!(database.reveal()));
        }
    }
}

impl Settings {
    /// Which database is used.
    pub(crate) fn database(&self) -> Result<Database, CliError> {
        match &self.database {
            Some(said) => Ok(Database::Postgres(Box::new(address("database", said)?))),
            None => Ok(Database::Sqlite),
        }
    }
}

/// What a setting says of a database's address. What is said when it says none never shows it: it may hold a password.
fn address(setting: &str, said: &SecretText) -> Result<PostgresAddress, CliError> {
    let text = match said.reveal().trim().strip_prefix("file:") {
        Some(path) => fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            CliError::Usage(format!("the setting `{setting}`: cannot read {path}: {error}"))
        })?,
        None => Zeroizing::new(said.reveal().to_owned()),
    };
    text.trim().parse().map_err(|error| {
        CliError::Usage(format!(
            "the setting `{setting}`: {error}, or file: and the path of a file that holds that; in a user's name or password write \
             %40 for @, %2F for /, %3A for :, %3F for ?, %23 for # and %25 for %"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_said_in_place_or_by_a_file() {
        let url = "postgres://u:hunter2@db.example/ringback";
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{url}\n")).unwrap();
        for said in [url.to_owned(), format!("file:{}", file.path().display())] {
            let address = address("database", &said.into()).unwrap();
            assert_eq!(address.to_string(), "ringback at db.example");
        }
    }

    #[test]
    fn what_is_no_address_is_not_shown() {
        for said in
            ["hunter2", "mysql://u:hunter2@db.example/ringback", "postgres://u:hunter2@db.example:x/d"]
        {
            let error = address("database", &said.into()).unwrap_err().to_string();
            assert!(error.contains("postgres://user:password@host:port/database"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let error = address("database", &"file:/does/not/exist".into()).unwrap_err().to_string();
        assert!(error.contains("cannot read /does/not/exist"), "{error}");
    }
}

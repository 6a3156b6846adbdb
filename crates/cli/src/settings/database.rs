//! Which database is used, and how it is said.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use ringback_store::PostgresAddress;
use ringback_store::postgres::AddressError;
use rustls::RootCertStore;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::{SecretText, Settings};
use crate::exit::CliError;

/// How many connections a node has for all that is not written in batches, unless it is said.
pub(super) const DEFAULT_CONNECTIONS: usize = 8;

/// Flags of the commands that use the database themselves; each overrides the setting of its name.
#[derive(Debug, clap::Args)]
pub(crate) struct DatabaseFlags {
    /// The PostgreSQL database that nodes share, postgres://user:password@host:port/database, or file: and
    /// the path of a file that holds that [default: a database file in the data folder].
    #[arg(long, value_name = "URL")]
    pub(crate) database: Option<SecretText>,
    /// Where the node's own connection goes, if `--database` is a pooler in transaction mode: the same
    /// database, directly.
    #[arg(long, value_name = "URL")]
    pub(crate) database_session: Option<SecretText>,
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
    Postgres(Box<PostgresAccess>),
}

/// How a database on a server is reached.
#[derive(Debug)]
pub(crate) struct PostgresAccess {
    /// Where connections go that are taken and given back.
    pub(crate) address: PostgresAddress,
    /// Where a session's own connection goes, if `address` is a pooler.
    pub(crate) session_address: Option<PostgresAddress>,
    /// How many of the former there are at most beside those that batches are written over.
    pub(crate) connections: usize,
}

impl PostgresAccess {
    /// With the authorities that are believed where an address names none.
    fn knowing(self, authorities: &Arc<RootCertStore>) -> Self {
        let with = |address: PostgresAddress| address.knowing(Arc::clone(authorities));
        let session_address = self.session_address.map(with);
        Self { address: with(self.address), session_address, ..self }
    }

    /// The server itself.
    pub(crate) fn direct(&self) -> &PostgresAddress {
        self.session_address.as_ref().unwrap_or(&self.address)
    }
}

impl Database {
    /// With the authorities of certificates that are believed where an address names none.
    pub(crate) fn knowing(self, authorities: &Arc<RootCertStore>) -> Self {
        match self {
            Self::Sqlite => Self::Sqlite,
            Self::Postgres(access) => Self::Postgres(Box::new(access.knowing(authorities))),
        }
    }

    /// Whether other nodes may use it too.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }
}

impl DatabaseFlags {
    /// Those that were typed, as settings.
    pub(super) fn type_into(&self, typed: &mut Map<String, Value>) {
        for (key, value) in [("database", &self.database), ("database_session", &self.database_session)] {
            if let Some(value) = value {
                typed.insert(key.into(), json!(value.reveal()));
            }
        }
    }
}

impl Settings {
    /// Which database is used.
    pub(crate) fn database(&self) -> Result<Database, CliError> {
        let Some(said) = &self.database else {
            return match &self.database_session {
                Some(_) => {
                    Err(CliError::Usage("the setting `database_session` needs `database` beside it".into()))
                }
                None => Ok(Database::Sqlite),
            };
        };
        let connections = self.database_connections.unwrap_or(DEFAULT_CONNECTIONS);
        let session = self.database_session.as_ref().map(|said| address("database_session", said));
        Ok(Database::Postgres(Box::new(PostgresAccess {
            address: address("database", said)?,
            session_address: session.transpose()?,
            connections,
        })))
    }
}

/// What a setting says of a database's address. What is said when it says none never shows it: it may hold a
/// password.
fn address(setting: &'static str, said: &SecretText) -> Result<PostgresAddress, CliError> {
    let text = match said.reveal().trim().strip_prefix("file:") {
        Some(path) => fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
            CliError::Usage(format!("the setting `{setting}`: cannot read {path}: {error}"))
        })?,
        None => Zeroizing::new(said.reveal().to_owned()),
    };
    let address = text.trim().parse::<PostgresAddress>();
    address.map(|address| address.said_by(setting)).map_err(|error| {
        let how = match error {
            AddressError::Form => {
                ", or file: and the path of a file that holds that; in a user's name or password write \
                 %40 for @, %2F for /, %3A for :, %3F for ?, %23 for # and %25 for %"
            }
            AddressError::Parameter { .. } | AddressError::SslMode => "",
        };
        CliError::Usage(format!("the setting `{setting}`: {error}{how}"))
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
            assert_eq!(address.to_string(), "ringback at db.example:5432");
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

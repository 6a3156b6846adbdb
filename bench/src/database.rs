//! A database of either kind, as a person names it: a `postgres://` URL or a data folder.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use ringback_domain::{IdMaker, Timestamp};
use ringback_store::{
    EncryptionKey, Keyring, PostgresAddress, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore,
    Store,
};

use crate::clock;
use crate::failure::Failure;

/// The key of every database that is made here. It guards nothing: their secrets are invented.
pub(crate) const KEY: [u8; 32] = [7; 32];

/// Where it is.
#[derive(Debug, Clone)]
pub(crate) enum Database {
    /// On a server.
    Postgres(String),
    /// In this data folder.
    Sqlite(PathBuf),
}

impl FromStr for Database {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        Ok(if is_url { Self::Postgres(text.to_owned()) } else { Self::Sqlite(text.into()) })
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A URL may hold a password.
        f.write_str(match self {
            Self::Postgres(_) => "PostgreSQL",
            Self::Sqlite(_) => "SQLite",
        })
    }
}

impl Database {
    /// Opens it as the store does, making what is not there. It reads over one connection, so that what a
    /// read costs is not spread.
    pub(crate) async fn open(&self, ids: &Arc<IdMaker>) -> Result<Arc<dyn Store>, Failure> {
        let now = Timestamp::from_unix_ms(clock::unix_ms());
        let ids = Arc::clone(ids);
        Ok(match self {
            Self::Postgres(url) => {
                let address: PostgresAddress =
                    url.parse().map_err(|error| Failure::Address(Box::new(error)))?;
                let keyring = Keyring::new(EncryptionKey::new(&KEY), []);
                Arc::new(PostgresStore::open(PostgresOptions::new(address, keyring, ids, now)).await?)
            }
            Self::Sqlite(folder) => {
                let options = SqliteOptions { readers: 1, ..SqliteOptions::new(folder, ids, now) };
                Arc::new(SqliteStore::open(options)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Database;

    #[test]
    fn what_is_no_url_is_a_folder() {
        let is_postgres = |text: &str| matches!(text.parse(), Ok(Database::Postgres(_)));
        assert!(is_postgres("postgres://a@b/c") && is_postgres("postgresql://a@b/c"));
        assert!(!is_postgres("/var/lib/ringback") && !is_postgres("postgres"));
    }
}

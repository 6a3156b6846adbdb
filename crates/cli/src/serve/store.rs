//! Opens the store that the settings name.

use std::path::Path;
use std::sync::Arc;

use ringback_domain::{Clock, IdMaker};
use ringback_store::{PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store, sqlite_in_use};

use super::{VERSION, encryption_key};
use crate::exit::CliError;
use crate::settings::{Database, PostgresAccess, Settings};

/// A store that is open, and what it is called.
pub(crate) struct Opened {
    pub(super) store: Arc<dyn Store>,
    /// `sqlite` or `postgres`.
    pub(crate) kind: &'static str,
    /// The database and its server; none for a file in the data folder.
    pub(super) database: Option<String>,
    /// Which of the nodes that share the database this one is.
    pub(crate) node: Option<String>,
}

/// Opens it, unless `stop` comes before it is open: then there is none, and nothing has begun that would have
/// to be finished.
pub(super) async fn open(
    settings: &Settings,
    database: &Database,
    ids: &Arc<IdMaker>,
    clock: &dyn Clock,
    stop: impl Future<Output = ()>,
) -> Result<Option<Opened>, CliError> {
    match database {
        Database::Sqlite => open_sqlite(settings, ids, clock).map(Some),
        Database::Postgres(access) => open_postgres(settings, access, ids, clock, stop).await,
    }
}

fn open_sqlite(settings: &Settings, ids: &Arc<IdMaker>, clock: &dyn Clock) -> Result<Opened, CliError> {
    let mut options = SqliteOptions::new(&settings.data_dir, Arc::clone(ids), clock.now());
    options.keyring = encryption_key::keyring(settings)?;
    let store = SqliteStore::open(options).map_err(CliError::cannot_start)?;
    Ok(Opened { store: Arc::new(store), kind: "sqlite", database: None, node: None })
}

async fn open_postgres(
    settings: &Settings,
    access: &PostgresAccess,
    ids: &Arc<IdMaker>,
    clock: &dyn Clock,
    stop: impl Future<Output = ()>,
) -> Result<Option<Opened>, CliError> {
    let keyring = encryption_key::keyring(settings)?.ok_or_else(encryption_key::missing)?;
    warn_of_other_database(&settings.data_dir);
    let mut options = PostgresOptions::new(access.address.clone(), keyring, Arc::clone(ids), clock.now());
    options.session_address = access.session_address.clone();
    options.connections = access.connections;
    options.version = VERSION;
    options.event_retention = settings.delivery(VERSION).event_retention;
    let opened = PostgresStore::open_unless(options, stop).await.map_err(CliError::cannot_start)?;
    Ok(opened.map(|store| Opened {
        node: Some(store.node_id()),
        store: Arc::new(store),
        kind: "postgres",
        database: Some(access.address.to_string()),
    }))
}

/// Whoever moves to PostgreSQL may believe that what they had comes along.
fn warn_of_other_database(data_dir: &Path) {
    match sqlite_in_use(data_dir) {
        Ok(None) => {}
        Ok(Some(path)) => tracing::warn!(
            store.path = %path.display(),
            "there is an embedded database in the data folder, with data of which nothing is served or delivered here: this node uses \
             the PostgreSQL database that `database` names"
        ),
        Err(error) => tracing::warn!(
            error = &error as &dyn std::error::Error,
            "there is an embedded database in the data folder, which cannot be read; nothing of it is served"
        ),
    }
}

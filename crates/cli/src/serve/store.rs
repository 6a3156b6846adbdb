//! Opens the store that the settings name.

use std::sync::Arc;
use std::time::Duration;

use ringback_domain::{Clock, IdMaker};
use ringback_store::{PostgresAddress, PostgresOptions, PostgresStore, SqliteOptions, SqliteStore, Store};

use super::encryption_key;
use crate::exit::CliError;
use crate::settings::{Database, Settings};

/// Opens it.
pub(super) async fn open(
    settings: &Settings,
    database: &Database,
    ids: &Arc<IdMaker>,
    clock: &dyn Clock,
) -> Result<Arc<dyn Store>, CliError> {
    match database {
        Database::Sqlite => open_sqlite(settings, ids, clock),
        Database::Postgres(address) => open_postgres(settings, address, ids, clock).await,
    }
}

fn open_sqlite(
    settings: &Settings,
    ids: &Arc<IdMaker>,
    clock: &dyn Clock,
) -> Result<Arc<dyn Store>, CliError> {
    let mut options = SqliteOptions::new(&settings.data_dir, Arc::clone(ids), clock.now());
    options.keyring = encryption_key::keyring(settings)?;
    let store = SqliteStore::open(options).map_err(CliError::cannot_start)?;
    Ok(Arc::new(store))
}

async fn open_postgres(
    settings: &Settings,
    address: &PostgresAddress,
    ids: &Arc<IdMaker>,
    clock: &dyn Clock,
) -> Result<Arc<dyn Store>, CliError> {
    let keyring = encryption_key::keyring(settings)?.ok_or_else(encryption_key::missing)?;
    let mut options = PostgresOptions::new(address.clone(), keyring, Arc::clone(ids), clock.now());
    if let Some(secs) = settings.event_retention_secs {
        options.event_retention = Duration::from_secs(secs);
    }
    let store = PostgresStore::open(options).await.map_err(CliError::cannot_start)?;
    Ok(Arc::new(store))
}

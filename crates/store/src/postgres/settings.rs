//! Settings of the server that the store's promises hang on, looked at before anything is built on them.

use tokio_postgres::Client;

use super::address::PostgresAddress;
use crate::error::OpenError;

/// PostgreSQL 15, in the server's own numbering.
const OLDEST: i32 = 150_000;

/// Why a server is not fit.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error("it is PostgreSQL {0}; version 15 or later is needed")]
    TooOld(String),
    #[error("it runs with {0}=off, so that what was acknowledged may be lost with its power: set it on")]
    NotDurable(&'static str),
    #[error("its encoding is {0}; UTF8 is needed")]
    Encoding(String),
    #[error("it is a standby, or read-only: name the primary")]
    ReadOnly,
}

/// Refuses a server that is too old, or that does not keep what it has committed.
pub(super) async fn check(client: &Client, address: &PostgresAddress) -> Result<(), OpenError> {
    let sql = "SELECT current_setting('server_version_num')::int4, current_setting('server_version'), \
               current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on', \
               current_setting('server_encoding'), current_setting('transaction_read_only') = 'on'";
    let refuse = |source| OpenError::Server { database: address.to_string(), source };
    let row = client.query_one(sql, &[]).await.map_err(|error| refuse(Box::new(error)))?;
    let unfit = if row.get::<_, i32>(0) < OLDEST {
        Unfit::TooOld(row.get(1))
    } else if !row.get::<_, bool>(2) {
        Unfit::NotDurable("fsync")
    } else if !row.get::<_, bool>(3) {
        Unfit::NotDurable("full_page_writes")
    } else if row.get::<_, &str>(4) != "UTF8" {
        Unfit::Encoding(row.get(4))
    } else if row.get(5) {
        Unfit::ReadOnly
    } else {
        return Ok(());
    };
    Err(refuse(Box::new(unfit)))
}

//! The ways to the database: of the pools, which may lead through a pooler, and of what needs a session of
//! its own.

use std::sync::Arc;

use tokio_postgres::Client;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::TaskTracker;

use super::address::PostgresAddress;
use super::connections::Connections;
use super::options::PostgresOptions;
use super::types::Types;
use super::{Refused, sessions, tls};
use crate::error::OpenError;

/// The ways of one store.
pub(super) struct Ways {
    /// Where sessions are one's own.
    pub(super) session_address: PostgresAddress,
    /// What encrypts the connections there.
    pub(super) session_tls: MakeRustlsConnect,
    /// Where the pools' connections go, if that is a pooler.
    pooler: Option<Pooler>,
    tasks: TaskTracker,
}

struct Pooler {
    address: PostgresAddress,
    tls: MakeRustlsConnect,
    types: Arc<Types>,
}

impl Ways {
    /// Connects nowhere yet.
    pub(super) fn new(options: &PostgresOptions, tasks: &TaskTracker) -> Result<Self, OpenError> {
        let session_address = options.session_address.as_ref().unwrap_or(&options.address);
        let session_tls = connector(session_address)?;
        let pooler = match options.session_address {
            None => None,
            Some(_) => {
                let server = Connections::direct(session_address, session_tls.clone(), 1, tasks);
                let (address, types) = (options.address.clone(), Arc::new(Types::new(server)));
                Some(Pooler { tls: connector(&address)?, address, types })
            }
        };
        Ok(Self { session_address: session_address.clone(), session_tls, pooler, tasks: tasks.clone() })
    }

    /// Refuses a way that does not lead where it has to: to sessions of one's own, and to the same rows as
    /// the other one.
    pub(super) async fn check(&self, own: &Client) -> Result<(), OpenError> {
        sessions::refuse_shared(own, &self.session_address, &self.session_tls).await?;
        match &self.pooler {
            Some(Pooler { address, tls, .. }) => {
                sessions::refuse_other_rows(own, &self.session_address, (address, tls)).await
            }
            None => Ok(()),
        }
    }

    /// How many connections there are at the server at most, for pools of these sizes in all: with the node's
    /// own. Through a pooler they are the pooler's, but for two.
    pub(super) fn needed(&self, pooled: usize) -> usize {
        if self.pooler.is_some() { 2 } else { pooled + 1 }
    }

    /// A pool of at most `size`.
    pub(super) fn connections(&self, size: usize) -> Connections {
        match &self.pooler {
            None => Connections::direct(&self.session_address, self.session_tls.clone(), size, &self.tasks),
            Some(Pooler { address, tls, types }) => {
                Connections::pooled(address, tls.clone(), size, &self.tasks, Arc::clone(types))
            }
        }
    }
}

/// Refuses two addresses of which one does not lead to the rows of the other.
///
/// # Errors
/// [`OpenError::OtherDatabase`] if it does not; [`OpenError::Server`] if one of them cannot be reached.
pub async fn check_addresses(address: &PostgresAddress, session: &PostgresAddress) -> Result<(), OpenError> {
    let own = sessions::connect(session, &connector(session)?).await?;
    sessions::refuse_other_rows(&own, session, (address, &connector(address)?)).await
}

fn connector(address: &PostgresAddress) -> Result<MakeRustlsConnect, OpenError> {
    tls::connector(address).map_err(|error| Refused::of(address).because(error))
}

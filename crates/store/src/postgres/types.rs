//! Which types the parameters of statements have: learned once for each text, at the server itself, for
//! connections over which nothing can be prepared.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use tokio_postgres::types::Type;

use super::connections::Connections;
use super::failure::Failure;

/// What is known so far. Bounded by the number of different texts that this program sends: values are never
/// part of them.
pub(super) struct Types {
    server: Connections,
    known: RwLock<HashMap<Box<str>, Arc<[Type]>>>,
}

impl Types {
    /// Learns over a connection to the server itself.
    pub(super) fn new(server: Connections) -> Self {
        Self { server, known: RwLock::default() }
    }

    /// Those of a statement, in the sequence of their numbers. Does not wait for what is known.
    pub(super) async fn of(&self, sql: &str) -> Result<Arc<[Type]>, Failure> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(sql) {
            return Ok(Arc::clone(known));
        }
        // Boxed, since it is such a connection that asks.
        let types = Box::pin(self.learn(sql)).await?;
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(sql.into(), Arc::clone(&types));
        Ok(types)
    }

    async fn learn(&self, sql: &str) -> Result<Arc<[Type]>, Failure> {
        self.server.get().await?.types_of(sql).await
    }

    /// Learns no more.
    pub(super) fn close(&self) {
        self.server.close();
    }
}

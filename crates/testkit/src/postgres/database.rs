//! A database of a test's own.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_postgres::Client;

use super::server::{Server, connect};

/// An empty database on the server of this process ([`Server::get`]). It vanishes when this is dropped,
/// whoever is connected.
#[derive(Debug)]
pub struct Database {
    name: String,
}

impl Database {
    /// Makes one, of a name that no other test has.
    ///
    /// # Panics
    /// When there is no server, or it refuses.
    #[must_use]
    pub fn create() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = Server::get();
        let name = format!("{}_kit_{}", server.prefix, COUNT.fetch_add(1, Ordering::Relaxed));
        server.admin(&format!("CREATE DATABASE {name} TEMPLATE template0"));
        Self { name }
    }

    /// Where it is, as the setting `database` has it.
    #[must_use]
    pub fn url(&self) -> String {
        Server::get().url(&self.name)
    }

    /// Its name on the server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A connection as a person has it.
    ///
    /// # Panics
    /// When the server cannot be reached.
    pub async fn connection(&self) -> Client {
        connect(&self.url()).await.expect("a database that was made can be connected to")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        Server::get().admin(&format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

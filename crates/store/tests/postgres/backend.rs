//! A database of its own for each case.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use ringback_domain::IdMaker;
use ringback_store::postgres::LeaseClock;
use ringback_store::{OpenError, PostgresOptions, PostgresStore, Store};
use tokio_postgres::Client;

use crate::conformance::{Backend, Opening, at, keyring};
use crate::server::{Server, apart, connect};

/// A database that vanishes with the case.
#[derive(Clone)]
pub(crate) struct Database {
    name: Arc<Name>,
}

struct Name(String);

impl Drop for Name {
    fn drop(&mut self) {
        Server::get().admin(&format!("DROP DATABASE {} WITH (FORCE)", self.0));
    }
}

impl Database {
    /// As a first start has left it.
    pub(crate) fn new() -> Self {
        static TEMPLATE: OnceLock<String> = OnceLock::new();
        Self::copy(TEMPLATE.get_or_init(make_template))
    }

    /// Without anything.
    pub(crate) fn empty() -> Self {
        Self::copy("template0")
    }

    fn copy(template: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let server = Server::get();
        let name = format!("{}_{}", server.prefix, COUNT.fetch_add(1, Ordering::Relaxed));
        server.admin(&format!("CREATE DATABASE {name} TEMPLATE {template}"));
        Self { name: Arc::new(Name(name)) }
    }

    /// A connection as a person has it.
    pub(crate) async fn connection(&self) -> Client {
        connect(&self.url()).await.unwrap()
    }

    /// Its name on the server.
    pub(crate) fn name(&self) -> String {
        self.name.0.clone()
    }

    /// Where it is.
    pub(crate) fn url(&self) -> String {
        Server::get().url(&self.name.0)
    }
}

/// A database as a first start leaves it, by ids that no case makes.
fn make_template() -> String {
    let server = Server::get();
    let name = format!("{}_template", server.prefix);
    server.admin(&format!("CREATE DATABASE {name} TEMPLATE template0"));
    let address = server.url(&name).parse().unwrap();
    apart(async move {
        let options = PostgresOptions::new(address, keyring(&[1]), Arc::new(IdMaker::new(99)), at(0));
        PostgresStore::open(options).await.unwrap().close().await;
    });
    // So long as somebody is connected to it, it cannot be copied.
    let somebody = format!("SELECT pid FROM pg_stat_activity WHERE datname = '{name}'");
    let url = server.url("postgres");
    apart(async move {
        let client = connect(&url).await.unwrap();
        while !client.query(&somebody, &[]).await.unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    name
}

/// How the tests open a database: under key 1, with leases by the time that they invent.
pub(crate) fn options(database: &Database) -> PostgresOptions {
    let address = database.url().parse().unwrap();
    let options = PostgresOptions::new(address, keyring(&[1]), Arc::new(IdMaker::new(1)), at(0));
    PostgresOptions { lease_clock: LeaseClock::Given, ..options }
}

#[async_trait]
impl Backend for Database {
    async fn open(&self, opening: Opening) -> Result<Arc<dyn Store>, OpenError> {
        let Opening { keyring, ids, now } = opening;
        let options = PostgresOptions { keyring, ids, now, ..options(self) };
        Ok(Arc::new(PostgresStore::open(options).await?))
    }
}

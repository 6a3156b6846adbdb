//! What a start makes of a database, and what it refuses.

use std::sync::Arc;

use ringback_domain::IdMaker;
use ringback_store::{OpenError, PostgresOptions, PostgresStore, Store};

use crate::backend::{Database, options};
use crate::conformance::{concurrently, keyring};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_together_on_an_empty_database_make_it_once() {
    let database = Database::empty();
    let starts = (0..4).map(|n| {
        let options = PostgresOptions { ids: Arc::new(IdMaker::new(n)), ..options(&database) };
        async move { PostgresStore::open(options).await.unwrap() }
    });
    let stores = concurrently(starts.collect::<Vec<_>>()).await;
    let projects: Vec<_> =
        stores.iter().map(|store| store.config().projects().next().unwrap().project.id).collect();
    assert!(projects.iter().all(|id| *id == projects[0]), "{projects:?}");
    assert!(stores.iter().all(|store| store.config().projects().count() == 1));
    let client = database.connection().await;
    let row = client.query_one("SELECT count(*) FROM refinery_schema_history", &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1);
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let database = Database::new();
    let client = database.connection().await;
    let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
               SELECT 99, 'later', applied_on, checksum FROM refinery_schema_history";
    assert_eq!(client.execute(sql, &[]).await.unwrap(), 1);
    let refused = PostgresStore::open(options(&database)).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::NewerSchema { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_named_without_the_password() {
    let database = Database::new();
    let address = "postgres://someone:hunter2@127.0.0.1:1/nowhere".parse().unwrap();
    let refused =
        PostgresStore::open(PostgresOptions { address, ..options(&database) }).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Server { .. }), "{refused:?}");
    assert!(refused.to_string().contains("nowhere at 127.0.0.1"), "{refused}");
    assert!(!format!("{refused:?}").contains("hunter2"), "{refused:?}");
}

#[tokio::test]
async fn a_read_only_database_is_refused() {
    let database = Database::new();
    let client = database.connection().await;
    let name: String = client.query_one("SELECT current_database()", &[]).await.unwrap().get(0);
    client
        .batch_execute(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on"))
        .await
        .unwrap();
    let refused = PostgresStore::open(options(&database)).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Server { .. }), "{refused:?}");
    client
        .batch_execute(&format!("SET default_transaction_read_only = off; ALTER DATABASE {name} RESET ALL"))
        .await
        .unwrap();
    PostgresStore::open(options(&database)).await.map(drop).unwrap();
}

#[tokio::test]
async fn another_key_is_refused_although_nothing_is_encrypted_yet() {
    let database = Database::new();
    let other = PostgresOptions { keyring: keyring(&[2]), ..options(&database) };
    let refused = PostgresStore::open(other).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::MissingKey { .. }), "{refused:?}");
    // Known to all before it is the first: so it comes in, node by node.
    for keys in [&[1, 2][..], &[2, 1], &[2]] {
        let options = PostgresOptions { keyring: keyring(keys), ..options(&database) };
        PostgresStore::open(options).await.unwrap().close().await;
    }
    let refused = PostgresStore::open(options(&database)).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::MissingKey { .. }), "{refused:?}");
}

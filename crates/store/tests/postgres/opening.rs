//! What a start makes of a database, and what it refuses.

use std::sync::Arc;

use ringback_domain::IdMaker;
use ringback_store::{OpenError, PostgresOptions, PostgresStore, Store};

use crate::backend::{Database, options};
use crate::conformance::{concurrently, keyring};
use crate::heartbeats::until_sql;

/// Whether a node is registered.
const REGISTERED: &str = "SELECT count(*) = 1 FROM nodes";
/// How many nodes are known, the dead among them.
const KNOWN: &str = "SELECT (SELECT count(*) FROM nodes) + (SELECT count(*) FROM dead_nodes)";

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_is_given_up_leaves_no_node() {
    let database = Database::new();
    let (holder, onlooker) = (database.connection().await, database.connection().await);
    // It registers, and then cannot read the configuration.
    holder.batch_execute("BEGIN; LOCK TABLE api_keys").await.unwrap();
    let stop = async {
        until_sql(&onlooker, REGISTERED).await;
    };
    let opened = PostgresStore::open_unless(options(&database), stop).await.unwrap();
    assert!(opened.is_none());
    assert_eq!(onlooker.query_one(KNOWN, &[]).await.unwrap().get::<_, i64>(0), 0);
    holder.batch_execute("ROLLBACK").await.unwrap();

    let never = std::future::pending();
    let opened = PostgresStore::open_unless(options(&database), never).await.unwrap();
    opened.expect("nobody stopped it").close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_fails_after_it_registered_leaves_no_node() {
    let database = Database::new();
    let (holder, onlooker) = (database.connection().await, database.connection().await);
    // The presence of nodes: it registers, and waits for that when its own connection is ended.
    holder.batch_execute("SELECT pg_advisory_lock(x'52420004'::int, 0)").await.unwrap();
    let ending = async {
        until_sql(&onlooker, REGISTERED).await;
        let ended = "SELECT count(pg_terminate_backend(pid)) = 1 FROM pg_stat_activity WHERE wait_event = 'advisory' \
                     AND datname = current_database() AND query LIKE '%pg_advisory_lock_shared%' AND pid <> pg_backend_pid()";
        until_sql(&onlooker, ended).await;
    };
    let (opened, ()) = tokio::join!(PostgresStore::open(options(&database)), ending);
    let refused = opened.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Server { .. }), "{refused:?}");
    assert_eq!(onlooker.query_one(KNOWN, &[]).await.unwrap().get::<_, i64>(0), 0);
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

//! What a store leaves behind in sessions that others use too.

use std::collections::HashSet;

use ringback_store::{
    Migrate, OpenError, PostgresAddress, PostgresOptions, PostgresStore, Store, database_status,
    migrate_database,
};
use tokio_postgres::Client;

use crate::backend::Database;
use crate::conformance::{World, concurrently};
use crate::pooler::PooledDatabase;
use crate::server::connect;

/// What the store sets for its own transactions.
const SETTINGS: &str = "SELECT pg_backend_pid(), string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN \
    ('jit', 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit', 'search_path', \
    'default_transaction_read_only')";

async fn settings(client: &Client) -> (i32, String) {
    let row = client.query_typed(SETTINGS, &[]).await.unwrap().remove(0);
    (row.get(0), row.get(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_setting_and_no_statement_stays_in_a_session_that_others_use() {
    let database = PooledDatabase::new();
    let before = settings(&database.0.connection().await).await.1;
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    world.endpoint(&["*"]).await;
    let appends = (0..200).map(|n| {
        let (store, arrival) = (world.store.clone(), world.call(source, &n.to_string()).arrival());
        async move { store.append(arrival).await.unwrap() }
    });
    concurrently(appends.collect::<Vec<_>>()).await;
    world.store.check().await.unwrap();

    // Other clients of the same pooler, each in a transaction at the same time, so that each has another
    // session.
    let mut seen = HashSet::new();
    let mut clients = Vec::new();
    for _ in 0..4 {
        let client = connect(&database.url()).await.unwrap();
        client.batch_execute("BEGIN").await.unwrap();
        let (session, after) = settings(&client).await;
        assert_eq!(after, before);
        let statements = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''";
        let row = client.query_typed(statements, &[]).await.unwrap().remove(0);
        assert_eq!(row.get::<_, i64>(0), 0);
        seen.insert(session);
        clients.push(client);
    }
    assert_eq!(seen.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_shared_and_nobody_waits_for_ever() {
    let database = PooledDatabase::new();
    let world = World::new(database.clone()).await;
    let source = world.source().await;
    let other = PostgresStore::open(database.options()).await.unwrap();
    // More at once than the pooler has sessions.
    let appends = (0..100).map(|n| {
        let (store, project) = (world.store.clone(), world.project);
        let arrival = world.call(source, &n.to_string()).arrival();
        async move {
            let event = store.append(arrival).await.unwrap().event_id;
            (store.event(project, event).await.unwrap().event.id, event)
        }
    });
    for (read, written) in concurrently(appends.collect::<Vec<_>>()).await {
        assert_eq!(read, written);
    }
    other.check().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_through_the_pooler_leaves_nothing_in_its_sessions() {
    let database = PooledDatabase::new();
    let before = settings(&database.0.connection().await).await.1;
    for _ in 0..3 {
        let status = database_status(&database.url().parse().unwrap()).await.unwrap();
        assert!(status.schema.version > 0 && !status.partitions.is_empty(), "{status:?}");
    }
    let client = connect(&database.url()).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    assert_eq!(settings(&client).await.1, before);
    let statements = "SELECT count(*) FROM pg_prepared_statements WHERE name <> ''";
    assert_eq!(client.query_typed(statements, &[]).await.unwrap()[0].get::<_, i64>(0), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_is_not_taken_for_the_server_itself() {
    let database = PooledDatabase::new();
    let pooler: PostgresAddress = database.url().parse().unwrap();
    let of_session = pooler.clone().said_by("database_session");
    let before = settings(&database.0.connection().await).await.1;
    for _ in 0..5 {
        let alone = PostgresOptions { address: pooler.clone(), session_address: None, ..database.options() };
        let refused = PostgresStore::open(alone).await.map(drop).unwrap_err();
        assert!(matches!(refused, OpenError::Pooler { setting: "database", .. }), "{refused:?}");
        assert!(refused.to_string().contains("--database-session"), "{refused}");
        let both = PostgresOptions { session_address: Some(of_session.clone()), ..database.options() };
        let refused = PostgresStore::open(both).await.map(drop).unwrap_err();
        assert!(matches!(refused, OpenError::Pooler { setting: "database_session", .. }), "{refused:?}");
        let refused = migrate_database(&pooler, Migrate::Expand).await.unwrap_err();
        assert!(matches!(refused, OpenError::Pooler { .. }), "{refused:?}");
    }
    let client = connect(&database.url()).await.unwrap();
    client.batch_execute("BEGIN").await.unwrap();
    assert_eq!(settings(&client).await.1, before, "and nothing of it is left there");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_addresses_must_lead_to_the_same_rows() {
    let (database, other) = (PooledDatabase::new(), Database::empty());
    let with = |session: String| {
        let session_address = Some(session.parse::<PostgresAddress>().unwrap());
        PostgresOptions { session_address, ..database.options() }
    };
    let refused = PostgresStore::open(with(other.url())).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::OtherDatabase { .. }), "{refused:?}");
    for said in ["`database`", "`database_session`", &database.0.name(), &other.name()] {
        assert!(refused.to_string().contains(said), "{refused}");
    }
    let person = other.connection().await;
    let tables = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(person.query_one(tables, &[]).await.unwrap().get::<_, i64>(0), 0, "nothing was made there");

    // The same database, and another schema in it.
    let person = database.0.connection().await;
    person.batch_execute("CREATE SCHEMA elsewhere").await.unwrap();
    let separator = if database.0.url().contains('?') { '&' } else { '?' };
    let elsewhere = format!("{}{separator}options=-csearch_path%3Delsewhere", database.0.url());
    let refused = PostgresStore::open(with(elsewhere)).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::OtherDatabase { .. }), "{refused:?}");
}

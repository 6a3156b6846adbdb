//! What a store leaves behind in sessions that others use too.

use std::collections::HashSet;

use ringback_store::{PostgresStore, Store};
use tokio_postgres::Client;

use crate::conformance::{World, concurrently};
use crate::pooler::PooledDatabase;
use crate::server::connect;

/// What the store sets for its own transactions.
const SETTINGS: &str = "SELECT pg_backend_pid(), string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN \
    ('jit', 'lock_timeout', 'statement_timeout', 'idle_in_transaction_session_timeout', 'synchronous_commit', 'search_path')";

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

    // Other clients of the same pooler, each in a transaction at the same time, so that each has another session.
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

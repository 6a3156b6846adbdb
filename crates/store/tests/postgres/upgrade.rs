//! A rolling upgrade: a node of the version before beside a migrated schema, and what becomes of it when the
//! schema is contracted.

use std::sync::Arc;

use ringback_domain::{EndpointId, IdMaker, retry::NextStep};
use ringback_store::{
    EventFilter, Migrate, OpenError, PostgresOptions, PostgresStore, Schema, Store, database_status,
    migrate_database, migrate_to,
};
use tokio_postgres::Client;

use crate::backend::{Database, options};
use crate::conformance::{World, at, concurrently};

/// What the next version knows besides: one more column, which those of before need not know.
fn next() -> Schema {
    Schema::default().followed_by("expand_notes", "ALTER TABLE events ADD COLUMN note TEXT").unwrap()
}

/// What the version after it knows besides: a column that is no longer written.
fn contracted() -> Schema {
    next().followed_by("contract_upstream_ids", "ALTER TABLE events DROP COLUMN upstream_event_id").unwrap()
}

/// A node of another version.
async fn open(database: &Database, schema: Schema) -> Result<Arc<PostgresStore>, OpenError> {
    let options = PostgresOptions { schema, ids: Arc::new(IdMaker::new(2)), ..options(database) };
    PostgresStore::open(options).await.map(Arc::new)
}

async fn migrations(client: &Client) -> Vec<String> {
    let sql = "SELECT 'V' || version || '__' || name FROM refinery_schema_history ORDER BY version";
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

/// An event by one node, delivered by another.
async fn works(world: &World, by: &dyn Store, on: &dyn Store, endpoint: EndpointId, name: &str) {
    let appended = by.append(world.publication(name).arrival()).await.unwrap();
    let claimed = on.claim(endpoint, at(0), at(60), 10).await.unwrap().remove(0);
    assert_eq!(claimed.event_id, appended.event_id);
    on.finish(world.finishing(&claimed, NextStep::Delivered, at(1))).await.unwrap();
}

/// Says that a node of a version lives, as a heartbeat does.
async fn node_lives(client: &Client, schema_version: i32) {
    let sql = "INSERT INTO nodes (id, version, schema_version, clock_ahead_ms) VALUES (gen_random_uuid(), '1.2.3', $1, 0)";
    client.execute(sql, &[&schema_version]).await.unwrap();
}

async fn all_nodes_are_dead(client: &Client) {
    client.batch_execute("UPDATE nodes SET heartbeat_at = heartbeat_at - interval '6 s'").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_the_version_before_works_beside_an_expanded_schema_and_starts_anew() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    let newer = open(&database, next()).await.unwrap();
    let client = database.connection().await;
    assert_eq!(migrations(&client).await, ["V1__initial", "V2__expand_notes"]);
    works(&world, &*world.store, &*newer, endpoint, "old to new").await;
    works(&world, &*newer, &*world.store, endpoint, "new to old").await;

    newer.close().await;
    let world = world.restart().await;
    let newer = open(&database, next()).await.unwrap();
    works(&world, &*world.store, &*newer, endpoint, "old to new again").await;
    works(&world, &*newer, &*world.store, endpoint, "new to old again").await;
    assert_eq!(world.list(EventFilter::default()).await.len(), 4);
    assert_eq!(migrations(&client).await.len(), 2, "a start of the old one changes nothing");
    newer.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_contraction_waits_for_a_word_and_for_the_last_node_that_does_not_know_it() {
    let database = Database::new();
    let client = database.connection().await;
    let newer = open(&database, contracted()).await.unwrap();
    newer.close().await;
    assert_eq!(migrations(&client).await.len(), 2, "a start contracts nothing");
    all_nodes_are_dead(&client).await;
    node_lives(&client, 1).await;
    let address = database.url().parse().unwrap();
    let contract = async || migrate_to(&address, &contracted(), Migrate::Contract).await;

    let refused = contract().await.unwrap_err();
    assert!(matches!(refused, OpenError::OlderNodes { .. }), "{refused:?}");
    let told = refused.to_string();
    assert!(
        told.contains("V3__contract_upstream_ids") && told.contains("Ringback 1.2.3, schema 1"),
        "{told}"
    );
    assert_eq!(migrations(&client).await.len(), 2);

    all_nodes_are_dead(&client).await;
    node_lives(&client, 3).await;
    assert_eq!(contract().await.unwrap().applied, ["V3__contract_upstream_ids"]);
    assert_eq!(contract().await.unwrap().applied, [""; 0], "once");

    for older in [Schema::default(), next()] {
        let refused = open(&database, older).await.map(drop).unwrap_err();
        assert!(matches!(refused, OpenError::NewerSchema { .. }), "{refused:?}");
        assert!(refused.to_string().contains("V3__contract_upstream_ids"), "{refused}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_expansion_brings_the_contraction_before_it_if_nobody_is_harmed() {
    let database = Database::new();
    let client = database.connection().await;
    let later =
        || contracted().followed_by("expand_more", "ALTER TABLE events ADD COLUMN more TEXT").unwrap();
    node_lives(&client, 2).await;
    let refused = open(&database, later()).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::OlderNodes { .. }), "{refused:?}");
    assert_eq!(migrations(&client).await, ["V1__initial"]);
    all_nodes_are_dead(&client).await;
    migrate_to(&database.url().parse().unwrap(), &later(), Migrate::Expand).await.unwrap();
    assert_eq!(migrations(&client).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_both_versions_that_start_together_migrate_once() {
    let database = Database::empty();
    let starts = (0..4).map(|n| {
        let schema = if n % 2 == 0 { Schema::default() } else { next() };
        let options = PostgresOptions { schema, ids: Arc::new(IdMaker::new(n)), ..options(&database) };
        async move { PostgresStore::open(options).await.unwrap() }
    });
    drop(concurrently(starts.collect::<Vec<_>>()).await);
    assert_eq!(migrations(&database.connection().await).await, ["V1__initial", "V2__expand_notes"]);
}

#[tokio::test]
async fn a_migration_that_was_changed_is_refused() {
    let database = Database::new();
    let client = database.connection().await;
    client.batch_execute("UPDATE refinery_schema_history SET checksum = '1'").await.unwrap();
    let refused = open(&database, Schema::default()).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Migration(_)), "{refused:?}");
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let database = Database::new();
    let broken = next().followed_by("expand_broken", "CREATE TABLE there (a int); SELECT 1 / 0").unwrap();
    let refused = open(&database, broken).await.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::Migration(_)), "{refused:?}");
    let client = database.connection().await;
    assert_eq!(migrations(&client).await, ["V1__initial"]);
    let sql = "SELECT to_regclass('there') IS NULL";
    assert!(client.query_one(sql, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test]
async fn a_status_tells_of_schema_nodes_and_partitions_and_waits_for_nobody() {
    let database = Database::empty();
    let address = database.url().parse().unwrap();
    let empty = database_status(&address).await.unwrap();
    assert_eq!((empty.schema.version, empty.nodes.len(), empty.partitions.len()), (0, 0, 0));
    assert_eq!(empty.schema.pending_expansions, ["V1__initial"]);

    let made = migrate_database(&address, Migrate::Expand).await.unwrap();
    assert_eq!(made.applied, ["V1__initial"]);
    let store = PostgresStore::open(options(&database)).await.unwrap();
    let client = database.connection().await;
    node_lives(&client, 1).await;
    // Who migrates, and who has raised the configuration's number, holds nobody up who only looks.
    let held = "BEGIN; SELECT pg_advisory_xact_lock(1380057091, 0); UPDATE config_version SET version = version + 1; \
                LOCK TABLE events, deliveries IN EXCLUSIVE MODE";
    client.batch_execute(held).await.unwrap();
    let status = database_status(&address).await.unwrap();
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!((status.schema.version, status.schema.newest_known), (1, 1));
    assert_eq!((status.schema.pending_expansions.len(), status.schema.pending_contractions.len()), (0, 0));
    let node = status.nodes.iter().find(|node| node.version == "1.2.3").unwrap();
    assert!(node.is_alive && node.schema_version == 1, "{node:?}");
    assert!(status.size_bytes > 1_000_000, "{status:?}");
    let of_server = status.connections.first().unwrap();
    assert!(of_server.used > 1 && of_server.max > 50 && status.connections.len() == 1, "{status:?}");
    assert!(status.synchronous_commit == "on", "{status:?}");
    let names: Vec<_> =
        status.partitions.iter().map(|part| (part.table.as_str(), part.name.as_str())).collect();
    assert!(names.contains(&("events", "events_past")) && names.contains(&("attempts", "attempts_past")));
    store.close().await;
}

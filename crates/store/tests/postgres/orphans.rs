//! The deliveries of a deleted endpoint come to their end whoever stops in the middle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback_domain::EndpointId;
use ringback_domain::retry::NextStep;
use tokio_postgres::Client;
use tokio_util::task::TaskTracker;

use crate::backend::Database;
use crate::conformance::{World, at};

/// Some deliveries about one object, of which all but the first wait.
async fn queue(world: &World, names: &[&str]) -> EndpointId {
    let endpoint = world.ordered_endpoint(3600).await;
    for name in names {
        world.publication(name).to(&[endpoint]).object("a").append().await;
    }
    endpoint
}

/// Does what the deliverer does by its scan until that finds nothing.
async fn cancel_all(world: &World, endpoint: EndpointId) {
    let begun = Instant::now();
    while !world.store.due_endpoints().await.unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it does not come to an end");
        world.store.cancel_orphans(endpoint, at(2), 100).await.unwrap();
    }
    assert_eq!(world.store.backlog(world.project).await.unwrap(), Default::default());
}

/// Waits until somebody waits for what a person has locked.
async fn until_somebody_waits(person: &Client) {
    let waits = "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted)";
    let begun = Instant::now();
    while !person.query_one(waits, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(begun.elapsed() < Duration::from_secs(5), "nobody waits");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_found_again_when_who_was_at_it_has_died() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = queue(&world, &["one", "two", "three"]).await;
    let dying = database.connection().await;
    dying.batch_execute("BEGIN; SELECT 1 FROM deliveries WHERE due_at IS NULL FOR UPDATE").await.unwrap();
    world.store.delete_endpoint(world.project, endpoint, at(1)).await.unwrap();
    world.store.cancel_orphans(endpoint, at(2), 100).await.unwrap();
    drop(dying);
    cancel_all(&world, endpoint).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_passes_over_what_is_cancelled_at_that_moment() {
    let database = Database::new();
    let world = Arc::new(World::new(database.clone()).await);
    let endpoint = queue(&world, &["one", "two", "three"]).await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let other = database.connection().await;
    // Another node has deleted the endpoint, and has cancelled as many as one step takes when it dies.
    other.batch_execute("UPDATE endpoints SET deleted_at = 1000").await.unwrap();
    let step = "BEGIN; UPDATE deliveries SET state = 'cancelled', end_reason = 'endpoint_deleted', finished_at = 2000 \
                WHERE id = (SELECT id FROM deliveries WHERE due_at IS NULL ORDER BY position LIMIT 1)";
    other.batch_execute(step).await.unwrap();
    let ended = TaskTracker::new().spawn({
        let world = Arc::clone(&world);
        async move { world.finish(&claimed, NextStep::Delivered, at(2)).await }
    });
    until_somebody_waits(&other).await;
    other.batch_execute("COMMIT").await.unwrap();
    ended.await.unwrap();
    assert_eq!(world.store.backlog(world.project).await.unwrap().pending, 1);
    cancel_all(&world, endpoint).await;
}

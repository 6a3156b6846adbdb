//! Leases last by the database's clock, however wrong a node's own is.

use std::sync::Arc;
use std::time::Duration;

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryRules, EndpointId, IdMaker, ProjectId, Timestamp};
use ringback_store::postgres::LeaseClock;
use ringback_store::{PostgresOptions, PostgresStore, Store, StoreError};
use tokio_postgres::Client;

use crate::backend::{Database, options};
use crate::conformance::{World, assert_err};

const HOUR: Duration = Duration::from_secs(3600);
const LENGTH: Duration = Duration::from_secs(40);

/// A node that takes leases as they are taken in earnest.
async fn node(database: &Database, n: u64) -> PostgresStore {
    let options = PostgresOptions {
        ids: Arc::new(IdMaker::new(n)),
        lease_clock: LeaseClock::Server,
        ..options(database)
    };
    PostgresStore::open(options).await.unwrap()
}

/// The database's time.
async fn server_now(person: &Client) -> Timestamp {
    let row = person.query_one("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8", &[]).await;
    Timestamp::from_unix_ms(row.unwrap().get(0))
}

/// How long the one lease that there is still lasts by the database's clock, in milliseconds.
async fn rest_ms(person: &Client) -> i64 {
    let sql =
        "SELECT max(lease_expires_at) - (extract(epoch FROM clock_timestamp()) * 1000)::int8 FROM deliveries";
    person.query_one(sql, &[]).await.unwrap().get(0)
}

async fn leased(store: &dyn Store, project: ProjectId) -> u64 {
    store.backlog(project).await.unwrap().in_flight
}

async fn claim(store: &dyn Store, endpoint: EndpointId, now: Timestamp, length: Duration) -> usize {
    store.claim(endpoint, now, now.plus(length), 10).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_an_hour_off_neither_frees_nor_keeps_a_lease() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let (fast, slow) = (node(&database, 2).await, node(&database, 3).await);
    let endpoint = world.endpoint(&["*"]).await;
    let now = server_now(&person).await;
    let (ahead, behind) = (now.plus(HOUR), now.minus(HOUR));
    for (name, holder, its_now) in [("a", &slow, behind), ("b", &fast, ahead)] {
        world.publication(name).append().await;
        assert_eq!(claim(holder, endpoint, its_now, LENGTH).await, 1);
        let rest = rest_ms(&person).await;
        assert!((30_000..=40_000).contains(&rest), "{name}: {rest} ms");
        for (node, its_now) in [(&fast, ahead), (&slow, behind)] {
            assert_eq!(node.reclaim(its_now).await.unwrap(), 0, "{name} is under way");
        }
        person
            .batch_execute("UPDATE deliveries SET lease_expires_at = lease_expires_at - 40000")
            .await
            .unwrap();
        assert_eq!(slow.reclaim(behind).await.unwrap(), 1, "{name} ran out");
        assert_eq!(leased(&slow, world.project).await, 0);
        person.batch_execute("DELETE FROM deliveries").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_born_leased_is_so_by_the_database_and_names_its_node() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let fast = node(&database, 2).await;
    world.endpoint(&["*"]).await;
    let ahead = server_now(&person).await.plus(HOUR);
    let arrival = world.publication("a").at(ahead).leased_until(ahead.plus(LENGTH)).arrival();
    let appended = loop {
        // It may not know the endpoint yet; then it plans anew, and what it plans is born due.
        if fast.config().project(world.project).unwrap().generation == world.generation() {
            break fast.append(arrival).await.unwrap();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(appended.leased.len(), 1);
    let rest = rest_ms(&person).await;
    assert!((30_000..=40_000).contains(&rest), "{rest} ms");
    let held = "SELECT count(*) = 1 FROM deliveries AS d JOIN nodes AS n ON n.id = d.lease_node";
    assert!(person.query_one(held, &[]).await.unwrap().get::<_, bool>(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_is_off_is_known() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let fast = node(&database, 2).await;
    let told = server_now(&person).await.plus(HOUR);
    fast.reclaim(told).await.unwrap();
    let known = "SELECT max(abs(clock_ahead_ms - 3600000)) < 1000 FROM nodes WHERE clock_ahead_ms > 0";
    let began = std::time::Instant::now();
    while person.query_one(known, &[]).await.unwrap().get::<_, Option<bool>>(0) != Some(true) {
        assert!(began.elapsed() < Duration::from_secs(10), "it is never measured");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(world);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_an_hour_ahead_ends_nothing_early() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    world.endpoint(&["*"]).await;
    let now = server_now(&person).await;
    world.publication("a").at(now).ageing(1800).append().await;
    let fast = node(&database, 2).await;
    assert_eq!(fast.expire(now.plus(HOUR), 10).await.unwrap(), 0, "it has half an hour left");
    // The hard limit of retention is half an hour here.
    let half = Duration::from_secs(1800);
    assert_eq!(fast.give_up(now.plus(HOUR), now.plus(half), 10).await.unwrap(), 0, "it is still kept");
    assert_eq!(fast.give_up(now.plus(HOUR), now.plus(HOUR + half), 10).await.unwrap(), 1);
}

/// Waits until the node's heartbeats have found its clock to be good enough, or not.
async fn until_useful(node: &PostgresStore, expected: bool) {
    let began = std::time::Instant::now();
    while node.holds_leases_since(std::time::Instant::now()) != expected {
        assert!(began.elapsed() < Duration::from_secs(10), "its clock is not looked at");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_jumps_far_ahead_makes_a_node_useless_until_it_is_right_again() {
    let database = Database::empty();
    let person = database.connection().await;
    let jumping = node(&database, 2).await;
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    let now = server_now(&person).await;
    let ahead = now.plus(40 * 24 * HOUR);
    jumping.check().await.unwrap();

    jumping.reclaim(ahead).await.unwrap();
    until_useful(&jumping, false).await;
    assert_err!(jumping.check().await, StoreError::Unavailable(why) if why.to_string().contains("clock"));
    let early = world.publication("early").at(ahead).arrival();
    let later = world.publication("later").at(now).arrival();
    assert_err!(jumping.append(early.clone()).await, StoreError::Unavailable(_));
    assert_err!(jumping.append(later.clone()).await, StoreError::Unavailable(_));
    let claiming = jumping.claim(endpoint, ahead, ahead.plus(LENGTH), 10).await;
    assert_err!(claiming, StoreError::Unavailable(_));

    jumping.reclaim(now).await.unwrap();
    until_useful(&jumping, true).await;
    jumping.check().await.unwrap();
    // The maker of these ids has been ahead too. One that was made there is nobody else's trouble.
    let (early, later) = tokio::join!(jumping.append(early), jumping.append(later));
    assert_err!(early, StoreError::Unavailable(_));
    later.unwrap();
    let claimed = jumping.claim(endpoint, now, now.plus(LENGTH), 10).await.unwrap().pop().unwrap();
    jumping.finish(world.finishing(&claimed, NextStep::Delivered, now)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_far_off_gives_up_what_it_owns() {
    let database = Database::empty();
    let person = database.connection().await;
    let jumping = node(&database, 2).await;
    let now = server_now(&person).await;
    let world = World::new(database.clone()).await;
    let rules = DeliveryRules { max_per_sec: Some(10), ..DeliveryRules::default() };
    let endpoint = world.endpoint_with(rules).await;
    let owned = "SELECT EXISTS (SELECT 1 FROM endpoint_owners)";
    let began = std::time::Instant::now();
    while !person.query_one(owned, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(began.elapsed() < Duration::from_secs(20), "it is never owned");
        claim(&jumping, endpoint, now, LENGTH).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    jumping.reclaim(now.plus(40 * 24 * HOUR)).await.unwrap();
    let began = std::time::Instant::now();
    while person.query_one(owned, &[]).await.unwrap().get::<_, bool>(0) {
        assert!(began.elapsed() < Duration::from_secs(10), "nobody else can have it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

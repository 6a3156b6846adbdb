//! Two nodes on one database: what one changes the other knows, and what one has the other leaves alone.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback_domain::endpoint_health::HealthChange;
use ringback_domain::retry::NextStep;
use ringback_domain::{EndpointHealth, EndpointId, IdMaker};
use ringback_store::{
    Claimed, Config, EndpointNote, EventFilter, Finish, PageRequest, PostgresOptions, PostgresStore,
    Rotation, Store,
};
use tokio_util::task::TaskTracker;

use crate::backend::{Database, options};
use crate::conformance::{World, at, concurrently, secret};

/// How soon every node has to know of a change.
const SOON: Duration = Duration::from_secs(1);

/// A second node on the world's database.
pub(crate) async fn second_node(database: &Database) -> Arc<PostgresStore> {
    let options = PostgresOptions { ids: Arc::new(IdMaker::new(2)), ..options(database) };
    Arc::new(PostgresStore::open(options).await.unwrap())
}

/// Waits until a condition holds, and says how long that took.
pub(crate) async fn until(condition: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < 10 * SOON, "it never came to be so");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_secret_is_unused_by_the_other_node_within_a_second() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let endpoint = world.endpoint(&["*"]).await;
    let secrets = |other: &PostgresStore| other.config().endpoint(endpoint).map(|e| e.secrets.len());
    until(|| secrets(&other) == Some(1)).await;
    let rotation = Rotation { secret: (world.id(), secret(8).into()), older_until: None, now: at(1) };
    let rotated = world.store.rotate_endpoint_secret(world.project, endpoint, rotation).await.unwrap();
    let newest = rotated.secrets[0].id;
    let took = until(|| other.config().endpoint(endpoint).unwrap().secrets[0].id == newest).await;
    assert!(took < SOON, "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_is_seen_although_nobody_tells_of_it() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let person = database.connection().await;
    let config = world.store.config();
    let name = |world: &World| world.store.config().project(world.project).unwrap().project.name.clone();
    assert_ne!(name(&world), "by hand");
    drop(config);
    let sql = "UPDATE projects SET name = 'by hand'; UPDATE config_version SET version = version + 1";
    person.batch_execute(sql).await.unwrap();
    assert!(until(|| name(&world) == "by hand").await < 2 * SOON);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_by_both_are_in_both_and_none_is_lost() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let made = (0..20).map(|n| {
        let new = world.new_endpoint(&["*"]);
        let store: Arc<dyn Store> = if n % 2 == 0 { Arc::clone(&world.store) } else { other.clone() };
        async move {
            let id = store.create_endpoint(new).await.unwrap().id;
            assert!(store.config().endpoint(id).is_some(), "it knows its own change");
            id
        }
    });
    let made: HashSet<EndpointId> = concurrently(made.collect::<Vec<_>>()).await.into_iter().collect();
    assert_eq!(made.len(), 20);
    let knows_all = |store: &dyn Store| made.iter().all(|id| store.config().endpoint(*id).is_some());
    until(|| knows_all(&*other) && knows_all(&*world.store)).await;
    let generation = world.generation();
    assert_eq!(other.config().project(world.project).unwrap().generation, generation);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_call_to_both_nodes_is_one_event() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let source = world.source().await;
    let appends = (0..400).map(|n| {
        let arrival = world.call(source, &format!("{}", n / 4)).body("same").arrival();
        let store: Arc<dyn Store> = if n % 2 == 0 { Arc::clone(&world.store) } else { other.clone() };
        async move { store.append(arrival).await.unwrap().event_id }
    });
    let events: HashSet<_> = concurrently(appends.collect::<Vec<_>>()).await.into_iter().collect();
    assert_eq!(events.len(), 100);
    assert_eq!(world.list(EventFilter::default()).await.len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_delivery_is_claimed_by_both() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let endpoint = world.endpoint(&["*"]).await;
    let names: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let arrivals = names.iter().map(|name| world.publication(name).arrival()).collect();
    world.store.append_all(arrivals).await.unwrap();
    let claims = (0..20).map(|n| {
        let store: Arc<dyn Store> = if n % 2 == 0 { Arc::clone(&world.store) } else { other.clone() };
        async move { store.claim(endpoint, at(0), at(60), 20).await.unwrap() }
    });
    let claimed = concurrently(claims.collect::<Vec<_>>()).await;
    let ids: Vec<_> = claimed.iter().flatten().map(|claimed| claimed.delivery_id).collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len(), "none twice");
    let left = world.claim(endpoint, at(0)).await.len();
    assert_eq!(ids.len() + left, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_starts_leaves_the_leases_of_one_that_lives() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    world.publication("a").append().await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let other = second_node(&database).await;
    assert!(other.claim(endpoint, at(0), at(60), 10).await.unwrap().is_empty());
    let page = PageRequest::default();
    let listed = other.list_deliveries(world.project, Default::default(), page).await.unwrap();
    assert!(listed.items[0].delivery.in_flight);
    assert_eq!(listed.items[0].delivery.id, claimed.delivery_id);
}

/// A failed attempt, after which the endpoint is noted as failing.
fn first_failure(world: &World, endpoint_id: EndpointId, claimed: &Claimed) -> Finish {
    let url = world.store.config().endpoint(endpoint_id).unwrap().url.clone();
    let health = EndpointHealth { failing_since: Some(at(1)), last_failed_at: Some(at(1)), warned_at: None };
    let change = HealthChange::Failing(health);
    let note = EndpointNote { endpoint_id, url, failing_since: None, change };
    Finish { endpoint: Some(note), ..world.finishing(claimed, NextStep::RetryAt(at(60)), at(1)) }
}

/// Each of them is news. They are written down together, and what else there is to do goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_endpoints_that_fail_at_once_are_few_changes() {
    const ENDPOINTS: usize = 150;
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let person = database.connection().await;
    let mut endpoints = Vec::new();
    for _ in 0..ENDPOINTS {
        endpoints.push(world.endpoint(&["*"]).await);
    }
    world.publication("a").to(&endpoints).append().await;
    let mut finishes = Vec::new();
    for endpoint_id in endpoints.iter().copied() {
        let claimed = world.claim_one(endpoint_id, at(0)).await;
        finishes.push(first_failure(&world, endpoint_id, &claimed));
    }
    let version =
        async || person.query_one("SELECT version FROM config_version", &[]).await.unwrap().get::<_, i64>(0);
    let before = version().await;
    let burst = finishes.into_iter().map(|finish| {
        let store = Arc::clone(&world.store);
        async move { store.finish(finish).await.map(drop) }
    });
    let results = concurrently(burst.collect::<Vec<_>>()).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let all_failing = |config: &Config| {
        endpoints.iter().all(|id| config.endpoint(*id).unwrap().health.failing_since == Some(at(1)))
    };
    until(|| all_failing(&world.store.config()) && all_failing(&other.config())).await;
    let raised = version().await - before;
    assert!(raised <= 10, "version raised by {raised} for {ENDPOINTS} endpoints");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_failures_holds_up_no_revocation() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let person = database.connection().await;
    let mut finishes = Vec::new();
    for _ in 0..16 {
        let endpoint = world.endpoint(&["*"]).await;
        for n in 0..32 {
            world.publication(&format!("{endpoint} {n}")).to(&[endpoint]).append().await;
        }
        for claimed in world.store.claim(endpoint, at(0), at(600), 32).await.unwrap() {
            finishes.push(first_failure(&world, endpoint, &claimed));
        }
    }
    let victim = world.endpoint(&["*"]).await;
    until(|| other.config().endpoint(victim).is_some()).await;
    let version =
        async || person.query_one("SELECT version FROM config_version", &[]).await.unwrap().get::<_, i64>(0);
    let before = version().await;
    let burst = finishes.into_iter().map(|finish| {
        let store = Arc::clone(&world.store);
        async move { store.finish(finish).await.map(drop) }
    });
    let tasks = TaskTracker::new();
    let burst = tasks.spawn(concurrently(burst.collect::<Vec<_>>()));
    let begun = async { while version().await == before {} };
    tokio::time::timeout(10 * SOON, begun).await.expect("the burst begins to be written");
    let rotation = Rotation { secret: (world.id(), secret(8).into()), older_until: None, now: at(1) };
    let rotated = other.rotate_endpoint_secret(world.project, victim, rotation).await.unwrap();
    let newest = rotated.secrets[0].id;
    let took = until(|| world.store.config().endpoint(victim).unwrap().secrets[0].id == newest).await;
    let results = burst.await.unwrap();
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let raised = version().await - before;
    assert!(raised <= 17 && took < SOON, "version raised by {raised} for 16 endpoints, known after {took:?}");
}

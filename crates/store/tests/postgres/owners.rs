//! An endpoint with a rate, a concurrency or an order is one node's, and stays so while that node lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback_domain::{DeliveryRules, EndpointId, Ordering};
use ringback_store::{EndpointChange, PostgresStore, RulesChange, Store};

use crate::backend::Database;
use crate::conformance::{World, at, concurrently};
use crate::nodes::{second_node, until};
use crate::wake_ups::known_other;

const ONE_AT_ONCE: fn() -> DeliveryRules =
    || DeliveryRules { max_concurrency: Some(1), ..DeliveryRules::default() };

/// How many endpoints two nodes have to share.
const ENDPOINTS: usize = 20;

/// How many of an endpoint's due deliveries a node claims.
async fn claims(store: &dyn Store, endpoint: EndpointId) -> usize {
    store.claim(endpoint, at(0), at(60), 10).await.unwrap().len()
}

/// Looks again and again, as a deliverer does, until something is claimed; says how long that took.
async fn until_claimed(store: &dyn Store, endpoint: EndpointId) -> Duration {
    let began = Instant::now();
    while claims(store, endpoint).await == 0 {
        assert!(began.elapsed() < Duration::from_secs(15), "it never claims");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    began.elapsed()
}

/// Two nodes that both know an endpoint with these rules, of which the first one is the owner.
async fn two_nodes(database: &Database, rules: DeliveryRules) -> (World, Arc<PostgresStore>, EndpointId) {
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint_with(rules).await;
    world.publication("first").append().await;
    // It is alone, so nobody else could be the one to take it.
    assert_eq!(claims(&*world.store, endpoint).await, 1);
    let other = second_node(database).await;
    (world, other, endpoint)
}

fn may_claim(store: &dyn Store, endpoint: EndpointId) -> bool {
    store.may_claim(store.config().endpoint(endpoint).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_the_owner_claims_and_both_know() {
    let by_rule = [
        ONE_AT_ONCE(),
        DeliveryRules { max_per_sec: Some(5), ..DeliveryRules::default() },
        DeliveryRules { ordering: Ordering::Object, ..DeliveryRules::default() },
    ];
    for rules in by_rule {
        let database = Database::new();
        let (world, other, endpoint) = two_nodes(&database, rules).await;
        world.publication("second").append().await;
        assert_eq!(claims(&*other, endpoint).await, 0);
        assert_eq!((may_claim(&*world.store, endpoint), may_claim(&*other, endpoint)), (true, false));
        assert_eq!(claims(&*world.store, endpoint).await, 1);
    }
    let database = Database::new();
    let (world, other, endpoint) = two_nodes(&database, DeliveryRules::default()).await;
    world.publication("second").append().await;
    assert_eq!((may_claim(&*world.store, endpoint), may_claim(&*other, endpoint)), (true, true));
    assert_eq!(claims(&*other, endpoint).await, 1, "without a rule it is everybody's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_lost_an_endpoint_claims_nothing_more_for_it() {
    let database = Database::new();
    let (world, other, endpoint) = two_nodes(&database, ONE_AT_ONCE()).await;
    world.publication("second").append().await;
    let person = database.connection().await;
    let sql = "UPDATE endpoint_owners SET node_id = (SELECT id FROM nodes WHERE id <> node_id)";
    assert_eq!(person.execute(sql, &[]).await.unwrap(), 1);
    assert!(may_claim(&*world.store, endpoint), "it does not know yet");
    assert_eq!(claims(&*world.store, endpoint).await, 0);
    assert!(!may_claim(&*world.store, endpoint));
    assert_eq!(claims(&*other, endpoint).await, 1);
    assert!(may_claim(&*other, endpoint));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_rule_an_endpoint_is_everybodys_again() {
    let database = Database::new();
    let (world, other, endpoint) = two_nodes(&database, ONE_AT_ONCE()).await;
    world.publication("second").append().await;
    let rules = RulesChange { max_concurrency: Some(None), ..RulesChange::default() };
    let change = EndpointChange { rules, ..EndpointChange::default() };
    other.update_endpoint(world.project, endpoint, change, at(1)).await.unwrap();
    assert_eq!(claims(&*other, endpoint).await, 1);
    until(|| may_claim(&*world.store, endpoint) && may_claim(&*other, endpoint)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_goes_leaves_its_endpoints_to_the_others() {
    let database = Database::new();
    let (world, other, endpoint) = two_nodes(&database, ONE_AT_ONCE()).await;
    world.publication("second").append().await;
    assert_eq!(claims(&*other, endpoint).await, 0);
    world.store.close().await;
    let took = until_claimed(&*other, endpoint).await;
    assert!(took < Duration::from_secs(4), "{took:?}");
    assert!(may_claim(&*other, endpoint));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_dies_is_followed_by_another() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    // One that falls to the other node.
    let endpoint = loop {
        let endpoint = world.endpoint_with(ONE_AT_ONCE()).await;
        world.publication(&endpoint.to_string()).to(&[endpoint]).append().await;
        until(|| other.config().endpoint(endpoint).is_some()).await;
        if claims(&*other, endpoint).await == 1 {
            break endpoint;
        }
    };
    world.publication("second").to(&[endpoint]).append().await;
    drop(other);
    let began = Instant::now();
    // What it had claimed and what it had not.
    let mut count = 0;
    while count < 2 {
        assert!(began.elapsed() < Duration::from_secs(10), "{count} of 2 are claimed");
        count += claims(&*world.store, endpoint).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_take_at_once_are_one_owner() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    // Who does not know of the other one yet takes everything.
    let other = Arc::new(known_other(&database, &world, world.endpoint(&["none.*"]).await).await);
    let mut owned = [0, 0];
    for n in 0..ENDPOINTS {
        let endpoint = world.endpoint_with(ONE_AT_ONCE()).await;
        for part in 0..4 {
            world.publication(&format!("{n}.{part}")).to(&[endpoint]).append().await;
        }
        until(|| other.config().endpoint(endpoint).is_some()).await;
        let takes = (0..8).map(|n| {
            let store: Arc<dyn Store> = if n % 2 == 0 { Arc::clone(&world.store) } else { other.clone() };
            async move { store.claim(endpoint, at(0), at(60), 1).await.unwrap().len() }
        });
        let taken = concurrently(takes.collect::<Vec<_>>()).await;
        let of_each = [taken.iter().step_by(2).sum::<usize>(), taken.iter().skip(1).step_by(2).sum()];
        assert!(of_each[0] == 0 || of_each[1] == 0, "both have claimed: {taken:?}");
        let is_own = [may_claim(&*world.store, endpoint), may_claim(&*other, endpoint)];
        assert!(is_own[0] != is_own[1], "one is the owner, and knows: {is_own:?} after {taken:?}");
        assert!(of_each[0] + of_each[1] > 0, "whoever takes it claims as well");
        owned[0] += usize::from(is_own[0]);
        owned[1] += usize::from(is_own[1]);
    }
    // Heads or tails for each, and fewer than 4 of either once in 400 times: but nodes and endpoints have the
    // same ids each time.
    assert!(owned.iter().all(|count| *count >= 4), "spread over both: {owned:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_its_favourite_does_not_take_is_taken_by_another() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let other = second_node(&database).await;
    let endpoint = loop {
        let endpoint = world.endpoint_with(ONE_AT_ONCE()).await;
        world.publication(&endpoint.to_string()).to(&[endpoint]).append().await;
        if claims(&*world.store, endpoint).await == 0 {
            break endpoint;
        }
    };
    // The other one lives, and never looks.
    let took = until_claimed(&*world.store, endpoint).await;
    assert!((Duration::from_millis(1500)..Duration::from_secs(4)).contains(&took), "{took:?}");
    drop(other);
}

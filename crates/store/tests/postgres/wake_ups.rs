//! Nodes tell one another of due work.

use std::time::Duration;

use ringback_domain::EndpointId;
use ringback_domain::retry::NextStep;
use ringback_store::{PostgresStore, Redelivery, Store, Unattempted};

use crate::backend::Database;
use crate::conformance::{World, at, unattempted};
use crate::nodes::second_node;

/// How long nothing is to be heard, to say that nothing is.
const SILENCE: Duration = Duration::from_millis(400);

/// What a node hears within a while.
async fn heard(store: &dyn Store) -> Option<Vec<EndpointId>> {
    tokio::time::timeout(SILENCE, store.heard_due()).await.ok()
}

/// A second node of which the first one knows: what is due there is told.
pub(crate) async fn known_other(database: &Database, world: &World, endpoint: EndpointId) -> PostgresStore {
    let other = std::sync::Arc::into_inner(second_node(database).await).unwrap();
    for n in 0.. {
        assert!(n < 20, "the other one is never told");
        world.publication(&format!("known{n}")).to(&[endpoint]).append().await;
        if heard(&other).await.is_some() {
            break;
        }
    }
    other
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_becomes_due_at_one_node_is_heard_by_the_other_and_not_by_itself() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["*"]).await;
    let other = known_other(&database, &world, endpoint).await;

    let event_id = world.publication("due").append().await.event_id;
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "appended");
    let redelivery = Redelivery { id: world.id(), event_id, endpoint_id: endpoint };
    world.store.redeliver(world.project, vec![redelivery], at(0)).await.unwrap();
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "sent again");
    let claimed = world.claim(endpoint, at(0)).await.remove(0);
    assert_eq!(heard(&other).await, None, "a claim makes nothing due");
    let given_back = Unattempted {
        project_id: claimed.project_id,
        delivery_id: claimed.delivery_id,
        lease_token: claimed.lease.token,
    };
    world.store.release(vec![given_back]).await.unwrap();
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "given back");
    assert!(world.store.reclaim(at(1000)).await.unwrap() > 0);
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "run out");
    world.publication("leased").leased_until(at(60)).append().await;
    assert_eq!(heard(&other).await, None, "what is born leased is its node's");
    assert_eq!(heard(&*world.store).await, None, "nobody tells itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_named_is_everywhere() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.endpoint(&["none.*"]).await;
    let other = known_other(&database, &world, endpoint).await;
    let mut endpoints = Vec::new();
    for _ in 0..201 {
        endpoints.push(world.endpoint(&["none.*"]).await);
    }
    world.publication("to some").to(&endpoints[..200]).append().await;
    let mut some = heard(&other).await.unwrap();
    some.sort();
    assert_eq!(some, &endpoints[..200]);
    world.publication("to all").to(&endpoints).append().await;
    assert_eq!(heard(&other).await, Some(Vec::new()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_node_lets_go_in_an_order_is_heard_by_its_owner() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    let endpoint = world.ordered_endpoint(3600).await;
    let other = known_other(&database, &world, world.endpoint(&["none.*"]).await).await;
    for n in 0..5 {
        let call = world.publication(&n.to_string()).to(&[endpoint]).object("a");
        let call = if n == 2 { call.ageing(50) } else { call };
        if n == 4 { call.at(at(50)) } else { call }.append().await;
    }
    let mut claimed = Vec::new();
    while claimed.is_empty() {
        // It may be for the first node to take, for a while.
        claimed = other.claim(endpoint, at(0), at(60), 10).await.unwrap();
        heard(&other).await;
    }
    world.finish(&claimed[0], NextStep::Delivered, at(1)).await;
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "one has ended");
    let second = world.store.list_deliveries(world.project, Default::default(), Default::default());
    let second = second.await.unwrap().items.into_iter().find(|record| record.webhook_id == "1").unwrap();
    world.store.cancel_delivery(world.project, second.delivery.id, at(2)).await.unwrap();
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "one was called off");
    assert_eq!(world.store.expire(at(100), 10).await.unwrap(), 1);
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "one has grown too old");
    let fourth = other.claim(endpoint, at(100), at(160), 10).await.unwrap().remove(0);
    assert_eq!(fourth.webhook_id, "3");
    other.release(vec![unattempted(&fourth)]).await.unwrap();
    assert!(world.store.give_up(at(100), at(1), 100).await.unwrap() > 0);
    assert_eq!(heard(&other).await, Some(vec![endpoint]), "one was given up");
    assert_eq!(other.claim(endpoint, at(100), at(160), 10).await.unwrap()[0].webhook_id, "4");
}

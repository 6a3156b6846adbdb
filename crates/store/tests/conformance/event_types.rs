//! Event types: those that events came with, and those that were registered.

use std::sync::Arc;

use ringback_store::StoreError;
use ringback_store::config::MAX_EVENT_TYPES;

use super::prune::prune;
use super::{World, assert_err, at, concurrently};

async fn register(world: &World, name: &str) -> Result<(), StoreError> {
    world.store.register_event_type(world.project, name.to_owned(), at(1)).await
}

fn registered(world: &World) -> Vec<String> {
    world.store.config().project(world.project).unwrap().event_types().iter().cloned().collect()
}

async fn seen(world: &World, limit: usize) -> Vec<String> {
    world.store.seen_types(world.project, limit).await.unwrap()
}

pub(crate) async fn seen_types_come_once_each_and_in_order(world: World) {
    assert!(seen(&world, 100).await.is_empty());
    let types =
        ["b.two", "a.one", "b.two", "B.two", "a", "eval.run.cancelled", "a.one.more", "eval.run.canceled"];
    for (n, event_type) in types.iter().enumerate() {
        world.publication(&n.to_string()).event_type(event_type).append().await;
    }
    let in_order = ["B.two", "a", "a.one", "a.one.more", "b.two", "eval.run.canceled", "eval.run.cancelled"];
    let world = world.restart().await;
    assert_eq!(seen(&world, 100).await, in_order);
    for limit in [0, 1, 6, 7, 8] {
        assert_eq!(seen(&world, limit).await, in_order[..limit.min(7)], "at most {limit}");
    }
    // What is registered is not seen, and what is gone is seen no more.
    register(&world, "acme.registered").await.unwrap();
    assert_eq!(seen(&world, 100).await.len(), 7);
    prune(&world, at(100), at(0), 100).await;
    assert!(seen(&world, 100).await.is_empty());
}

pub(crate) async fn a_registered_type_is_kept_once(world: World) {
    let other = world.second_project().await;
    for name in ["acme.b", "acme.a", "acme.b"] {
        register(&world, name).await.unwrap();
    }
    assert_eq!(registered(&world), ["acme.a", "acme.b"]);
    assert!(!world.store.has_seen_type(world.project, "acme.a").await.unwrap());
    let world = world.restart().await;
    assert_eq!(registered(&world), ["acme.a", "acme.b"]);
    assert!(world.store.config().project(other).unwrap().event_types().is_empty());
}

pub(crate) async fn registered_types_are_bounded(mut world: World) {
    let project = world.project;
    let registrations = (0..MAX_EVENT_TYPES).map(|n| {
        let store = Arc::clone(&world.store);
        async move { store.register_event_type(project, format!("acme.n{n}"), at(1)).await.unwrap() }
    });
    concurrently(registrations).await;
    assert_err!(register(&world, "acme.surplus").await, StoreError::TooMany { max: MAX_EVENT_TYPES, .. });
    // To register again what is there makes it no more.
    register(&world, "acme.n0").await.unwrap();
    let full = registered(&world);
    assert_eq!(full.len(), MAX_EVENT_TYPES);
    assert!(!full.contains(&"acme.surplus".to_owned()));
    // The limit is each project's own.
    world.project = world.second_project().await;
    register(&world, "acme.surplus").await.unwrap();
    world.project = project;
    assert_eq!(registered(&world.restart().await), full);
}

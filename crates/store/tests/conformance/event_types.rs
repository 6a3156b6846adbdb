//! Event types: those that events came with, and those that were registered.

use std::sync::Arc;
use std::time::Duration;

use ringback_store::config::{FAST_AGEING_MAX_AGE, MAX_EVENT_TYPES};
use ringback_store::{MaxAgeChange, StoreError};

use super::prune::prune;
use super::{World, assert_err, at, concurrently};

/// A type that the catalogue marks as ageing fast, and one that it does not.
const FAST: &str = "realtime.call.incoming";
const LASTING: &str = "batch.completed";

async fn register(world: &World, name: &str) -> Result<(), StoreError> {
    world.store.register_event_type(world.project, name.to_owned(), MaxAgeChange::Keep, at(1)).await
}

fn registered(world: &World) -> Vec<String> {
    world.store.config().project(world.project).unwrap().event_types().map(str::to_owned).collect()
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
    assert!(world.store.config().project(other).unwrap().event_types().next().is_none());
}

pub(crate) async fn registered_types_are_bounded(mut world: World) {
    let project = world.project;
    let registrations = (0..MAX_EVENT_TYPES).map(|n| {
        let store = Arc::clone(&world.store);
        async move {
            store
                .register_event_type(project, format!("acme.n{n}"), MaxAgeChange::Keep, at(1))
                .await
                .unwrap();
        }
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

/// How old events of a type may be, by the snapshot.
fn max_age(world: &World, event_type: &str) -> Option<Duration> {
    world.store.config().project(world.project).unwrap().max_age(event_type)
}

pub(crate) async fn how_old_a_type_may_be_is_the_catalogues_until_it_is_set(mut world: World) {
    let other = world.second_project().await;
    let secs = |secs| Some(Duration::from_secs(secs));
    let usual = Some(FAST_AGEING_MAX_AGE);
    assert_eq!(
        (max_age(&world, FAST), max_age(&world, LASTING), max_age(&world, "acme.a")),
        (usual, None, None)
    );
    for (name, change, expected) in [
        // Registering alone changes nothing, nor does doing so again.
        (FAST, MaxAgeChange::Keep, usual),
        (FAST, MaxAgeChange::Secs(7), secs(7)),
        (FAST, MaxAgeChange::Keep, secs(7)),
        (FAST, MaxAgeChange::Secs(0), None),
        (FAST, MaxAgeChange::Keep, None),
        (FAST, MaxAgeChange::Default, usual),
        (LASTING, MaxAgeChange::Secs(5), secs(5)),
        (LASTING, MaxAgeChange::Default, None),
        ("acme.a", MaxAgeChange::Secs(u32::MAX), secs(u32::MAX.into())),
        ("acme.b", MaxAgeChange::Default, None),
        // Either spelling names the one type.
        ("eval.run.canceled", MaxAgeChange::Secs(3), secs(3)),
    ] {
        world.store.register_event_type(world.project, name.to_owned(), change, at(1)).await.unwrap();
        assert_eq!(max_age(&world, name), expected, "{name} {change:?}");
        world = world.restart().await;
        assert_eq!(max_age(&world, name), expected, "{name} {change:?}");
    }
    assert_eq!(max_age(&world, "eval.run.cancelled"), secs(3));
    world.project = other;
    assert_eq!((max_age(&world, FAST), max_age(&world, "acme.a")), (usual, None), "each project for itself");
}

//! Endpoints, the generation that their changes raise, and what becomes of a deleted one's deliveries.

use std::sync::Arc;

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryState, EndReason, Endpoint, EndpointId, EventPattern, SecretId, Timestamp};
use ringback_store::{EndpointChange, PageRequest, StoreError};

use super::{World, assert_err, at, concurrently};

/// What can be compared of an endpoint: secrets by their ids.
type Shown = (String, String, Vec<EventPattern>, u8, Vec<SecretId>, [Timestamp; 2]);

fn shown(endpoint: &Endpoint) -> Shown {
    let secrets = endpoint.secrets.iter().map(|s| s.id).collect();
    let times = [endpoint.created_at, endpoint.updated_at];
    let types = endpoint.event_types.clone();
    (endpoint.name.clone(), endpoint.url.clone(), types, endpoint.timeout_secs, secrets, times)
}

/// An endpoint as the snapshot has it.
fn present(world: &World, id: EndpointId) -> Shown {
    let config = world.store.config();
    let of_project = config.project(world.project).unwrap().endpoint(id).expect("it exists");
    assert!(Arc::ptr_eq(of_project, config.endpoint(id).expect("it exists")));
    shown(of_project)
}

fn patterns(texts: &[&str]) -> Vec<EventPattern> {
    texts.iter().map(|text| EventPattern::parse(text).unwrap()).collect()
}

pub(crate) async fn a_new_endpoint_is_everywhere_at_once(world: World) {
    let generation = world.generation();
    let mut new = world.new_endpoint(&["*", "batch.*", "eval.run.cancelled", "response.completed"]);
    (new.name, new.timeout_secs, new.now) = ("n\u{e9} \u{1f4de}".repeat(50), 60, at(5));
    let (id, secret_id) = (new.id, new.secret.0);
    let expected: Shown =
        (new.name.clone(), new.url.clone(), new.event_types.clone(), 60, vec![secret_id], [at(5), at(5)]);
    let made = world.store.create_endpoint(new).await.unwrap();
    assert_eq!((shown(&made), made.id, made.project_id), (expected.clone(), id, world.project));
    assert_eq!((made.paused_at, made.disabled_at, made.disabled_reason.as_ref()), (None, None, None));
    assert_eq!(present(&world, id), expected);
    let raised = world.generation();
    assert!(raised > generation);

    let world = world.restart().await;
    assert_eq!((present(&world, id), world.generation()), (expected, raised));
    let page = world.store.list_endpoints(world.project, PageRequest::default()).await.unwrap();
    assert_eq!(page.items.iter().map(|e| e.id).collect::<Vec<_>>(), [id]);
}

pub(crate) async fn each_field_changes_alone(mut world: World) {
    let id = world.endpoint(&["*"]).await;
    let mut expected = present(&world, id);
    let changes: [(EndpointChange, fn(&mut Shown)); 4] = [
        (EndpointChange { name: Some("new".into()), ..Default::default() }, |e| e.0 = "new".into()),
        (EndpointChange { url: Some("https://b.example/".into()), ..Default::default() }, |e| {
            e.1 = "https://b.example/".into();
        }),
        (EndpointChange { event_types: Some(patterns(&["a.b", "batch.*"])), ..Default::default() }, |e| {
            e.2 = patterns(&["a.b", "batch.*"]);
        }),
        (EndpointChange { timeout_secs: Some(1), ..Default::default() }, |e| e.3 = 1),
    ];
    for (now, (change, expect)) in (1..).zip(changes) {
        let generation = world.generation();
        let changed = world.store.update_endpoint(world.project, id, change.clone(), at(now)).await.unwrap();
        expect(&mut expected);
        expected.5[1] = at(now);
        assert_eq!(shown(&changed), expected, "{change:?}");
        assert_eq!(present(&world, id), expected, "{change:?}");
        assert!(world.generation() > generation, "{change:?}");
        world = world.restart().await;
        assert_eq!(present(&world, id), expected, "{change:?}");
    }
}

pub(crate) async fn a_change_that_changes_nothing_moves_nothing(world: World) {
    let id = world.endpoint(&["*"]).await;
    let (before, generation) = (present(&world, id), world.generation());
    let same = EndpointChange {
        name: Some(before.0.clone()),
        url: Some(before.1.clone()),
        event_types: Some(before.2.clone()),
        timeout_secs: Some(before.3),
    };
    for change in [EndpointChange::default(), same] {
        let unchanged = world.store.update_endpoint(world.project, id, change, at(9)).await.unwrap();
        assert_eq!(shown(&unchanged), before);
        assert_eq!((present(&world, id), world.generation()), (before.clone(), generation));
    }
}

pub(crate) async fn a_deleted_endpoint_leaves_its_history(world: World) {
    let source = world.source().await;
    let [goes, stays] = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let mut events = Vec::new();
    for name in ["delivered", "dead", "retried", "leased", "due"] {
        events.push(world.call(source, name).append().await.event_id);
    }
    let claimed = world.store.claim(goes, at(0), at(60), 4).await.unwrap();
    for (claimed, next) in
        claimed.iter().zip([NextStep::Delivered, NextStep::Dead, NextStep::RetryAt(at(99))])
    {
        world.finish(claimed, next, at(1)).await;
    }
    let generation = world.generation();
    world.store.delete_endpoint(world.project, goes, at(2)).await.unwrap();

    let cancelled = (DeliveryState::Cancelled, Some(EndReason::EndpointDeleted), Some(at(2)));
    let ends = [
        (DeliveryState::Delivered, None, Some(at(1))),
        (DeliveryState::Dead, Some(EndReason::ScheduleExhausted), Some(at(1))),
        cancelled,
        cancelled,
        cancelled,
    ];
    for (event, end) in events.into_iter().zip(ends) {
        let [gone, other] = &world.event(event).await.deliveries[..] else { panic!("two deliveries") };
        let found = &gone.delivery;
        assert_eq!((found.endpoint_id, found.in_flight, found.due_at), (goes, false, None));
        assert_eq!((found.state, found.end_reason, found.finished_at), end);
        assert_eq!((other.delivery.endpoint_id, other.delivery.state), (stays, DeliveryState::Pending));
    }
    assert!(world.generation() > generation);
    for world in [world.restart().await] {
        assert!(world.store.config().endpoint(goes).is_none());
        let page = world.store.list_endpoints(world.project, PageRequest::default()).await.unwrap();
        assert_eq!(page.items.iter().map(|e| e.id).collect::<Vec<_>>(), [stays]);
        assert_eq!(world.store.due_endpoints().await.unwrap().len(), 1);
    }
}

pub(crate) async fn a_long_queue_is_cancelled_in_bounded_steps(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let appends = (0..1100).map(|n| {
        let (store, arrival) = (Arc::clone(&world.store), world.call(source, &n.to_string()).arrival());
        async move { store.append(arrival).await.unwrap() }
    });
    concurrently(appends).await;
    // Some are under way, and are called off like the others.
    assert_eq!(world.store.claim(endpoint, at(0), at(60), 10).await.unwrap().len(), 10);
    world.store.delete_endpoint(world.project, endpoint, at(1)).await.unwrap();

    // However many the deletion itself has left, they go by steps no longer than asked for.
    loop {
        let went = world.store.cancel_orphans(endpoint, at(2), 30).await.unwrap();
        assert!(went <= 30);
        if went == 0 {
            break;
        }
    }
    assert_eq!(world.store.due_endpoints().await.unwrap(), []);
    assert_eq!(world.store.backlog(world.project).await.unwrap(), Default::default());
}

pub(crate) async fn orphans_are_those_of_a_deleted_endpoint_only(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    world.call(source, "wh_1").append().await;
    assert_eq!(world.store.cancel_orphans(endpoint, at(1), 100).await.unwrap(), 0);
    assert_eq!(world.store.cancel_orphans(world.id(), at(1), 100).await.unwrap(), 0);
    assert_eq!(world.claim(endpoint, at(0)).await.len(), 1);
    assert_eq!(world.store.cancel_orphans(endpoint, at(1), 100).await.unwrap(), 0);
    assert_eq!(world.store.backlog(world.project).await.unwrap().in_flight, 1);
}

pub(crate) async fn unknown_endpoints_are_not_found(world: World) {
    let deleted = world.endpoint(&["*"]).await;
    world.store.delete_endpoint(world.project, deleted, at(1)).await.unwrap();
    for id in [world.id(), deleted] {
        let rename = EndpointChange { name: Some("new".into()), ..Default::default() };
        let generation = world.generation();
        let update = world.store.update_endpoint(world.project, id, rename, at(2)).await;
        assert_err!(update, StoreError::NotFound { noun: "webhook endpoint" });
        let delete = world.store.delete_endpoint(world.project, id, at(2)).await;
        assert_err!(delete, StoreError::NotFound { noun: "webhook endpoint" });
        assert_eq!(world.generation(), generation);
    }
}

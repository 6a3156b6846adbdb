//! Endpoints, the generation that their changes raise, and what becomes of a deleted one's deliveries.

use std::sync::Arc;

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryState, EndReason, Endpoint, EndpointId, EventPattern, SecretId, Timestamp};
use ringback_store::{EndpointChange, PageRequest, StoreError};

use super::{World, assert_err, at, concurrently};

/// What can be compared of an endpoint: secrets by their ids.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shown {
    name: String,
    url: String,
    event_types: Vec<EventPattern>,
    timeout_secs: u8,
    secrets: Vec<SecretId>,
    created_at: Timestamp,
    updated_at: Timestamp,
    paused_at: Option<Timestamp>,
    disabled: Option<(Timestamp, String)>,
}

fn shown(endpoint: &Endpoint) -> Shown {
    Shown {
        name: endpoint.name.clone(),
        url: endpoint.url.clone(),
        event_types: endpoint.event_types.clone(),
        timeout_secs: endpoint.timeout_secs,
        secrets: endpoint.secrets.iter().map(|s| s.id).collect(),
        created_at: endpoint.created_at,
        updated_at: endpoint.updated_at,
        paused_at: endpoint.paused_at,
        disabled: endpoint.disabled_at.zip(endpoint.disabled_reason.clone()),
    }
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
    let expected = Shown {
        name: new.name.clone(),
        url: new.url.clone(),
        event_types: new.event_types.clone(),
        timeout_secs: 60,
        secrets: vec![secret_id],
        created_at: at(5),
        updated_at: at(5),
        paused_at: None,
        disabled: None,
    };
    let made = world.store.create_endpoint(new).await.unwrap();
    assert_eq!((shown(&made), made.id, made.project_id), (expected.clone(), id, world.project));
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
    let changes = [
        EndpointChange { name: Some("new".into()), ..Default::default() },
        EndpointChange { url: Some("https://b.example/".into()), ..Default::default() },
        EndpointChange { event_types: Some(patterns(&["a.b", "batch.*"])), ..Default::default() },
        EndpointChange { timeout_secs: Some(1), ..Default::default() },
    ];
    for (now, change) in (1..).zip(changes) {
        let generation = world.generation();
        let changed = world.store.update_endpoint(world.project, id, change.clone(), at(now)).await.unwrap();
        expected = Shown {
            name: change.name.clone().unwrap_or(expected.name),
            url: change.url.clone().unwrap_or(expected.url),
            event_types: change.event_types.clone().unwrap_or(expected.event_types),
            timeout_secs: change.timeout_secs.unwrap_or(expected.timeout_secs),
            updated_at: at(now),
            ..expected
        };
        assert_eq!(shown(&changed), expected, "{change:?}");
        assert_eq!(present(&world, id), expected, "{change:?}");
        assert!(world.generation() > generation, "{change:?}");
        world = world.restart().await;
        assert_eq!(present(&world, id), expected, "{change:?}");
    }
}

pub(crate) async fn what_is_paused_or_disabled_says_since_when(mut world: World) {
    let id = world.endpoint(&["*"]).await;
    let pause = |paused| EndpointChange { paused: Some(paused), ..Default::default() };
    let disable = |reason: Option<&str>| EndpointChange {
        disabled: Some(reason.map(str::to_owned)),
        ..Default::default()
    };
    let disabled = |since, reason: &str| Some((at(since), reason.to_owned()));
    let cases = [
        (pause(true), Some(at(1)), None, 1),
        (pause(true), Some(at(1)), None, 1),
        (disable(Some("gone")), Some(at(1)), disabled(3, "gone"), 3),
        (pause(false), None, disabled(3, "gone"), 4),
        // A new reason does not begin a new time.
        (disable(Some("broken")), None, disabled(3, "broken"), 5),
        (disable(Some("broken")), None, disabled(3, "broken"), 5),
        (disable(None), None, None, 7),
    ];
    for (now, (change, paused_at, disabled, updated)) in (1..).zip(cases) {
        let changed = world.store.update_endpoint(world.project, id, change.clone(), at(now)).await.unwrap();
        let changed = shown(&changed);
        assert_eq!((changed.paused_at, &changed.disabled), (paused_at, &disabled), "{change:?} at {now}");
        assert_eq!(changed.updated_at, at(updated), "{change:?} at {now}");
        assert_eq!(present(&world, id), changed, "{change:?} at {now}");
        world = world.restart().await;
        assert_eq!(present(&world, id), changed, "{change:?} at {now}");
    }
}

pub(crate) async fn a_change_that_changes_nothing_moves_nothing(world: World) {
    let id = world.endpoint(&["*"]).await;
    let (before, generation) = (present(&world, id), world.generation());
    let same = EndpointChange {
        name: Some(before.name.clone()),
        url: Some(before.url.clone()),
        event_types: Some(before.event_types.clone()),
        timeout_secs: Some(before.timeout_secs),
        paused: Some(false),
        disabled: Some(None),
        ..EndpointChange::default()
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
    for (claimed, next) in claimed.iter().zip([NextStep::Delivered, super::DEAD, NextStep::RetryAt(at(99))]) {
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
    let is_gone = async |world: &World| {
        assert!(world.store.config().endpoint(goes).is_none());
        let page = world.store.list_endpoints(world.project, PageRequest::default()).await.unwrap();
        assert_eq!(page.items.iter().map(|e| e.id).collect::<Vec<_>>(), [stays]);
        assert_eq!(world.store.due_endpoints().await.unwrap().len(), 1);
    };
    is_gone(&world).await;
    is_gone(&world.restart().await).await;
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
    let mut cancelled = 0;
    loop {
        let went = world.store.cancel_orphans(endpoint, at(2), 30).await.unwrap();
        assert!(went <= 30);
        if went == 0 {
            break;
        }
        cancelled += went;
        assert!(cancelled <= 1100, "no delivery is cancelled twice");
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

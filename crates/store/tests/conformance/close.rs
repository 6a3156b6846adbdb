//! Closing: what was answered stays, what comes later is told so.

use std::sync::Arc;

use ringback_domain::ReplayQuery;
use ringback_domain::retry::NextStep;
use ringback_store::{
    Beginning, EndpointChange, EventFilter, IdempotencyKey, MaxAgeChange, NewApiKey, PageRequest,
    ProjectChange, Redelivery, Retention, Rotation, SourceChange, Store, StoreError, StoredAnswer,
};

use super::{World, assert_err, at, concurrently, secret, unattempted};

pub(crate) async fn everything_after_a_close_is_closed(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.call(source, "wh_1").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let finish = world.finishing(&claimed, NextStep::Delivered, at(1));
    let (project, store) = (world.project, &world.store);
    let (new_source, new_endpoint) = (world.new_source(), world.new_endpoint(&["*"]));
    let receipt = world.id();
    let (arrival, secret_id) = (world.call(source, "wh_2").arrival(), world.id());
    let retention = Retention {
        events_before: at(0),
        webhook_ids_before: at(0),
        idempotency_keys_before: at(0),
        limit: 1,
    };
    let (of_source, of_endpoint) = (SourceChange::default(), EndpointChange::default());
    let (new_project, key_id) = (world.new_project("second"), world.id());
    let (name, hint) = (String::new(), String::new());
    let new_key = NewApiKey { id: key_id, project_id: project, name, hint, sha256: [1; 32], now: at(1) };
    let rotation = Rotation { secret: (world.id(), secret(1).into()), older_until: None, now: at(1) };
    let key = IdempotencyKey { project_id: project, route: "POST /".into(), key: "k".into() };
    let beginning =
        Beginning { key: key.clone(), request_sha256: [1; 32], repeatable: true, nonce: [1; 16], now: at(1) };
    let answer = StoredAnswer { status_code: 200, body: Vec::new().into() };
    let (delivery, replay) = (claimed.delivery_id, world.id());
    let redelivery = Redelivery { id: world.id(), event_id: event, endpoint_id: endpoint };
    let new_replay = world.new_replay(ReplayQuery::default());

    store.close().await;
    store.close().await; // A second time does no harm.

    for (what, result) in [
        ("set_admin_key", store.set_admin_key([1; 32]).await),
        ("offer_admin_key", store.offer_admin_key([2; 32]).await.map(drop)),
        ("create_project", store.create_project(new_project).await.map(drop)),
        ("update_project", store.update_project(project, ProjectChange::default(), at(1)).await.map(drop)),
        ("create_api_key", store.create_api_key(new_key).await.map(drop)),
        ("note_api_key_use", store.note_api_key_use(project, key_id, at(1)).await),
        ("delete_api_key", store.delete_api_key(project, key_id).await),
        ("create_source", store.create_source(new_source).await.map(drop)),
        ("update_source", store.update_source(project, source, of_source, at(1)).await.map(drop)),
        ("delete_source", store.delete_source(project, source, at(1)).await),
        (
            "add_source_secret",
            store.add_source_secret(project, source, (secret_id, secret(1)), at(1)).await.map(drop),
        ),
        (
            "remove_source_secret",
            store.remove_source_secret(project, source, secret_id, at(1)).await.map(drop),
        ),
        ("list_sources", store.list_sources(project, PageRequest::default()).await.map(drop)),
        ("create_endpoint", store.create_endpoint(new_endpoint).await.map(drop)),
        ("update_endpoint", store.update_endpoint(project, endpoint, of_endpoint, at(1)).await.map(drop)),
        ("rotate_endpoint_secret", store.rotate_endpoint_secret(project, endpoint, rotation).await.map(drop)),
        (
            "revoke_endpoint_secret",
            store.revoke_endpoint_secret(project, endpoint, secret_id, at(1)).await.map(drop),
        ),
        ("delete_endpoint", store.delete_endpoint(project, endpoint, at(1)).await),
        ("list_endpoints", store.list_endpoints(project, PageRequest::default()).await.map(drop)),
        ("append", store.append(arrival.clone()).await.map(drop)),
        ("append_all", store.append_all(vec![arrival]).await.map(drop)),
        ("record_refusals", store.record_refusals(vec![], vec![]).await),
        (
            "list_receipts",
            store.list_receipts(project, Default::default(), Default::default()).await.map(drop),
        ),
        ("receipt", store.receipt(project, receipt).await.map(drop)),
        ("held_calls", store.held_calls(source, None, 1).await.map(drop)),
        ("refusal_counts", store.refusal_counts(project).await.map(drop)),
        ("due_endpoints", store.due_endpoints().await.map(drop)),
        ("claim", store.claim(endpoint, at(0), at(1), 1).await.map(drop)),
        ("finish", store.finish(finish).await.map(drop)),
        ("release", store.release(vec![unattempted(&claimed)]).await),
        ("expire", store.expire(at(1), 1).await.map(drop)),
        ("give_up", store.give_up(at(1), at(0), 1).await.map(drop)),
        ("reclaim", store.reclaim(at(1)).await.map(drop)),
        ("cancel_orphans", store.cancel_orphans(endpoint, at(1), 1).await.map(drop)),
        (
            "list_deliveries",
            store.list_deliveries(project, Default::default(), Default::default()).await.map(drop),
        ),
        ("delivery", store.delivery(project, delivery).await.map(drop)),
        ("redeliver", store.redeliver(project, vec![redelivery], at(1)).await),
        ("cancel_delivery", store.cancel_delivery(project, delivery, at(1)).await),
        ("preview_replay", store.preview_replay(project, ReplayQuery::default(), false).await.map(drop)),
        ("create_replay", store.create_replay(new_replay).await.map(drop)),
        ("list_replays", store.list_replays(project, PageRequest::default()).await.map(drop)),
        ("replay", store.replay(project, replay).await.map(drop)),
        ("cancel_replay", store.cancel_replay(project, replay, at(1)).await.map(drop)),
        ("replays_at_work", store.replays_at_work().await.map(drop)),
        ("advance_replay", store.advance_replay(replay, 1, at(1)).await.map(drop)),
        ("clear_replay", store.clear_replay(replay, 1, at(1)).await.map(drop)),
        (
            "list_events",
            store.list_events(project, EventFilter::default(), PageRequest::default()).await.map(drop),
        ),
        ("event", store.event(project, event).await.map(drop)),
        ("payload", store.payload(project, event).await.map(drop)),
        ("has_seen_type", store.has_seen_type(project, "batch.completed").await.map(drop)),
        ("seen_types", store.seen_types(project, 1).await.map(drop)),
        (
            "register_event_type",
            store.register_event_type(project, "acme.a".into(), MaxAgeChange::Keep, at(1)).await,
        ),
        ("begin_idempotent", store.begin_idempotent(beginning).await.map(drop)),
        ("complete_idempotent", store.complete_idempotent(key.clone(), answer).await),
        ("forget_idempotent", store.forget_idempotent(key).await),
        ("backlog", store.backlog(project).await.map(drop)),
        ("prune", store.prune(retention).await.map(drop)),
        ("check", store.check().await),
    ] {
        assert!(matches!(result, Err(StoreError::Closed)), "{what}: {result:?}");
    }
}

pub(crate) async fn a_close_loses_nothing_that_was_answered(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    world.store.set_admin_key([3; 32]).await.unwrap();
    let event = world.call(source, "wh_1").body("{\"kept\":true}").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    world.finish(&claimed, NextStep::RetryAt(at(5)), at(1)).await;
    let before = world.event(event).await;
    world.store.close().await;

    let world = world.restart().await;

    let after = world.event(event).await;
    assert_eq!(after.event, before.event);
    assert_eq!(after.deliveries[0].delivery, before.deliveries[0].delivery);
    assert_eq!(after.deliveries[0].attempts, before.deliveries[0].attempts);
    assert_eq!(world.store.payload(world.project, event).await.unwrap(), "{\"kept\":true}");
    assert_eq!(world.store.config().admin_key_sha256(), Some(&[3; 32]));
    assert_eq!(world.claim_one(endpoint, at(5)).await.attempt_count, 1);
}

pub(crate) async fn a_close_in_the_middle_of_writes_answers_each_truthfully(world: World) {
    let source = world.source().await;
    let appends = (0..200).map(|n| {
        let (store, arrival) = (Arc::clone(&world.store), world.call(source, &n.to_string()).arrival());
        async move { (arrival.event.id, store.append(arrival).await) }
    });
    let store: Arc<dyn Store> = Arc::clone(&world.store);
    let close = concurrently([async move { store.close().await }]);
    let (answers, _) = tokio::join!(concurrently(appends), close);

    let world = world.restart().await;

    for (id, answer) in answers {
        match answer {
            Ok(appended) => assert_eq!(world.event(appended.event_id).await.event.id, id),
            Err(StoreError::Closed) => {
                assert_err!(world.store.event(world.project, id).await, StoreError::NotFound { .. });
            }
            Err(other) => panic!("neither written nor closed: {other:?}"),
        }
    }
}

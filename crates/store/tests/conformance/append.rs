//! A verified call becomes durable: once, whole, and byte for byte.

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryState, Disposition, EndReason, EventState, Trigger};
use ringback_store::{EventFilter, PageRequest, ReceiptFilter, StoreError};

use super::{World, assert_err, at};

pub(crate) async fn a_new_call_becomes_an_event_with_a_delivery_for_each_endpoint(world: World) {
    let source = world.source().await;
    let wanting = [world.endpoint(&["batch.*"]).await, world.endpoint(&["*"]).await];
    world.endpoint(&["response.completed"]).await;

    let appended = world.call(source, "wh_1").at(at(3)).append().await;

    assert_eq!(appended.disposition, Disposition::Accepted);
    assert_eq!(appended.due, wanting);
    assert_eq!(appended.leased, []);
    let detail = world.event(appended.event_id).await;
    assert_eq!(detail.event.state, EventState::Pending);
    let endpoints: Vec<_> = detail.deliveries.iter().map(|d| d.delivery.endpoint_id).collect();
    assert_eq!(endpoints, wanting);
    for made in &detail.deliveries {
        assert_eq!(made.delivery.event_id, appended.event_id);
        assert_eq!(made.delivery.trigger, Trigger::Event);
        assert_eq!(made.delivery.state, DeliveryState::Pending);
        assert_eq!(made.delivery.end_reason, None::<EndReason>);
        assert_eq!(made.delivery.attempt_count, 0);
        assert_eq!(made.delivery.created_at, at(3));
        assert_eq!(made.delivery.due_at, Some(at(3)));
        assert_eq!(made.delivery.finished_at, None);
        assert!(!made.delivery.in_flight);
        assert_eq!(made.attempts, []);
    }
}

pub(crate) async fn a_repeated_webhook_id_makes_no_second_event(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let first = world.call(source, "wh_1").body("first").append().await;
    let before = world.event(first.event_id).await;

    let repeats = [
        ("first", "batch.completed", Disposition::Duplicate),
        ("other", "batch.completed", Disposition::PayloadDiffers),
        ("other", "batch.failed", Disposition::PayloadDiffers),
        ("first", "batch.completed", Disposition::Duplicate),
    ];
    for (body, event_type, expected) in repeats {
        let call = world.call(source, "wh_1").body(body).event_type(event_type).at(at(60));
        let again = call.leased_until(at(90)).append().await;
        assert_eq!(again.disposition, expected, "{body} {event_type}");
        assert_eq!(again.event_id, first.event_id, "{body} {event_type}");
        assert_eq!((again.leased, again.due), (vec![], vec![]), "{body} {event_type}");
    }

    let after = world.event(first.event_id).await;
    assert_eq!(after.event, before.event);
    assert_eq!(after.deliveries.len(), 1);
    assert_eq!(world.store.payload(world.project, first.event_id).await.unwrap(), "first");
    assert_eq!(world.list(EventFilter::default()).await, [first.event_id]);
    assert_eq!(world.claim(endpoint, at(60)).await.len(), 1);
}

pub(crate) async fn a_webhook_id_is_one_sources_own(world: World) {
    let sources = [world.source().await, world.source().await];
    let first = world.call(sources[0], "wh_1").append().await;
    let second = world.call(sources[1], "wh_1").append().await;
    assert_eq!(second.disposition, Disposition::Accepted);
    assert_ne!(first.event_id, second.event_id);
    assert_eq!(world.event(first.event_id).await.event.source_id, sources[0]);
    assert_eq!(world.event(second.event_id).await.event.source_id, sources[1]);
    // Nor does letter case fold two ids into one.
    let third = world.call(sources[0], "WH_1").append().await;
    assert_eq!(third.disposition, Disposition::Accepted);
}

pub(crate) async fn what_no_endpoint_wants_is_kept_unrouted(world: World) {
    let source = world.source().await;
    world.endpoint(&["response.*"]).await;
    let appended = world.call(source, "wh_1").append().await;
    assert_eq!(appended.disposition, Disposition::Accepted);
    assert_eq!((appended.leased, appended.due), (vec![], vec![]));
    let detail = world.event(appended.event_id).await;
    assert_eq!(detail.event.state, EventState::Unrouted);
    assert!(detail.deliveries.is_empty());
    assert_eq!(world.store.due_endpoints().await.unwrap(), []);
}

pub(crate) async fn a_delivery_born_leased_is_its_appenders_to_finish(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let appended = world.call(source, "wh_1").leased_until(at(40)).append().await;

    assert_eq!(appended.due, []);
    let [(delivery, to, lease)] = appended.leased[..] else { panic!("{:?}", appended.leased) };
    assert_eq!((to, lease.expires_at), (endpoint, at(40)));
    assert_eq!(world.store.due_endpoints().await.unwrap(), []);
    assert!(world.claim(endpoint, at(39)).await.is_empty());
    assert!(world.event(appended.event_id).await.deliveries[0].delivery.in_flight);

    let finish = world.finishing_under(delivery, lease.token, NextStep::RetryAt(at(50)), at(1));
    world.store.finish(finish).await.unwrap();
    let after = &world.event(appended.event_id).await.deliveries[0].delivery;
    assert_eq!((after.due_at, after.attempt_count, after.in_flight), (Some(at(50)), 1, false));
    let claimed = world.claim_one(endpoint, at(50)).await;
    assert_eq!(claimed.delivery_id, delivery);
    assert!(claimed.lease.token > lease.token);
}

pub(crate) async fn bytes_are_kept_exactly(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let mebibyte: Vec<u8> = (0..1 << 20).map(|n: u32| n.to_le_bytes()[n as usize % 3]).collect();
    let bodies: [(&str, Vec<u8>); 6] = [
        ("empty", vec![]),
        ("a NUL alone", vec![0]),
        ("every byte", (0..=255).collect()),
        ("not UTF-8", vec![b'"', 0xff, 0xfe, 0xc3, b'"']),
        ("white space and order of keys", b"\r\n{\"b\" : 1.0,\t\"a\":1e2}\n ".to_vec()),
        ("a mebibyte", mebibyte),
    ];
    for (name, body) in bodies {
        let appended = world.call(source, &name.replace(' ', "_")).body(body.clone()).append().await;
        let stored = world.store.payload(world.project, appended.event_id).await.unwrap();
        assert!(stored == body, "{name}: as stored");
        let claimed = world.claim_one(endpoint, at(0)).await;
        assert!(claimed.payload == body, "{name}: as claimed");
        let record = world.event(appended.event_id).await.event;
        assert_eq!(record.payload_bytes, body.len() as u64, "{name}");
    }
}

pub(crate) async fn the_ids_of_the_body_are_kept_or_null(world: World) {
    let source = world.source().await;
    let bare = world.call(source, "wh_1").append().await;
    let full = world.call(source, "wh_2").upstream("evt_1").object("batch_1").append().await;
    let bare = world.event(bare.event_id).await.event;
    assert_eq!((bare.upstream_event_id, bare.object_id), (None, None));
    let full = world.event(full.event_id).await.event;
    assert_eq!(full.upstream_event_id.as_deref(), Some("evt_1"));
    assert_eq!(full.object_id.as_deref(), Some("batch_1"));
}

pub(crate) async fn the_longest_texts_fit(world: World) {
    let source = world.source().await;
    // Every visible ASCII character, and as many as an indexed id may have.
    let longest: String = ('!'..='~').cycle().take(ringback_webhook::webhook_id::MAX_BYTES).collect();
    let event_type = format!("a.{}", "x".repeat(ringback_webhook::event_type::MAX_BYTES - 2));
    let call = world.call(source, &longest).event_type(&event_type).upstream(&longest).object(&longest);
    let appended = call.append().await;
    let event = world.event(appended.event_id).await.event;
    assert_eq!((&event.webhook_id, &event.event_type), (&longest, &event_type));
    assert_eq!(
        (event.upstream_event_id.as_ref(), event.object_id.as_ref()),
        (Some(&longest), Some(&longest))
    );
    let filter = EventFilter { event_type: Some(event_type), object_id: Some(longest.clone()) };
    assert_eq!(world.list(filter).await, [appended.event_id]);
    let again = world.call(source, &longest).append().await;
    assert_eq!(again.disposition, Disposition::Duplicate);
}

pub(crate) async fn a_refused_plan_leaves_nothing_behind(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    // The second endpoint does not exist, which shows when the event and its first delivery are written
    // already.
    let refused = world.call(source, "wh_1").to(&[endpoint, world.id()]).arrival();
    let event_id = refused.event.id;
    assert_err!(world.store.append(refused).await, StoreError::Refused(_));
    assert_err!(world.store.event(world.project, event_id).await, StoreError::NotFound { .. });
    assert_eq!(world.store.due_endpoints().await.unwrap(), []);
    // Its webhook-id is as new as before.
    let again = world.call(source, "wh_1").append().await;
    assert_eq!(again.disposition, Disposition::Accepted);
}

pub(crate) async fn an_unknown_project_is_refused(world: World) {
    let source = world.source().await;
    let mut arrival = world.call(source, "wh_1").arrival();
    arrival.project_id = world.id();
    assert_err!(world.store.append(arrival).await, StoreError::Refused(_));
    let again = world.call(source, "wh_1").append().await;
    assert_eq!(again.disposition, Disposition::Accepted);
}

pub(crate) async fn what_is_published_has_no_receipt(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let first = world.publication("wh_1").body("{\"n\":1}").append().await;
    let again = world.publication("wh_1").body("{\"n\":1}").append().await;
    assert_eq!((first.disposition, again.disposition), (Disposition::Accepted, Disposition::Duplicate));
    assert_eq!((again.event_id, first.due), (first.event_id, vec![endpoint]));
    let other = world.publication("wh_1").body("{\"n\":2}").append().await;
    assert_eq!((other.disposition, other.event_id), (Disposition::PayloadDiffers, first.event_id));

    let world = world.restart().await;
    assert_eq!(world.event(first.event_id).await.event.source_id, world.publish_source());
    let receipts = world.store.list_receipts(world.project, ReceiptFilter::default(), PageRequest::default());
    assert_eq!(receipts.await.unwrap().items, []);
}

pub(crate) async fn a_repetition_is_told_by_the_hash_that_it_comes_with(world: World) {
    let first = world.publication("wh_1").body("made at 1").arrival();
    let mut again = world.publication("wh_1").body("made at 2").arrival();
    // What was asked for is the same, although the bodies are not.
    again.event.payload_sha256 = first.event.payload_sha256;
    let first = world.store.append(first).await.unwrap();
    let again = world.store.append(again).await.unwrap();
    assert_eq!((again.disposition, again.event_id), (Disposition::Duplicate, first.event_id));
    assert_eq!(world.store.payload(world.project, first.event_id).await.unwrap(), "made at 1");
}

//! Events as the API reads them: records, filters, details.

use ringback_domain::EventId;
use ringback_domain::retry::NextStep;
use ringback_store::{EventFilter, StoreError};

use super::{World, assert_err, at};

/// A filter by type and by object, either of them absent when empty.
fn filter(event_type: &str, object_id: &str) -> EventFilter {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    EventFilter { event_type: given(event_type), object_id: given(object_id) }
}

pub(crate) async fn a_record_says_what_was_appended(world: World) {
    let source = world.source().await;
    let call = world.call(source, "wh_1").upstream("evt_1").object("batch_1").body("{\"a\":1}");
    let id = call.at(at(5)).append().await.event_id;
    let event = world.event(id).await.event;
    assert_eq!((event.id, event.project_id, event.source_id), (id, world.project, source));
    assert_eq!((event.event_type.as_str(), event.webhook_id.as_str()), ("batch.completed", "wh_1"));
    assert_eq!(event.upstream_event_id.as_deref(), Some("evt_1"));
    assert_eq!(event.object_id.as_deref(), Some("batch_1"));
    assert_eq!((event.payload_bytes, event.created_at), (7, at(5)));
    let listed = world.store.list_events(world.project, filter("", ""), Default::default()).await.unwrap();
    assert_eq!(listed.items, [event], "the list says the same");
    assert!(!listed.has_more);
}

pub(crate) async fn filters_select_alone_and_together(world: World) {
    let source = world.source().await;
    let mut made = Vec::new();
    for (event_type, object) in [
        ("batch.completed", "batch_1"),
        ("batch.completed", "batch_2"),
        ("batch.failed", "batch_1"),
        ("batch.completed", ""),
    ] {
        let call = world.call(source, &made.len().to_string()).event_type(event_type);
        let call = if object.is_empty() { call } else { call.object(object) };
        made.push(call.append().await.event_id);
    }
    let cases: [(EventFilter, &[usize]); 9] = [
        (filter("", ""), &[3, 2, 1, 0]),
        (filter("batch.completed", ""), &[3, 1, 0]),
        (filter("batch.failed", ""), &[2]),
        (filter("", "batch_1"), &[2, 0]),
        (filter("batch.completed", "batch_1"), &[0]),
        (filter("batch.failed", "batch_2"), &[]),
        (filter("batch", ""), &[]),
        (filter("BATCH.COMPLETED", ""), &[]),
        (filter("", "batch_"), &[]),
    ];
    for (filter, expected) in cases {
        let expected: Vec<EventId> = expected.iter().map(|n| made[*n]).collect();
        assert_eq!(world.list(filter.clone()).await, expected, "{filter:?}");
    }
}

pub(crate) async fn both_spellings_of_the_cancelled_eval_run_find_either(world: World) {
    let source = world.source().await;
    let mut made = Vec::new();
    for spelling in ["eval.run.canceled", "eval.run.cancelled", "eval.run.canceled", "eval.run.failed"] {
        let call = world.call(source, &made.len().to_string()).event_type(spelling).object("evalrun_1");
        made.push(call.append().await.event_id);
    }
    for spelling in ["eval.run.canceled", "eval.run.cancelled"] {
        for object in ["", "evalrun_1"] {
            let found = world.list(filter(spelling, object)).await;
            assert_eq!(found, [made[2], made[1], made[0]], "{spelling} {object}");
        }
    }
    // Each is shown with the spelling that it came with.
    assert_eq!(world.event(made[1]).await.event.event_type, "eval.run.cancelled");
    // No other type has two spellings.
    let batch = world.call(source, "batch").event_type("batch.cancelled").append().await;
    assert_eq!(world.list(filter("batch.cancelled", "")).await, [batch.event_id]);
    assert_eq!(world.list(filter("batch.canceled", "")).await, []);
}

pub(crate) async fn a_detail_has_deliveries_and_attempts_in_order(world: World) {
    let source = world.source().await;
    let endpoints =
        [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let other = world.call(source, "other").append().await;
    let event_id = world.call(source, "wh_1").append().await.event_id;

    // The last endpoint's attempts come first, and of two attempts the older one is reported last.
    let doubles = [world.store.claim(endpoints[2], at(0), at(1), 100).await.unwrap().pop().unwrap(), {
        world.store.reclaim(at(1)).await.unwrap();
        world.claim(endpoints[2], at(1)).await.pop().unwrap()
    }];
    assert_eq!(doubles[0].event_id, event_id);
    let older = world.finishing(&doubles[0], super::DEAD, at(2));
    let newer = world.finishing(&doubles[1], NextStep::RetryAt(at(9)), at(3));
    for finish in [&newer, &older] {
        world.store.finish(finish.clone()).await.unwrap();
    }
    let first = world.claim(endpoints[0], at(4)).await.pop().unwrap();
    world.finish(&first, NextStep::Delivered, at(4)).await;

    let detail = world.event(event_id).await;
    let order: Vec<_> = detail.deliveries.iter().map(|d| d.delivery.endpoint_id).collect();
    assert_eq!(order, endpoints);
    let counts: Vec<_> = detail.deliveries.iter().map(|d| d.attempts.len()).collect();
    assert_eq!(counts, [1, 0, 2]);
    assert_eq!(detail.deliveries[2].attempts, [older.attempt, newer.attempt]);
    // Nothing of it shows with its neighbour.
    let neighbour = world.event(other.event_id).await;
    assert!(neighbour.deliveries.iter().all(|d| d.attempts.is_empty()));
}

pub(crate) async fn the_types_that_were_seen_are_known(world: World) {
    let source = world.source().await;
    world.call(source, "wh_1").event_type("acme.order.shipped").append().await;
    world.call(source, "wh_2").event_type("eval.run.canceled").append().await;
    for (event_type, seen) in [
        ("acme.order.shipped", true),
        ("eval.run.canceled", true),
        ("eval.run.cancelled", true),
        ("acme.order", false),
        ("acme.order.shipped2", false),
        ("", false),
    ] {
        let found = world.store.has_seen_type(world.project, event_type).await.unwrap();
        assert_eq!(found, seen, "{event_type}");
    }
}

pub(crate) async fn unknown_events_are_not_found(world: World) {
    world.source().await;
    let id = world.id();
    let noun = "webhook event";
    for result in [
        world.store.event(world.project, id).await.map(drop),
        world.store.payload(world.project, id).await.map(drop),
    ] {
        assert_err!(result, StoreError::NotFound { noun: n } if n == noun);
    }
}

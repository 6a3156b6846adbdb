//! What ages fast goes first, and what has grown too old is ended without an attempt.

use std::time::Duration;

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryRules, DeliveryState, EndReason, EndpointId};
use ringback_store::{DueEndpoint, EndpointChange, StoreError};

use super::{World, assert_err, at, unattempted};

/// An endpoint whose deliveries may be so many seconds old, whatever their type.
async fn endpoint_with_max_age(world: &World, secs: u32) -> EndpointId {
    world.endpoint_with(DeliveryRules { max_age_secs: Some(secs), ..DeliveryRules::default() }).await
}

pub(crate) async fn what_is_too_old_is_not_claimed(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.publication("ages").at(at(5)).ageing(60).append().await.event_id;
    world.publication("lasts").at(at(5)).append().await;
    assert_eq!(world.delivery(event).await.expires_at, Some(at(65)));
    let claimed = world.store.claim(endpoint, at(64), at(90), 1).await.unwrap().remove(0);
    assert_eq!((claimed.event_id, claimed.expires_at), (event, Some(at(65))));
    world.store.release(vec![unattempted(&claimed)]).await.unwrap();
    assert_eq!(world.claim_names(endpoint, at(65)).await, ["lasts"]);
    let left = world.delivery(event).await;
    assert_eq!((left.state, left.in_flight), (DeliveryState::Pending, false), "a claim ends nothing");
    // The same where the endpoint is the one that sets the age.
    let endpoint = endpoint_with_max_age(&world, 10).await;
    world.publication("of little patience").to(&[endpoint]).append().await;
    assert!(world.claim(endpoint, at(10)).await.is_empty());
    assert_eq!(world.claim_names(endpoint, at(9)).await, ["of little patience"]);
}

pub(crate) async fn what_is_too_old_is_ended_in_bounded_steps(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let mut events = Vec::new();
    for age in [10, 10, 10, 20] {
        events.push(world.publication(&events.len().to_string()).ageing(age).append().await.event_id);
    }
    world.publication("lasts").append().await;
    let hold = EndpointChange { disabled: Some(Some("gone".into())), ..Default::default() };
    world.store.update_endpoint(world.project, endpoint, hold, at(1)).await.unwrap();

    assert_eq!(world.store.expire(at(9), 100).await.unwrap(), 0);
    for (now, limit, ended) in [(10, 2, 2), (10, 2, 1), (11, 2, 0), (1_000_000, 100, 1), (1_000_000, 100, 0)]
    {
        assert_eq!(world.store.expire(at(now), limit).await.unwrap(), ended, "at {now}");
    }
    for event in &events[..3] {
        let ended = world.delivery(*event).await;
        assert_eq!((ended.state, ended.end_reason), (DeliveryState::Dead, Some(EndReason::Expired)));
        assert_eq!((ended.finished_at, ended.due_at, ended.attempt_count), (Some(at(10)), None, 0));
    }
    assert_eq!(world.claim_names(endpoint, at(1_000_000)).await, ["lasts"]);
}

pub(crate) async fn an_attempt_that_is_under_way_may_still_arrive(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let mut events = Vec::new();
    for name in ["arrives", "fails", "given back"] {
        events.push(world.publication(name).ageing(10).append().await.event_id);
    }
    let claimed = world.claim(endpoint, at(9)).await;
    assert_eq!(world.store.expire(at(20), 100).await.unwrap(), 0);
    world.finish(&claimed[0], NextStep::Delivered, at(20)).await;
    world.finish(&claimed[1], NextStep::Dead(EndReason::Expired), at(20)).await;
    world.store.release(vec![unattempted(&claimed[2])]).await.unwrap();
    assert_eq!(world.store.expire(at(21), 100).await.unwrap(), 1);
    let mut ends = Vec::new();
    for event in events {
        let ended = world.delivery(event).await;
        ends.push((ended.state, ended.end_reason, ended.finished_at, ended.attempt_count));
    }
    let dead = |now, attempts| (DeliveryState::Dead, Some(EndReason::Expired), Some(at(now)), attempts);
    assert_eq!(ends, [(DeliveryState::Delivered, None, Some(at(20)), 1), dead(20, 1), dead(21, 0)]);
}

pub(crate) async fn a_retry_that_ages_expires_as_well(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.publication("ages").ageing(60).append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    world.finish(&claimed, NextStep::RetryAt(at(30)), at(1)).await;
    assert_eq!(world.store.expire(at(60), 100).await.unwrap(), 1);
    let ended = world.delivery(event).await;
    assert_eq!((ended.end_reason, ended.attempt_count), (Some(EndReason::Expired), 1));
}

pub(crate) async fn what_does_not_age_does_not_expire(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let event = world.publication("lasts").append().await.event_id;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let finish = world.finishing(&claimed, NextStep::Dead(EndReason::Expired), at(1));
    assert_err!(world.store.finish(finish).await, StoreError::Refused(_));
    assert_eq!(world.delivery(event).await.state, DeliveryState::Pending);
}

pub(crate) async fn what_ages_goes_before_what_is_due_earlier(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    for (name, secs) in [("lasts_1", 0), ("lasts_2", 10)] {
        world.publication(name).at(at(secs)).append().await;
    }
    for (name, secs) in [("ages_2", 30), ("ages_1", 20), ("ages_later", 99)] {
        world.publication(name).at(at(secs)).ageing(1000).append().await;
    }
    let mut order = Vec::new();
    for limit in [1, 2, 100] {
        let claimed = world.store.claim(endpoint, at(50), at(90), limit).await.unwrap();
        order.push(claimed.into_iter().map(|claimed| claimed.webhook_id).collect::<Vec<_>>());
    }
    assert_eq!(order, [vec!["ages_1"], vec!["ages_2", "lasts_1"], vec!["lasts_2"]]);
    let due = [DueEndpoint { endpoint_id: endpoint, due_at: at(99) }];
    assert_eq!(world.store.due_endpoints().await.unwrap(), due);
}

pub(crate) async fn an_endpoint_is_due_by_the_earliest_of_either_kind(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    for (name, secs, age, earliest) in
        [("ages", 50, Some(1000), 50), ("lasts", 40, None, 40), ("ages_2", 30, Some(1000), 30)]
    {
        let call = world.publication(name).at(at(secs));
        let call = if let Some(age) = age { call.ageing(age) } else { call };
        call.append().await;
        let due = [DueEndpoint { endpoint_id: endpoint, due_at: at(earliest) }];
        assert_eq!(world.store.due_endpoints().await.unwrap(), due, "after {name}");
    }
}

pub(crate) async fn an_endpoints_own_age_goes_before_its_types(world: World) {
    let [shorter, longer] =
        [endpoint_with_max_age(&world, 5).await, endpoint_with_max_age(&world, 500).await];
    let usual = world.endpoint(&["*"]).await;
    for (name, age, expected) in
        [("ages", Some(60), [Some(5), Some(500), Some(60)]), ("lasts", None, [Some(5), Some(500), None])]
    {
        let call = world.publication(name).at(at(7));
        let call = if let Some(age) = age { call.ageing(age) } else { call };
        // As planned, and as routed anew.
        let mut arrival = call.arrival();
        if name == "lasts" {
            world.endpoint(&["response.completed"]).await;
            arrival.event.webhook_id.push_str("_anew");
        }
        let event = world.store.append(arrival).await.unwrap().event_id;
        let made = world.event(event).await.deliveries;
        let ages: Vec<_> = [shorter, longer, usual]
            .iter()
            .map(|id| made.iter().find(|made| made.delivery.endpoint_id == *id).expect("one for each"))
            .map(|made| made.delivery.expires_at)
            .collect();
        assert_eq!(
            ages,
            expected.map(|secs| secs.map(|secs| at(7).plus(Duration::from_secs(secs)))),
            "{name}"
        );
    }
    // Urgent is what has an ageing type, not what goes to an endpoint of little patience.
    assert_eq!(world.claim_names(shorter, at(8)).await, ["ages", "lasts_anew"]);
}

pub(crate) async fn age_and_urgency_outlive_a_restart(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    world.publication("lasts").append().await;
    world.publication("ages").ageing(60).append().await;
    let world = world.restart().await;
    assert_eq!(world.claim_names(endpoint, at(59)).await, ["ages", "lasts"]);
    let world = world.restart().await;
    assert_eq!(world.store.expire(at(60), 100).await.unwrap(), 1);
}

//! Due work is found and claimed: what is due, in order, and no more than asked for.

use std::collections::HashSet;
use std::sync::Arc;

use ringback_domain::retry::NextStep;
use ringback_domain::{EndReason, Trigger};
use ringback_store::{Backlog, DueEndpoint};

use super::{World, at, concurrently};

pub(crate) async fn only_what_is_due_is_claimed(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    world.call(source, "wh_1").at(at(10)).append().await;
    assert!(world.claim(endpoint, at(9)).await.is_empty());
    let claimed = world.claim_one(endpoint, at(10)).await;

    world.finish(&claimed, NextStep::RetryAt(at(15)), at(11)).await;
    assert!(world.claim(endpoint, at(14)).await.is_empty());
    let again = world.claim_one(endpoint, at(15)).await;

    world.finish(&again, NextStep::Delivered, at(16)).await;
    assert!(world.claim(endpoint, at(1000)).await.is_empty());
}

pub(crate) async fn the_earliest_come_first_and_no_more_than_asked_for(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    for secs in [30, 10, 50, 20, 40] {
        world.call(source, &secs.to_string()).at(at(secs)).append().await;
    }
    let mut order = Vec::new();
    for expected in [2, 2, 1, 0] {
        let claimed = world.store.claim(endpoint, at(60), at(120), 2).await.unwrap();
        assert_eq!(claimed.len(), expected);
        order.extend(claimed.into_iter().map(|c| c.webhook_id));
    }
    assert_eq!(order, ["10", "20", "30", "40", "50"]);
    // Of those due at one moment, the older ones come first.
    for name in ["a", "b", "c"] {
        world.call(source, name).at(at(60)).append().await;
    }
    let names: Vec<_> = world.claim(endpoint, at(60)).await.into_iter().map(|c| c.webhook_id).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

pub(crate) async fn a_claim_is_for_one_endpoint(world: World) {
    let source = world.source().await;
    let endpoints = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    world.call(source, "wh_1").append().await;
    let first = world.claim_one(endpoints[0], at(0)).await;
    assert_eq!(first.endpoint_id, endpoints[0]);
    let second = world.claim_one(endpoints[1], at(0)).await;
    assert_eq!(second.endpoint_id, endpoints[1]);
    assert_ne!(first.delivery_id, second.delivery_id);
    assert!(world.claim(world.id(), at(0)).await.is_empty());
}

pub(crate) async fn a_claim_brings_all_that_an_attempt_needs(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let appended = world.call(source, "wh_1").body("{\"n\":1}").append().await;
    let made = &world.event(appended.event_id).await.deliveries[0].delivery;

    let first = world.store.claim(endpoint, at(0), at(42), 1).await.unwrap().remove(0);
    assert_eq!(first.delivery_id, made.id);
    assert_eq!(first.event_id, appended.event_id);
    assert_eq!(first.trigger, Trigger::Event);
    assert_eq!((first.webhook_id.as_str(), &first.payload[..]), ("wh_1", &b"{\"n\":1}"[..]));
    assert_eq!((first.attempt_count, first.first_attempt_at), (0, None));
    assert_eq!(first.lease.expires_at, at(42));

    let mut finish = world.finishing(&first, NextStep::RetryAt(at(5)), at(3));
    finish.attempt.report.started_at = at(2);
    world.store.finish(finish).await.unwrap();
    let second = world.claim_one(endpoint, at(5)).await;
    assert_eq!((second.delivery_id, second.webhook_id.as_str()), (made.id, "wh_1"));
    assert_eq!((second.attempt_count, second.first_attempt_at), (1, Some(at(2))));
}

pub(crate) async fn simultaneous_claims_share_nothing(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    for n in 0..20 {
        world.call(source, &n.to_string()).append().await;
    }
    let claims = (0..10).map(|_| {
        let store = Arc::clone(&world.store);
        async move { store.claim(endpoint, at(0), at(60), 3).await.unwrap() }
    });
    let claimed: Vec<_> = concurrently(claims).await.into_iter().flatten().map(|c| c.delivery_id).collect();
    assert_eq!(claimed.len(), 20);
    assert_eq!(claimed.iter().collect::<HashSet<_>>().len(), 20);
}

pub(crate) async fn due_endpoints_are_listed_once_with_their_earliest(world: World) {
    let source = world.source().await;
    let [busy, later, done, leased, idle] = [
        world.endpoint(&["*"]).await,
        world.endpoint(&["*"]).await,
        world.endpoint(&["*"]).await,
        world.endpoint(&["*"]).await,
        world.endpoint(&["*"]).await,
    ];
    for secs in [30, 10, 20] {
        world.call(source, &format!("busy{secs}")).to(&[busy]).at(at(secs)).append().await;
    }
    world.call(source, "later").to(&[later]).append().await;
    let claimed = world.claim_one(later, at(0)).await;
    world.finish(&claimed, NextStep::RetryAt(at(7200)), at(1)).await;
    world.call(source, "done").to(&[done]).append().await;
    let claimed = world.claim_one(done, at(0)).await;
    world.finish(&claimed, NextStep::Delivered, at(1)).await;
    world.call(source, "leased").to(&[leased]).append().await;
    world.claim_one(leased, at(0)).await;

    let mut due = world.store.due_endpoints().await.unwrap();
    due.sort_by_key(|d| d.endpoint_id);
    let expected = [
        DueEndpoint { endpoint_id: busy, due_at: at(10) },
        DueEndpoint { endpoint_id: later, due_at: at(7200) },
    ];
    assert_eq!(due, expected, "of {:?}", [busy, later, done, leased, idle]);
}

pub(crate) async fn the_backlog_counts_what_waits_and_what_is_under_way(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let backlog = || world.store.backlog(world.project);
    assert_eq!(backlog().await.unwrap(), Backlog::default());
    for n in 0..5 {
        world.call(source, &n.to_string()).append().await;
    }
    assert_eq!(backlog().await.unwrap(), Backlog { pending: 5, in_flight: 0, dead: 0 });
    let claimed = world.store.claim(endpoint, at(0), at(60), 3).await.unwrap();
    assert_eq!(backlog().await.unwrap(), Backlog { pending: 2, in_flight: 3, dead: 0 });
    world.finish(&claimed[0], NextStep::Delivered, at(1)).await;
    world.finish(&claimed[1], NextStep::RetryAt(at(99)), at(1)).await;
    assert_eq!(backlog().await.unwrap(), Backlog { pending: 3, in_flight: 1, dead: 0 });
    world.finish(&claimed[2], NextStep::Dead(EndReason::ScheduleExhausted), at(1)).await;
    assert_eq!(backlog().await.unwrap(), Backlog { pending: 3, in_flight: 0, dead: 1 });
    world.store.delete_endpoint(world.project, endpoint, at(2)).await.unwrap();
    assert_eq!(backlog().await.unwrap(), Backlog { pending: 0, in_flight: 0, dead: 1 }, "what is dead stays");
}

//! The order of an object's deliveries to one endpoint: a successor waits, and each way in which it is let
//! go.

use std::time::Duration;

use ringback_domain::retry::NextStep;
use ringback_domain::{
    DeliveryState, EndReason, EndpointId, EventId, Ordering, ReplayQuery, Timestamp, Trigger,
};
use ringback_store::{Backlog, EndpointChange, Finished, Redelivery, RulesChange};

use super::{DEAD, World, at};

/// How long the endpoints of these cases let a delivery wait, in seconds.
const WAIT: u32 = 100;

/// An ordered endpoint, and events of one object by these names, of which only the first may go.
async fn queue<const N: usize>(world: &World, names: [&str; N]) -> (EndpointId, [EventId; N]) {
    let endpoint = world.ordered_endpoint(WAIT).await;
    let mut events = Vec::new();
    for name in names {
        let call = world.publication(&format!("{name}_{endpoint}")).object("batch_1").to(&[endpoint]);
        events.push(call.append().await.event_id);
    }
    (endpoint, events.try_into().expect("one for each name"))
}

/// When an event's delivery is due; `None` while it waits, and when it has ended.
async fn due_at(world: &World, event: EventId) -> Option<Timestamp> {
    world.delivery(event).await.due_at
}

pub(crate) async fn a_successor_waits_and_nobody_claims_it(world: World) {
    let (endpoint, [first, second, third]) = queue(&world, ["a", "b", "c"]).await;
    assert_eq!(due_at(&world, first).await, Some(at(0)));
    for waiting in [second, third] {
        let delivery = world.delivery(waiting).await;
        assert_eq!((delivery.state, delivery.due_at), (DeliveryState::Pending, None));
    }
    let backlog = || world.store.backlog(world.project);
    assert_eq!(backlog().await.unwrap(), Backlog { pending: 3, in_flight: 0, dead: 0 });
    let claimed = world.claim_one(endpoint, at(1_000_000)).await;
    assert_eq!(claimed.event_id, first);
    assert_eq!(world.store.due_endpoints().await.unwrap(), []);
    assert_eq!(backlog().await.unwrap(), Backlog { pending: 2, in_flight: 1, dead: 0 });
    // Nor does a restart, or a lease that ran out, let anybody past.
    let world = world.restart().await;
    assert_eq!(world.claim_one(endpoint, at(1_000_000)).await.event_id, first);
    assert_eq!(world.store.reclaim(at(2_000_000)).await.unwrap(), 1);
    assert_eq!(world.claim_one(endpoint, at(2_000_000)).await.event_id, first);
}

pub(crate) async fn an_append_says_due_only_for_what_is(world: World) {
    let endpoint = world.ordered_endpoint(WAIT).await;
    let append = |name| world.publication(name).object("batch_1").append();
    assert_eq!(append("first").await.due, [endpoint]);
    assert_eq!(append("waits").await.due, []);
}

pub(crate) async fn a_finished_one_lets_the_next_go(world: World) {
    let nothing_left = NextStep::Dead(EndReason::Aborted);
    for end in [NextStep::Delivered, DEAD, nothing_left] {
        let (endpoint, [_, second, third]) = queue(&world, ["a", "b", "c"]).await;
        let claimed = world.claim_one(endpoint, at(5)).await;
        let finished = world.store.finish(world.finishing(&claimed, end, at(7))).await.unwrap();
        let expected = Finished { next_in_order_at: Some(at(7)), disabled: false };
        assert_eq!(finished, expected, "{end:?}");
        assert_eq!((due_at(&world, second).await, due_at(&world, third).await), (Some(at(7)), None));
        let claimed = world.claim_one(endpoint, at(7)).await;
        assert_eq!(claimed.event_id, second, "{end:?}");
        world.finish(&claimed, NextStep::Delivered, at(8)).await;
        let last = world.claim_one(endpoint, at(8)).await;
        assert_eq!(last.event_id, third, "{end:?}");
        let finished = world.store.finish(world.finishing(&last, end, at(9))).await.unwrap();
        assert_eq!(finished, Finished::default(), "nobody waits any more");
    }
}

pub(crate) async fn a_cancelled_one_lets_the_next_go(world: World) {
    for is_leased in [false, true] {
        let (endpoint, [first, second, third]) = queue(&world, ["a", "b", "c"]).await;
        if is_leased {
            world.claim_one(endpoint, at(5)).await;
        }
        let id = world.delivery(first).await.id;
        world.store.cancel_delivery(world.project, id, at(6)).await.unwrap();
        assert_eq!((due_at(&world, second).await, due_at(&world, third).await), (Some(at(6)), None));
        assert_eq!(world.claim_one(endpoint, at(6)).await.event_id, second, "leased: {is_leased}");
    }
}

pub(crate) async fn an_expired_one_lets_the_next_go(world: World) {
    let endpoint = world.ordered_endpoint(WAIT).await;
    let mut events = Vec::new();
    for (name, age) in [("a", 10), ("b", 10), ("c", 10), ("d", 1000)] {
        let call = world.publication(name).object("call_1").ageing(age);
        events.push(call.append().await.event_id);
    }
    // Those that wait grow old as well. One by one, each lets go of whoever is next then.
    assert_eq!(world.store.expire(at(10), 1).await.unwrap(), 1);
    assert_eq!(world.store.expire(at(10), 100).await.unwrap(), 2);
    for expired in &events[..3] {
        assert_eq!(world.delivery(*expired).await.end_reason, Some(EndReason::Expired));
    }
    assert_eq!(due_at(&world, events[3]).await, Some(at(10)));
    assert_eq!(world.claim_one(endpoint, at(11)).await.event_id, events[3]);
}

pub(crate) async fn a_failed_one_is_waited_for_so_long_after_its_first_attempt(world: World) {
    let (endpoint, [first, second, third]) = queue(&world, ["a", "b", "c"]).await;
    // Time before the first attempt costs no order, and the wait counts from its beginning.
    let claimed = world.claim_one(endpoint, at(5000)).await;
    let mut finish = world.finishing(&claimed, NextStep::RetryAt(at(5050)), at(5010));
    finish.attempt.report.started_at = at(5001);
    let finished = world.store.finish(finish).await.unwrap();
    assert_eq!(finished.next_in_order_at, Some(at(5101)));
    let again = world.claim_one(endpoint, at(5100)).await;
    assert_eq!(again.attempt_count, 1, "the next one still waits");
    let finished = world.store.finish(world.finishing(&again, NextStep::RetryAt(at(9000)), at(5100))).await;
    assert_eq!(finished.unwrap(), Finished::default(), "a second failure begins no second wait");

    // Past the one that fails goes one, and the third waits for that one in its turn.
    assert_eq!((due_at(&world, second).await, due_at(&world, third).await), (Some(at(5101)), None));
    let past = world.claim_one(endpoint, at(5101)).await;
    assert_eq!(past.event_id, second);
    world.finish(&past, NextStep::RetryAt(at(9001)), at(5110)).await;
    assert_eq!(due_at(&world, third).await, Some(at(5210)));

    // When the first one arrives after all, that changes nothing for the others.
    let claimed = world.claim(endpoint, at(9000)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.event_id).collect::<Vec<_>>(), [third, first]);
    let finish = world.finishing(&claimed[1], NextStep::Delivered, at(9000));
    assert_eq!(world.store.finish(finish).await.unwrap(), Finished::default());
    assert_eq!((due_at(&world, second).await, due_at(&world, third).await), (Some(at(9001)), Some(at(5210))));
}

pub(crate) async fn an_end_ends_the_wait_at_once(world: World) {
    let (endpoint, [first, second]) = queue(&world, ["a", "b"]).await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    world.finish(&claimed, NextStep::RetryAt(at(30)), at(1)).await;
    assert_eq!(due_at(&world, second).await, Some(at(101)));
    let claimed = world.claim_one(endpoint, at(30)).await;
    assert_eq!(claimed.event_id, first);
    world.finish(&claimed, NextStep::Delivered, at(31)).await;
    assert_eq!(due_at(&world, second).await, Some(at(31)));
}

pub(crate) async fn what_comes_later_waits_by_the_last_one_that_is_pending(world: World) {
    let (endpoint, [first]) = queue(&world, ["a"]).await;
    let claimed = world.claim_one(endpoint, at(10)).await;
    world.finish(&claimed, NextStep::RetryAt(at(5000)), at(10)).await;
    let append = async |name: &str, secs| {
        let call = world.publication(name).object("batch_1").at(at(secs));
        call.append().await.event_id
    };
    // After one that has failed: when its wait is over. After one that has not been tried: when that one says
    // so.
    let second = append("b", 50).await;
    let third = append("c", 51).await;
    assert_eq!((due_at(&world, second).await, due_at(&world, third).await), (Some(at(110)), None));
    let delivered = world.claim_one(endpoint, at(110)).await;
    world.finish(&delivered, NextStep::Delivered, at(111)).await;
    assert_eq!(due_at(&world, third).await, Some(at(111)), "the first one's wait is over");
    let delivered = world.claim_one(endpoint, at(111)).await;
    world.finish(&delivered, NextStep::Delivered, at(112)).await;
    // The first one alone is pending, and was waited for long enough.
    let fourth = append("d", 300).await;
    assert_eq!(due_at(&world, fourth).await, Some(at(300)));
    assert_eq!(world.delivery(first).await.state, DeliveryState::Pending);
}

pub(crate) async fn a_cancelled_one_lets_nobody_past_those_before_it(world: World) {
    let (endpoint, [first, second, third, fourth]) = queue(&world, ["a", "b", "c", "d"]).await;
    let cancel = async |event| {
        let id = world.delivery(event).await.id;
        world.store.cancel_delivery(world.project, id, at(1)).await.unwrap();
    };
    cancel(second).await;
    assert_eq!((due_at(&world, third).await, due_at(&world, fourth).await), (None, None));
    // The one before it has failed by then: what is left of its wait is the third one's.
    let claimed = world.claim_one(endpoint, at(20)).await;
    assert_eq!(claimed.event_id, first);
    world.finish(&claimed, NextStep::RetryAt(at(5000)), at(20)).await;
    assert_eq!((due_at(&world, third).await, due_at(&world, fourth).await), (Some(at(120)), None));
    cancel(third).await;
    assert_eq!(due_at(&world, fourth).await, Some(at(120)));
}

pub(crate) async fn only_an_object_and_an_endpoint_of_its_own_make_an_order(world: World) {
    let (endpoint, [first, _]) = queue(&world, ["a", "b"]).await;
    let other = world.ordered_endpoint(WAIT).await;
    let both = [endpoint, other];
    world.publication("other_object").object("batch_2").to(&[endpoint]).append().await;
    world.publication("no_object").to(&both).append().await;
    world.publication("no_object_2").to(&both).append().await;
    world.publication("test").object("batch_1").test_of(endpoint).append().await;
    world.publication("other_endpoint").object("batch_1").to(&[other]).append().await;
    let redelivery = Redelivery { id: world.id(), event_id: first, endpoint_id: endpoint };
    world.store.redeliver(world.project, vec![redelivery], at(0)).await.unwrap();
    let query = ReplayQuery { object_id: Some("batch_1".into()), ..Default::default() };
    let query = ReplayQuery { endpoint_id: Some(endpoint), ..query };
    let replay = world.store.create_replay(world.new_replay(query)).await.unwrap().id;
    // Of both that wait in the order, and of the one that went to the other endpoint alone.
    assert_eq!(world.store.advance_replay(replay, 100, at(0)).await.unwrap().created, 3);

    let due = world.claim(endpoint, at(0)).await;
    let of_order = due.iter().filter(|claimed| claimed.trigger == Trigger::Event);
    let mut names: Vec<_> = of_order.map(|claimed| claimed.webhook_id.clone()).collect();
    names.sort();
    assert_eq!(names, [&format!("a_{endpoint}"), "no_object", "no_object_2", "other_object"]);
    assert_eq!(due.len(), 4 + 5, "beside a test, a redelivery and three of the replay");
    assert_eq!(world.claim(other, at(0)).await.len(), 3);
}

pub(crate) async fn an_order_begins_and_ends_with_what_comes_next(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let append = async |name: &str| world.publication(name).object("batch_1").append().await.event_id;
    let set = async |rules| {
        let change = EndpointChange { rules, ..Default::default() };
        world.store.update_endpoint(world.project, endpoint, change, at(1)).await.unwrap();
    };
    append("before").await;
    set(RulesChange { ordering: Some(Ordering::Object), ..Default::default() }).await;
    append("first").await;
    let waits = append("waits").await;
    set(RulesChange { ordering: Some(Ordering::None), ..Default::default() }).await;
    append("after").await;
    assert_eq!(world.claim_names(endpoint, at(0)).await, ["before", "first", "after"]);
    assert_eq!(due_at(&world, waits).await, None, "what waits goes on waiting");

    // A shorter wait counts for those that begin to wait from now on.
    set(RulesChange { ordering_wait_secs: Some(7), ..Default::default() }).await;
    let world = world.restart().await;
    let claimed = world.claim(endpoint, at(0)).await;
    let first = claimed.iter().find(|claimed| claimed.webhook_id == "first").unwrap();
    world.finish(first, NextStep::RetryAt(at(5000)), at(10)).await;
    assert_eq!(due_at(&world, waits).await, Some(at(17)));
}

pub(crate) async fn what_ages_waits_for_its_turn_all_the_same(world: World) {
    let endpoint = world.ordered_endpoint(WAIT).await;
    world.publication("lasts").object("call_1").append().await;
    world.publication("ages").object("call_1").ageing(60).append().await;
    world.publication("ages too").object("call_2").ageing(60).append().await;
    assert_eq!(world.claim_names(endpoint, at(1)).await, ["ages too", "lasts"]);
}

pub(crate) async fn a_plan_made_anew_keeps_the_order(world: World) {
    let (endpoint, [_]) = queue(&world, ["a"]).await;
    let arrival = world.publication("b").object("batch_1").to(&[]).arrival();
    world.endpoint(&["response.completed"]).await;
    let appended = world.store.append(arrival).await.unwrap();
    let detail = world.event(appended.event_id).await;
    let made = &detail.deliveries[0].delivery;
    assert_eq!((made.endpoint_id, made.due_at, &appended.due), (endpoint, None, &vec![]));
}

pub(crate) async fn a_batch_is_in_order_too(world: World) {
    let endpoint = world.ordered_endpoint(WAIT).await;
    let arrivals = ["a", "b", "c"].map(|name| world.publication(name).object("batch_1").arrival());
    world.store.append_all(arrivals.into()).await.unwrap();
    for name in ["a", "b", "c"] {
        let claimed = world.claim_one(endpoint, at(0)).await;
        assert_eq!(claimed.webhook_id, name);
        world.finish(&claimed, NextStep::Delivered, at(0)).await;
    }
}

pub(crate) async fn a_deleted_endpoint_takes_those_that_wait_along(world: World) {
    let (endpoint, events) = queue(&world, ["a", "b", "c"]).await;
    world.store.delete_endpoint(world.project, endpoint, at(3)).await.unwrap();
    for event in events {
        let ended = world.delivery(event).await;
        assert_eq!(
            (ended.state, ended.end_reason),
            (DeliveryState::Cancelled, Some(EndReason::EndpointDeleted))
        );
    }
    assert_eq!(world.store.backlog(world.project).await.unwrap(), Backlog::default());
}

pub(crate) async fn a_late_failure_lets_nobody_go_and_a_late_success_does(world: World) {
    let (endpoint, [_, second]) = queue(&world, ["a", "b"]).await;
    let late = world.store.claim(endpoint, at(0), at(10), 1).await.unwrap().remove(0);
    world.store.reclaim(at(10)).await.unwrap();
    for step in [NextStep::RetryAt(at(500)), DEAD] {
        let finished = world.store.finish(world.finishing(&late, step, at(11))).await.unwrap();
        assert_eq!((finished, due_at(&world, second).await), (Finished::default(), None), "{step:?}");
    }
    let present = world.claim_one(endpoint, at(12)).await;
    let finish = world.finishing(&late, NextStep::Delivered, at(13));
    assert_eq!(world.store.finish(finish).await.unwrap().next_in_order_at, Some(at(13)));
    // Who held the lease meanwhile lets nobody go a second time.
    let next = world.claim_one(endpoint, at(13)).await;
    assert_eq!(next.event_id, second);
    let finished = world.store.finish(world.finishing(&present, DEAD, at(14))).await.unwrap();
    assert_eq!(finished, Finished::default());
}

pub(crate) async fn whoever_is_under_way_or_has_a_schedule_of_its_own_is_let_be(world: World) {
    let (endpoint, [_, second, third]) = queue(&world, ["a", "b", "c"]).await;
    let first = world.claim_one(endpoint, at(0)).await;
    world.finish(&first, NextStep::RetryAt(at(200)), at(0)).await;
    // The second one is under way when the first one ends: its lease stays, and the third goes on waiting for
    // it.
    let leased = world.store.claim(endpoint, at(150), at(400), 1).await.unwrap().remove(0);
    assert_eq!(leased.event_id, second);
    let first = world.claim_one(endpoint, at(200)).await;
    world.finish(&first, NextStep::Delivered, at(201)).await;
    let delivery = world.delivery(second).await;
    assert_eq!((delivery.in_flight, delivery.due_at), (true, Some(at(100))));
    assert_eq!(due_at(&world, third).await, None);
    // It fails, so that it is due by its schedule; whatever ends behind it does not change that.
    world.finish(&leased, NextStep::RetryAt(at(900)), at(202)).await;
    let id = world.delivery(third).await.id;
    world.store.cancel_delivery(world.project, id, at(203)).await.unwrap();
    assert_eq!(due_at(&world, second).await, Some(at(900)));
    let wait = Duration::from_secs(WAIT.into());
    let late = world.publication("d").object("batch_1").at(at(250)).append().await.event_id;
    assert_eq!(due_at(&world, late).await, Some(at(202).plus(wait)), "by the second one's first attempt");
}

/// What waits is found by nobody once nothing is due: so it goes first.
pub(crate) async fn a_long_queue_of_a_deleted_endpoint_is_cancelled_to_its_end(world: World) {
    const QUEUED: usize = 1500;
    let endpoint = world.ordered_endpoint(WAIT).await;
    for n in 0..QUEUED {
        world.publication(&format!("q{n}")).to(&[endpoint]).object("a").append().await;
    }
    world.store.delete_endpoint(world.project, endpoint, at(1)).await.unwrap();
    let mut rounds = 0;
    while !world.store.due_endpoints().await.unwrap().is_empty() {
        world.store.cancel_orphans(endpoint, at(2), 100).await.unwrap();
        rounds += 1;
        assert!(rounds < 100, "it does not come to an end");
    }
    assert_eq!(world.store.backlog(world.project).await.unwrap().pending, 0);
}

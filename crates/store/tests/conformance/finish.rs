//! The end of an attempt: recorded always, decisive only under a lease that holds, or as a success.

use ringback_domain::retry::NextStep;
use ringback_domain::{
    Attempt, AttemptOutcome, AttemptReport, DeliveryState, EndReason, EndpointId, EventId, EventState,
};
use ringback_store::{DeliveryDetail, StoreError};

use super::prune::prune;
use super::{World, assert_err, at, failed, succeeded};

/// A failure with schedule left.
const RETRY: NextStep = NextStep::RetryAt(at(500));
/// A failure that the endpoint calls final.
const FINAL: NextStep = NextStep::Dead(EndReason::NoRetryStatus);

/// An endpoint, and an event with one delivery to it.
async fn one_delivery(world: &World) -> (EndpointId, EventId) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let appended = world.call(source, &format!("wh_{endpoint}")).to(&[endpoint]).append().await;
    (endpoint, appended.event_id)
}

async fn the_delivery(world: &World, event_id: EventId) -> DeliveryDetail {
    world.event(event_id).await.deliveries.remove(0)
}

pub(crate) async fn each_step_leads_to_its_state(world: World) {
    use DeliveryState::{Dead, Delivered, Pending};
    let cases = [
        (NextStep::Delivered, Delivered, None, None, Some(at(9)), EventState::Delivered),
        (RETRY, Pending, None, Some(at(500)), None, EventState::Pending),
        (super::DEAD, Dead, Some(EndReason::ScheduleExhausted), None, Some(at(9)), EventState::Dead),
        (FINAL, Dead, Some(EndReason::NoRetryStatus), None, Some(at(9)), EventState::Dead),
    ];
    for (next, state, end_reason, due_at, finished_at, event_state) in cases {
        let (endpoint, event_id) = one_delivery(&world).await;
        let claimed = world.claim_one(endpoint, at(0)).await;
        world.finish(&claimed, next, at(9)).await;
        let after = the_delivery(&world, event_id).await.delivery;
        assert_eq!((after.state, after.end_reason), (state, end_reason), "{next:?}");
        assert_eq!((after.due_at, after.finished_at), (due_at, finished_at), "{next:?}");
        assert_eq!((after.attempt_count, after.in_flight), (1, false), "{next:?}");
        assert_eq!(world.event(event_id).await.event.state, event_state, "{next:?}");
    }
}

pub(crate) async fn an_attempt_is_kept_as_reported(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    let answered = |outcome, status| AttemptReport {
        outcome,
        status_code: Some(status),
        response_body: (0..16 * 1024).map(|n: u32| n.to_le_bytes()[0]).collect(),
        duration_ms: u32::MAX,
        ..succeeded(at(1))
    };
    let unanswered = |outcome, error: &str| AttemptReport {
        outcome,
        status_code: None,
        error: Some(error.to_owned()),
        ..failed(at(2))
    };
    let reports = [
        answered(AttemptOutcome::HttpError, 100),
        answered(AttemptOutcome::HttpError, 199),
        answered(AttemptOutcome::HttpError, 300),
        answered(AttemptOutcome::HttpError, 599),
        unanswered(AttemptOutcome::Timeout, "no answer within 10 s"),
        unanswered(AttemptOutcome::Unreachable, "connection refused: é\u{1f4de}"),
        unanswered(AttemptOutcome::Blocked, "10.0.0.1 is not public"),
        answered(AttemptOutcome::Succeeded, 299),
    ];
    let mut made = Vec::new();
    for (number, report) in (1..).zip(reports) {
        let claimed = world.claim_one(endpoint, at(0)).await;
        let delivered = report.outcome == AttemptOutcome::Succeeded;
        let next = if delivered { NextStep::Delivered } else { NextStep::RetryAt(at(0)) };
        let mut finish = world.finishing(&claimed, next, at(3));
        finish.attempt = Attempt { id: world.id(), number, report };
        made.push(finish.attempt.clone());
        world.store.finish(finish).await.unwrap();
    }
    assert_eq!(the_delivery(&world, event_id).await.attempts, made);
}

pub(crate) async fn attempts_are_counted_from_the_first(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    for count in 1..=12_u32 {
        let now = at(i64::from(count) * 100);
        let claimed = world.claim_one(endpoint, now).await;
        assert_eq!(claimed.attempt_count, count - 1);
        assert_eq!(claimed.first_attempt_at, (count > 1).then(|| at(100)), "before attempt {count}");
        let next = if count < 12 { NextStep::RetryAt(now) } else { super::DEAD };
        world.finish(&claimed, next, now).await;
        assert_eq!(the_delivery(&world, event_id).await.delivery.attempt_count, count);
    }
    let end = the_delivery(&world, event_id).await;
    assert_eq!((end.delivery.state, end.attempts.len()), (DeliveryState::Dead, 12));
}

pub(crate) async fn an_attempt_that_is_refused_changes_nothing(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    let good = world.finishing(&claimed, NextStep::Delivered, at(1));
    let reports = [
        ("a success without a status", AttemptReport { status_code: None, ..succeeded(at(1)) }),
        ("a success with 300", AttemptReport { status_code: Some(300), ..succeeded(at(1)) }),
        ("an error with 200", AttemptReport { status_code: Some(200), ..failed(at(1)) }),
        ("a long answer", AttemptReport { response_body: vec![0; 16 * 1024 + 1].into(), ..succeeded(at(1)) }),
    ];
    for (name, report) in reports {
        let mut finish = good.clone();
        finish.attempt.report = report;
        assert_err!(world.store.finish(finish).await, StoreError::Refused(_));
        let after = the_delivery(&world, event_id).await;
        assert_eq!(after.attempts, [], "{name}");
        assert_eq!(
            (after.delivery.state, after.delivery.in_flight),
            (DeliveryState::Pending, true),
            "{name}"
        );
    }
    world.store.finish(good).await.unwrap();
    assert_eq!(the_delivery(&world, event_id).await.delivery.state, DeliveryState::Delivered);
}

pub(crate) async fn an_attempt_gives_no_reason_that_is_not_its_own(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    for reason in [EndReason::EndpointDeleted, EndReason::Requested] {
        let finish = world.finishing(&claimed, NextStep::Dead(reason), at(1));
        assert_err!(world.store.finish(finish).await, StoreError::Refused(_));
        let after = the_delivery(&world, event_id).await;
        assert_eq!((after.delivery.state, after.attempts.len()), (DeliveryState::Pending, 0), "{reason}");
    }
    world.finish(&claimed, FINAL, at(2)).await;
    let world = world.restart().await;
    let after = the_delivery(&world, event_id).await;
    assert_eq!((after.delivery.end_reason, after.attempts.len()), (Some(EndReason::NoRetryStatus), 1));
}

pub(crate) async fn a_late_failure_is_recorded_and_changes_nothing(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    let late = world.store.claim(endpoint, at(0), at(10), 1).await.unwrap().remove(0);
    assert_eq!(world.store.reclaim(at(10)).await.unwrap(), 1);
    let present = world.claim_one(endpoint, at(10)).await;

    for next in [RETRY, super::DEAD, FINAL] {
        world.finish(&late, next, at(11)).await;
        let after = the_delivery(&world, event_id).await.delivery;
        assert_eq!((after.state, after.due_at), (DeliveryState::Pending, Some(at(0))), "{next:?}");
        assert_eq!((after.attempt_count, after.in_flight), (0, true), "{next:?}");
    }
    assert_eq!(the_delivery(&world, event_id).await.attempts.len(), 3);

    world.finish(&present, RETRY, at(12)).await;
    let after = the_delivery(&world, event_id).await;
    assert_eq!((after.delivery.due_at, after.delivery.attempt_count), (Some(at(500)), 1));
    assert_eq!(after.attempts.len(), 4);
}

pub(crate) async fn a_late_success_delivers(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    let late = world.store.claim(endpoint, at(0), at(10), 1).await.unwrap().remove(0);
    world.store.reclaim(at(10)).await.unwrap();
    let present = world.claim_one(endpoint, at(10)).await;

    world.finish(&late, NextStep::Delivered, at(11)).await;
    let after = the_delivery(&world, event_id).await.delivery;
    assert_eq!((after.state, after.finished_at), (DeliveryState::Delivered, Some(at(11))));
    assert_eq!((after.in_flight, after.attempt_count), (false, 1));

    // Whoever held the lease meanwhile reports too, and cannot take the success away.
    world.finish(&present, super::DEAD, at(12)).await;
    let end = the_delivery(&world, event_id).await;
    assert_eq!(end.delivery, after);
    assert_eq!(end.attempts.len(), 2);
}

pub(crate) async fn a_finish_after_the_lease_was_reclaimed_does_not_reschedule(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    let late = world.store.claim(endpoint, at(0), at(10), 1).await.unwrap().remove(0);
    world.store.reclaim(at(10)).await.unwrap();
    world.finish(&late, super::DEAD, at(11)).await;
    let after = the_delivery(&world, event_id).await;
    assert_eq!((after.delivery.state, after.delivery.due_at), (DeliveryState::Pending, Some(at(0))));
    assert_eq!(after.attempts.len(), 1);
    world.claim_one(endpoint, at(11)).await;

    // A lease that has expired but was not reclaimed is still good: nobody else can have begun.
    let (endpoint, event_id) = one_delivery(&world).await;
    let slow = world.store.claim(endpoint, at(0), at(10), 1).await.unwrap().remove(0);
    world.finish(&slow, RETRY, at(20)).await;
    assert_eq!(the_delivery(&world, event_id).await.delivery.due_at, Some(at(500)));
}

pub(crate) async fn a_finish_of_a_former_run_is_a_late_one(mut world: World) {
    for (next, state) in [(RETRY, DeliveryState::Pending), (NextStep::Delivered, DeliveryState::Delivered)] {
        let (endpoint, event_id) = one_delivery(&world).await;
        let claimed = world.claim_one(endpoint, at(0)).await;
        world = world.restart().await;
        world.finish(&claimed, next, at(1)).await;
        let after = the_delivery(&world, event_id).await;
        assert_eq!((after.delivery.state, after.attempts.len()), (state, 1), "{next:?}");
        let due_at = (state == DeliveryState::Pending).then_some(at(0));
        assert_eq!(after.delivery.due_at, due_at, "{next:?}: not rescheduled");
    }
}

pub(crate) async fn a_final_delivery_stays_as_it_ended(world: World) {
    for end in [DeliveryState::Delivered, DeliveryState::Dead, DeliveryState::Cancelled] {
        let (endpoint, event_id) = one_delivery(&world).await;
        let claimed = world.claim_one(endpoint, at(0)).await;
        match end {
            DeliveryState::Delivered => world.finish(&claimed, NextStep::Delivered, at(1)).await,
            DeliveryState::Dead => world.finish(&claimed, super::DEAD, at(1)).await,
            _ => world.store.delete_endpoint(world.project, endpoint, at(1)).await.unwrap(),
        }
        let ended = the_delivery(&world, event_id).await;
        assert_eq!(ended.delivery.state, end);
        for next in [NextStep::Delivered, RETRY, super::DEAD] {
            world.finish(&claimed, next, at(2)).await;
        }
        let after = the_delivery(&world, event_id).await;
        assert_eq!(after.delivery, ended.delivery);
        assert_eq!(after.attempts.len(), ended.attempts.len() + 3, "{end}: each is recorded");
    }
}

pub(crate) async fn a_finish_of_a_pruned_delivery_is_dropped(world: World) {
    let (endpoint, event_id) = one_delivery(&world).await;
    let claimed = world.claim_one(endpoint, at(0)).await;
    world.finish(&claimed, NextStep::Delivered, at(1)).await;
    prune(&world, at(100), at(100), 100).await;
    world.finish(&claimed, NextStep::Delivered, at(2)).await;
    assert_err!(world.store.event(world.project, event_id).await, StoreError::NotFound { .. });
}

//! The 72 hours of retries, with jitter, for receivers of every kind; with pauses, open breakers and restarts
//! in between.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use ringback_domain::retry::{HORIZON, Schedule};
use ringback_domain::{
    Attempt, AttemptOutcome, DeliveryRules, DeliveryState, EndReason, Endpoint, EventId, Timestamp,
};
use ringback_store::{DeliveryDetail, EndpointChange};
use ringback_testkit::{Receiver, Reply, START, World};

use crate::course::run_until;
use crate::only;

const HOUR: u64 = 3600;
/// Beyond the last attempt of anything.
const END: u64 = 73 * HOUR;

fn at(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

/// A receiver, its endpoint and the one event for it.
struct Case {
    receiver: Receiver,
    endpoint: Arc<Endpoint>,
    event: EventId,
}

async fn case(world: &World, name: &str, reply: Reply) -> Case {
    let receiver = Receiver::start().await;
    receiver.always(reply);
    let event_type = format!("case.{name}");
    let endpoint =
        world.endpoint_with_rules(&receiver.url(), &[&event_type], 1, DeliveryRules::default()).await;
    let event = world.dispatch(&format!("wh_{name}"), &event_type).await;
    Case { receiver, endpoint, event }
}

fn header(reply: Reply, name: &'static str, value: &'static str) -> Reply {
    reply.with_header(HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// Asserts that each attempt came after the one before it as the schedule says, within ±20 %, or as
/// `at_least` does if that is later.
fn assert_on_schedule(attempts: &[Attempt], at_least: Duration, what: &str) {
    for (pair, number) in attempts.windows(2).zip(1..) {
        let scheduled = Schedule::DEFAULT.delay_after(number).unwrap();
        let gap = pair[1].report.started_at.since(pair[0].report.started_at);
        let horizon = pair[1].report.started_at == attempts[0].report.started_at.plus(HORIZON);
        let least = (scheduled * 4 / 5).max(at_least);
        let most = (scheduled * 6 / 5).max(at_least);
        assert!(
            (least..=most).contains(&gap) || (horizon && gap <= most),
            "{what}: {gap:?} after attempt {number}, not {least:?} to {most:?}"
        );
        assert_eq!(pair[1].number, number + 1, "{what}");
    }
}

async fn delivery_of(world: &World, case: &Case) -> DeliveryDetail {
    only(&world.detail(case.event).await).clone()
}

/// It had the whole table, and is dead after the last one.
async fn assert_whole_table(world: &World, case: &Case, outcome: AttemptOutcome, at_least: Duration) {
    let what = &case.endpoint.url;
    let DeliveryDetail { delivery, attempts } = delivery_of(world, case).await;
    assert_eq!(
        (delivery.state, delivery.end_reason),
        (DeliveryState::Dead, Some(EndReason::ScheduleExhausted))
    );
    assert!(attempts.iter().all(|attempt| attempt.report.outcome == outcome), "{what}: {attempts:?}");
    assert_on_schedule(&attempts, at_least, what);
    let lasted = attempts.last().unwrap().report.started_at.since(attempts[0].report.started_at);
    assert!(attempts.len() == 12 || lasted == HORIZON, "{} attempts in {lasted:?}", attempts.len());
    assert_eq!(case.receiver.call_count(), attempts.len(), "each was made once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_kind_of_receiver_gets_the_documented_attempts() {
    let world = World::builder().jitter(7).start().await;
    let failing = case(&world, "failing", Reply::status(500)).await;
    let redirecting = case(&world, "redirecting", Reply::redirect(302, "http://127.0.0.1:9/")).await;
    let hanging = case(&world, "hanging", Reply::hang()).await;
    let drip =
        Reply::drip("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-slow: very\r\n", Duration::from_millis(40));
    let dripping = case(&world, "dripping", drip).await;
    let recovering = case(&world, "recovering", Reply::status(503)).await;
    let busy = header(Reply::status(429), "retry-after", "10800");
    let throttling = case(&world, "throttling", busy).await;
    let gone = case(&world, "gone", Reply::status(410)).await;
    let aborting = header(Reply::status(500), "webhook-delivery", "abort-message");
    let aborting = case(&world, "aborting", aborting).await;

    run_until(&world, at(40 * HOUR)).await;
    recovering.receiver.always(Reply::status(200));
    let before_recovery = recovering.receiver.call_count();
    // In the middle of everything.
    let world = world.restart().await;
    run_until(&world, at(END)).await;

    assert_whole_table(&world, &failing, AttemptOutcome::HttpError, Duration::ZERO).await;
    assert_whole_table(&world, &redirecting, AttemptOutcome::HttpError, Duration::ZERO).await;
    let minute = Duration::from_secs(60);
    assert_whole_table(&world, &hanging, AttemptOutcome::Timeout, minute).await;
    assert_whole_table(&world, &dripping, AttemptOutcome::Timeout, minute).await;
    let three_hours = Duration::from_secs(3 * HOUR);
    assert_whole_table(&world, &throttling, AttemptOutcome::HttpError, three_hours).await;

    let recovered = delivery_of(&world, &recovering).await;
    assert_eq!(recovered.delivery.state, DeliveryState::Delivered);
    assert_on_schedule(&recovered.attempts, Duration::ZERO, "recovering");
    assert_eq!(recovered.attempts.len(), before_recovery + 1, "the first one after it had recovered");

    let held = delivery_of(&world, &gone).await;
    assert_eq!((held.delivery.state, held.attempts.len()), (DeliveryState::Pending, 1), "held, not killed");
    let disabled = world.store().config().endpoint(gone.endpoint.id).unwrap().clone();
    assert_eq!(disabled.disabled_at, Some(START));
    assert_eq!(disabled.disabled_reason.as_deref(), Some("it answered 410 Gone"));
    let after = world.dispatch("wh_after", "case.gone").await;
    assert!(world.detail(after).await.deliveries.is_empty(), "nothing more is made for it");

    let aborted = delivery_of(&world, &aborting).await;
    assert_eq!((aborted.delivery.state, aborted.attempts.len()), (DeliveryState::Dead, 1));
    assert_eq!(aborted.delivery.end_reason, Some(EndReason::Aborted));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pauses_open_breakers_and_restarts_only_make_attempts_late() {
    const EVENTS: usize = 15;
    let mut world = World::builder().jitter(11).start().await;
    let paused = case(&world, "paused", Reply::status(500)).await;
    // So many that they open the breaker, again and again.
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    world.endpoint(&receiver.url(), &["many.*"]).await;
    let mut many = Vec::new();
    for n in 0..EVENTS {
        many.push(world.dispatch(&format!("wh_{n}"), "many.failing").await);
    }

    run_until(&world, at(3 * HOUR)).await;
    let made = delivery_of(&world, &paused).await.attempts.len();
    assert_eq!(made, 7, "the eighth is due at about 7 h 42 min");
    let pause = EndpointChange { paused: Some(true), ..EndpointChange::default() };
    world.change_endpoint(paused.endpoint.id, pause).await;
    for hours in [10, 20, 30] {
        run_until(&world, at(hours * HOUR)).await;
        world = world.restart().await;
    }
    assert_eq!(paused.receiver.call_count(), made, "it is held");
    let resume = EndpointChange { paused: Some(false), ..EndpointChange::default() };
    world.change_endpoint(paused.endpoint.id, resume).await;
    world.dispatcher().note_due(paused.endpoint.id);
    run_until(&world, at(100 * HOUR)).await;

    let late = delivery_of(&world, &paused).await;
    assert_eq!(late.delivery.end_reason, Some(EndReason::ScheduleExhausted));
    assert_eq!(late.attempts[made].report.started_at, at(30 * HOUR), "late, as soon as it may");
    assert_on_schedule(&late.attempts[..made], Duration::ZERO, "before the pause");
    let (first, last) = (late.attempts[0].report.started_at, late.attempts.last().unwrap().report.started_at);
    assert!(late.attempts.len() == 12 || last.since(first) == HORIZON, "{} attempts", late.attempts.len());

    for event in many {
        let DeliveryDetail { delivery, attempts } = only(&world.detail(event).await).clone();
        assert_eq!(delivery.end_reason, Some(EndReason::ScheduleExhausted), "dead only after an attempt");
        for (pair, number) in attempts.windows(2).zip(1..) {
            let least = Schedule::DEFAULT.delay_after(number).unwrap() * 4 / 5;
            let gap = pair[1].report.started_at.since(pair[0].report.started_at);
            let to_horizon = attempts[0].report.started_at.plus(HORIZON).since(pair[0].report.started_at);
            assert!(gap >= least.min(to_horizon), "{gap:?} after attempt {number}, which is too soon");
        }
        let lasted = attempts.last().unwrap().report.started_at.since(attempts[0].report.started_at);
        assert!(attempts.len() == 12 || lasted >= HORIZON, "{} attempts in {lasted:?}", attempts.len());
    }
}

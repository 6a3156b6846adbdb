//! Endpoints that are paused, disabled, deleted or down, with deliveries pending and in flight.

use std::time::Duration;

use ringback_domain::{AttemptOutcome, DeliveryState, EndReason, EventId, EventState, Timestamp};
use ringback_store::{EndpointChange, EventFilter, PageRequest};
use ringback_testkit::{Gate, Receiver, Reply, START, World, until, within};
use tokio::task::JoinSet;

use crate::{only, only_attempt};

const SECOND: Duration = Duration::from_secs(1);
/// More than the 72 hours of the schedule.
const LONG: Duration = Duration::from_secs(80 * 3600);

fn paused(paused: bool) -> EndpointChange {
    EndpointChange { paused: Some(paused), ..EndpointChange::default() }
}

fn disabled(reason: Option<&str>) -> EndpointChange {
    EndpointChange { disabled: Some(reason.map(str::to_owned)), ..EndpointChange::default() }
}

/// A world that makes one attempt at a time, and its receiver, which answers so once the gate is open.
async fn gated(reply: Reply) -> (World, Receiver, Gate) {
    let world = World::builder().settings(|s| s.max_in_flight_per_endpoint = 1).start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.enqueue([reply.behind(&gate)]);
    (world, receiver, gate)
}

/// Checks that a delivery waits, under no lease and unattempted.
async fn assert_held(world: &World, id: EventId) {
    let detail = world.detail(id).await;
    let held = &only(&detail).delivery;
    assert_eq!((held.state, held.attempt_count, held.in_flight), (DeliveryState::Pending, 0, false));
}

#[tokio::test]
async fn a_paused_endpoint_ends_what_runs_holds_what_waits_and_goes_on_where_it_was() {
    let (world, receiver, gate) = gated(Reply::status(200)).await;
    let endpoint = world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let running = world.dispatch("wh_running", "batch.completed").await;
    receiver.running(1).await;
    let waiting = world.dispatch("wh_waiting", "batch.completed").await;

    world.change_endpoint(endpoint.id, paused(true)).await;
    let late = world.dispatch("wh_late", "batch.completed").await;
    gate.open();
    assert_eq!(world.attempted(running, 1).await.event.state, EventState::Delivered);
    world.advance(LONG).await;
    world.advance(SECOND).await;
    for id in [waiting, late] {
        assert_held(&world, id).await;
    }
    assert_eq!(receiver.call_count(), 1);

    world.change_endpoint(endpoint.id, paused(false)).await;
    world.advance(SECOND).await;
    for id in [waiting, late] {
        assert_eq!(world.attempted(id, 1).await.event.state, EventState::Delivered);
    }
}

#[tokio::test]
async fn a_pause_longer_than_the_schedule_kills_no_retry() {
    let (world, receiver, gate) = gated(Reply::status(500)).await;
    let endpoint = world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let id = world.dispatch("wh_1", "batch.completed").await;
    receiver.running(1).await;

    world.change_endpoint(endpoint.id, paused(true)).await;
    gate.open();
    let detail = world.attempted(id, 1).await;
    assert_eq!(only(&detail).delivery.due_at, Some(START.plus(5 * SECOND)), "it is recorded, and held");
    world.advance(LONG).await;
    assert_eq!(world.detail(id).await.event.state, EventState::Pending);

    world.change_endpoint(endpoint.id, paused(false)).await;
    world.advance(SECOND).await;
    let detail = world.attempted(id, 2).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    assert_eq!(only(&detail).attempts[1].report.started_at, START.plus(LONG + SECOND));
}

#[tokio::test]
async fn a_disabled_endpoint_gets_nothing_new_and_keeps_what_it_had_for_later() {
    let (world, receiver, gate) = gated(Reply::status(200)).await;
    let endpoint = world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let running = world.dispatch("wh_running", "batch.completed").await;
    receiver.running(1).await;
    let waiting = world.dispatch("wh_waiting", "batch.completed").await;

    world.change_endpoint(endpoint.id, disabled(Some("gone for good, it seems"))).await;
    let missed = world.dispatch("wh_missed", "batch.completed").await;
    gate.open();
    assert_eq!(world.attempted(running, 1).await.event.state, EventState::Delivered);
    world.advance(LONG).await;
    world.advance(SECOND).await;
    assert_held(&world, waiting).await;
    assert_eq!(receiver.call_count(), 1);

    world.change_endpoint(endpoint.id, disabled(None)).await;
    world.advance(SECOND).await;
    assert_eq!(world.attempted(waiting, 1).await.event.state, EventState::Delivered);
    let detail = world.detail(missed).await;
    assert_eq!((detail.event.state, detail.deliveries.len()), (EventState::Unrouted, 0));
    let next = world.dispatch("wh_next", "batch.completed").await;
    assert_eq!(world.attempted(next, 1).await.event.state, EventState::Delivered);
}

#[tokio::test]
async fn a_deleted_endpoint_loses_all_that_waits_however_much_and_what_ran_is_recorded() {
    /// More than the deletion itself cancels.
    const WAITING: usize = 1200;
    let (world, receiver, gate) = gated(Reply::status(200)).await;
    let endpoint = world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let running = world.dispatch("wh_running", "batch.completed").await;
    receiver.running(1).await;
    let mut dispatching = JoinSet::new();
    for n in 0..WAITING {
        let (dispatcher, event) =
            (world.dispatcher().clone(), world.event(&format!("wh_{n}"), "batch.completed", "{}"));
        dispatching.spawn(async move { dispatcher.dispatch(event).await.map(drop) });
    }
    let dispatched = within("all to be taken", dispatching.join_all()).await;
    assert!(dispatched.iter().all(Result::is_ok));

    world.delete_endpoint(endpoint.id).await;
    until("all that waited to be cancelled", || async {
        world.advance(SECOND).await;
        let backlog = world.store().backlog(world.project).await.expect("a healthy store counts");
        (backlog.pending + backlog.in_flight == 0).then_some(())
    })
    .await;
    gate.open();
    let detail = world.detail_once(running, "the attempt", |d| !only(d).attempts.is_empty()).await;
    assert_eq!(only_attempt(&detail).report.outcome, AttemptOutcome::Succeeded);

    let states = states(&world).await;
    assert_eq!(states.len(), WAITING + 1);
    assert!(states.iter().all(|state| *state == EventState::Cancelled));
    assert_eq!(only(&detail).delivery.end_reason, Some(EndReason::EndpointDeleted));
    assert_eq!(receiver.call_count(), 1, "none of them was sent");
}

/// The states of all events there are.
async fn states(world: &World) -> Vec<EventState> {
    let mut states = Vec::new();
    let mut page = PageRequest { limit: 100, ..PageRequest::default() };
    loop {
        let part = world.store().list_events(world.project, EventFilter::default(), page).await;
        let part = part.expect("a healthy store lists events");
        page.after = part.items.last().map(|event| event.id);
        states.extend(part.items.iter().map(|event| event.state));
        if !part.has_more {
            return states;
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_is_down_for_its_first_minute_gets_everything_on_schedule() {
    const DOWN_SECS: u64 = 60;
    /// When each event comes, and when its attempts must be, by the schedule, if all before the first
    /// minute's end fail.
    const EVENTS: [(u64, &[u64]); 4] =
        [(0, &[0, 5, 35, 155]), (10, &[10, 15, 45, 165]), (40, &[40, 45, 75]), (60, &[60])];
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::reset());
    world.endpoint(&receiver.url(), &["*"]).await;

    let mut events = Vec::new();
    for second in 0..=165 {
        if second == DOWN_SECS {
            receiver.always(Reply::status(200));
        }
        for (_, attempts_at) in EVENTS.iter().filter(|(at, _)| *at == second) {
            let id = world.dispatch(&format!("wh_{second}"), "batch.completed").await;
            events.push((id, *attempts_at));
        }
        for (id, attempts_at) in &events {
            let due = attempts_at.iter().filter(|at| **at <= second).count();
            world.attempted(*id, due).await;
        }
        world.advance(SECOND).await;
    }

    for (id, attempts_at) in events {
        let detail = world.detail(id).await;
        assert_eq!(detail.event.state, EventState::Delivered);
        let started: Vec<_> =
            only(&detail).attempts.iter().map(|attempt| attempt.report.started_at).collect();
        assert_eq!(started, attempts_at.iter().copied().map(at).collect::<Vec<_>>());
    }
    let attempts: usize = EVENTS.iter().map(|(_, attempts_at)| attempts_at.len()).sum();
    assert_eq!(receiver.call_count(), attempts);
}

fn at(secs: u64) -> Timestamp {
    START.plus(Duration::from_secs(secs))
}

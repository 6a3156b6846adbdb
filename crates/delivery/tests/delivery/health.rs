//! Endpoints that answer 410, or fail everything for days, are disabled; what they held goes on when they are
//! enabled again.

use std::time::Duration;

use ringback_domain::retry::Schedule;
use ringback_domain::{DeliveryRules, DeliveryState, EventState};
use ringback_store::EndpointChange;
use ringback_testkit::{Receiver, Reply, START, World};

use crate::course::{quiet, run_until};
use crate::only;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn gone_is_disabled_and_enabling_it_sends_what_was_held() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(410)]);
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let held = world.dispatch("wh_1", "batch.completed").await;
    quiet(&world).await;
    let config = world.store().config();
    assert!(!config.endpoint(endpoint.id).unwrap().may_attempt());
    world.advance(HOUR).await;
    assert_eq!(receiver.call_count(), 1);
    let enable = EndpointChange { disabled: Some(None), ..EndpointChange::default() };
    world.change_endpoint(endpoint.id, enable).await;
    world.dispatcher().note_due(endpoint.id);
    assert_eq!(world.attempted(held, 2).await.event.state, EventState::Delivered);
}

#[tokio::test]
async fn a_410_to_a_test_or_from_a_former_url_disables_nothing() {
    let world = World::start().await;
    let (gone, alive) = (Receiver::start().await, Receiver::start().await);
    let gate = ringback_testkit::Gate::shut();
    gone.always(Reply::status(410).behind(&gate));
    let endpoint = world.endpoint(&gone.url(), &["*"]).await;
    let event = world.dispatch("wh_1", "batch.completed").await;
    gone.running(1).await;
    let change = EndpointChange { url: Some(alive.url()), ..EndpointChange::default() };
    world.change_endpoint(endpoint.id, change).await;
    gate.open();
    world.attempted(event, 1).await;
    let endpoint = world.store().config().endpoint(endpoint.id).unwrap().clone();
    assert!(endpoint.may_attempt(), "it has another URL now");
    alive.enqueue([Reply::status(410)]);
    let test = world.event("wh_test", "batch.completed", "{}");
    let (_, report) = world.dispatcher().test(&endpoint, test).await.unwrap();
    assert_eq!(report.status_code, Some(410));
    assert!(world.store().config().endpoint(endpoint.id).unwrap().may_attempt());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_days_of_failures_disable_it_and_a_success_between_them_does_not() {
    let mut world = World::start().await;
    let (dead, flaky) = (Receiver::start().await, Receiver::start().await);
    dead.always(Reply::status(500));
    flaky.always(Reply::status(500));
    let dead_endpoint = world.endpoint(&dead.url(), &["dead.*"]).await;
    let flaky_endpoint = world.endpoint(&flaky.url(), &["flaky.*"]).await;
    let mut first = None;
    for half_day in 0..11_u32 {
        let event = world.dispatch(&format!("wh_dead_{half_day}"), "dead.event").await;
        first = first.or(Some(event));
        if half_day == 5 {
            flaky.enqueue([Reply::status(200)]);
        }
        world.dispatch(&format!("wh_flaky_{half_day}"), "flaky.event").await;
        run_until(&world, START.plus(HOUR * 12 * (half_day + 1))).await;
        let endpoint = world.store().config().endpoint(dead_endpoint.id).unwrap().clone();
        let days = f64::from(half_day + 1) / 2.0;
        assert_eq!(
            endpoint.health.warned_at.is_some(),
            (2.6..5.0).contains(&days) || days >= 5.0,
            "{days} days"
        );
        if half_day == 7 {
            world = world.restart().await;
        }
    }
    let config = world.store().config();
    let dead_endpoint = config.endpoint(dead_endpoint.id).unwrap();
    assert!(dead_endpoint.disabled_at.unwrap() >= START.plus(HOUR * 120));
    let reason = dead_endpoint.disabled_reason.as_deref().unwrap();
    assert!(reason.starts_with("every attempt failed for 12"), "{reason}");
    let detail = world.detail(first.unwrap()).await;
    assert_eq!(only(&detail).delivery.state, DeliveryState::Dead, "its own schedule was over long before");
    assert!(config.endpoint(flaky_endpoint.id).unwrap().may_attempt());
}

#[tokio::test]
async fn one_that_fails_and_works_by_turns_is_said_to_fail_once_a_minute() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let once = DeliveryRules { schedule: Some(Schedule::new(vec![]).unwrap()), ..DeliveryRules::default() };
    let endpoint = world.endpoint_with_rules(&receiver.url(), &["*"], 10, once).await.id;
    let failing_since = || world.store().config().endpoint(endpoint).unwrap().health.failing_since;
    let mut said = Vec::new();
    for secs in 0..62 {
        let fails = secs % 2 == 0 || secs > 55;
        receiver.enqueue([Reply::status(if fails { 500 } else { 200 })]);
        let event = world.dispatch(&format!("wh_{secs}"), "batch.completed").await;
        world.attempted(event, 1).await;
        if let Some(since) = failing_since() {
            said.push((secs, since.since(START).as_secs()));
        }
        world.advance(Duration::from_secs(1)).await;
    }
    assert_eq!(
        said,
        [(0, 0), (60, 56), (61, 56)],
        "at once; and again when a minute is over, since it failed last"
    );
}

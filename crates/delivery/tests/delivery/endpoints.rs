//! Endpoints that come and go while work is pending.

use std::time::Duration;

use ringback_domain::{AttemptOutcome, DeliveryState, EndReason, EventState};
use ringback_testkit::{Gate, Receiver, Reply, World};

use crate::{append_untold, generation, only, only_attempt};

#[tokio::test]
async fn deleting_an_endpoint_cancels_what_is_pending_and_keeps_what_was_done() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    receiver.always(Reply::status(500));
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;
    let id = world.dispatch("wh_1", "batch.completed").await;
    world.attempted(id, 1).await;

    world.delete_endpoint(endpoint.id).await;
    let detail = world.detail(id).await;
    assert_eq!(detail.event.state, EventState::Cancelled);
    assert_eq!(only(&detail).delivery.end_reason, Some(EndReason::EndpointDeleted));
    assert_eq!(only(&detail).delivery.due_at, None);
    assert_eq!(only_attempt(&detail).report.status_code, Some(500));

    world.advance(Duration::from_secs(3600)).await;
    assert_eq!(world.store().due_endpoints().await.unwrap(), []);
    assert_eq!(receiver.call_count(), 1);
}

#[tokio::test]
async fn an_attempt_that_ends_after_its_endpoint_is_recorded_and_changes_nothing() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let endpoint = world.endpoint_with_timeout(&receiver.url(), &["*"], 60).await;
    let id = world.dispatch("wh_1", "batch.completed").await;
    receiver.running(1).await;

    world.delete_endpoint(endpoint.id).await;
    assert_eq!(world.detail(id).await.event.state, EventState::Cancelled);
    gate.open();
    let detail = world.detail_once(id, "the attempt", |d| !only(d).attempts.is_empty()).await;

    assert_eq!(only_attempt(&detail).report.outcome, AttemptOutcome::Succeeded);
    assert_eq!(only(&detail).delivery.state, DeliveryState::Cancelled);
    assert_eq!(only(&detail).delivery.end_reason, Some(EndReason::EndpointDeleted));
}

#[tokio::test]
async fn an_event_planned_before_an_endpoint_was_made_reaches_it() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let generation = generation(&world);
    let endpoint = world.endpoint(&receiver.url(), &["*"]).await;

    // What a dispatcher appends whose snapshot was taken before the endpoint was made: a plan for nobody.
    let appended = append_untold(&world, "wh_1", generation).await;
    assert_eq!(appended.due, [endpoint.id]);

    world.advance(Duration::from_secs(1)).await;
    receiver.next().await.assert_verifies(&endpoint.secrets[0].key, endpoint.created_at);
    let detail = world.attempted(appended.event_id, 1).await;
    assert_eq!(detail.event.state, EventState::Delivered);
}

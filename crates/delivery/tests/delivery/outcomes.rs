//! What each way to fail is called, and what is kept of an answer.

use ringback_domain::{AttemptOutcome, AttemptReport, DeliveryState};
use ringback_egress::Policy;
use ringback_testkit::{Receiver, Reply, START, World, WorldBuilder};
use tokio::net::TcpListener;

use crate::{only, only_attempt};

/// Longer than what is read, so that what is kept is cut twice.
const LONG_BYTES: usize = 100 * 1024;
const KEPT_BYTES: usize = 16 * 1024;

/// The report of an only attempt at this URL.
async fn attempt_at(world: WorldBuilder, url: &str, timeout_secs: u8) -> AttemptReport {
    let world = world.start().await;
    world.endpoint_with_timeout(url, &["*"], timeout_secs).await;
    let id = world.dispatch("wh_1", "batch.completed").await;
    let detail = world.attempted(id, 1).await;
    let report = only_attempt(&detail).report.clone();
    let state = only(&detail).delivery.state;
    let arrived = report.outcome == AttemptOutcome::Succeeded;
    assert_eq!(state == DeliveryState::Delivered, arrived, "{state}");
    assert_eq!(state == DeliveryState::Pending, !arrived, "{state}");
    assert_eq!(report.started_at, START);
    report
}

/// The report of an only attempt that this reply is given to.
async fn attempt_answered(reply: Reply) -> AttemptReport {
    let receiver = Receiver::start().await;
    receiver.always(reply);
    let report = attempt_at(World::builder(), &receiver.url(), 10).await;
    assert_eq!(receiver.call_count(), 1);
    report
}

#[tokio::test]
async fn every_status_but_2xx_is_an_http_error() {
    for (status, outcome) in [
        (200, AttemptOutcome::Succeeded),
        (204, AttemptOutcome::Succeeded),
        (299, AttemptOutcome::Succeeded),
        (300, AttemptOutcome::HttpError),
        (400, AttemptOutcome::HttpError),
        (410, AttemptOutcome::HttpError),
        (429, AttemptOutcome::HttpError),
        (500, AttemptOutcome::HttpError),
    ] {
        let report = attempt_answered(Reply::status(status)).await;
        assert_eq!((report.outcome, report.status_code), (outcome, Some(status)));
        assert_eq!(report.error, None, "{status}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_http_error_and_not_followed() {
    let elsewhere = Receiver::start().await;
    for status in [301, 302, 303, 307, 308] {
        let report = attempt_answered(Reply::redirect(status, &elsewhere.url())).await;
        assert_eq!((report.outcome, report.status_code), (AttemptOutcome::HttpError, Some(status)));
    }
    assert_eq!(elsewhere.call_count(), 0);
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let receiver = Receiver::start().await;
    receiver.always(Reply::hang());
    let report = attempt_at(World::builder(), &receiver.url(), 1).await;
    assert_eq!((report.outcome, report.status_code), (AttemptOutcome::Timeout, None));
    assert!((1_000..5_000).contains(&report.duration_ms), "{} ms", report.duration_ms);
    assert!(report.error.is_some_and(|text| text.contains("timed out")));
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hooks", listener.local_addr().unwrap());
    drop(listener);
    let report = attempt_at(World::builder(), &url, 10).await;
    assert_eq!((report.outcome, report.status_code), (AttemptOutcome::Unreachable, None));
    assert_eq!(report.error.as_deref(), Some("connection refused"));
}

#[tokio::test]
async fn a_connection_that_ends_without_an_answer_is_unreachable() {
    for reply in [Reply::close_before_head(), Reply::reset()] {
        let report = attempt_answered(reply.clone()).await;
        assert_eq!((report.outcome, report.status_code), (AttemptOutcome::Unreachable, None), "{reply:?}");
        assert!(report.error.is_some(), "{reply:?}");
    }
}

#[tokio::test]
async fn what_the_guard_refuses_is_blocked_and_never_called() {
    let receiver = Receiver::start().await;
    let world = World::builder().policy(Policy::public_only());
    let report = attempt_at(world, &receiver.url(), 10).await;
    assert_eq!((report.outcome, report.status_code), (AttemptOutcome::Blocked, None));
    assert!(report.error.is_some_and(|text| text.contains("127.0.0.1")));
    assert_eq!(receiver.call_count(), 0);
}

#[tokio::test]
async fn at_most_16_kib_of_an_answer_are_kept() {
    let body: Vec<u8> = (0..=u8::MAX).cycle().take(LONG_BYTES).collect();
    let report = attempt_answered(Reply::status(500).with_body(body.clone())).await;
    assert_eq!(report.status_code, Some(500));
    assert_eq!(report.response_body, body[..KEPT_BYTES]);

    let report = attempt_answered(Reply::status(500).with_body(body[..KEPT_BYTES].to_vec())).await;
    assert_eq!(report.response_body, body[..KEPT_BYTES]);
}

#[tokio::test]
async fn an_answer_without_end_is_judged_by_its_status() {
    let report = attempt_answered(Reply::endless_body()).await;
    assert_eq!((report.outcome, report.status_code), (AttemptOutcome::Succeeded, Some(200)));
    assert_eq!(report.response_body.len(), KEPT_BYTES);
}

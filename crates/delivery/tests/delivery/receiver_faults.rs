//! Receivers that break the rules of TCP or HTTP: what each breach is called, that it takes no more than the
//! endpoint's own slot, and that the endpoint is as good as new once it behaves.

use std::time::Duration;

use ringback_domain::{AttemptOutcome, EventState};
use ringback_testkit::{Receiver, Reply, World};

use crate::{only, only_attempt};

/// Long enough after a time-out too.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// Gives an endpoint, which has one slot and a time-out of 1 s, this reply once; meanwhile another one must
/// get its delivery. Then gives the outcome, and sees to it that the next attempt or delivery finds the slot
/// free.
async fn outcome_of(reply: Reply) -> (AttemptOutcome, Option<u16>) {
    let world = World::builder().settings(|s| s.max_in_flight_per_endpoint = 1).start().await;
    let (faulty, healthy) = (Receiver::start().await, Receiver::start().await);
    faulty.enqueue([reply]);
    world.endpoint_with_timeout(&faulty.url(), &["batch.failed"], 1).await;
    world.endpoint(&healthy.url(), &["batch.completed"]).await;

    let struck = world.dispatch("wh_struck", "batch.failed").await;
    faulty.next().await;
    let other = world.dispatch("wh_other", "batch.completed").await;
    assert_eq!(world.attempted(other, 1).await.event.state, EventState::Delivered);

    let detail = world.attempted(struck, 1).await;
    let report = only_attempt(&detail).report.clone();
    let succeeded = report.outcome == AttemptOutcome::Succeeded;
    assert_eq!(report.error.is_none(), report.status_code.is_some());
    let next = if succeeded {
        world.dispatch("wh_next", "batch.failed").await
    } else {
        world.advance(RETRY_AFTER).await;
        struck
    };
    let attempts = if succeeded { 1 } else { 2 };
    assert_eq!(world.attempted(next, attempts).await.event.state, EventState::Delivered);
    assert_eq!((faulty.call_count(), faulty.most_running()), (2, 1));
    (report.outcome, report.status_code)
}

#[tokio::test]
async fn who_ends_the_connection_without_a_whole_head_is_unreachable() {
    for reply in [
        Reply::reset(),
        Reply::close_before_head(),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-le"),
        Reply::raw("HTTP/1.1 103 Early Hints\r\n\r\n"),
    ] {
        assert_eq!(outcome_of(reply.clone()).await, (AttemptOutcome::Unreachable, None), "{reply:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_unreachable() {
    for garbage in [
        "\u{0}\u{1}\u{2} no protocol at all\r\n\r\n",
        "HTTP/9.9 200 OK\r\n\r\n",
        "HTTP/1.1 two-hundred OK\r\n\r\n",
        "SSH-2.0-OpenSSH_9.6\r\n",
    ] {
        assert_eq!(outcome_of(Reply::raw(garbage)).await, (AttemptOutcome::Unreachable, None), "{garbage:?}");
    }
}

#[tokio::test]
async fn who_hangs_before_the_head_is_whole_times_out() {
    for reply in [
        Reply::hang(),
        Reply::raw_then_hang("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"),
        Reply::raw_then_hang("HTTP/1.1 100 Continue\r\n\r\n"),
    ] {
        assert_eq!(outcome_of(reply.clone()).await, (AttemptOutcome::Timeout, None), "{reply:?}");
    }
}

#[tokio::test]
async fn once_the_head_is_there_its_status_is_the_verdict() {
    for reply in [
        Reply::raw_then_hang("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all"),
        Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nnot all"),
        Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        Reply::endless_body(),
        Reply::raw(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        ),
    ] {
        assert_eq!(outcome_of(reply.clone()).await, (AttemptOutcome::Succeeded, Some(200)), "{reply:?}");
    }
    let failure = Reply::raw("HTTP/1.1 500 Oh No\r\ncontent-length: 100\r\n\r\nnot all");
    assert_eq!(outcome_of(failure).await, (AttemptOutcome::HttpError, Some(500)));
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_between_two_deliveries_costs_no_attempt() {
    const ROUNDS: usize = 20;
    let world = World::start().await;
    let receiver = Receiver::start().await;
    // Not announced by `connection: close`: the caller believes that it may use the connection again.
    receiver.always(Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    world.endpoint(&receiver.url(), &["*"]).await;

    for n in 0..ROUNDS {
        let id = world.dispatch(&format!("wh_{n}"), "batch.completed").await;
        let detail = world.attempted(id, 1).await;
        assert_eq!(detail.event.state, EventState::Delivered, "{:?}", only(&detail).attempts);
        assert_eq!(only_attempt(&detail).report.outcome, AttemptOutcome::Succeeded);
    }
    let connections: Vec<_> = receiver.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, (0..ROUNDS).collect::<Vec<_>>(), "each came over a new one");
}

#[tokio::test]
async fn who_refuses_connections_is_unreachable_and_holds_nobody_up() {
    let world = World::builder().settings(|s| s.max_in_flight = 2).start().await;
    let healthy = Receiver::start().await;
    let refusing = Receiver::start().await.url();
    world.endpoint(&refusing, &["batch.failed"]).await;
    world.endpoint(&healthy.url(), &["batch.completed"]).await;
    for n in 0..10 {
        let refused = world.dispatch(&format!("wh_refused_{n}"), "batch.failed").await;
        let other = world.dispatch(&format!("wh_{n}"), "batch.completed").await;
        assert_eq!(world.attempted(other, 1).await.event.state, EventState::Delivered);
        let detail = world.attempted(refused, 1).await;
        assert_eq!(only_attempt(&detail).report.outcome, AttemptOutcome::Unreachable);
    }
}

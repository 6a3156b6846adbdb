//! The real binary is killed in the middle of load, and started again: every call that was answered 2xx
//! arrives.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ringback_testkit::{
    Arrivals, Call, Gate, Gateway, Ledger, Load, Receiver, Reply, secret, send_again, until, wall_clock_now,
};

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 16;
/// How many more calls are answered before the kill in each round than in the one before: it is to fall into
/// different moments.
const MORE_EACH_ROUND: usize = 150;
/// How long acknowledged calls may take to arrive after the last start.
const ARRIVAL_BOUND: Duration = Duration::from_secs(30);
/// How long the first delivery of reclaimed work may take after a start.
const RECLAIM_BOUND: Duration = Duration::from_secs(2);

/// A body whose size varies from about 100 bytes to about 40 KB, and which can be told from every other.
fn body(webhook_id: &str) -> String {
    let seed = webhook_id.bytes().fold(7_usize, |hash, byte| (hash * 31 + usize::from(byte)) % 40_009);
    let size = if seed.is_multiple_of(4) { seed } else { seed % 1500 };
    let padding = "é".repeat(size / 2);
    format!(
        r#"{{"object":"event","type":"batch.completed","data":{{"id":"batch_1"}},"of":"{webhook_id}","p":"{padding}"}}"#
    )
}

/// Puts the gateway under load from many connections, kills it in the middle and starts it again; gives when
/// that began.
async fn kill_under_load(gateway: Gateway, url: &str, round: usize) -> (Gateway, Instant, Ledger) {
    let load = Load::start(url, &format!("wh_{round}"), CONNECTIONS, body, Vec::new());
    load.acknowledged(round * MORE_EACH_ROUND).await;
    let stopped = gateway.kill().await;
    let ledger = load.cut_off().await;
    assert_eq!(ledger.refused(), 0);
    let begun = Instant::now();
    (stopped.start().await, begun, ledger)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_acknowledged_call_arrives_though_the_process_is_killed_again_and_again() {
    let mut gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    let source = gateway.create_source(&secret(1)).await;
    let url = source["url"].as_str().unwrap().to_owned();
    let (_, endpoint_secret) = gateway.create_endpoint(&receiver.url(), &["*"]).await;

    let mut acknowledged = BTreeSet::new();
    for round in 1..=ROUNDS {
        let (again, _, mut ledger) = kill_under_load(gateway, &url, round).await;
        let unanswered = ledger.unanswered.len();
        send_again(&url, &mut ledger, body).await;
        let answered = ledger.acknowledged.len();
        println!("round {round}: {answered} acknowledged, {unanswered} of them at the second try");
        acknowledged.append(&mut ledger.acknowledged);
        gateway = again;
    }

    let arrived = Arrivals::of(&receiver, &acknowledged, body, ARRIVAL_BOUND).await;
    let (different, doubles) = (arrived.different(), arrived.doubles());
    println!("{} acknowledged, {different} arrived, {doubles} arrivals were doubles", acknowledged.len());
    let lost = arrived.missing(&acknowledged);
    assert!(lost.is_empty(), "{} acknowledged calls never arrived: {lost:?}\n{}", lost.len(), gateway.talk());
    for call in receiver.calls() {
        call.assert_verifies(&endpoint_secret, wall_clock_now());
    }

    let stored = until("everything to be recorded as delivered", || async {
        let events = gateway.events().await;
        events.iter().all(|event| event["state"] == "delivered").then_some(events)
    });
    let mut stored: Vec<_> = stored.await.iter().map(|event| event["webhook_id"].to_string()).collect();
    stored.sort_unstable();
    let events = stored.len();
    stored.dedup();
    assert_eq!(stored.len(), events, "an event is stored twice");
    assert_eq!(events, acknowledged.len());
    gateway.terminate().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_was_under_way_at_the_kill_is_taken_up_at_once() {
    let gateway = Gateway::start(BINARY).await;
    let receiver = Receiver::start().await;
    // Nothing is answered before the kill, so that every slot holds a lease then.
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let source = gateway.create_source(&secret(1)).await;
    let url = source["url"].as_str().unwrap().to_owned();
    gateway.create_endpoint(&receiver.url(), &["*"]).await;

    let (gateway, begun, ledger) = kill_under_load(gateway, &url, 1).await;
    gate.open();
    let under_way: BTreeSet<_> = receiver
        .calls()
        .iter()
        .filter(|call| call.received < begun)
        .map(|call| call.webhook_id().to_owned())
        .collect();
    assert!(!under_way.is_empty());
    let first_again = until("an attempt that was cut off to be made again", || async {
        let again = |call: &Call| call.received >= begun && under_way.contains(call.webhook_id());
        receiver.calls().into_iter().find(again)
    });
    let after = first_again.await.received - begun;
    println!("{} attempts were cut off; the first was made again {after:?} after the start", under_way.len());
    assert!(after < RECLAIM_BOUND, "{after:?}\n{}", gateway.talk());

    let arrived = Arrivals::of(&receiver, &ledger.acknowledged, body, ARRIVAL_BOUND).await;
    assert!(arrived.missing(&ledger.acknowledged).is_empty(), "{}", gateway.talk());
    gateway.terminate().await;
}

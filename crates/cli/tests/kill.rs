//! The real binary is killed in the middle of load, and started again: every call that was answered 2xx arrives.
//!
//! The sender does as OpenAI does: what was not answered is sent again, under the same `webhook-id`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ringback_testkit::{Call, Gate, Gateway, OpenAi, Receiver, Reply, secret, until, wall_clock_now, within};
use tokio::sync::watch;
use tokio::task::JoinSet;

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

const ROUNDS: usize = 5;
const CONNECTIONS: usize = 16;
/// How many more calls are answered before the kill in each round than in the one before: it is to fall into different moments.
const MORE_EACH_ROUND: usize = 150;
/// How long acknowledged calls may take to arrive after the last start.
const ARRIVAL_BOUND: Duration = Duration::from_secs(30);
/// How long the first delivery of reclaimed work may take after a start.
const RECLAIM_BOUND: Duration = Duration::from_secs(2);

/// What became of a round's calls.
#[derive(Debug, Default, Clone)]
struct Ledger {
    acknowledged: BTreeSet<String>,
    unanswered: BTreeSet<String>,
}

/// The body of a call: its size varies from about 100 bytes to about 40 KB, and it can be told from every other.
fn body(webhook_id: &str) -> String {
    let seed = webhook_id.bytes().fold(7_usize, |hash, byte| (hash * 31 + usize::from(byte)) % 40_009);
    let size = if seed.is_multiple_of(4) { seed } else { seed % 1500 };
    let padding = "é".repeat(size / 2);
    format!(
        r#"{{"object":"event","type":"batch.completed","data":{{"id":"batch_1"}},"of":"{webhook_id}","p":"{padding}"}}"#
    )
}

/// Sends call after call over one connection, until one is not answered.
async fn send_until_cut_off(mut openai: OpenAi, name: String, ledger: Arc<watch::Sender<Ledger>>) {
    for n in 0.. {
        let webhook_id = format!("{name}_{n}");
        let answer = openai.post(&webhook_id, wall_clock_now().to_wire(), body(&webhook_id)).await;
        let Ok(answer) = answer else {
            ledger.send_modify(|ledger| ledger.unanswered.extend([webhook_id]));
            return;
        };
        assert_eq!(answer.status, 200, "{webhook_id}: {:?}", answer.body);
        ledger.send_modify(|ledger| ledger.acknowledged.extend([webhook_id]));
    }
}

/// Puts the gateway under load from many connections and kills it in the middle.
async fn kill_under_load(gateway: Gateway, url: &str, round: usize) -> (Gateway, Instant, Ledger) {
    let ledger = Arc::new(watch::Sender::new(Ledger::default()));
    let mut senders = JoinSet::new();
    for connection in 0..CONNECTIONS {
        let openai = OpenAi::new(url, secret(1));
        senders.spawn(send_until_cut_off(openai, format!("wh_{round}_{connection}"), Arc::clone(&ledger)));
    }
    let mut progress = ledger.subscribe();
    let enough = progress.wait_for(|ledger| ledger.acknowledged.len() >= round * MORE_EACH_ROUND);
    drop(within("calls to be answered", enough).await);
    let stopped = gateway.kill().await;
    within("the senders to be cut off", senders.join_all()).await;
    let begun = Instant::now();
    let gateway = stopped.start().await;
    (gateway, begun, ledger.borrow().clone())
}

/// Sends again what was not answered; all of it must be now, whether it had been taken or not.
async fn send_again(url: &str, ledger: &mut Ledger) {
    let mut openai = OpenAi::new(url, secret(1));
    for webhook_id in std::mem::take(&mut ledger.unanswered) {
        let answer = openai.post(&webhook_id, wall_clock_now().to_wire(), body(&webhook_id)).await;
        assert_eq!(answer.expect("the gateway is up again").status, 200, "{webhook_id}");
        ledger.acknowledged.insert(webhook_id);
    }
}

/// How often each id arrived, once all of these have, or the time is up.
async fn arrivals(receiver: &Receiver, expected: &BTreeSet<String>) -> BTreeMap<String, usize> {
    let give_up_at = Instant::now() + ARRIVAL_BOUND;
    let mut seen = 0;
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        for call in receiver.calls_after(seen) {
            assert_eq!(call.body, body(call.webhook_id()), "{}", call.webhook_id());
            *arrived.entry(call.webhook_id().to_owned()).or_default() += 1;
            seen += 1;
        }
        if expected.iter().all(|id| arrived.contains_key(id)) || Instant::now() >= give_up_at {
            return arrived;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
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
        send_again(&url, &mut ledger).await;
        println!(
            "round {round}: {} acknowledged, {unanswered} of them at the second try",
            ledger.acknowledged.len()
        );
        acknowledged.append(&mut ledger.acknowledged);
        gateway = again;
    }

    let arrived = arrivals(&receiver, &acknowledged).await;
    let doubled = arrived.values().filter(|times| **times > 1).count();
    println!(
        "{} acknowledged, {} arrived, {doubled} of them more than once",
        acknowledged.len(),
        arrived.len()
    );
    let lost: Vec<_> = acknowledged.iter().filter(|id| !arrived.contains_key(*id)).collect();
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

    let arrived = arrivals(&receiver, &ledger.acknowledged).await;
    assert!(ledger.acknowledged.iter().all(|id| arrived.contains_key(id)), "{}", gateway.talk());
}

//! Fifty kills in a row at random instants, on one data folder, under load, with a healthy, a slow and a failing endpoint.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ringback_testkit::{Gateway, OpenAi, Receiver, Reply, Stopped, secret, wall_clock_now, within};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const BINARY: &str = env!("CARGO_BIN_EXE_ringback");

const KILLS: usize = 50;
const CONNECTIONS: usize = 4;
/// The longest that a run lasts from ready to kill, in milliseconds.
const LONGEST_RUN_MS: u64 = 600;
/// How long a start may take, on a machine that is busy with other tests.
const START_BOUND: Duration = Duration::from_secs(5);
/// How long what is acknowledged may take to arrive after the last start.
const ARRIVAL_BOUND: Duration = Duration::from_secs(30);
const WHOLE_BOUND: Duration = Duration::from_secs(90);

/// The instants of the kills come from this; to see a run again, build with `RINGBACK_TEST_SEED` set to its seed.
struct Dice(u64);

impl Dice {
    /// The seed of this run.
    fn seed() -> u64 {
        let given = option_env!("RINGBACK_TEST_SEED").map(|text| text.parse().expect("a seed is a number"));
        given.unwrap_or_else(|| wall_clock_now().as_unix_ms().unsigned_abs())
    }

    /// A number below `bound`, by the generator `SplitMix64`.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

/// What one sender's calls came to.
#[derive(Default)]
struct Sent {
    acknowledged: Vec<String>,
    unanswered: Vec<String>,
}

fn body(webhook_id: &str) -> String {
    format!(r#"{{"object":"event","type":"batch.completed","data":{{"id":"batch_1"}},"of":"{webhook_id}"}}"#)
}

/// Posts a call; whether it was acknowledged. No answer at all is the one other thing there may be.
async fn post(openai: &mut OpenAi, webhook_id: &str) -> bool {
    let answer = openai.post(webhook_id, wall_clock_now().to_wire(), body(webhook_id)).await;
    let Ok(answer) = answer else { return false };
    assert_eq!(answer.status, 200, "{webhook_id}: {:?}", answer.body);
    true
}

/// Sends again what was not answered, as OpenAI does, and then call after call, until one is not answered.
async fn send_until_cut_off(mut openai: OpenAi, again: Vec<String>, name: String) -> Sent {
    let mut sent = Sent::default();
    let mut ids = again.into_iter().chain((0..).map(|n| format!("{name}_{n}")));
    for webhook_id in ids.by_ref() {
        if post(&mut openai, &webhook_id).await {
            sent.acknowledged.push(webhook_id);
        } else {
            sent.unanswered.push(webhook_id);
            break;
        }
    }
    // Of what was to be sent again, what has not had its turn still waits for it.
    sent.unanswered.extend(ids.take_while(|id| !id.starts_with(&name)));
    sent
}

/// Everything that all runs together came to.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<String>,
    unanswered: Vec<String>,
    in_flight_at_kills: usize,
    longest_start: Duration,
}

impl Ledger {
    async fn kill_under_load(
        &mut self,
        gateway: Gateway,
        url: &str,
        round: usize,
        after: Duration,
    ) -> Gateway {
        let mut senders = JoinSet::new();
        let mut again = std::mem::take(&mut self.unanswered);
        for connection in 0..CONNECTIONS {
            let again = if connection == 0 { std::mem::take(&mut again) } else { Vec::new() };
            let name = format!("wh_{round}_{connection}");
            senders.spawn(send_until_cut_off(OpenAi::new(url, secret(1)), again, name));
        }
        sleep(after).await;
        let stopped = gateway.kill().await;
        for sent in within("the senders to be cut off", senders.join_all()).await {
            self.acknowledged.extend(sent.acknowledged);
            self.unanswered.extend(sent.unanswered);
        }
        self.in_flight_at_kills += reclaimed(&stopped);
        let begun = Instant::now();
        let gateway = stopped.start().await;
        self.longest_start = self.longest_start.max(begun.elapsed());
        gateway
    }
}

/// How many deliveries this run found under way at its start, by its own words.
fn reclaimed(stopped: &Stopped) -> usize {
    let line = stopped.talk.lines().find(|line| line.contains("deliveries of the former run were under way"));
    let Some((_, count)) = line.and_then(|line| line.split_once("store.reclaimed=")) else { return 0 };
    let digits = count.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    digits.parse().unwrap_or_else(|_| panic!("the log's count is a number: {line:?}"))
}

/// How often each id has arrived, once all of these have, or the time is up.
async fn arrivals(receiver: &Receiver, expected: &BTreeSet<String>) -> BTreeMap<String, usize> {
    let give_up_at = Instant::now() + ARRIVAL_BOUND;
    let mut seen = 0;
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    loop {
        for call in receiver.calls_after(seen) {
            assert_eq!(call.body, body(call.webhook_id()));
            *arrived.entry(call.webhook_id().to_owned()).or_default() += 1;
            seen += 1;
        }
        if expected.iter().all(|id| arrived.contains_key(id)) || Instant::now() >= give_up_at {
            return arrived;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

/// What is seen in the end.
struct Outcome {
    ledger: Ledger,
    /// How often each id arrived at the healthy receiver.
    arrived: BTreeMap<String, usize>,
    /// The id of each event in the store.
    stored: Vec<String>,
    /// How many calls the slow and the failing receiver got.
    others: [usize; 2],
}

async fn fifty_kills(mut dice: Dice) -> Outcome {
    let mut gateway = Gateway::start(BINARY).await;
    let [healthy, slow, failing] =
        [Receiver::start().await, Receiver::start().await, Receiver::start().await];
    slow.always(Reply::status(200).after(Duration::from_millis(300)));
    failing.always(Reply::status(500));
    let source = gateway.create_source(&secret(1)).await;
    let url = source["url"].as_str().expect("a source has a url").to_owned();
    for receiver in [&healthy, &slow, &failing] {
        gateway.create_endpoint(&receiver.url(), &["*"]).await;
    }

    let mut ledger = Ledger::default();
    for round in 1..=KILLS {
        let after = Duration::from_millis(dice.below(LONGEST_RUN_MS));
        gateway = ledger.kill_under_load(gateway, &url, round, after).await;
    }
    let mut openai = OpenAi::new(&url, secret(1));
    for webhook_id in std::mem::take(&mut ledger.unanswered) {
        assert!(post(&mut openai, &webhook_id).await, "the gateway is up");
        ledger.acknowledged.insert(webhook_id);
    }

    let arrived = arrivals(&healthy, &ledger.acknowledged).await;
    let stored = gateway.events().await.iter().map(|event| event["webhook_id"].to_string()).collect();
    ledger.in_flight_at_kills += reclaimed(&gateway.kill().await);
    Outcome { ledger, arrived, stored, others: [slow.call_count(), failing.call_count()] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_acknowledged_arrives_over_fifty_kills_at_random_instants() {
    let seed = Dice::seed();
    println!("seed {seed}");
    let outcome = timeout(WHOLE_BOUND, fifty_kills(Dice(seed))).await;
    let Outcome { ledger, arrived, stored, others } = outcome.expect("it is all over within its bound");
    let Ledger { acknowledged, in_flight_at_kills, longest_start, .. } = ledger;
    let doubles = arrived.values().sum::<usize>() - arrived.len();
    println!("{} acknowledged over {KILLS} kills, {} arrived", acknowledged.len(), arrived.len());
    println!("{in_flight_at_kills} deliveries were in flight at the kills, {doubles} arrivals were doubles");
    println!("the longest start took {longest_start:?}");

    let lost: Vec<_> = acknowledged.iter().filter(|id| !arrived.contains_key(*id)).collect();
    assert!(lost.is_empty(), "{} acknowledged calls never arrived: {lost:?}", lost.len());
    assert!(acknowledged.len() > KILLS, "there was a load");
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len(), "an event is stored twice");
    assert_eq!(stored.len(), acknowledged.len());
    assert!(doubles <= in_flight_at_kills, "the kills do not explain all doubles");
    assert!(longest_start < START_BOUND, "{longest_start:?}");
    assert!(others.iter().all(|calls| *calls > 0), "the slow and the failing one were at work too");
}

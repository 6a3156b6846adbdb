//! Fifty kills in a row at random instants, on one data folder, under load, with a healthy, a slow and a
//! failing endpoint.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ringback_testkit::{
    Arrivals, Gateway, Ledger, Load, Receiver, Reply, Stopped, secret, send_again, small_body, wall_clock_now,
};
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

/// The instants of the kills come from this; to see a run again, build with `RINGBACK_TEST_SEED` set to its
/// seed.
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

/// Everything that all runs together came to.
#[derive(Default)]
struct Books {
    ledger: Ledger,
    in_flight_at_kills: usize,
    longest_start: Duration,
}

impl Books {
    async fn kill_under_load(
        &mut self,
        gateway: Gateway,
        url: &str,
        round: usize,
        after: Duration,
    ) -> Gateway {
        let again = std::mem::take(&mut self.ledger.unanswered);
        let load = Load::start(url, &format!("wh_{round}"), CONNECTIONS, small_body, again);
        sleep(after).await;
        let stopped = gateway.kill().await;
        self.ledger.add(load.cut_off().await);
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

/// What is seen in the end.
struct Outcome {
    books: Books,
    /// What arrived at the healthy receiver.
    arrived: Arrivals,
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

    let mut books = Books::default();
    for round in 1..=KILLS {
        let after = Duration::from_millis(dice.below(LONGEST_RUN_MS));
        gateway = books.kill_under_load(gateway, &url, round, after).await;
    }
    send_again(&url, &mut books.ledger, small_body).await;

    let arrived = Arrivals::of(&healthy, &books.ledger.acknowledged, small_body, ARRIVAL_BOUND).await;
    let stored = gateway.events().await.iter().map(|event| event["webhook_id"].to_string()).collect();
    books.in_flight_at_kills += reclaimed(&gateway.kill().await);
    Outcome { books, arrived, stored, others: [slow.call_count(), failing.call_count()] }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_acknowledged_arrives_over_fifty_kills_at_random_instants() {
    let seed = Dice::seed();
    println!("seed {seed}");
    let outcome = timeout(WHOLE_BOUND, fifty_kills(Dice(seed))).await;
    let Outcome { books, arrived, stored, others } = outcome.expect("it is all over within its bound");
    let Books { ledger: Ledger { acknowledged, refusals, .. }, in_flight_at_kills, longest_start } = books;
    let (different, doubles) = (arrived.different(), arrived.doubles());
    println!("{} acknowledged over {KILLS} kills, {different} arrived", acknowledged.len());
    println!("{in_flight_at_kills} deliveries were in flight at the kills, {doubles} arrivals were doubles");
    println!("the longest start took {longest_start:?}");

    let lost = arrived.missing(&acknowledged);
    assert!(lost.is_empty(), "{} acknowledged calls never arrived: {lost:?}", lost.len());
    assert!(acknowledged.len() > KILLS, "there was a load");
    assert!(refusals.is_empty(), "{refusals:?}");
    assert_eq!(stored.iter().collect::<BTreeSet<_>>().len(), stored.len(), "an event is stored twice");
    assert_eq!(stored.len(), acknowledged.len());
    assert!(doubles <= in_flight_at_kills, "the kills do not explain all doubles");
    assert!(longest_start < START_BOUND, "{longest_start:?}");
    assert!(others.iter().all(|calls| *calls > 0), "the slow and the failing one were at work too");
}

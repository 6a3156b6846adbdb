//! Three nodes under load, killed, frozen, restarted and stopped at random.
//!
//! `RINGBACK_CHAOS_SECS` says for how long (default 60), `RINGBACK_CHAOS_SEED` which chance. Whatever
//! happens, at least one node is up.
//!
//! What is a double here: an arrival beyond the first, and beyond one for each attempt that is on record as
//! failed. What bounds them: a delivery was under lease of a node at the instant at which that was killed or
//! frozen, for only then may its attempt have been made without being recorded before others took it for
//! free. So each double must be of a delivery that was in flight at such an instant, and no more often than
//! it was.
//!
//! What is allowed of the rules that bind nodes together: a node that goes on after it was frozen may make
//! the attempts that it was just about to make, before it learns that it owns the endpoint no more. So at a
//! takeover from a frozen node there may be twice as many at once as the endpoint's concurrency says, and as
//! many beyond the rate as may go at once; never of one that was killed.

use std::time::{Duration, Instant};

use ringback_testkit::{Cluster, SpreadLoad, SpreadPlan, postgres::Database, secret, wall_clock_now};
use tokio::time::sleep;

use crate::apps::{AT_ONCE, Apps, LEASE};
use crate::audit::{Findings, InFlight, audit, calm};
use crate::books::Books;
use crate::dice::{Dice, number_in};
use crate::{gentle_load, node_on};

const NODES: usize = 3;
/// Some of them wait for a frozen node at any time.
const CALLERS: usize = 12;
/// How long each rests after an answer. All together come to no more than the apps with a rate and a
/// concurrency can take, or what these have not got yet would grow for as long as it lasts.
const PAUSE: Duration = Duration::from_millis(400);
const DEFAULT_SECS: u64 = 60;
/// How long it is quiet between two blows.
const REST: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(4));
/// How long a killed or stopped node stays away.
const AWAY: (Duration, Duration) = (Duration::from_millis(0), Duration::from_secs(8));
/// A freeze that the others may not notice, and one that they do: a heartbeat is missed after 5 s.
const BLINK: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(4));
const FREEZE: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(10));
/// A freeze that is longer than a lease, and how often there is one; the first comes early.
const LONG_FREEZE: Duration = LEASE.saturating_add(Duration::from_secs(3));
const LONG_FREEZE_EVERY: Duration = Duration::from_secs(120);
const FIRST_LONG_FREEZE: Duration = Duration::from_secs(10);
/// The flaky app fails for the first part of each such span.
const FLAKY_SPAN: Duration = Duration::from_secs(40);
const FLAKY_FAILS: Duration = Duration::from_secs(8);

/// What is done to a node.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Blow {
    Kill,
    Stop,
    Freeze,
}

/// A node that is away, and until when.
struct Away {
    node: usize,
    blow: Blow,
    until: Instant,
}

/// How often what was done.
#[derive(Debug, Default)]
struct Tally {
    kills: usize,
    stops: usize,
    freezes: usize,
    /// Of the freezes, those longer than a lease.
    long_freezes: usize,
}

/// Who does it, and keeps the books of what was in flight.
struct Monkey {
    cluster: Cluster,
    books: Books,
    dice: Dice,
    /// The present id of each node in the database.
    ids: Vec<String>,
    away: Vec<Away>,
    in_flight: InFlight,
    tally: Tally,
}

impl Monkey {
    async fn start(database: &Database, dice: Dice) -> Self {
        let mut books = Books::open(&database.url()).await;
        let builder = node_on(&database.url());
        let mut cluster = Cluster::start(&builder, 1).await;
        let mut ids = vec![books.newcomer().await];
        for _ in 1..NODES {
            cluster.add(&builder).await;
            ids.push(books.newcomer().await);
        }
        let (away, in_flight, tally) = (Vec::new(), InFlight::new(), Tally::default());
        Self { cluster, books, dice, ids, away, in_flight, tally }
    }

    /// Strikes at random until the time is up, then brings every node back.
    async fn rage(&mut self, apps: &Apps, duration: Duration) {
        let begun = Instant::now();
        let mut next_blow = begun;
        let mut next_long = begun + FIRST_LONG_FREEZE;
        while begun.elapsed() < duration {
            let now = Instant::now();
            self.bring_back(now).await;
            apps.let_the_flaky_one_fail(in_span(begun.elapsed()));
            if now >= next_long && self.cluster.up().len() > 1 {
                next_long = now + LONG_FREEZE_EVERY;
                let node = self.victim();
                self.strike(node, Blow::Freeze, LONG_FREEZE).await;
                self.tally.long_freezes += 1;
            } else if now >= next_blow && self.cluster.up().len() > 1 {
                let node = self.victim();
                let (blow, span) = self.draw();
                self.strike(node, blow, span).await;
                next_blow = Instant::now() + self.dice.span(REST.0, REST.1);
            }
            sleep(Duration::from_millis(50)).await;
        }
        apps.let_the_flaky_one_fail(false);
        while let Some(last) = self.away.iter().map(|away| away.until).max() {
            sleep(last.saturating_duration_since(Instant::now())).await;
            self.bring_back(Instant::now()).await;
        }
    }

    fn victim(&mut self) -> usize {
        let up = self.cluster.up();
        up[self.dice.below(up.len())]
    }

    fn draw(&mut self) -> (Blow, Duration) {
        let (blow, span) = match self.dice.below(10) {
            0..5 => (Blow::Kill, AWAY),
            5 => (Blow::Stop, AWAY),
            6..8 => (Blow::Freeze, BLINK),
            _ => (Blow::Freeze, FREEZE),
        };
        (blow, self.dice.span(span.0, span.1))
    }

    async fn strike(&mut self, node: usize, blow: Blow, span: Duration) {
        match blow {
            Blow::Kill => self.cluster.kill(node).await,
            Blow::Stop => self.cluster.stop(node).await,
            Blow::Freeze => self.cluster.freeze(node).await,
        }
        // One that was stopped in good order has recorded all that it did.
        if blow != Blow::Stop {
            self.note_in_flight(node).await;
        }
        match blow {
            Blow::Kill => self.tally.kills += 1,
            Blow::Stop => self.tally.stops += 1,
            Blow::Freeze => self.tally.freezes += 1,
        }
        self.away.push(Away { node, blow, until: Instant::now() + span });
    }

    /// What it had sent to the database before may still be committed: so it is looked at twice.
    async fn note_in_flight(&mut self, node: usize) {
        let mut held = self.books.held_by(&self.ids[node]).await;
        sleep(Duration::from_millis(200)).await;
        held.extend(self.books.held_by(&self.ids[node]).await);
        held.sort_unstable();
        held.dedup();
        for key in held {
            *self.in_flight.entry(key).or_default() += 1;
        }
    }

    async fn bring_back(&mut self, now: Instant) {
        let (back, away) = std::mem::take(&mut self.away).into_iter().partition(|away| away.until <= now);
        self.away = away;
        for Away { node, blow, .. } in back {
            if blow == Blow::Freeze {
                self.cluster.thaw(node).await;
            } else {
                self.cluster.start_again(node).await;
                self.ids[node] = self.books.newcomer().await;
            }
        }
    }
}

/// Whether the flaky app fails at this time.
fn in_span(elapsed: Duration) -> bool {
    elapsed.as_millis() % FLAKY_SPAN.as_millis() < FLAKY_FAILS.as_millis()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_while_nodes_are_killed_frozen_and_restarted_at_random() {
    let duration = Duration::from_secs(number_in("RINGBACK_CHAOS_SECS").unwrap_or(DEFAULT_SECS));
    let database = Database::create();
    let mut monkey = Monkey::start(&database, Dice::from_environment()).await;
    let apps = Apps::start(monkey.cluster.node(0)).await;
    let urls = monkey.cluster.create_source(&secret(1)).await;
    let plan = SpreadPlan { callers: CALLERS, pause: PAUSE, ..gentle_load("chaos") };
    let load = SpreadLoad::start(&urls, &plan);

    monkey.rage(&apps, duration).await;
    let ledger = load.stop().await;
    let stopped_at = wall_clock_now();
    let Monkey { cluster, books, in_flight, tally, .. } = monkey;
    let calm_after = calm(cluster.node(0)).await;
    let last_ends = books.last_ends().await;
    let findings = audit(&books, &apps, &ledger, &in_flight).await;
    let Tally { kills, stops, freezes, long_freezes } = tally;
    println!(
        "{kills} kills, {stops} stops, {freezes} freezes ({long_freezes} longer than a lease) in {duration:?}; {findings}; in flight at \
         kills and freezes: {}; {} without an answer, {} refused, acknowledged by node: {:?}; calm after {calm_after:?}, by app: \
         {:?}",
        in_flight.values().sum::<usize>(),
        ledger.unanswered,
        ledger.refusals.values().sum::<usize>(),
        ledger.by_node(NODES),
        last_ends.into_iter().map(|(name, at)| (name, at.since(stopped_at))).collect::<Vec<_>>(),
    );
    assert!(findings.unexplained.is_empty(), "{:?}\n{}", findings.unexplained, cluster.talk());
    assert!(findings.most_at_once <= 2 * AT_ONCE, "{}", findings.most_at_once);
    let handovers = 2 * (kills + freezes);
    assert!(
        findings.most_in_window <= Findings::rate_in_window() + handovers.min(10),
        "{}",
        findings.most_in_window
    );
    assert!(ledger.by_node(NODES).iter().all(|count| *count > 0), "every node was at work");
    cluster.terminate().await;
}

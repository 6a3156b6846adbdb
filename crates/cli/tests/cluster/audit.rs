//! What must hold once all is calm: nothing lost, nothing without an end, doubles only of what was in flight
//! when somebody went away.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ringback_testkit::{Gateway, SpreadLedger, within};
use tokio::time::sleep;

use crate::apps::{App, Apps, RATE, caller_and_number};
use crate::books::{Books, Key, Row};

/// How long it may take until everything has come to its end: an attempt that timed out, as those of a frozen
/// node do, is repeated after 60 s at the earliest; what the app with a rate has not got yet follows at that
/// rate.
const CALM_BOUND: Duration = Duration::from_secs(100);
const LOOK: Duration = Duration::from_millis(250);
/// Over which span the rate is looked at.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// How often a delivery was in flight when its node was killed or frozen.
pub(crate) type InFlight = BTreeMap<Key, usize>;

/// When each call arrived, by `webhook-id`, earliest first.
type Arrivals = BTreeMap<String, Vec<Instant>>;

/// What was counted.
pub(crate) struct Findings {
    pub(crate) acknowledged: usize,
    pub(crate) deliveries: usize,
    pub(crate) dead: usize,
    /// Arrivals beyond one for each delivery and one for each attempt that is on record as failed.
    pub(crate) doubles: usize,
    /// Those of them that nothing in flight explains.
    pub(crate) unexplained: Vec<Key>,
    /// The most that the app with a concurrency was at once.
    pub(crate) most_at_once: usize,
    /// The most that the app with a rate got within [`RATE_WINDOW`].
    pub(crate) most_in_window: usize,
}

impl Findings {
    /// What the rate allows within the window at which it is looked, if all goes through one node.
    pub(crate) fn rate_in_window() -> usize {
        let window = usize::try_from(RATE_WINDOW.as_secs()).expect("a window is short");
        RATE * window + (RATE / 10).max(1)
    }
}

impl std::fmt::Display for Findings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} acknowledged; {} deliveries, {} of them dead; {} doubles, {} of them unexplained; at most {} at once, {} in {RATE_WINDOW:?} \
             (the rate alone: {})",
            self.acknowledged,
            self.deliveries,
            self.dead,
            self.doubles,
            self.unexplained.len(),
            self.most_at_once,
            self.most_in_window,
            Self::rate_in_window(),
        )
    }
}

/// Waits until nothing is pending and nothing under way; gives how long that took.
///
/// # Panics
/// When that does not come.
pub(crate) async fn calm(gateway: &Gateway) -> Duration {
    let begun = Instant::now();
    while !is_calm(gateway).await {
        if begun.elapsed() > CALM_BOUND {
            panic!("after {CALM_BOUND:?} there are deliveries without an end:\n{}", left(gateway).await);
        }
        sleep(LOOK).await;
    }
    begun.elapsed()
}

async fn is_calm(gateway: &Gateway) -> bool {
    let stats = within("how much is left", gateway.get("/v1/webhook_stats")).await;
    stats["pending"] == 0 && stats["in_flight"] == 0
}

/// What is left, by endpoint: how many, up to a hundred, and the oldest of them.
async fn left(gateway: &Gateway) -> String {
    let endpoints = gateway.get("/v1/webhook_endpoints").await;
    let mut left = String::new();
    for endpoint in endpoints["data"].as_array().expect("a list has data") {
        let id = endpoint["id"].as_str().expect("an endpoint has an id");
        let path = format!("/v1/webhook_deliveries?endpoint_id={id}&state=pending&order=asc&limit=100");
        let pending = gateway.get(&path).await["data"].take();
        let count = pending.as_array().map_or(0, Vec::len);
        left +=
            &format!("{} {}: {count}, the oldest {}\n", endpoint["name"], endpoint["breaker"], pending[0]);
    }
    left
}

/// Compares what was acknowledged, what is in the database and what has arrived.
///
/// # Panics
/// When something is lost, has no end or came out of order.
pub(crate) async fn audit(
    books: &Books,
    apps: &Apps,
    ledger: &SpreadLedger,
    in_flight: &InFlight,
) -> Findings {
    let acknowledged: BTreeSet<&str> = ledger.acknowledged.keys().map(String::as_str).collect();
    let stored = books.events().await;
    let different: BTreeSet<&str> = stored.iter().map(String::as_str).collect();
    assert_eq!(different.len(), stored.len(), "an event is stored twice");
    let lost: Vec<_> = acknowledged.difference(&different).collect();
    assert!(lost.is_empty(), "{} acknowledged events are not in the database: {lost:?}", lost.len());
    // The load tries each call until it is acknowledged.
    assert_eq!(different.len(), acknowledged.len(), "there are events of nobody's");

    let deliveries = books.deliveries().await;
    let mut findings = Findings {
        acknowledged: acknowledged.len(),
        deliveries: deliveries.len(),
        dead: deliveries.values().filter(|row| row.state == "dead").count(),
        doubles: 0,
        unexplained: Vec::new(),
        most_at_once: apps.narrow.receiver.most_running(),
        most_in_window: most_within(&apps.rated, RATE_WINDOW),
    };
    for app in apps.all() {
        let arrivals = arrivals_at(app);
        for webhook_id in acknowledged.iter().filter(|webhook_id| app.wants(webhook_id)) {
            let key = (app.name.to_owned(), (*webhook_id).to_owned());
            let row = deliveries.get(&key).unwrap_or_else(|| panic!("there is no delivery of {key:?}"));
            let times = arrivals.get(*webhook_id).map_or(0, Vec::len);
            check_end(&key, row, times);
            let doubles = times.saturating_sub(1 + row.failures);
            findings.doubles += doubles;
            let explained = in_flight.get(&key).copied().unwrap_or_default();
            findings.unexplained.extend((explained..doubles).map(|_| key.clone()));
        }
        assert!(
            arrivals.keys().all(|id| acknowledged.contains(id.as_str())),
            "{} got what nobody sent",
            app.name
        );
    }
    check_order(&arrivals_at(&apps.ordered));
    findings
}

/// Each delivery is delivered, and its call has arrived. None is dead: the schedules of the apps last longer
/// than any of these tests.
fn check_end(key: &Key, row: &Row, arrivals: usize) {
    assert_eq!(row.state, "delivered", "{key:?}");
    assert!(arrivals > 0, "{key:?} is delivered and has not arrived");
}

fn arrivals_at(app: &App) -> Arrivals {
    let mut arrivals = Arrivals::new();
    for call in app.receiver.calls() {
        arrivals.entry(call.webhook_id().to_owned()).or_default().push(call.received);
    }
    arrivals
}

/// Of each caller's events the first arrivals came in the order of their numbers.
fn check_order(arrivals: &Arrivals) {
    let mut by_caller: BTreeMap<&str, BTreeMap<usize, Instant>> = BTreeMap::new();
    for (webhook_id, times) in arrivals {
        let (caller, number) = caller_and_number(webhook_id);
        by_caller.entry(caller).or_default().insert(number, times[0]);
    }
    for (caller, firsts) in by_caller {
        let times: Vec<Instant> = firsts.values().copied().collect();
        assert!(times.is_sorted(), "what caller {caller} tells of came out of order");
    }
}

/// The most calls that came within such a span.
fn most_within(app: &App, span: Duration) -> usize {
    let mut times: Vec<Instant> = app.receiver.calls().iter().map(|call| call.received).collect();
    times.sort_unstable();
    let within = |(first, begin): (usize, &Instant)| {
        times[first..].partition_point(|time| time.duration_since(*begin) < span)
    };
    times.iter().enumerate().map(within).max().unwrap_or_default()
}

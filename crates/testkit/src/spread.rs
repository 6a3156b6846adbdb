//! A load on several nodes, as behind a load balancer: what one node does not take is sent to the next, under
//! the same `webhook-id`.
//!
//! Each caller makes one call at a time and goes on to the next one only when it is acknowledged: so the
//! calls of one caller were taken in the order of their numbers, whichever nodes took them.
//!
//! Not guaranteed: that every node gets as much as the others. One that did not answer is left out for a
//! while.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::clock::wall_clock_now;
use crate::http_line::Answer;
use crate::load::BodyOf;
use crate::openai::OpenAi;
use crate::secret::secret;

/// How long a node is left out that did not answer.
const LEFT_OUT: Duration = Duration::from_secs(2);
/// How long a caller waits before it tries again.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(50);
/// How long the calls under way may take to be acknowledged when the load is to end.
const LONGEST_END: Duration = Duration::from_secs(60);

/// What a load is made of.
#[derive(Debug, Clone)]
pub struct SpreadPlan {
    /// What the ids begin with; they are `NAME_CALLER_NUMBER`.
    pub name: String,
    /// How many make calls at once.
    pub callers: usize,
    /// How long each waits after a call was acknowledged.
    pub pause: Duration,
    /// How long an answer is waited for.
    pub patience: Duration,
    /// The body of each call.
    pub body: BodyOf,
}

/// How a call was acknowledged.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledged {
    /// By which node, counted from 0.
    pub node: usize,
    /// When.
    pub at: Instant,
    /// After how many tries, this one among them.
    pub tries: usize,
}

/// What became of a load's calls.
#[derive(Debug, Default)]
pub struct SpreadLedger {
    /// Answered 200, by `webhook-id`.
    pub acknowledged: BTreeMap<String, Acknowledged>,
    /// How often the answer was 503, by its code.
    pub refusals: BTreeMap<String, usize>,
    /// How often there was no answer: nobody listened, the connection broke, or the patience ended.
    pub unanswered: usize,
    /// The longest that any answer took, whatever it was.
    pub slowest: Duration,
}

impl SpreadLedger {
    fn add(&mut self, other: Self) {
        self.acknowledged.extend(other.acknowledged);
        for (code, times) in other.refusals {
            *self.refusals.entry(code).or_default() += times;
        }
        self.unanswered += other.unanswered;
        self.slowest = self.slowest.max(other.slowest);
    }

    /// How many calls each of so many nodes acknowledged.
    #[must_use]
    pub fn by_node(&self, nodes: usize) -> Vec<usize> {
        let mut counts = vec![0; nodes];
        for acknowledged in self.acknowledged.values() {
            counts[acknowledged.node] += 1;
        }
        counts
    }
}

/// A running load. Its calls are signed with secret number 1.
#[derive(Debug)]
pub struct SpreadLoad {
    callers: JoinSet<SpreadLedger>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    acknowledged: AtomicUsize,
    refused: AtomicUsize,
    /// Until when each node is left out.
    left_out: Mutex<Vec<Instant>>,
}

impl SpreadLoad {
    /// Starts to call one source by its URL at each node.
    #[must_use]
    pub fn start(urls: &[String], plan: &SpreadPlan) -> Self {
        let left_out = Mutex::new(vec![Instant::now(); urls.len()]);
        let (acknowledged, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let shared = Arc::new(Shared { stop: AtomicBool::new(false), acknowledged, refused, left_out });
        let mut callers = JoinSet::new();
        for number in 0..plan.callers {
            let caller = Caller {
                lines: urls.iter().map(|url| OpenAi::new(url, secret(1))).collect(),
                plan: plan.clone(),
                number,
                turn: number,
                shared: Arc::clone(&shared),
                ledger: SpreadLedger::default(),
            };
            callers.spawn(caller.run());
        }
        Self { callers, shared }
    }

    /// How many calls have been acknowledged so far.
    #[must_use]
    pub fn acknowledged_so_far(&self) -> usize {
        self.shared.acknowledged.load(Ordering::SeqCst)
    }

    /// How often the answer has been 503 so far.
    #[must_use]
    pub fn refused_so_far(&self) -> usize {
        self.shared.refused.load(Ordering::SeqCst)
    }

    /// Ends it, each caller after the call that it is at has been acknowledged.
    ///
    /// # Panics
    /// When that takes longer than 60 s.
    pub async fn stop(self) -> SpreadLedger {
        self.shared.stop.store(true, Ordering::SeqCst);
        let Ok(ledgers) = timeout(LONGEST_END, self.callers.join_all()).await else {
            panic!("a call was not acknowledged within {LONGEST_END:?}, however often it was tried");
        };
        let mut all = SpreadLedger::default();
        ledgers.into_iter().for_each(|ledger| all.add(ledger));
        all
    }
}

/// One caller, with a connection to each node.
struct Caller {
    lines: Vec<OpenAi>,
    plan: SpreadPlan,
    number: usize,
    /// Raised by one for each try, so that the tries go round.
    turn: usize,
    shared: Arc<Shared>,
    ledger: SpreadLedger,
}

impl Caller {
    async fn run(mut self) -> SpreadLedger {
        for n in 0.. {
            if self.shared.stop.load(Ordering::SeqCst) {
                break;
            }
            let webhook_id = format!("{}_{}_{n}", self.plan.name, self.number);
            let acknowledged = self.call(&webhook_id).await;
            self.ledger.acknowledged.insert(webhook_id, acknowledged);
            self.shared.acknowledged.fetch_add(1, Ordering::SeqCst);
            sleep(self.plan.pause).await;
        }
        self.ledger
    }

    /// Tries until it is acknowledged.
    async fn call(&mut self, webhook_id: &str) -> Acknowledged {
        let mut tries = 0;
        loop {
            tries += 1;
            let node = self.next_node();
            if self.try_at(node, webhook_id).await {
                return Acknowledged { node, at: Instant::now(), tries };
            }
            sleep(SEND_AGAIN_AFTER).await;
        }
    }

    /// The next one that is not left out; if all are, simply the next one.
    fn next_node(&mut self) -> usize {
        let count = self.lines.len();
        self.turn += 1;
        let now = Instant::now();
        let left_out = self.shared.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen = (self.turn..self.turn + count).find(|turn| left_out[turn % count] <= now);
        drop(left_out);
        self.turn = chosen.unwrap_or(self.turn);
        self.turn % count
    }

    async fn try_at(&mut self, node: usize, webhook_id: &str) -> bool {
        let begun = Instant::now();
        let body = (self.plan.body)(webhook_id);
        let post = self.lines[node].post(webhook_id, wall_clock_now().to_wire(), body);
        let Ok(Ok(answer)) = timeout(self.plan.patience, post).await else {
            self.ledger.unanswered += 1;
            self.leave_out(node);
            return false;
        };
        self.ledger.slowest = self.ledger.slowest.max(begun.elapsed());
        if answer.status == 200 {
            return true;
        }
        self.refused(webhook_id, &answer);
        self.leave_out(node);
        false
    }

    fn leave_out(&self, node: usize) {
        let mut left_out = self.shared.left_out.lock().unwrap_or_else(PoisonError::into_inner);
        left_out[node] = Instant::now() + LEFT_OUT;
    }

    /// A 503 says when to come back; there is no other refusal of a call that is right.
    fn refused(&mut self, webhook_id: &str, answer: &Answer) {
        assert_eq!(answer.status, 503, "{webhook_id}: {:?}", answer.body);
        assert!(answer.headers.contains_key("retry-after"), "{webhook_id}: {:?}", answer.headers);
        let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
        *self.ledger.refusals.entry(code).or_default() += 1;
        self.shared.refused.fetch_add(1, Ordering::SeqCst);
    }
}

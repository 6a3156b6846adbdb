//! A load: many connections, each with call after call, and a ledger of what became of them.
//!
//! Each sender does as OpenAI does: what is answered 503 or not at all is sent again under the same
//! `webhook-id`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::clock::wall_clock_now;
use crate::http_line::Answer;
use crate::ledger::Ledger;
use crate::openai::OpenAi;
use crate::secret::secret;
use crate::wait::within;

/// Makes the body of the call with this `webhook-id`: another one for each, and the same each time.
pub type BodyOf = fn(&str) -> String;

/// How long a sender waits after a 503: far less than it is asked to, which only makes the load heavier.
const SEND_AGAIN_AFTER: Duration = Duration::from_millis(20);

/// A small body.
#[must_use]
pub fn small_body(webhook_id: &str) -> String {
    format!(r#"{{"object":"event","type":"batch.completed","data":{{"id":"batch_1"}},"of":"{webhook_id}"}}"#)
}

/// A running load. Its calls are signed with secret number 1.
#[derive(Debug)]
pub struct Load {
    senders: JoinSet<Ledger>,
    progress: Arc<watch::Sender<Progress>>,
}

#[derive(Debug, Default)]
struct Progress {
    acknowledged: usize,
    refusals: usize,
    stop: bool,
}

impl Load {
    /// Starts so many connections to an ingest URL. Their ids begin with `name`; `again` goes first, over one
    /// of them.
    #[must_use]
    pub fn start(url: &str, name: &str, connections: usize, body: BodyOf, mut again: Vec<String>) -> Self {
        let progress = Arc::new(watch::Sender::default());
        let mut senders = JoinSet::new();
        for connection in 0..connections {
            let sender = Sender {
                openai: OpenAi::new(url, secret(1)),
                body,
                progress: Arc::clone(&progress),
                ledger: Ledger::default(),
            };
            senders.spawn(sender.run(std::mem::take(&mut again), format!("{name}_{connection}")));
        }
        Self { senders, progress }
    }

    /// Waits until so many calls have been acknowledged.
    ///
    /// # Panics
    /// When they are not within [`crate::PATIENCE`].
    pub async fn acknowledged(&self, count: usize) {
        self.reached("calls to be acknowledged", |progress| progress.acknowledged >= count).await;
    }

    /// Waits until so many calls have been answered 503.
    ///
    /// # Panics
    /// When they are not within [`crate::PATIENCE`].
    pub async fn refused(&self, count: usize) {
        self.reached("calls to be refused", |progress| progress.refusals >= count).await;
    }

    /// How many calls have been acknowledged so far.
    #[must_use]
    pub fn acknowledged_so_far(&self) -> usize {
        self.progress.borrow().acknowledged
    }

    /// Ends it, each sender after the call that it is at; what was refused last goes to the unanswered.
    ///
    /// # Panics
    /// When a call is not answered within [`crate::PATIENCE`].
    pub async fn stop(self) -> Ledger {
        self.progress.send_modify(|progress| progress.stop = true);
        self.cut_off().await
    }

    /// Waits until each sender has found nobody to answer, for the gateway was ended.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn cut_off(self) -> Ledger {
        let mut ledger = Ledger::default();
        for of_one in within("the senders to end", self.senders.join_all()).await {
            ledger.add(of_one);
        }
        ledger
    }

    async fn reached(&self, what: &str, enough: impl FnMut(&Progress) -> bool) {
        let mut progress = self.progress.subscribe();
        within(what, progress.wait_for(enough)).await.expect("the load itself holds the sending end");
    }
}

/// Sends again what was not answered; all of it must be taken now, whether it had been taken before or not.
///
/// # Panics
/// When the answer to a call is not 200.
pub async fn send_again(url: &str, ledger: &mut Ledger, body: BodyOf) {
    let mut openai = OpenAi::new(url, secret(1));
    for webhook_id in std::mem::take(&mut ledger.unanswered) {
        let answer = openai.post(&webhook_id, wall_clock_now().to_wire(), body(&webhook_id)).await;
        assert_eq!(answer.expect("the gateway is up").status, 200, "{webhook_id}");
        ledger.acknowledged.insert(webhook_id);
    }
}

/// One connection of a load.
struct Sender {
    openai: OpenAi,
    body: BodyOf,
    progress: Arc<watch::Sender<Progress>>,
    ledger: Ledger,
}

impl Sender {
    async fn run(mut self, again: Vec<String>, name: String) -> Ledger {
        let mut ids = again.into_iter().chain((0..).map(|n| format!("{name}_{n}")));
        while !self.progress.borrow().stop {
            let webhook_id = ids.next().expect("numbers do not end");
            if !self.send(&webhook_id).await {
                self.ledger.unanswered.push(webhook_id);
                break;
            }
            self.ledger.acknowledged.insert(webhook_id);
        }
        // Of what was to be sent again, what has not had its turn still waits for it.
        self.ledger.unanswered.extend(ids.take_while(|id| !id.starts_with(&name)));
        self.ledger
    }

    /// Posts a call until it is acknowledged; `false` if it was not answered, or it was refused and the load
    /// ends.
    async fn send(&mut self, webhook_id: &str) -> bool {
        loop {
            let begun = Instant::now();
            let body = (self.body)(webhook_id);
            let answer = self.openai.post(webhook_id, wall_clock_now().to_wire(), body).await;
            let Ok(answer) = answer else { return false };
            self.ledger.slowest = self.ledger.slowest.max(begun.elapsed());
            if answer.status == 200 {
                self.progress.send_modify(|progress| progress.acknowledged += 1);
                return true;
            }
            self.refused(webhook_id, &answer);
            if self.progress.borrow().stop {
                return false;
            }
            sleep(SEND_AGAIN_AFTER).await;
        }
    }

    /// A 503 says when to come back; there is no other refusal of a call that is right.
    fn refused(&mut self, webhook_id: &str, answer: &Answer) {
        assert_eq!(answer.status, 503, "{webhook_id}: {:?}", answer.body);
        assert!(answer.headers.contains_key("retry-after"), "{webhook_id}: {:?}", answer.headers);
        let code = answer.json()["error"]["code"].as_str().unwrap_or_default().to_owned();
        *self.ledger.refusals.entry(code).or_default() += 1;
        self.progress.send_modify(|progress| progress.refusals += 1);
    }
}

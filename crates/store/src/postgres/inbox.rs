//! What waits to be written, and how long a batch waits for more.
//!
//! A commit is dear, and a batch costs the server much the same however little is in it. So soon after
//! another one a batch waits while more keeps coming, within [`GATHER`]. Who comes after a quiet moment does
//! not wait, and nobody waits for callers that wait for an answer themselves: these bring nothing until they
//! have it, which is seen at the next [`LOOK`].
//!
//! What is *not* guaranteed: the sequence of writes between two batches; workers write several at once.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use ringback_domain::DeliveryId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::batch::{Outcome, Work};
use crate::append::MAX_BATCH_DELIVERIES;
use crate::error::StoreError;

/// How many writes one transaction takes at most: bounds the time a commit's answers wait for.
const MAX_BATCH: usize = 512;
/// How many events one transaction takes, beside the last write: a write may be a thousand of them, and all
/// must be over in time.
const MAX_BATCH_EVENTS: usize = 2000;
/// How many bytes of payloads one transaction takes, beside the last write: bounds the memory of both sides.
const MAX_BATCH_BYTES: usize = 8 << 20;
/// How far apart the beginnings of batches are, if what comes in between is worth the wait.
const GATHER: Duration = Duration::from_millis(30);
/// How often it is looked meanwhile whether more has come. If nothing has, nothing is waited for.
const LOOK: Duration = Duration::from_millis(5);
/// How many waiting writes are worth a commit of their own.
const ENOUGH: usize = 64;

/// How many writes the next batch takes: half of one that ran out of time, so that a database that has become
/// slow still takes some; twice as many after a full one that did not, up to [`MAX_BATCH`].
pub(super) struct BatchSize(AtomicUsize);

impl Default for BatchSize {
    fn default() -> Self {
        Self(AtomicUsize::new(MAX_BATCH))
    }
}

impl BatchSize {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// So many were too many.
    pub(super) fn ran_out_of_time(&self, count: usize) {
        self.0.fetch_min((count / 2).max(1), Ordering::Relaxed);
    }

    /// So many were not.
    pub(super) fn committed(&self, count: usize) {
        let size = self.get();
        if count >= size && size < MAX_BATCH {
            self.0.store((2 * size).min(MAX_BATCH), Ordering::Relaxed);
        }
    }
}

/// How far a write has got, on which its caller and the workers agree: what was given up before it was begun
/// is never written.
#[derive(Default)]
pub(super) struct Progress(AtomicU8);

impl Progress {
    const WAITING: u8 = 0;
    const BEGUN: u8 = 1;
    const GIVEN_UP: u8 = 2;

    /// Gives it up for the caller; says whether it was in time.
    pub(super) fn give_up(&self) -> bool {
        self.goes_on_to(Self::GIVEN_UP)
    }

    fn begin(&self) -> bool {
        self.goes_on_to(Self::BEGUN)
    }

    fn goes_on_to(&self, state: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, state, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A write on its way.
pub(super) struct Write {
    pub(super) work: Work,
    pub(super) reply: oneshot::Sender<Result<Outcome, StoreError>>,
    pub(super) progress: Arc<Progress>,
}

impl Write {
    /// Begins it, if it is still to be written.
    pub(super) fn begin(&self) -> bool {
        !self.is_void() && self.progress.begin()
    }

    /// It waits again: its transaction was rolled back.
    pub(super) fn put_back(&self) {
        self.progress.0.store(Progress::WAITING, Ordering::Release);
    }

    /// Whether it need not be written: its caller has gone away without an answer, and will come again or has
    /// given up. That an attempt has ended stays true.
    pub(super) fn is_void(&self) -> bool {
        self.reply.is_closed() && !matches!(self.work, Work::Finish(_))
    }
}

/// What the writes of a batch come to.
#[derive(Default)]
struct Load {
    events: usize,
    deliveries: usize,
    bytes: usize,
}

impl Load {
    fn add(&mut self, work: &Work) {
        for arrival in work.arrivals() {
            self.events += 1;
            self.deliveries += arrival.planned().len();
            self.bytes += arrival.event.payload.len();
        }
    }

    /// Whether one transaction takes another write besides.
    fn has_room(&self) -> bool {
        self.events < MAX_BATCH_EVENTS
            && self.deliveries < MAX_BATCH_DELIVERIES
            && self.bytes < MAX_BATCH_BYTES
    }
}

/// What the workers take from.
pub(super) struct Inbox {
    receiver: mpsc::Receiver<Write>,
    /// Finishes of deliveries that had one in the last batch: they come after it.
    held: VecDeque<Write>,
    /// Until when more may be waited for.
    gathered_until: Instant,
}

impl Inbox {
    pub(super) fn new(receiver: mpsc::Receiver<Write>) -> Self {
        Self { receiver, held: VecDeque::new(), gathered_until: Instant::now() }
    }

    /// What waits, up to so many writes; waits for the first. `None` at the end.
    pub(super) async fn collect(&mut self, size: &BatchSize) -> Option<Vec<Write>> {
        let first = match self.held.pop_front() {
            Some(write) => write,
            None => self.receiver.recv().await?,
        };
        self.gather().await;
        self.gathered_until = Instant::now() + GATHER;
        let most = size.get();
        let (mut batch, mut later, mut load) = (Vec::new(), VecDeque::new(), Load::default());
        let mut finished: HashSet<DeliveryId> = HashSet::new();
        let mut next = Some(first);
        while let Some(write) = next {
            load.add(&write.work);
            match &write.work {
                Work::Finish(finish) if !finished.insert(finish.delivery_id) => later.push_back(write),
                _ => batch.push(write),
            }
            let has_room = batch.len() + later.len() < most && load.has_room();
            next = if has_room { self.take_one() } else { None };
        }
        later.append(&mut self.held);
        self.held = later;
        Some(batch)
    }

    /// Waits while more keeps coming.
    async fn gather(&self) {
        let mut waiting = 0;
        while self.receiver.len() < ENOUGH && Instant::now() < self.gathered_until {
            sleep_until(self.gathered_until.min(Instant::now() + LOOK)).await;
            if self.receiver.len() <= waiting {
                return;
            }
            waiting = self.receiver.len();
        }
    }

    fn take_one(&mut self) -> Option<Write> {
        loop {
            let write = self.held.pop_front().or_else(|| self.receiver.try_recv().ok())?;
            if !write.is_void() {
                return Some(write);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use ringback_domain::{EndpointId, EventId, ProjectId, SourceId, Timestamp, TypedId};
    use tokio::time::sleep;

    use super::*;
    use crate::append::{Arrival, NewEvent, Plan, PlannedDelivery};

    type Answer = oneshot::Receiver<Result<Outcome, StoreError>>;

    /// How many writes each batch has, and when it begins, with `between` between one write and the next.
    async fn batches(writes: usize, between: Duration) -> Vec<(usize, Duration)> {
        let (queue, receiver) = mpsc::channel(1000);
        let begin = Instant::now();
        let (feeding, collecting) = tokio::join!(
            async move {
                let mut answers = Vec::new();
                for _ in 0..writes {
                    answers.push(send(&queue).await);
                    sleep(between).await;
                }
                answers
            },
            async {
                let (mut inbox, mut batches) = (Inbox::new(receiver), Vec::new());
                while let Some(batch) = inbox.collect(&BatchSize::default()).await {
                    batches.push((batch.len(), begin.elapsed()));
                }
                batches
            }
        );
        assert_eq!(feeding.len(), writes);
        collecting
    }

    async fn send(queue: &mpsc::Sender<Write>) -> Answer {
        send_work(queue, Work::AppendAll(Vec::new())).await
    }

    async fn send_work(queue: &mpsc::Sender<Write>, work: Work) -> Answer {
        let (reply, answer) = oneshot::channel();
        assert!(queue.send(Write { work, reply, progress: Arc::default() }).await.is_ok());
        answer
    }

    /// An event that goes to so many endpoints.
    fn arrival(fan_out: usize) -> Arrival {
        let now = Timestamp::from_unix_secs(1_750_000_000);
        let delivery = PlannedDelivery {
            id: DeliveryId::from_bytes([1; 16]),
            endpoint_id: EndpointId::from_bytes([2; 16]),
            lease_expires_at: None,
            expires_at: None,
            ordering_wait: None,
        };
        Arrival {
            project_id: ProjectId::from_bytes([3; 16]),
            source_id: SourceId::from_bytes([4; 16]),
            receipt: None,
            received_at: now,
            event: NewEvent {
                id: EventId::first_at(now),
                event_type: "fan.out".to_owned(),
                webhook_id: "a".to_owned(),
                upstream_event_id: None,
                object_id: None,
                max_age: None,
                payload: Bytes::from_static(b"{}"),
                payload_sha256: [0; 32],
            },
            plan: Plan::Route { generation: 1, deliveries: vec![delivery; fan_out] },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_bounded_in_what_its_events_fan_out_to() {
        let (queue, receiver) = mpsc::channel(100);
        let mut inbox = Inbox::new(receiver);
        let mut answers = Vec::new();
        // Alone and in groups; what goes nowhere is no burden.
        for n in 0..10 {
            answers.push(send_work(&queue, Work::Append(Box::new(arrival(0)))).await);
            let work = match n % 2 {
                0 => Work::Append(Box::new(arrival(10_000))),
                _ => Work::AppendAll(vec![arrival(5000), arrival(5000)]),
            };
            answers.push(send_work(&queue, work).await);
        }
        drop(queue);
        let mut counts = Vec::new();
        while let Some(batch) = inbox.collect(&BatchSize::default()).await {
            counts.push(batch.len());
        }
        assert_eq!(counts, [4; 5], "of 20,000 deliveries each");
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_after_a_quiet_moment_does_not_wait() {
        let expected: Vec<_> = (0..5).map(|n| (1, GATHER * 2 * n)).collect();
        assert_eq!(batches(5, GATHER * 2).await, expected);
    }

    #[tokio::test(start_paused = true)]
    async fn what_keeps_coming_is_gathered() {
        let batches = batches(400, Duration::from_millis(1)).await;
        assert!(batches.len() <= 22, "{batches:?}");
        assert_eq!(batches.iter().map(|(count, _)| count).sum::<usize>(), 400);
        for pair in batches.windows(2) {
            assert!(pair[1].1 - pair[0].1 <= GATHER + Duration::from_millis(1), "{batches:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn enough_is_not_made_to_wait_for_more() {
        let (queue, receiver) = mpsc::channel(1000);
        let mut inbox = Inbox::new(receiver);
        let begin = Instant::now();
        let mut answers = vec![send(&queue).await];
        assert_eq!(inbox.collect(&BatchSize::default()).await.unwrap().len(), 1);
        for _ in 0..=ENOUGH {
            answers.push(send(&queue).await);
        }
        assert_eq!(inbox.collect(&BatchSize::default()).await.unwrap().len(), ENOUGH + 1);
        assert!(begin.elapsed() <= LOOK + Duration::from_millis(1), "{:?}", begin.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_callers_that_wait_for_an_answer() {
        let (queue, receiver) = mpsc::channel(10);
        let mut inbox = Inbox::new(receiver);
        let begin = Instant::now();
        for _ in 0..10 {
            let answers = [send(&queue).await, send(&queue).await];
            assert_eq!(inbox.collect(&BatchSize::default()).await.unwrap().len(), answers.len());
        }
        assert!(begin.elapsed() <= 10 * LOOK * 2, "{:?}", begin.elapsed());
    }
}

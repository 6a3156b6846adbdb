//! Writing what waits: group commit, and the halving of a batch that fails.
//!
//! Writes wait in the [`inbox`](super::inbox). A few workers take what is there, write it in one transaction
//! and answer everybody after the commit, so one commit serves all who came while the former one ran. If a
//! batch fails for a row's sake, it is rolled back and halved until the culprit alone fails: one bad row
//! harms nobody else. One that is too much for the time it has is halved too, or those who come again would
//! meet the same batch.
//!
//! Time is bounded on all sides: a batch that is not committed by then is given up, with its halves, an
//! append is answered by then, and what waits for nobody any more is not written.
//!
//! What is *not* guaranteed: that an error means that nothing was written. When the connection is lost while
//! a commit is under way, nobody knows. Who tries again does no harm: an event is known by its `webhook_id`,
//! an attempt by its id.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use ringback_domain::IdMaker;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::again::until_it_meets_none;
use super::batch::{self, Outcome, Work};
use super::connections::Connections;
use super::failure::{DatabaseError, Failure};
use super::inbox::{BatchSize, Inbox, Progress, Write};
use super::leases::Leases;
use super::mislaid::Mislaid;
use crate::error::StoreError;

/// How long a batch may take, with the connection that it needs and all that it is tried.
const BATCH_BOUND: Duration = Duration::from_secs(8);
/// How long a call waits for its answer, with the time in the queue.
const APPEND_BOUND: Duration = Duration::from_secs(10);

/// How much was written since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchCounts {
    /// Transactions committed.
    pub commits: u64,
    /// Writes in them: appends, claims and finishes.
    pub writes: u64,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    writes: AtomicU64,
}

/// The queue's end that callers hold. The workers end when it is closed or dropped, after committing what
/// waits.
pub(super) struct Writer {
    /// `None` once closed.
    queue: RwLock<Option<mpsc::Sender<Write>>>,
    counters: Arc<Counters>,
    workers: Mutex<Vec<JoinHandle<()>>>,
}

/// How writes wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Queue {
    /// How many at most.
    pub(super) max_queued: usize,
    /// How many batches are written at once, at least 1.
    pub(super) workers: usize,
}

impl Writer {
    /// Starts the workers, each with a connection of its own out of `connections`.
    pub(super) fn start(
        connections: Connections,
        ids: Arc<IdMaker>,
        leases: Leases,
        mislaid: Arc<Mislaid>,
        queue: Queue,
        tasks: &TaskTracker,
    ) -> Self {
        let Queue { max_queued, workers } = queue;
        let (queue, receiver) = mpsc::channel(max_queued);
        let counters = Arc::new(Counters::default());
        let inbox = Mutex::new(Inbox::new(receiver));
        let shared = Arc::new(Shared {
            inbox,
            size: BatchSize::default(),
            connections,
            ids,
            leases,
            mislaid,
            counters: Arc::clone(&counters),
        });
        let workers = (0..workers.max(1)).map(|_| tasks.spawn(Arc::clone(&shared).run())).collect();
        Self { queue: RwLock::new(Some(queue)), counters, workers: Mutex::new(workers) }
    }

    /// Writes; waits while the queue is full.
    pub(super) async fn write(&self, work: Work) -> Result<Outcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        let queue = self.queue()?;
        queue.send(Write { work, reply, progress: Arc::default() }).await.map_err(|_| StoreError::Closed)?;
        // The workers end with the last sender.
        drop(queue);
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Writes, or refuses at once when the queue is full, and after a while when nothing comes of it: with
    /// certainty, if no worker has begun it by then.
    pub(super) async fn write_or_refuse(&self, work: Work) -> Result<Outcome, StoreError> {
        let (reply, mut answer) = oneshot::channel();
        let progress = Arc::new(Progress::default());
        let write = Write { work, reply, progress: Arc::clone(&progress) };
        self.queue()?.try_send(write).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })?;
        if let Ok(answer) = timeout(APPEND_BOUND, &mut answer).await {
            return answer.unwrap_or(Err(StoreError::Closed));
        }
        if progress.give_up() {
            return Err(StoreError::Overloaded);
        }
        // From here on a worker finds out that nobody hears it; before that it may have answered just now.
        answer.close();
        answer.try_recv().unwrap_or_else(|_| Err(Failure::InDoubt(DatabaseError::NoAnswer).into()))
    }

    /// Refuses when the queue is full: what comes later would wait behind it.
    pub(super) fn check_room(&self) -> Result<(), StoreError> {
        if self.queue()?.capacity() == 0 { Err(StoreError::Overloaded) } else { Ok(()) }
    }

    fn queue(&self) -> Result<mpsc::Sender<Write>, StoreError> {
        self.queue.read().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)
    }

    pub(super) fn counts(&self) -> BatchCounts {
        BatchCounts {
            commits: self.counters.commits.load(Ordering::Relaxed),
            writes: self.counters.writes.load(Ordering::Relaxed),
        }
    }

    /// Commits what was queued before this call; everything after it is refused.
    pub(super) async fn close(&self) {
        drop(self.queue.write().unwrap_or_else(PoisonError::into_inner).take());
        for worker in std::mem::take(&mut *self.workers.lock().await) {
            // An error is a panic of the worker, which has been reported already.
            let _ = worker.await;
        }
    }
}

/// What the workers share.
struct Shared {
    inbox: Mutex<Inbox>,
    size: BatchSize,
    connections: Connections,
    ids: Arc<IdMaker>,
    leases: Leases,
    mislaid: Arc<Mislaid>,
    counters: Arc<Counters>,
}

impl Shared {
    async fn run(self: Arc<Self>) {
        loop {
            let batch = self.inbox.lock().await.collect(&self.size).await;
            let Some(batch) = batch else { return };
            self.commit(batch).await;
        }
    }

    /// Commits the batch and settles all of it, halving it where it fails.
    async fn commit(&self, batch: Vec<Write>) {
        let mut parts = vec![Part::of(batch)];
        while let Some(mut part) = parts.pop() {
            part.writes.retain(Write::begin);
            if part.writes.is_empty() {
                continue;
            }
            let count = part.writes.len();
            match until_it_meets_none!(self.try_commit(&part.writes, part.until)) {
                Ok(outcomes) => {
                    self.size.committed(count);
                    self.settle(part.writes, outcomes);
                }
                // A row is at fault: that took no time, and what is without it has all of it anew.
                Err(failure) if count > 1 && failure.may_be_of_one_row() => {
                    parts.extend(part.halves(Instant::now() + BATCH_BOUND));
                }
                // There are too many: what is left of the time is for the halves.
                Err(failure) if count > 1 && failure.is_of_size() && Instant::now() < part.until => {
                    let until = part.until;
                    parts.extend(part.halves(until));
                }
                Err(failure) => {
                    if Instant::now() >= part.until {
                        self.size.ran_out_of_time(count);
                    }
                    let error = StoreError::from(failure);
                    let outcomes = part.writes.iter().map(|_| Err(error.clone())).collect();
                    self.settle(part.writes, outcomes);
                }
            }
        }
    }

    async fn try_commit(
        &self,
        batch: &[Write],
        until: Instant,
    ) -> Result<Vec<Result<Outcome, StoreError>>, Failure> {
        let works: Vec<&Work> = batch.iter().map(|write| &write.work).collect();
        // Leaves as much time for its halves. The server ends it then, and nothing of it stands in their way.
        let bound = (works.len() > 1).then(|| until.saturating_duration_since(Instant::now()) / 2);
        let tx = self.connections.write_within(until, bound).await?;
        let outcomes = batch::run(&tx, &self.ids, self.leases, &works).await?;
        if let Err(failure) = tx.commit().await {
            if matches!(failure, Failure::InDoubt(_)) {
                // Nobody knows, and whoever asked is told of an error.
                self.mislaid.note(works.iter().zip(&outcomes).flat_map(|(work, outcome)| work.held(outcome)));
            }
            return Err(failure);
        }
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.writes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(outcomes)
    }

    fn settle(&self, batch: Vec<Write>, outcomes: Vec<Result<Outcome, StoreError>>) {
        for (Write { work, reply, .. }, outcome) in batch.into_iter().zip(outcomes) {
            // A caller that has gone away does not undo what is committed.
            if let Err(unheard) = reply.send(outcome) {
                self.mislaid.note(work.held(&unheard));
            }
        }
    }
}

/// Writes of one transaction, and when that has to be over.
struct Part {
    writes: Vec<Write>,
    until: Instant,
}

impl Part {
    fn of(writes: Vec<Write>) -> Self {
        Self { writes, until: Instant::now() + BATCH_BOUND }
    }

    /// What was rolled back, in two parts that are to be over by then, the one to be written first as the
    /// last.
    fn halves(self, until: Instant) -> [Self; 2] {
        let Self { mut writes, .. } = self;
        writes.iter().for_each(Write::put_back);
        let second = writes.split_off(writes.len() / 2);
        [Self { writes: second, until }, Self { writes, until }]
    }
}

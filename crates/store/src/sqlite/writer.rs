//! The one thread that writes: group commit, and the halving of a batch that fails.
//!
//! Writes wait in a bounded queue. The thread takes what is there, up to [`MAX_BATCH`] and
//! [`MAX_BATCH_DELIVERIES`], applies it in one transaction and answers everybody after the commit, so one
//! fsync serves all who came while the former one ran. If a batch fails, it is rolled back and halved until
//! the culprit alone fails: one bad row harms nobody else.
//!
//! What is *not* guaranteed: that a write is applied once. A write that was in a failed batch is applied
//! again in a smaller one; the former try was rolled back, so nothing of it is left, but its closure runs
//! again.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::condition::Condition;
use super::presence::Presence;
use super::trouble::{explain, is_locked};
use crate::append::MAX_BATCH_DELIVERIES;
use crate::error::{OpenError, StoreError};

/// How many writes one transaction takes at most: bounds the time an fsync's answers wait for.
const MAX_BATCH: usize = 512;
/// How long a statement waits for another process's lock, such as a backup's.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long it waits when the one before waited in vain, so that all who come after are told soon.
const BUSY_AGAIN_TIMEOUT: Duration = Duration::from_millis(100);
/// Prepared statements kept per connection: more than there are in this backend.
///
/// What is kept must also stay prepared. SQLite looks at the value of a bare `LIMIT ?` when it plans, and
/// plans anew whenever that is bound again: so every limit here is written `LIMIT 0 + ?`, which is not looked
/// at.
pub(super) const STATEMENT_CACHE: usize = 128;

/// Why a write's closure gives up.
#[derive(Debug)]
pub(super) enum WriteError {
    /// SQLite failed: the whole transaction is rolled back.
    Sql(rusqlite::Error),
    /// An answer to the caller, such as "not found". The closure must not have written anything yet: the
    /// transaction goes on.
    Answer(StoreError),
}

impl From<rusqlite::Error> for WriteError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

/// How much was written since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WriterCounts {
    /// Transactions committed; each is one fsync of the log, checkpoints apart.
    pub commits: u64,
    /// Writes in them.
    pub writes: u64,
}

/// The queue's end that callers hold, and the thread behind it.
pub(super) struct Writer {
    queue: mpsc::Sender<Message>,
    counters: Arc<Counters>,
    condition: Condition,
    // After the queue, whose end makes the thread end.
    _thread: JoinOnDrop,
}

/// Waits for the thread when dropped: nothing may be written any more once the folder lock is given up. What
/// is still queued then was asked for by callers that have gone away, so the wait is short.
struct JoinOnDrop(Option<JoinHandle<()>>);

impl Drop for JoinOnDrop {
    fn drop(&mut self) {
        if let Some(thread) = self.0.take() {
            // An error is a panic of the thread, which has been reported already.
            let _ = thread.join();
        }
    }
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    writes: AtomicU64,
}

enum Message {
    Write(Box<dyn Write>),
    Close(oneshot::Sender<()>),
}

/// One write on its way: applied, perhaps more than once, then settled exactly once.
trait Write: Send {
    fn apply(&mut self, tx: &Connection) -> rusqlite::Result<()>;
    fn settle(self: Box<Self>, outcome: Result<(), StoreError>);
    /// How many deliveries it makes, as far as its caller knows.
    fn deliveries(&self) -> usize;
}

struct Pending<T, W, P> {
    deliveries: usize,
    work: W,
    publish: P,
    answer: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, W, P> Write for Pending<T, W, P>
where
    T: Send,
    W: FnMut(&Connection) -> Result<T, WriteError> + Send,
    P: Fn(&T) + Send,
{
    fn apply(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        self.answer = Some(match (self.work)(tx) {
            Ok(value) => Ok(value),
            Err(WriteError::Answer(error)) => Err(error),
            Err(WriteError::Sql(error)) => return Err(error),
        });
        Ok(())
    }

    fn settle(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { publish, answer, reply, .. } = *self;
        let answer = outcome.and_then(|()| answer.unwrap_or(Err(StoreError::Closed)));
        if let Ok(value) = &answer {
            publish(value);
        }
        // A caller that has gone away does not undo what is committed.
        let _ = reply.send(answer);
    }

    fn deliveries(&self) -> usize {
        self.deliveries
    }
}

impl Writer {
    /// Starts the thread. It ends when the writer is closed or dropped, after committing what waits.
    pub(super) fn start(connection: Connection, presence: Presence, max_queued: usize) -> Self {
        let (queue, inbox) = mpsc::channel(max_queued);
        let counters = Arc::new(Counters::default());
        let thread =
            Thread { connection, presence, inbox, counters: Arc::clone(&counters), is_locked: false };
        let thread = std::thread::Builder::new()
            .name("sqlite-writer".into())
            .spawn(move || thread.run())
            .expect("a process that cannot start a thread cannot start");
        let condition = Condition::of_writing();
        Self { queue, counters, condition, _thread: JoinOnDrop(Some(thread)) }
    }

    /// Writes; waits while the queue is full.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write_and(work, |_| ()).await
    }

    /// Writes, and after the commit calls `publish` on the writer's thread before the answer is given.
    pub(super) async fn write_and<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, WriteError> + Send + 'static,
        publish: impl Fn(&T) + Send + 'static,
    ) -> Result<T, StoreError> {
        let (message, answer) = message(0, work, publish);
        self.queue.send(message).await.map_err(|_| StoreError::Closed)?;
        self.condition.noted(answer.await.unwrap_or(Err(StoreError::Closed)))
    }

    /// Writes, or refuses at once when the queue is full, or damage was seen.
    pub(super) async fn write_or_refuse<T: Send + 'static>(
        &self,
        work: impl FnMut(&Connection) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.append_or_refuse(0, work).await
    }

    /// The same, of what makes so many deliveries.
    pub(super) async fn append_or_refuse<T: Send + 'static>(
        &self,
        deliveries: usize,
        work: impl FnMut(&Connection) -> Result<T, WriteError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (message, answer) = message(deliveries, work, |_| ());
        let outcome = match self.condition.check_sound().and_then(|()| self.queue_or_refuse(message)) {
            Ok(()) => answer.await.unwrap_or(Err(StoreError::Closed)),
            Err(refusal) => Err(refusal),
        };
        self.condition.noted(outcome)
    }

    fn queue_or_refuse(&self, message: Message) -> Result<(), StoreError> {
        self.queue.try_send(message).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => StoreError::Closed,
        })
    }

    /// How writing does.
    pub(super) fn condition(&self) -> &Condition {
        &self.condition
    }

    pub(super) fn counts(&self) -> WriterCounts {
        WriterCounts {
            commits: self.counters.commits.load(Ordering::Relaxed),
            writes: self.counters.writes.load(Ordering::Relaxed),
        }
    }

    /// Commits what was queued before this call, then closes the database.
    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.queue.send(Message::Close(done)).await.is_ok() {
            // An error means the thread is gone, which is what was wanted.
            let _ = closed.await;
        }
    }
}

fn message<T: Send + 'static>(
    deliveries: usize,
    work: impl FnMut(&Connection) -> Result<T, WriteError> + Send + 'static,
    publish: impl Fn(&T) + Send + 'static,
) -> (Message, oneshot::Receiver<Result<T, StoreError>>) {
    let (reply, answer) = oneshot::channel();
    (Message::Write(Box::new(Pending { deliveries, work, publish, answer: None, reply })), answer)
}

struct Thread {
    connection: Connection,
    presence: Presence,
    inbox: mpsc::Receiver<Message>,
    counters: Arc<Counters>,
    /// Whether the last batch found the database locked.
    is_locked: bool,
}

impl Thread {
    fn run(mut self) {
        let mut batch: Vec<Box<dyn Write>> = Vec::with_capacity(MAX_BATCH);
        while let Some(first) = self.inbox.blocking_recv() {
            let close = self.collect(first, &mut batch);
            self.commit(&mut batch);
            if let Some(done) = close {
                drop(self.connection);
                // What had its place in the queue already is told so by being dropped. Dropping the queue
                // alone could miss one whose sender is just now putting it in, and leave its caller waiting
                // for ever.
                self.inbox.close();
                while self.inbox.blocking_recv().is_some() {}
                let _ = done.send(());
                return;
            }
        }
    }

    /// Takes what waits, up to a full batch. Returns the one who asked to close, if that came.
    fn collect(&mut self, first: Message, batch: &mut Vec<Box<dyn Write>>) -> Option<oneshot::Sender<()>> {
        let (mut next, mut deliveries) = (Some(first), 0);
        while let Some(message) = next {
            match message {
                Message::Write(write) => {
                    deliveries += write.deliveries();
                    batch.push(write);
                }
                Message::Close(done) => return Some(done),
            }
            let has_room = batch.len() < MAX_BATCH && deliveries < MAX_BATCH_DELIVERIES;
            next = if has_room { self.inbox.try_recv().ok() } else { None };
        }
        None
    }

    /// Commits the batch and settles all of it, halving it where it fails.
    fn commit(&mut self, batch: &mut Vec<Box<dyn Write>>) {
        if batch.is_empty() {
            return;
        }
        let outcome = self.try_commit(batch);
        self.mind_the_lock(outcome.as_ref().is_err_and(is_locked));
        match outcome {
            Ok(()) => settle(batch, &Ok(())),
            Err(error) if batch.len() > 1 && may_be_one_rows_fault(&error) => {
                let mut later = batch.split_off(batch.len() / 2);
                self.commit(batch);
                self.commit(&mut later);
            }
            Err(error) => settle(batch, &Err(StoreError::from(error))),
        }
    }

    /// Waits long for a lock that may be a moment's, and then, as long as it lasts, only shortly.
    fn mind_the_lock(&mut self, is_locked: bool) {
        if is_locked == self.is_locked {
            return;
        }
        let timeout = if is_locked { BUSY_AGAIN_TIMEOUT } else { BUSY_TIMEOUT };
        // Should it not be taken, the former one holds, and the next batch tries again.
        if self.connection.busy_timeout(timeout).is_ok() {
            self.is_locked = is_locked;
        }
    }

    fn try_commit(&mut self, batch: &mut [Box<dyn Write>]) -> rusqlite::Result<()> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for write in batch.iter_mut() {
            write.apply(&tx)?;
        }
        self.presence.check()?;
        tx.commit()?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.writes.fetch_add(batch.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

fn settle(batch: &mut Vec<Box<dyn Write>>, outcome: &Result<(), StoreError>) {
    for write in batch.drain(..) {
        write.settle(outcome.clone());
    }
}

/// Whether a smaller transaction may succeed where this one failed. When the file itself is the trouble it
/// will not, and halving would only multiply the failures; a full disk may still hold a smaller batch.
fn may_be_one_rows_fault(error: &rusqlite::Error) -> bool {
    !matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::CannotOpen
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::DatabaseLocked
                | ErrorCode::NotADatabase
                | ErrorCode::PermissionDenied
                | ErrorCode::ReadOnly
                | ErrorCode::SystemIoFailure
        )
    )
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows,
            Utf8Error,
        };
        match error {
            FromSqlConversionFailure(..)
            | IntegralValueOutOfRange(..)
            | InvalidColumnType(..)
            | Utf8Error(..) => Self::corrupt("row", error),
            // What the row refers to does not exist, such as its project.
            QueryReturnedNoRows => Self::Refused(Arc::new(error)),
            _ => match error.sqlite_error_code() {
                Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig | ErrorCode::TypeMismatch) => {
                    Self::Refused(Arc::new(error))
                }
                _ => Self::Unavailable(explain(error)),
            },
        }
    }
}

/// Opens the writing connection.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    open(path).map_err(|source| super::soundness::refusal(path, source))
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    // A larger log means fewer checkpoints, each of which is two more fsyncs: 4,000 pages are about 16 MiB.
    connection.pragma_update(None, "wal_autocheckpoint", 4000)?;
    connection.pragma_update(None, "cache_size", -32 * 1024)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT").unwrap();
        db
    }

    fn insert(n: i64) -> impl FnMut(&Connection) -> Result<i64, WriteError> + Send {
        move |tx| {
            tx.execute("INSERT INTO t (n) VALUES (?1)", [n])?;
            Ok(n)
        }
    }

    fn run_batch(values: &[i64]) -> (Vec<Result<i64, StoreError>>, WriterCounts) {
        run_batch_of(0, values)
    }

    /// Of writes that make so many deliveries each.
    fn run_batch_of(deliveries: usize, values: &[i64]) -> (Vec<Result<i64, StoreError>>, WriterCounts) {
        let (queue, inbox) = mpsc::channel(64);
        let counters = Arc::new(Counters::default());
        let mut answers = Vec::new();
        for value in values {
            let (message, answer) = message(deliveries, insert(*value), |_| ());
            queue.try_send(message).ok().unwrap();
            answers.push(answer);
        }
        drop(queue);
        let counts_of = Arc::clone(&counters);
        let thread =
            Thread { connection: memory(), presence: Presence::of_none(), inbox, counters, is_locked: false };
        thread.run();
        let answers = answers.into_iter().map(|answer| answer.blocking_recv().unwrap()).collect();
        let counts = WriterCounts {
            commits: counts_of.commits.load(Ordering::Relaxed),
            writes: counts_of.writes.load(Ordering::Relaxed),
        };
        (answers, counts)
    }

    #[test]
    fn what_waits_is_committed_together() {
        let (answers, counts) = run_batch(&[1, 2, 3, 4, 5]);
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(counts, WriterCounts { commits: 1, writes: 5 });
    }

    #[test]
    fn a_transaction_is_bounded_in_what_its_events_fan_out_to() {
        let (answers, counts) = run_batch_of(10_000, &[1, 2, 3, 4, 5, 6]);
        assert!(answers.iter().all(Result::is_ok));
        assert_eq!(counts, WriterCounts { commits: 3, writes: 6 }, "20,000 deliveries each");
    }

    #[test]
    fn a_bad_row_fails_alone() {
        let (answers, counts) = run_batch(&[1, 2, 3, 2, 4, 5, 6, 7]);
        let failed: Vec<usize> = (0..answers.len()).filter(|i| answers[*i].is_err()).collect();
        assert_eq!(failed, [3]);
        assert!(matches!(answers[3], Err(StoreError::Refused(_))));
        assert_eq!(counts.writes, 7);
    }

    #[test]
    fn a_locked_database_fails_the_whole_batch_in_one_try() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.db");
        let other = connect(&path).unwrap();
        other.execute_batch("CREATE TABLE t (n INTEGER PRIMARY KEY) STRICT; BEGIN IMMEDIATE").unwrap();
        let mut thread = Thread {
            connection: connect(&path).unwrap(),
            presence: Presence::of_none(),
            inbox: mpsc::channel(1).1,
            counters: Arc::default(),
            is_locked: false,
        };
        // In place of the five seconds: counts, and gives up at once.
        let tries = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&tries);
        let give_up = move |_| counted.fetch_add(1, Ordering::Relaxed) == u64::MAX;
        thread.connection.busy_handler(Some(give_up)).unwrap();
        let (mut batch, answers): (Vec<_>, Vec<_>) = (0..8)
            .map(|n| {
                let (message, answer) = message(0, insert(n), |_| ());
                let Message::Write(write) = message else { unreachable!("no close was made") };
                (write, answer)
            })
            .unzip();
        thread.commit(&mut batch);
        for answer in answers {
            assert!(matches!(answer.blocking_recv().unwrap(), Err(StoreError::Unavailable(_))));
        }
        assert_eq!(tries.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_answer_does_not_undo_the_others() {
        let mut db = Thread {
            connection: memory(),
            presence: Presence::of_none(),
            inbox: mpsc::channel(1).1,
            counters: Arc::default(),
            is_locked: false,
        };
        let (refusing, refused) =
            message::<()>(0, |_| Err(WriteError::Answer(StoreError::NotFound { noun: "x" })), |()| ());
        let (inserting, inserted) = message(0, insert(1), |_| ());
        let mut batch: Vec<Box<dyn Write>> = [refusing, inserting]
            .into_iter()
            .map(|message| match message {
                Message::Write(write) => write,
                Message::Close(_) => unreachable!("no close was made"),
            })
            .collect();
        db.commit(&mut batch);
        assert!(matches!(refused.blocking_recv().unwrap(), Err(StoreError::NotFound { noun: "x" })));
        assert_eq!(inserted.blocking_recv().unwrap().unwrap(), 1);
    }
}

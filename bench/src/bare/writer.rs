//! Group commit: one thread takes whatever waits, writes it in one transaction, and answers after the commit.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::rows::{self, Appended, Arrival, Attempt, Ids};
use crate::failure::Failure;

/// Writes in one transaction at most, and in the queue; the numbers that Ringback has.
const MAX_BATCH: usize = 512;
const MAX_QUEUED: usize = 4096;

enum Write {
    Append(Arrival, oneshot::Sender<Appended>),
    Finish(Attempt, oneshot::Sender<()>),
}

/// An answer that is owed once its transaction is committed.
enum Owed {
    Append(Appended, oneshot::Sender<Appended>),
    Finish(oneshot::Sender<()>),
}

/// The queue's end for callers. Clones share it; the thread ends with the last.
#[derive(Clone)]
pub(crate) struct Writer(mpsc::Sender<Write>);

impl Writer {
    /// Makes the database in an empty folder and starts the thread. `delivering`: each event gets a delivery.
    pub(crate) fn open(folder: &Path, delivering: bool) -> Result<Self, Failure> {
        let connection = rows::create(&folder.join("bare.db"), delivering)?;
        let (queue, inbox) = mpsc::channel(MAX_QUEUED);
        std::thread::Builder::new()
            .name("bare-writer".into())
            .spawn(move || run(connection, inbox, &Ids::new(), delivering))
            .map_err(Failure::io("start a thread"))?;
        Ok(Self(queue))
    }

    /// Makes a call durable. `None` if it could not be.
    pub(crate) async fn append(&self, arrival: Arrival) -> Option<Appended> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Write::Append(arrival, reply)).await.ok()?;
        answer.await.ok()
    }

    /// Records an attempt. `None` if it could not be.
    pub(crate) async fn finish(&self, attempt: Attempt) -> Option<()> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Write::Finish(attempt, reply)).await.ok()?;
        answer.await.ok()
    }
}

fn run(mut connection: Connection, mut inbox: mpsc::Receiver<Write>, ids: &Ids, delivering: bool) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while inbox.blocking_recv_many(&mut batch, MAX_BATCH) > 0 {
        match commit(&mut connection, &mut batch, ids, delivering) {
            Ok(owed) => owed.into_iter().for_each(Owed::pay),
            // Whoever waits for the batch is told by its answers being dropped.
            Err(error) => Failure::from(error).tell(),
        }
    }
}

fn commit(
    connection: &mut Connection,
    batch: &mut Vec<Write>,
    ids: &Ids,
    delivering: bool,
) -> rusqlite::Result<Vec<Owed>> {
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut owed = Vec::with_capacity(batch.len());
    for write in batch.drain(..) {
        owed.push(match write {
            Write::Append(arrival, reply) => {
                Owed::Append(rows::append(&tx, ids, &arrival, delivering)?, reply)
            }
            Write::Finish(attempt, reply) => {
                rows::finish(&tx, ids, &attempt)?;
                Owed::Finish(reply)
            }
        });
    }
    tx.commit()?;
    Ok(owed)
}

impl Owed {
    /// A caller that has gone away does not undo what is committed.
    fn pay(self) {
        match self {
            Self::Append(appended, reply) => drop(reply.send(appended)),
            Self::Finish(reply) => drop(reply.send(())),
        }
    }
}

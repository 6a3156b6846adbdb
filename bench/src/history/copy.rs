//! The history on PostgreSQL: by COPY, a stream for each table at the same time, each in a transaction of its
//! own.

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_postgres::Client;

use super::occurrence::{ATTEMPT_MS, Occurrence, Occurrences};
use super::partitions;
use super::progress::Progress;
use super::tuple::Tuples;
use crate::failure::Failure;

/// Events in one parcel of rows for each table.
const PARCEL: usize = 2_000;
/// Parcels on their way to a table: what is made ahead of the slowest.
const AHEAD: usize = 4;

/// The tables with the columns that are written, in the order of [`Rows`].
const TABLES: [&str; 5] = [
    "events (id, project_id, source_id, type, webhook_id, upstream_event_id, object_id, created_at, payload)",
    "webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at)",
    "receipts (id, project_id, source_id, received_at, disposition, webhook_id, event_id, secret_id)",
    "deliveries (id, project_id, event_id, endpoint_id, trigger, state, attempt_count, first_attempt_at, created_at, due_at, \
     finished_at)",
    "attempts (delivery_id, id, number, outcome, status_code, started_at, duration_ms, response_body)",
];

/// Writes all of it, and has the planner know.
pub(super) async fn fill(url: &str, occurrences: Occurrences, progress: &Progress) -> Result<(), Failure> {
    partitions::divide(&connect(url).await?, occurrences.begun_at()).await?;
    let (mut senders, mut copies) = (Vec::new(), JoinSet::new());
    for table in TABLES {
        let (sender, parcels) = mpsc::channel(AHEAD);
        let client = connect(url).await?;
        senders.push(sender);
        copies.spawn(copy(client, table, parcels));
    }
    let advanced = progress.clone();
    // Whoever copies ends when this does, and this when one of those does.
    let making = tokio::task::spawn_blocking(move || make(occurrences, &senders, &advanced));
    while let Some(copied) = copies.join_next().await {
        copied??;
    }
    making.await?;
    progress.say("vacuuming and analysing");
    let client = connect(url).await?;
    // As autovacuum would have left them: nobody is to pay for the first look at a row.
    client.batch_execute("VACUUM (ANALYZE) events, webhook_ids, receipts, deliveries, attempts").await?;
    // Who may not ask for one waits for the server's own.
    let _ = client.batch_execute("CHECKPOINT").await;
    Ok(())
}

/// A connection whose transactions need not be on the disk one by one.
async fn connect(url: &str) -> Result<Client, Failure> {
    let client = crate::postgres::connect(url).await?;
    client.batch_execute("SET synchronous_commit = off").await?;
    Ok(client)
}

async fn copy(client: Client, table: &str, mut parcels: mpsc::Receiver<Bytes>) -> Result<(), Failure> {
    let sink = client.copy_in(&format!("COPY {table} FROM STDIN (FORMAT binary)")).await?;
    tokio::pin!(sink);
    sink.feed(Tuples::header()).await?;
    while let Some(parcel) = parcels.recv().await {
        sink.send(parcel).await?;
    }
    sink.send(Tuples::trailer()).await?;
    sink.finish().await.map(drop).map_err(Failure::from)
}

fn make(occurrences: Occurrences, senders: &[mpsc::Sender<Bytes>], progress: &Progress) {
    let mut rows = Rows::default();
    let mut count = 0;
    for occurrence in occurrences {
        rows.add(&occurrence);
        count += 1;
        if count == PARCEL {
            if !rows.send(senders) {
                return;
            }
            progress.advance(PARCEL as u64);
            count = 0;
        }
    }
    rows.send(senders);
}

/// Rows for each of [`TABLES`].
#[derive(Default)]
struct Rows([Tuples; 5]);

impl Rows {
    fn add(&mut self, of: &Occurrence) {
        let [events, webhook_ids, receipts, deliveries, attempts] = &mut self.0;
        let owner = &of.owner;
        events
            .row(9)
            .bytes(of.event)
            .bytes(owner.project)
            .bytes(owner.source)
            .bytes(&of.event_type)
            .bytes(&of.webhook_id)
            .bytes(&of.upstream_event_id)
            .bytes(&of.object_id)
            .int8(of.created_at)
            .bytes(&of.payload);
        webhook_ids
            .row(6)
            .bytes(owner.source)
            .bytes(&of.webhook_id)
            .bytes(owner.project)
            .bytes(of.event)
            .bytes(&of.payload_sha256)
            .int8(of.created_at);
        receipts
            .row(8)
            .bytes(of.receipt)
            .bytes(owner.project)
            .bytes(owner.source)
            .int8(of.created_at)
            .bytes("accepted")
            .bytes(&of.webhook_id)
            .bytes(of.event)
            .bytes(owner.secret);
        let done = (!of.is_pending).then_some(of.created_at);
        deliveries
            .row(11)
            .bytes(of.delivery)
            .bytes(owner.project)
            .bytes(of.event)
            .bytes(owner.endpoint)
            .bytes("event")
            .bytes(if of.is_pending { "pending" } else { "delivered" })
            .int4(i32::from(!of.is_pending))
            .int8_or_null(done)
            .int8(of.created_at)
            .int8_or_null(of.is_pending.then_some(of.created_at))
            .int8_or_null(done.map(|begun| begun + ATTEMPT_MS));
        if let Some(begun) = done {
            attempts
                .row(8)
                .bytes(of.delivery)
                .bytes(of.attempt)
                .int4(1)
                .bytes("succeeded")
                .int4(200)
                .int8(begun)
                .int8(ATTEMPT_MS)
                .bytes("");
        }
    }

    /// Whether everybody still takes them.
    fn send(&mut self, senders: &[mpsc::Sender<Bytes>]) -> bool {
        self.0.iter_mut().zip(senders).all(|(rows, sender)| sender.blocking_send(rows.take()).is_ok())
    }
}

//! The floor of one node on PostgreSQL: a loop that inserts the rows of an event and does nothing else.
//!
//! The same tables with the same indexes, made by the store; the same rows for each event, four of a call and
//! three of what is published, which has no receipt; arrays unnested, as many events in a transaction as it
//! likes, two connections, each commit on the disk. Nobody calls it, nothing is verified, and no duplicate is
//! looked for.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use ringback_domain::IdMaker;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{Client, Statement};

use crate::database::Database;
use crate::failure::Failure;
use crate::history::{Occurrence, Occurrences};
use crate::nodes::meter::{Meter, Work};
use crate::{clock, history, postgres};

/// Events in one transaction.
const BATCH: usize = 2_000;
/// Connections that insert at the same time.
const CONNECTIONS: u64 = 2;

const EVENTS: &str = "\
    INSERT INTO events (id, project_id, source_id, type, webhook_id, upstream_event_id, object_id, created_at, payload) \
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::int8[], $9::bytea[])";
const WEBHOOK_IDS: &str = "\
    INSERT INTO webhook_ids (source_id, webhook_id, project_id, event_id, payload_sha256, first_seen_at) \
    SELECT * FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::bytea[], $6::int8[])";
const RECEIPTS: &str = "\
    INSERT INTO receipts (id, project_id, source_id, event_id, secret_id, webhook_id, received_at, disposition) \
    SELECT *, 'accepted' FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::int8[])";
const DELIVERIES: &str = "\
    INSERT INTO deliveries (id, project_id, event_id, endpoint_id, created_at, due_at, trigger, state) \
    SELECT *, 'event', 'pending' FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::int8[], $6::int8[])";

type Param<'a> = &'a (dyn ToSql + Sync);

/// The 16 bytes of an id, as a parameter.
#[derive(Debug)]
struct Uuid([u8; 16]);

impl ToSql for Uuid {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.put_slice(&self.0);
        Ok(IsNull::No)
    }

    fn accepts(of: &Type) -> bool {
        *of == Type::UUID
    }

    to_sql_checked!();
}

/// Inserts into a database that is made ready first, until `length` is over; with receipts or without.
/// Returns how many events were committed by then, and what the server did meanwhile.
pub(crate) async fn measure(
    url: &str,
    receipts: bool,
    length: Duration,
    meter: &Meter,
) -> Result<(usize, Work), Failure> {
    let owners = history::prepare(&Database::Postgres(url.to_owned()), &Arc::new(IdMaker::new(1))).await?;
    let mut inserters = Vec::new();
    for number in 0..CONNECTIONS {
        let occurrences = Occurrences::endless(number, owners.clone(), clock::unix_ms());
        inserters.push(Inserter::new(url, receipts, occurrences).await?);
    }
    let before = meter.read().await?;
    let end = Instant::now() + length;
    let mut running = JoinSet::new();
    for inserter in inserters {
        running.spawn(inserter.run(end));
    }
    let mut committed = 0;
    while let Some(ended) = running.join_next().await {
        committed += ended??;
    }
    Ok((committed, meter.read().await? - before))
}

struct Inserter {
    client: Client,
    statements: [Statement; 4],
    receipts: bool,
    occurrences: Occurrences,
}

impl Inserter {
    async fn new(url: &str, receipts: bool, occurrences: Occurrences) -> Result<Self, Failure> {
        let client = postgres::connect(url).await?;
        client.batch_execute("SET synchronous_commit = on").await?;
        let statements = [
            client.prepare(EVENTS).await?,
            client.prepare(WEBHOOK_IDS).await?,
            client.prepare(RECEIPTS).await?,
            client.prepare(DELIVERIES).await?,
        ];
        Ok(Self { client, statements, receipts, occurrences })
    }

    async fn run(mut self, end: Instant) -> Result<usize, Failure> {
        let mut committed = 0;
        loop {
            let batch: Vec<Occurrence> = self.occurrences.by_ref().take(BATCH).collect();
            self.client.batch_execute("BEGIN").await?;
            self.insert(&batch).await?;
            self.client.batch_execute("COMMIT").await?;
            if Instant::now() > end {
                return Ok(committed);
            }
            committed += batch.len();
        }
    }

    async fn insert(&self, batch: &[Occurrence]) -> Result<(), Failure> {
        let ids =
            |of: fn(&Occurrence) -> [u8; 16]| -> Vec<Uuid> { batch.iter().map(|o| Uuid(of(o))).collect() };
        let texts = |of: fn(&Occurrence) -> &str| -> Vec<&str> { batch.iter().map(of).collect() };
        let blobs = |of: fn(&Occurrence) -> &[u8]| -> Vec<&[u8]> { batch.iter().map(of).collect() };
        let [events, webhook_ids, receipts, deliveries] = &self.statements;
        let times: Vec<i64> = batch.iter().map(|o| o.created_at).collect();
        let (event, project, source) = (ids(|o| o.event), ids(|o| o.owner.project), ids(|o| o.owner.source));
        let webhook_id = texts(|o| &o.webhook_id);
        let (types, upstream, objects) =
            (texts(|o| &o.event_type), texts(|o| &o.upstream_event_id), texts(|o| &o.object_id));
        let (payloads, hashes) = (blobs(|o| &o.payload), blobs(|o| &o.payload_sha256));
        let (receipt, secret) = (ids(|o| o.receipt), ids(|o| o.owner.secret));
        let (delivery, endpoint) = (ids(|o| o.delivery), ids(|o| o.owner.endpoint));
        let of_ids: [Param<'_>; 6] = [&source, &webhook_id, &project, &event, &hashes, &times];
        let of_events: [Param<'_>; 9] =
            [&event, &project, &source, &types, &webhook_id, &upstream, &objects, &times, &payloads];
        let of_deliveries: [Param<'_>; 6] = [&delivery, &project, &event, &endpoint, &times, &times];
        let of_receipts: [Param<'_>; 7] = [&receipt, &project, &source, &event, &secret, &webhook_id, &times];
        // All are sent before the first is answered.
        tokio::try_join!(
            biased;
            self.client.execute(webhook_ids, &of_ids),
            self.client.execute(events, &of_events),
            self.client.execute(deliveries, &of_deliveries),
            async {
                match self.receipts {
                    true => self.client.execute(receipts, &of_receipts).await,
                    false => Ok(0),
                }
            },
        )?;
        Ok(())
    }
}

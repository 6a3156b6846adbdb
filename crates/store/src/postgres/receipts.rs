//! Receipts: written with the event they are, or alone when a call was refused.

use ringback_domain::{Disposition, KeptCall, ProjectId, Receipt, ReceiptId, SourceId};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use super::statement::Statement;
use crate::append::{Appended, Arrival};
use crate::page::{Order, Page, PageRequest};
use crate::receipts::{MAX_HELD_CALLS, ReceiptDetail, ReceiptFilter, Refusal, RefusalCount};

const COLUMNS: &str =
    "id, source_id, received_at, disposition, reason, webhook_id, event_id, secret_id, admitted_at";

/// The receipts of calls that were taken in.
const INSERT: &str = "\
    INSERT INTO receipts (id, project_id, source_id, event_id, secret_id, webhook_id, disposition, received_at) \
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::int8[])";

/// Completes the receipts of calls which were refused before and are admitted now.
pub(super) const ADMIT: &str = "\
    UPDATE receipts AS r SET disposition = u.disposition, event_id = u.event_id, secret_id = u.secret_id, \
           webhook_id = u.webhook_id, admitted_at = u.received_at, headers = NULL, body = NULL, body_bytes = NULL \
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::text[], $7::text[], $8::int8[]) \
         AS u (id, project_id, source_id, event_id, secret_id, webhook_id, disposition, received_at) \
    WHERE r.project_id = u.project_id AND r.id = u.id AND r.source_id = u.source_id AND r.event_id IS NULL";

/// The oldest calls that a source holds.
pub(super) const HELD: &str = "\
    SELECT id, source_id, received_at, disposition, reason, webhook_id, event_id, secret_id, admitted_at, \
           headers, body, body_bytes \
    FROM receipts WHERE source_id = $1 AND disposition = 'held' AND id > $2 ORDER BY id LIMIT $3";

/// How many calls a source holds.
pub(super) const COUNT_HELD: &str =
    "SELECT count(*) FROM receipts WHERE source_id = $1 AND disposition = 'held'";

/// How many calls of a project were refused, by source and code.
pub(super) const COUNTS: &str = "\
    SELECT c.source_id, c.reason, c.count FROM sources AS s JOIN refusal_counts AS c ON c.source_id = s.id \
    WHERE s.project_id = $1 AND s.deleted_at IS NULL ORDER BY c.source_id, c.reason";

const INSERT_REFUSAL: &str = "\
    INSERT INTO receipts (id, project_id, source_id, received_at, disposition, reason, webhook_id, secret_id, \
    body_bytes, headers, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";

/// A source that was deleted meanwhile has its row still, so that the count has something to refer to.
const ADD_COUNT: &str = "\
    INSERT INTO refusal_counts AS c (source_id, reason, count) VALUES ($1, $2, $3) \
    ON CONFLICT (source_id, reason) DO UPDATE SET count = c.count + excluded.count";

/// Receipts of calls that are taken in, column by column.
#[derive(Default)]
pub(super) struct Receipts<'a> {
    ids: Vec<Key>,
    projects: Vec<Key>,
    sources: Vec<Key>,
    events: Vec<Key>,
    secrets: Vec<Key>,
    webhook_ids: Vec<&'a str>,
    dispositions: Vec<&'static str>,
    times: Vec<i64>,
}

impl<'a> Receipts<'a> {
    fn push(&mut self, arrival: &'a Arrival, receipt: crate::append::NewReceipt, appended: &Appended) {
        self.ids.push(key(receipt.id));
        self.projects.push(key(arrival.project_id));
        self.sources.push(key(arrival.source_id));
        self.events.push(key(appended.event_id));
        self.secrets.push(key(receipt.secret_id));
        self.webhook_ids.push(&arrival.event.webhook_id);
        self.dispositions.push(appended.disposition.as_str());
        self.times.push(arrival.received_at.as_unix_ms());
    }

    async fn run(&self, tx: &Connection, sql: &str) -> Result<(), Failure> {
        if self.ids.is_empty() {
            return Ok(());
        }
        tx.execute(
            sql,
            &[
                &self.ids,
                &self.projects,
                &self.sources,
                &self.events,
                &self.secrets,
                &self.webhook_ids,
                &self.dispositions,
                &self.times,
            ],
        )
        .await
        .map(drop)
    }
}

/// What a batch writes about its calls. What was published has no receipt.
pub(super) async fn write(tx: &Connection, appended: &[(&Arrival, &Appended)]) -> Result<(), Failure> {
    let (mut new, mut admitted) = (Receipts::default(), Receipts::default());
    for (arrival, appended) in appended {
        if let Some(receipt) = arrival.receipt {
            let receipts = if receipt.admitted { &mut admitted } else { &mut new };
            receipts.push(arrival, receipt, appended);
        }
    }
    tokio::try_join!(biased; new.run(tx, INSERT), admitted.run(tx, ADMIT)).map(drop)
}

pub(super) async fn record_refusals(
    tx: &Connection,
    refusals: &[Refusal],
    counts: &[RefusalCount],
) -> Result<(), Failure> {
    for refusal in refusals {
        if !refusal.held || has_room(tx, refusal.source_id).await? {
            insert_refusal(tx, refusal).await?;
        }
    }
    // In one sequence everywhere, so that no two nodes wait for one another.
    let mut counts: Vec<&RefusalCount> = counts.iter().collect();
    counts.sort_by_key(|count| (key(count.source_id), &count.reason));
    for RefusalCount { source_id, reason, count } in counts {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        tx.execute(ADD_COUNT, &[&key(*source_id), reason, &count]).await?;
    }
    Ok(())
}

/// Nodes that hold calls of one source at the same moment may hold a few more.
async fn has_room(tx: &Connection, source_id: SourceId) -> Result<bool, Failure> {
    let row = tx.query_one(COUNT_HELD, &[&key(source_id)]).await?;
    Ok(columns::number::<i64, usize>(&row, 0)? < MAX_HELD_CALLS)
}

async fn insert_refusal(tx: &Connection, refusal: &Refusal) -> Result<(), Failure> {
    let disposition = if refusal.held { Disposition::Held } else { Disposition::Rejected };
    let body_bytes = i64::try_from(refusal.call.body_bytes).unwrap_or(i64::MAX);
    tx.execute(
        INSERT_REFUSAL,
        &[
            &key(refusal.receipt_id),
            &key(refusal.project_id),
            &key(refusal.source_id),
            &refusal.received_at.as_unix_ms(),
            &disposition.as_str(),
            &refusal.reason,
            &refusal.webhook_id,
            &refusal.secret_id.map(key),
            &body_bytes,
            &refusal.call.headers.as_ref(),
            &refusal.call.body.as_ref(),
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn list(
    connection: &Connection,
    project_id: ProjectId,
    filter: ReceiptFilter,
    page: PageRequest<ReceiptId>,
) -> Result<Page<Receipt>, Failure> {
    let statement = list_query(project_id, filter, page);
    let rows = connection.query(&statement.sql, &statement.params()).await?;
    let items = rows.iter().map(receipt).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, page.limit))
}

/// One statement for each combination of filters, each by one index: what is not to be looked up in another
/// is compared in a way that no index knows. Refused calls to one source are picked out of all the project's
/// refused ones, which are kept within bounds.
pub(super) fn list_query(
    project_id: ProjectId,
    filter: ReceiptFilter,
    page: PageRequest<ReceiptId>,
) -> Statement {
    let mut statement = Statement::new(format!("SELECT {COLUMNS} FROM receipts WHERE "));
    match filter.source_id {
        Some(source_id) if !filter.refused_only => {
            statement.bind("source_id = ", key(source_id));
            statement.bind(" AND project_id IS NOT DISTINCT FROM ", key(project_id));
        }
        source_id => {
            statement.bind("project_id = ", key(project_id));
            if filter.refused_only {
                statement.push(" AND event_id IS NULL");
            }
            if let Some(source_id) = source_id {
                statement.bind(" AND source_id IS NOT DISTINCT FROM ", key(source_id));
            }
        }
    }
    let (beyond, direction) = match page.order {
        Order::Asc => (" AND id > ", " ORDER BY id ASC LIMIT "),
        Order::Desc => (" AND id < ", " ORDER BY id DESC LIMIT "),
    };
    if let Some(after) = page.after {
        statement.bind(beyond, key(after));
    }
    statement.bind(direction, columns::limit(page.limit).saturating_add(1));
    statement
}

/// The statement for one receipt.
pub(super) fn one() -> String {
    format!("SELECT {COLUMNS}, headers, body, body_bytes FROM receipts WHERE project_id = $1 AND id = $2")
}

pub(super) async fn detail(
    connection: &Connection,
    project_id: ProjectId,
    id: ReceiptId,
) -> Result<ReceiptDetail, Failure> {
    let row = connection.query_opt(&one(), &[&key(project_id), &key(id)]).await?;
    with_call(&row.ok_or(Failure::not_found("webhook receipt"))?)
}

pub(super) async fn held(
    connection: &Connection,
    source_id: SourceId,
    after: Option<ReceiptId>,
    limit: usize,
) -> Result<Vec<ReceiptDetail>, Failure> {
    let after = after.map_or(Key([0; 16]), key);
    let rows = connection.query(HELD, &[&key(source_id), &after, &columns::limit(limit)]).await?;
    rows.iter().map(with_call).collect()
}

pub(super) async fn counts(
    connection: &Connection,
    project_id: ProjectId,
) -> Result<Vec<RefusalCount>, Failure> {
    let count = |row: &Row| {
        let count = columns::number::<i64, u64>(row, 2)?;
        Ok(RefusalCount { source_id: columns::id(row, 0)?, reason: get(row, 1)?, count })
    };
    connection.query(COUNTS, &[&key(project_id)]).await?.iter().map(count).collect()
}

fn receipt(row: &Row) -> Result<Receipt, Failure> {
    Ok(Receipt {
        id: columns::id(row, 0)?,
        source_id: columns::id(row, 1)?,
        received_at: columns::time(row, 2)?,
        disposition: columns::word(row, 3)?,
        reason: get(row, 4)?,
        webhook_id: get(row, 5)?,
        event_id: columns::optional_id(row, 6)?,
        secret_id: columns::optional_id(row, 7)?,
        admitted_at: columns::optional_time(row, 8)?,
    })
}

fn with_call(row: &Row) -> Result<ReceiptDetail, Failure> {
    let call = match get::<Option<&[u8]>>(row, 9)? {
        Some(headers) => Some(KeptCall {
            headers: headers.to_vec().into(),
            body: columns::bytes(row, 10)?,
            body_bytes: columns::number::<i64, _>(row, 11)?,
        }),
        None => None,
    };
    Ok(ReceiptDetail { receipt: receipt(row)?, call })
}

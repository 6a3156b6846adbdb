//! Receipts: written with the event they are, or alone when a call was refused.

use ringback_domain::{Disposition, KeptCall, ProjectId, Receipt, ReceiptId, SourceId, TypedId};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

use super::columns;
use super::writer::WriteError;
use crate::append::{Appended, Arrival, NewReceipt};
use crate::page::{Order, Page, PageRequest};
use crate::receipts::{MAX_HELD_CALLS, ReceiptDetail, ReceiptFilter, Refusal, RefusalCount};

const COLUMNS: &str =
    "id, source_id, received_at, disposition, reason, webhook_id, event_id, secret_id, admitted_at";

/// The oldest calls that a source holds.
pub(super) const HELD: &str = "\
    SELECT id, source_id, received_at, disposition, reason, webhook_id, event_id, secret_id, admitted_at, \
           headers, body, body_bytes \
    FROM receipts WHERE source_id = ?1 AND disposition = 'held' AND id > ?2 ORDER BY id LIMIT 0 + ?3";

/// How many calls a source holds.
pub(super) const COUNT_HELD: &str =
    "SELECT count(*) FROM receipts WHERE source_id = ?1 AND disposition = 'held'";

/// Writes the receipt of a call that was taken in, or completes that of one which was refused before.
pub(super) fn write(
    tx: &Connection,
    arrival: &Arrival,
    receipt: NewReceipt,
    appended: &Appended,
) -> rusqlite::Result<()> {
    let sql = if receipt.admitted {
        "UPDATE receipts SET disposition = ?7, event_id = ?4, secret_id = ?5, webhook_id = ?6, admitted_at = ?8, \
         headers = NULL, body = NULL, body_bytes = NULL \
         WHERE project_id = ?2 AND id = ?1 AND source_id = ?3 AND event_id IS NULL"
    } else {
        "INSERT INTO receipts (id, project_id, source_id, event_id, secret_id, webhook_id, disposition, received_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
    };
    tx.prepare_cached(sql)?
        .execute(params![
            receipt.id.to_bytes(),
            arrival.project_id.to_bytes(),
            arrival.source_id.to_bytes(),
            appended.event_id.to_bytes(),
            receipt.secret_id.to_bytes(),
            arrival.event.webhook_id,
            appended.disposition.as_str(),
            arrival.received_at.as_unix_ms(),
        ])
        .map(drop)
}

pub(super) fn record_refusals(
    tx: &Connection,
    refusals: &[Refusal],
    counts: &[RefusalCount],
) -> Result<(), WriteError> {
    for refusal in refusals {
        if !refusal.held || has_room(tx, refusal.source_id)? {
            insert_refusal(tx, refusal)?;
        }
    }
    // A source that was deleted meanwhile has its row still, so that the count has something to refer to.
    let mut add = tx.prepare_cached(
        "INSERT INTO refusal_counts (source_id, reason, count) VALUES (?1, ?2, ?3) \
         ON CONFLICT (source_id, reason) DO UPDATE SET count = count + excluded.count",
    )?;
    for RefusalCount { source_id, reason, count } in counts {
        add.execute(params![source_id.to_bytes(), reason, count])?;
    }
    Ok(())
}

fn has_room(tx: &Connection, source_id: SourceId) -> rusqlite::Result<bool> {
    let held: usize = tx.prepare_cached(COUNT_HELD)?.query_row([source_id.to_bytes()], |row| row.get(0))?;
    Ok(held < MAX_HELD_CALLS)
}

fn insert_refusal(tx: &Connection, refusal: &Refusal) -> rusqlite::Result<()> {
    let disposition = if refusal.held { Disposition::Held } else { Disposition::Rejected };
    tx.prepare_cached(
        "INSERT INTO receipts (id, project_id, source_id, received_at, disposition, reason, webhook_id, secret_id, \
         body_bytes, headers, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute(params![
        refusal.receipt_id.to_bytes(),
        refusal.project_id.to_bytes(),
        refusal.source_id.to_bytes(),
        refusal.received_at.as_unix_ms(),
        disposition.as_str(),
        refusal.reason,
        refusal.webhook_id,
        refusal.secret_id.map(TypedId::to_bytes),
        refusal.call.body_bytes,
        refusal.call.headers.as_ref(),
        refusal.call.body.as_ref(),
    ])
    .map(drop)
}

pub(super) fn list(
    db: &Connection,
    project_id: ProjectId,
    filter: ReceiptFilter,
    page: PageRequest<ReceiptId>,
) -> rusqlite::Result<Page<Receipt>> {
    let (sql, params) = list_query(project_id, filter, page);
    let items = db
        .prepare_cached(&sql)?
        .query_map(params_from_iter(params), receipt)?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Page::cut(items, page.limit))
}

/// One statement for each combination of filters. Calls to one source are picked out of all the project's, or
/// of its refused ones, in their order: an index for it would be a page more in every call's commit (5 kB of
/// log), and without one a quiet source is looked for at several million receipts a second, beside everything
/// else.
pub(super) fn list_query(
    project_id: ProjectId,
    filter: ReceiptFilter,
    page: PageRequest<ReceiptId>,
) -> (String, Vec<Value>) {
    // Left to itself, SQLite reads all receipts by the primary key, which has the same columns.
    let (table, refused) = match filter.refused_only {
        true => ("receipts INDEXED BY receipts_refused", " AND event_id IS NULL"),
        false => ("receipts", ""),
    };
    let mut sql = format!("SELECT {COLUMNS} FROM {table} WHERE project_id = ?{refused}");
    let mut params = vec![Value::Blob(project_id.to_bytes().to_vec())];
    if let Some(source_id) = filter.source_id {
        sql.push_str(" AND source_id = ?");
        params.push(Value::Blob(source_id.to_bytes().to_vec()));
    }
    let (beyond, direction) = match page.order {
        Order::Asc => (" AND id > ?", " ORDER BY id ASC LIMIT 0 + ?"),
        Order::Desc => (" AND id < ?", " ORDER BY id DESC LIMIT 0 + ?"),
    };
    if let Some(after) = page.after {
        sql.push_str(beyond);
        params.push(Value::Blob(after.to_bytes().to_vec()));
    }
    sql.push_str(direction);
    params.push(Value::Integer(i64::try_from(page.limit).unwrap_or(i64::MAX - 1) + 1));
    (sql, params)
}

pub(super) fn detail(
    db: &Connection,
    project_id: ProjectId,
    id: ReceiptId,
) -> rusqlite::Result<Option<ReceiptDetail>> {
    let sql = format!(
        "SELECT {COLUMNS}, headers, body, body_bytes FROM receipts WHERE project_id = ?1 AND id = ?2"
    );
    db.prepare_cached(&sql)?.query_row([project_id.to_bytes(), id.to_bytes()], with_call).optional()
}

pub(super) fn held(
    db: &Connection,
    source_id: SourceId,
    after: Option<ReceiptId>,
    limit: usize,
) -> rusqlite::Result<Vec<ReceiptDetail>> {
    let after = after.map_or([0; 16], TypedId::to_bytes);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    db.prepare_cached(HELD)?.query_map(params![source_id.to_bytes(), after, limit], with_call)?.collect()
}

pub(super) fn counts(db: &Connection, project_id: ProjectId) -> rusqlite::Result<Vec<RefusalCount>> {
    db.prepare_cached(
        "SELECT c.source_id, c.reason, c.count FROM sources AS s JOIN refusal_counts AS c ON c.source_id = s.id \
         WHERE s.project_id = ?1 AND s.deleted_at IS NULL ORDER BY c.source_id, c.reason",
    )?
    .query_map([project_id.to_bytes()], |row| {
        Ok(RefusalCount { source_id: columns::id(row, 0)?, reason: row.get(1)?, count: row.get(2)? })
    })?
    .collect()
}

fn receipt(row: &Row<'_>) -> rusqlite::Result<Receipt> {
    Ok(Receipt {
        id: columns::id(row, 0)?,
        source_id: columns::id(row, 1)?,
        received_at: columns::time(row, 2)?,
        disposition: columns::word(row, 3)?,
        reason: row.get(4)?,
        webhook_id: row.get(5)?,
        event_id: columns::optional_id(row, 6)?,
        secret_id: columns::optional_id(row, 7)?,
        admitted_at: columns::optional_time(row, 8)?,
    })
}

fn with_call(row: &Row<'_>) -> rusqlite::Result<ReceiptDetail> {
    let call = match row.get::<_, Option<Vec<u8>>>(9)? {
        Some(headers) => Some(KeptCall {
            headers: headers.into(),
            body: row.get::<_, Vec<u8>>(10)?.into(),
            body_bytes: row.get(11)?,
        }),
        None => None,
    };
    Ok(ReceiptDetail { receipt: receipt(row)?, call })
}

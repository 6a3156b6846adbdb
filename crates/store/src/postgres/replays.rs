//! Replays in rows: made, advanced, called off, cleared.

use std::collections::HashSet;
use std::time::Instant;

use ringback_domain::{
    DeliveryState, EndReason, EndpointId, EventId, IdMaker, ProjectId, Replay, ReplayFilter, ReplayId,
    ReplayQuery, ReplayState, Timestamp, Trigger,
};
use tokio_postgres::Row;

use super::columns::{self, Key, get, key, ms};
use super::connections::{Connection, Connections};
use super::deliveries::{self, Made, There};
use super::endpoints::{self, Changed};
use super::failure::Failure;
use super::replay_plan::{Part, Plan};
use super::statement::Statement;
use crate::config::ProjectConfig;
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::page::{Order, Page, PageRequest};
use crate::query::DeliveryCounts;
use crate::replays::{Advanced, MAX_COUNTED_EVENTS, MAX_RUNNING, NewReplay, ReplayDetail, ReplayPreview};
use crate::rows::replay::{COUNTED_AT_ONCE, EVENTS_PER_STEP, MAX_COUNTING, anybody, target_endpoint};

const SELECT: &str = "\
    SELECT id, project_id, endpoint_id, source_id, type, object_id, event_state, created_after, created_before, \
           target_url, target_endpoint_id, rate, state, expected_count, expected_is_minimum, created_count, cursor, \
           created_at, finished_at, end_reason \
    FROM replays";

/// Only what has been committed by now is replayed. Both bounds are of the one snapshot that the statement
/// has.
pub(super) const INSERT: &str = "\
    INSERT INTO replays (id, project_id, endpoint_id, source_id, type, object_id, event_state, created_after, \
    created_before, target_url, target_endpoint_id, rate, state, expected_count, expected_is_minimum, \
    created_at, until_snapshot, until_id) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'running', $13, $14, $15, pg_current_snapshot(), \
    (SELECT id FROM events WHERE project_id = $2 ORDER BY id DESC LIMIT 1))";

/// How a replay's deliveries stand: one count for each state, each by one index.
pub(super) const COUNT: &str = "\
    SELECT s.state, (SELECT count(*) FROM deliveries AS d WHERE d.replay_id = $1 AND d.state = s.state) \
    FROM unnest(ARRAY['pending', 'delivered', 'dead', 'cancelled']) AS s (state)";

/// Whether a delivery of a replay is pending.
pub(super) const ANY_PENDING: &str =
    "SELECT EXISTS (SELECT 1 FROM deliveries WHERE replay_id = $1 AND state = 'pending')";

/// Cancels pending deliveries of a replay; those that somebody is at, the next time.
pub(super) const CANCEL_PENDING: &str = "\
    WITH found AS MATERIALIZED ( \
        SELECT project_id, id FROM deliveries WHERE replay_id = $1 AND state = 'pending' LIMIT $3 FOR UPDATE SKIP LOCKED \
    ) \
    UPDATE deliveries AS d SET state = 'cancelled', end_reason = 'requested', finished_at = $2, due_at = NULL, \
           lease_expires_at = NULL, lease_node = NULL \
    FROM found WHERE d.project_id = found.project_id AND d.id = found.id";

const ADVANCE: &str = "\
    UPDATE replays SET created_count = created_count + $2, cursor = $3, state = $4, finished_at = $5, \
    needs_clearing = $6 WHERE id = $1";

/// Those that this node's replayer has something to do for: another's are left to it as long as it lives.
const AT_WORK: &str = "(state = 'running' OR needs_clearing) \
    AND (runner IS NULL OR runner = $1 OR NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = runner))";

/// Makes a node the one that advances a replay; of no effect if another one that lives is.
pub(super) const RUN: &str = "\
    UPDATE replays SET runner = $2 WHERE id = $1 \
    AND (runner IS NULL OR NOT EXISTS (SELECT 1 FROM nodes WHERE nodes.id = runner))";
pub(super) const RUNS: &str = "SELECT runner IS NOT DISTINCT FROM $2 FROM replays WHERE id = $1";

fn not_found() -> Failure {
    Failure::not_found("webhook replay")
}

/// Counts what a query comes to, part by part.
pub(super) async fn preview(
    connections: &Connections,
    project: &ProjectConfig,
    query: &ReplayQuery,
    to_target: bool,
) -> Result<ReplayPreview, Failure> {
    let plan = Plan { project, query, target: to_target.then(anybody), replay: None };
    let (mut preview, mut looked_at, mut cursor) = (ReplayPreview::default(), 0, None);
    let begun = Instant::now();
    loop {
        // Each part over a connection of its own, so that others get their turn.
        let connection = connections.get().await?;
        let part = plan.part(&connection, cursor, COUNTED_AT_ONCE, EVENTS_PER_STEP).await?;
        preview.count += part.planned.len() as u64;
        looked_at += part.looked_at;
        cursor = part.cursor;
        if part.is_last {
            return Ok(preview);
        }
        if looked_at >= MAX_COUNTED_EVENTS || begun.elapsed() >= MAX_COUNTING {
            preview.is_minimum = true;
            return Ok(preview);
        }
    }
}

pub(super) async fn create(
    tx: &Connection,
    keyring: &Keyring,
    new: &NewReplay,
    preview: ReplayPreview,
) -> Result<(Replay, Option<Changed>), Failure> {
    let running =
        "SELECT count(*) FROM replays WHERE project_id = $1 AND (state = 'running' OR needs_clearing)";
    let row = tx.query_one(running, &[&key(new.project_id)]).await?;
    if columns::number::<i64, usize>(&row, 0)? >= MAX_RUNNING {
        let noun = "running replays of one project";
        return Err(StoreError::TooMany { noun, max: MAX_RUNNING }.into());
    }
    let target = match &new.target {
        Some(target) => {
            let endpoint = target_endpoint(new, target).map_err(Failure::unreadable)?;
            endpoints::create(tx, keyring, &endpoint).await?;
            Some(endpoints::dedicate(tx, keyring, new.project_id, endpoint.id, new.id).await?)
        }
        None => None,
    };
    insert(tx, new, preview).await?;
    let replay = find(tx, new.id, "").await?.ok_or_else(not_found)?;
    Ok((replay, target))
}

async fn insert(tx: &Connection, new: &NewReplay, preview: ReplayPreview) -> Result<(), Failure> {
    let query = &new.query;
    tx.execute(
        INSERT,
        &[
            &key(new.id),
            &key(new.project_id),
            &query.endpoint_id.map(key),
            &query.source_id.map(key),
            &query.event_type,
            &query.object_id,
            &query.state.map(ReplayFilter::as_str),
            &ms(query.created_after),
            &ms(query.created_before),
            &new.target.as_ref().map(|target| target.url.as_str()),
            &new.target.as_ref().map(|target| key(target.endpoint_id)),
            &i64::from(new.rate),
            &i64::try_from(preview.count).unwrap_or(i64::MAX),
            &preview.is_minimum,
            &new.now.as_unix_ms(),
        ],
    )
    .await
    .map(drop)
}

pub(super) async fn list(
    connection: &Connection,
    project_id: ProjectId,
    page: PageRequest<ReplayId>,
) -> Result<Page<Replay>, Failure> {
    let mut statement = Statement::new(SELECT);
    statement.bind(" WHERE project_id = ", key(project_id));
    let (beyond, direction) = match page.order {
        Order::Asc => (" AND id > ", " ORDER BY id ASC LIMIT "),
        Order::Desc => (" AND id < ", " ORDER BY id DESC LIMIT "),
    };
    if let Some(after) = page.after {
        statement.bind(beyond, key(after));
    }
    statement.bind(direction, columns::limit(page.limit).saturating_add(1));
    let rows = connection.query(&statement.sql, &statement.params()).await?;
    let items = rows.iter().map(read).collect::<Result<_, _>>()?;
    Ok(Page::cut(items, page.limit))
}

/// A replay, of whatever project; `lock` is a locking clause or empty.
pub(super) async fn find(
    connection: &Connection,
    id: ReplayId,
    lock: &str,
) -> Result<Option<Replay>, Failure> {
    let found = connection.query_opt(&format!("{SELECT} WHERE id = $1 {lock}"), &[&key(id)]).await?;
    found.as_ref().map(read).transpose()
}

pub(super) async fn detail(
    connections: &Connections,
    project_id: ProjectId,
    id: ReplayId,
) -> Result<ReplayDetail, Failure> {
    let tx = connections.read().await?;
    let found = find(&tx, id, "").await?.filter(|replay| replay.project_id == project_id);
    let replay = found.ok_or_else(not_found)?;
    let mut deliveries = DeliveryCounts::default();
    for row in tx.query(COUNT, &[&key(id)]).await? {
        let count = columns::number::<i64, u64>(&row, 1)?;
        match columns::word(&row, 0)? {
            DeliveryState::Pending => deliveries.pending = count,
            DeliveryState::Delivered => deliveries.delivered = count,
            DeliveryState::Dead => deliveries.dead = count,
            DeliveryState::Cancelled => deliveries.cancelled = count,
        }
    }
    tx.commit().await?;
    Ok(ReplayDetail { replay, deliveries })
}

pub(super) async fn at_work(connection: &Connection, node: Key) -> Result<Vec<Replay>, Failure> {
    let rows = connection.query(&at_work_query(), &[&node]).await?;
    rows.iter().map(read).collect()
}

pub(super) fn at_work_query() -> String {
    format!("{SELECT} WHERE {AT_WORK} ORDER BY id")
}

/// Whether a replay is this node's to advance; it is from now on, if it was nobody's that lives. So its rate
/// is that of one pace, however many nodes there are.
pub(super) async fn run(connection: &Connection, id: ReplayId, node: Key) -> Result<bool, Failure> {
    let runs = connection.query_opt(RUNS, &[&key(id), &node]).await?;
    if runs.as_ref().is_some_and(|row| row.get(0)) {
        return Ok(true);
    }
    Ok(connection.execute(RUN, &[&key(id), &node]).await? == 1)
}

/// Nothing happens if the replay was called off meanwhile, or somebody else advanced it.
pub(super) async fn advance(
    tx: &Connection,
    ids: &IdMaker,
    id: ReplayId,
    cursor: Option<EventId>,
    part: &Part,
    now: Timestamp,
) -> Result<Advanced, Failure> {
    let replay = find(tx, id, "FOR UPDATE").await?.ok_or_else(not_found)?;
    if replay.state != ReplayState::Running {
        return Ok(Advanced { is_final: true, ..Advanced::default() });
    }
    if replay.cursor != cursor {
        return Ok(Advanced::default());
    }
    let made = part.planned.iter().map(|planned| Made {
        id: ids.next(now),
        event_id: planned.event_id,
        endpoint_id: planned.endpoint_id,
    });
    let mut made: Vec<Made> = made.collect();
    if !made.is_empty() {
        // Not what was pruned meanwhile, nor what goes to an endpoint that was deleted.
        let there = There::of(tx, replay.project_id, &made).await?;
        made.retain(|made| there.has_both(made));
        deliveries::insert(tx, replay.project_id, &made, Trigger::Replay, Some(id), now).await?;
    }
    let mut advanced = Advanced { created: made.len(), due: Vec::new(), is_final: part.is_last };
    let due: HashSet<EndpointId> = made.iter().map(|made| made.endpoint_id).collect();
    advanced.due = due.into_iter().collect();
    let state = if part.is_last { ReplayState::Completed } else { ReplayState::Running };
    let finished_at = part.is_last.then(|| now.as_unix_ms());
    let needs_clearing = part.is_last && replay.target_endpoint_id.is_some();
    let created = columns::limit(advanced.created);
    tx.execute(
        ADVANCE,
        &[&key(id), &created, &part.cursor.map(key), &state.as_str(), &finished_at, &needs_clearing],
    )
    .await?;
    Ok(advanced)
}

pub(super) async fn cancel(
    tx: &Connection,
    project_id: ProjectId,
    id: ReplayId,
    now: Timestamp,
) -> Result<Replay, Failure> {
    let found = find(tx, id, "FOR UPDATE").await?.filter(|replay| replay.project_id == project_id);
    let replay = found.ok_or_else(not_found)?;
    let ended = match replay.state {
        ReplayState::Running => false,
        ReplayState::Completed => !any_pending(tx, id).await?,
        ReplayState::Cancelled => true,
    };
    if ended {
        return Err(StoreError::Ended { noun: "webhook replay" }.into());
    }
    let end_reason = EndReason::Requested;
    call_off(tx, id, end_reason, now).await?;
    let state = ReplayState::Cancelled;
    Ok(Replay { state, finished_at: Some(now), end_reason: Some(end_reason), ..replay })
}

async fn call_off(tx: &Connection, id: ReplayId, why: EndReason, now: Timestamp) -> Result<(), Failure> {
    let sql = "UPDATE replays SET state = 'cancelled', end_reason = $2, finished_at = $3, needs_clearing = true \
               WHERE id = $1";
    tx.execute(sql, &[&key(id), &why.as_str(), &now.as_unix_ms()]).await.map(drop)
}

/// Calls off all that run in a project.
pub(super) async fn call_off_all(
    tx: &Connection,
    project_id: ProjectId,
    now: Timestamp,
) -> Result<(), Failure> {
    let sql = "UPDATE replays SET state = 'cancelled', end_reason = $2, finished_at = $3, needs_clearing = true \
               WHERE project_id = $1 AND state = 'running'";
    let why = EndReason::Requested.as_str();
    tx.execute(sql, &[&key(project_id), &why, &now.as_unix_ms()]).await.map(drop)
}

/// Its endpoint is gone: nothing that is left of it could be sent.
pub(super) async fn end_without_endpoint(
    tx: &Connection,
    id: ReplayId,
    now: Timestamp,
) -> Result<Advanced, Failure> {
    let replay = find(tx, id, "FOR UPDATE").await?.ok_or_else(not_found)?;
    if replay.state == ReplayState::Running {
        call_off(tx, id, EndReason::EndpointDeleted, now).await?;
    }
    Ok(Advanced { is_final: true, ..Advanced::default() })
}

async fn any_pending(tx: &Connection, id: ReplayId) -> Result<bool, Failure> {
    get(&tx.query_one(ANY_PENDING, &[&key(id)]).await?, 0)
}

/// What was cleared.
pub(super) struct Cleared {
    pub(super) nothing_left: bool,
    pub(super) deleted_target: Option<Changed>,
}

pub(super) async fn clear(
    tx: &Connection,
    keyring: &Keyring,
    id: ReplayId,
    limit: usize,
    now: Timestamp,
) -> Result<Cleared, Failure> {
    let replay = find(tx, id, "FOR UPDATE").await?.ok_or_else(not_found)?;
    if replay.state == ReplayState::Cancelled {
        tx.execute(CANCEL_PENDING, &[&key(id), &now.as_unix_ms(), &columns::limit(limit)]).await?;
    }
    if replay.state == ReplayState::Running || any_pending(tx, id).await? {
        return Ok(Cleared { nothing_left: false, deleted_target: None });
    }
    let deleted_target = match replay.target_endpoint_id {
        Some(target) => endpoints::delete_target(tx, keyring, replay.project_id, target, now).await?,
        None => None,
    };
    tx.execute("UPDATE replays SET needs_clearing = false WHERE id = $1", &[&key(id)]).await?;
    Ok(Cleared { nothing_left: true, deleted_target })
}

fn read(row: &Row) -> Result<Replay, Failure> {
    Ok(Replay {
        id: columns::id(row, 0)?,
        project_id: columns::id(row, 1)?,
        query: ReplayQuery {
            endpoint_id: columns::optional_id(row, 2)?,
            source_id: columns::optional_id(row, 3)?,
            event_type: get(row, 4)?,
            object_id: get(row, 5)?,
            state: columns::optional_word(row, 6)?,
            created_after: columns::optional_time(row, 7)?,
            created_before: columns::optional_time(row, 8)?,
        },
        target_url: get(row, 9)?,
        target_endpoint_id: columns::optional_id(row, 10)?,
        rate: columns::number::<i64, u32>(row, 11)?,
        state: columns::word(row, 12)?,
        expected_count: columns::number::<i64, _>(row, 13)?,
        expected_is_minimum: get(row, 14)?,
        created_count: columns::number::<i64, _>(row, 15)?,
        cursor: columns::optional_id(row, 16)?,
        created_at: columns::time(row, 17)?,
        finished_at: columns::optional_time(row, 18)?,
        end_reason: columns::optional_word(row, 19)?,
    })
}

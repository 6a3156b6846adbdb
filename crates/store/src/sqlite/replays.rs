//! Replays: made, advanced, called off, cleared.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use ringback_domain::{
    DeliveryState, EndReason, EventId, IdMaker, ProjectId, Replay, ReplayFilter, ReplayId, ReplayQuery,
    ReplayState, Timestamp, Trigger, TypedId,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::deliveries::{self, Made};
use super::endpoints::{self, Changed};
use super::replay_plan::{Part, Plan, Until};
use super::writer::WriteError;
use super::{SqliteStore, columns};
use crate::config::{Config, ProjectConfig};
use crate::error::StoreError;
use crate::keyring::Keyring;
use crate::page::{Order, Page, PageRequest};
use crate::query::DeliveryCounts;
use crate::replays::{
    Advanced, MAX_COUNTED_EVENTS, MAX_RUNNING, NewReplay, ReplayDetail, ReplayPreview, ReplayStore,
    ReplayTarget,
};
use crate::rows::replay::{
    COUNTED_AT_ONCE, EVENTS_PER_STEP, MAX_COUNTING, anybody, check_names, target_endpoint,
};

const NOT_FOUND: StoreError = StoreError::NotFound { noun: "webhook replay" };

const SELECT: &str = "\
    SELECT id, project_id, endpoint_id, source_id, type, object_id, event_state, created_after, created_before, \
           target_url, target_endpoint_id, rate, state, expected_count, expected_is_minimum, created_count, cursor, \
           created_at, finished_at, until_position, end_reason, until_id \
    FROM replays";

/// How a replay's deliveries stand, by one index.
pub(super) const COUNT: &str = "SELECT state, count(*) FROM deliveries WHERE replay_id = ?1 GROUP BY state";

/// Whether a delivery of a replay is pending.
pub(super) const ANY_PENDING: &str =
    "SELECT EXISTS (SELECT 1 FROM deliveries WHERE replay_id = ?1 AND state = 'pending')";

/// Cancels pending deliveries of a replay.
pub(super) const CANCEL_PENDING: &str = "\
    UPDATE deliveries SET state = 'cancelled', end_reason = 'requested', finished_at = ?2, due_at = NULL, \
           lease_expires_at = NULL \
    WHERE position IN (SELECT position FROM deliveries WHERE replay_id = ?1 AND state = 'pending' LIMIT 0 + ?3)";

/// The highest position and, of the project, the highest id.
pub(super) const UNTIL_NOW: &str = "\
    SELECT coalesce(max(position), 0), (SELECT id FROM events WHERE project_id = ?1 ORDER BY id DESC LIMIT 1) \
    FROM events";

/// A row, with what only the store needs of it.
struct Stored {
    replay: Replay,
    until: Until,
}

#[async_trait]
impl ReplayStore for SqliteStore {
    async fn preview_replay(
        &self,
        project_id: ProjectId,
        query: ReplayQuery,
        to_target: bool,
    ) -> Result<ReplayPreview, StoreError> {
        let project = self.project(project_id)?;
        check_names(&project, &query)?;
        // One after the other: a count reads much, and all reads share a few connections.
        let _permit = self.counting.acquire().await.map_err(|_| StoreError::Closed)?;
        let until = self.readers.read(move |db| until_now(db, project_id)).await?;
        let mut count = Count::new(Plan { project, query, target: to_target.then(anybody), until });
        while !count.is_over() {
            // Each part on its own, so that others get their turn, and the log of the database is not held
            // back.
            count = self.readers.read(move |db| count.go_on(db)).await?;
        }
        Ok(count.preview)
    }

    async fn create_replay(&self, new: NewReplay) -> Result<Replay, StoreError> {
        let preview = self.preview_replay(new.project_id, new.query.clone(), new.target.is_some()).await?;
        let keyring = Arc::clone(&self.keyring);
        let work = move |tx: &Connection| create(tx, &keyring, &new, preview);
        let publish = |config: &mut Config, (_, target): &(Replay, Option<Changed>)| {
            if let Some(target) = target {
                config.put_endpoint(&target.endpoint, target.generation);
            }
        };
        self.change(work, publish).await.map(|(replay, _)| replay)
    }

    async fn list_replays(
        &self,
        project_id: ProjectId,
        page: PageRequest<ReplayId>,
    ) -> Result<Page<Replay>, StoreError> {
        self.readers.read(move |db| list(db, project_id, page)).await
    }

    async fn replay(&self, project_id: ProjectId, id: ReplayId) -> Result<ReplayDetail, StoreError> {
        let found = self.readers.read(move |db| detail(db, project_id, id)).await?;
        found.ok_or(NOT_FOUND)
    }

    async fn cancel_replay(
        &self,
        project_id: ProjectId,
        id: ReplayId,
        now: Timestamp,
    ) -> Result<Replay, StoreError> {
        self.writer.write(move |tx| cancel(tx, project_id, id, now)).await
    }

    async fn replays_at_work(&self) -> Result<Vec<Replay>, StoreError> {
        self.readers.read(at_work).await
    }

    async fn advance_replay(
        &self,
        id: ReplayId,
        limit: usize,
        now: Timestamp,
    ) -> Result<Advanced, StoreError> {
        let stored = self.readers.read(move |db| find(db, id)).await?.ok_or(NOT_FOUND)?;
        if stored.replay.state != ReplayState::Running {
            return Ok(Advanced { is_final: true, ..Advanced::default() });
        }
        let project = self.project(stored.replay.project_id)?;
        if let (Some(endpoint_id), None) = (stored.replay.query.endpoint_id, &stored.replay.target_url) {
            match project.endpoint(endpoint_id) {
                None => return self.writer.write(move |tx| end_without_endpoint(tx, id, now)).await,
                // It waits until the endpoint is enabled again.
                Some(endpoint) if endpoint.disabled_at.is_some() => return Ok(Advanced::default()),
                Some(_) => {}
            }
        }
        let Stored { replay, until } = stored;
        let (cursor, project_id) = (replay.cursor, replay.project_id);
        // Read beside the writer, which has better to do than to look for events.
        let part = self
            .readers
            .read(move |db| {
                let (cursor, target) = (replay.cursor, replay.target_endpoint_id);
                let plan = Plan { project, query: replay.query, target, until };
                plan.part(db, cursor, limit, EVENTS_PER_STEP)
            })
            .await?;
        let ids = Arc::clone(&self.ids);
        self.writer.write(move |tx| advance(tx, &ids, project_id, id, cursor, &part, now)).await
    }

    async fn clear_replay(&self, id: ReplayId, limit: usize, now: Timestamp) -> Result<bool, StoreError> {
        let keyring = Arc::clone(&self.keyring);
        let shared = Arc::clone(&self.config);
        let publish = move |cleared: &Cleared| {
            if let Some(target) = &cleared.deleted_target {
                let mut config = Config::clone(&shared.load());
                config.remove_endpoint(&target.endpoint, target.generation);
                shared.store(Arc::new(config));
            }
        };
        let work = move |tx: &Connection| clear(tx, &keyring, id, limit, now);
        self.writer.write_and(work, publish).await.map(|cleared| cleared.nothing_left)
    }
}

impl SqliteStore {
    fn project(&self, id: ProjectId) -> Result<Arc<ProjectConfig>, StoreError> {
        self.config.load().project(id).cloned().ok_or(StoreError::NotFound { noun: "project" })
    }
}

/// A query that is being counted.
struct Count {
    plan: Plan,
    begun: Instant,
    preview: ReplayPreview,
    cursor: Option<EventId>,
    looked_at: usize,
    is_last: bool,
}

impl Count {
    fn new(plan: Plan) -> Self {
        let preview = ReplayPreview::default();
        Self { plan, begun: Instant::now(), preview, cursor: None, looked_at: 0, is_last: false }
    }

    const fn is_over(&self) -> bool {
        self.is_last || self.preview.is_minimum
    }

    fn go_on(mut self, db: &Connection) -> rusqlite::Result<Self> {
        let part = self.plan.part(db, self.cursor, COUNTED_AT_ONCE, EVENTS_PER_STEP)?;
        self.preview.count += part.planned.len() as u64;
        self.looked_at += part.looked_at;
        self.cursor = part.cursor;
        self.is_last = part.is_last;
        let enough = self.looked_at >= MAX_COUNTED_EVENTS || self.begun.elapsed() >= MAX_COUNTING;
        self.preview.is_minimum = enough && !self.is_last;
        Ok(self)
    }
}

fn until_now(db: &Connection, project_id: ProjectId) -> rusqlite::Result<Until> {
    db.prepare_cached(UNTIL_NOW)?.query_row([project_id.to_bytes()], |row| {
        Ok(Until { position: row.get(0)?, id: columns::optional_id(row, 1)? })
    })
}

fn create(
    tx: &Connection,
    keyring: &Keyring,
    new: &NewReplay,
    preview: ReplayPreview,
) -> Result<(Replay, Option<Changed>), WriteError> {
    let running: usize = tx
        .prepare_cached("SELECT count(*) FROM replays WHERE project_id = ?1 AND (state = 'running' OR needs_clearing = 1)")?
        .query_row([new.project_id.to_bytes()], |row| row.get(0))?;
    if running >= MAX_RUNNING {
        let noun = "running replays of one project";
        return Err(WriteError::Answer(StoreError::TooMany { noun, max: MAX_RUNNING }));
    }
    let target = match &new.target {
        Some(target) => Some(create_target(tx, keyring, new, target)?),
        None => None,
    };
    insert(tx, new, preview)?;
    let stored = find(tx, new.id)?.ok_or(WriteError::Answer(NOT_FOUND))?;
    Ok((stored.replay, target))
}

fn create_target(
    tx: &Connection,
    keyring: &Keyring,
    new: &NewReplay,
    target: &ReplayTarget,
) -> Result<Changed, WriteError> {
    let endpoint = target_endpoint(new, target).map_err(columns::unreadable)?;
    endpoints::create(tx, keyring, &endpoint)?;
    tx.prepare_cached("UPDATE endpoints SET replay_id = ?2 WHERE id = ?1")?
        .execute(params![target.endpoint_id.to_bytes(), new.id.to_bytes()])?;
    endpoints::unchanged(tx, keyring, new.project_id, target.endpoint_id)
}

fn insert(tx: &Connection, new: &NewReplay, preview: ReplayPreview) -> rusqlite::Result<()> {
    let (query, until) = (&new.query, until_now(tx, new.project_id)?);
    tx.prepare_cached(
        "INSERT INTO replays (id, project_id, endpoint_id, source_id, type, object_id, event_state, created_after, \
         created_before, target_url, target_endpoint_id, rate, state, expected_count, expected_is_minimum, \
         until_position, until_id, created_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'running', ?13, ?14, ?15, ?16, ?17)",
    )?
    .execute(params![
        new.id.to_bytes(),
        new.project_id.to_bytes(),
        query.endpoint_id.map(TypedId::to_bytes),
        query.source_id.map(TypedId::to_bytes),
        query.event_type,
        query.object_id,
        query.state.map(ReplayFilter::as_str),
        query.created_after.map(Timestamp::as_unix_ms),
        query.created_before.map(Timestamp::as_unix_ms),
        new.target.as_ref().map(|target| &target.url),
        new.target.as_ref().map(|target| target.endpoint_id.to_bytes()),
        new.rate,
        i64::try_from(preview.count).unwrap_or(i64::MAX),
        preview.is_minimum,
        until.position,
        until.id.map(TypedId::to_bytes),
        new.now.as_unix_ms(),
    ])
    .map(drop)
}

fn list(
    db: &Connection,
    project_id: ProjectId,
    page: PageRequest<ReplayId>,
) -> rusqlite::Result<Page<Replay>> {
    let (beyond, order) = match page.order {
        Order::Asc => (">", "ASC"),
        Order::Desc => ("<", "DESC"),
    };
    let sql = format!(
        "{SELECT} WHERE project_id = ?1 AND (?2 IS NULL OR id {beyond} ?2) ORDER BY id {order} LIMIT 0 + ?3"
    );
    let limit = i64::try_from(page.limit).unwrap_or(i64::MAX - 1) + 1;
    let items = db
        .prepare_cached(&sql)?
        .query_map(params![project_id.to_bytes(), page.after.map(TypedId::to_bytes), limit], read)?
        .map(|row| row.map(|stored| stored.replay))
        .collect::<rusqlite::Result<_>>()?;
    Ok(Page::cut(items, page.limit))
}

fn find(db: &Connection, id: ReplayId) -> rusqlite::Result<Option<Stored>> {
    db.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?.query_row([id.to_bytes()], read).optional()
}

fn detail(db: &Connection, project_id: ProjectId, id: ReplayId) -> rusqlite::Result<Option<ReplayDetail>> {
    let Some(Stored { replay, .. }) = find(db, id)?.filter(|stored| stored.replay.project_id == project_id)
    else {
        return Ok(None);
    };
    let mut deliveries = DeliveryCounts::default();
    let mut statement = db.prepare_cached(COUNT)?;
    let mut rows = statement.query([id.to_bytes()])?;
    while let Some(row) = rows.next()? {
        let count: u64 = row.get(1)?;
        match columns::word(row, 0)? {
            DeliveryState::Pending => deliveries.pending = count,
            DeliveryState::Delivered => deliveries.delivered = count,
            DeliveryState::Dead => deliveries.dead = count,
            DeliveryState::Cancelled => deliveries.cancelled = count,
        }
    }
    Ok(Some(ReplayDetail { replay, deliveries }))
}

fn at_work(db: &Connection) -> rusqlite::Result<Vec<Replay>> {
    db.prepare_cached(&format!(
        "{SELECT} INDEXED BY replays_at_work WHERE state = 'running' OR needs_clearing = 1 ORDER BY id"
    ))?
    .query_map([], read)?
    .map(|row| row.map(|stored| stored.replay))
    .collect()
}

/// Nothing happens if the replay was called off meanwhile, or somebody else advanced it.
fn advance(
    tx: &Connection,
    ids: &IdMaker,
    project_id: ProjectId,
    id: ReplayId,
    cursor: Option<EventId>,
    part: &Part,
    now: Timestamp,
) -> Result<Advanced, WriteError> {
    let stored = find(tx, id)?.ok_or(WriteError::Answer(NOT_FOUND))?;
    if stored.replay.state != ReplayState::Running {
        return Ok(Advanced { is_final: true, ..Advanced::default() });
    }
    if stored.replay.cursor != cursor {
        return Ok(Advanced::default());
    }
    let mut advanced = Advanced { is_final: part.is_last, ..Advanced::default() };
    let mut due = HashSet::new();
    for planned in &part.planned {
        let made = Made {
            id: ids.next(now),
            event_position: planned.event_position,
            endpoint_id: planned.endpoint_id,
        };
        if deliveries::insert(tx, project_id, &made, Trigger::Replay, Some(id.to_bytes()), now)? {
            advanced.created += 1;
            due.insert(planned.endpoint_id);
        }
    }
    advanced.due = due.into_iter().collect();
    let state = if part.is_last { ReplayState::Completed } else { ReplayState::Running };
    tx.prepare_cached(
        "UPDATE replays SET created_count = created_count + ?2, cursor = ?3, state = ?4, finished_at = ?5, \
         needs_clearing = ?6 WHERE id = ?1",
    )?
    .execute(params![
        id.to_bytes(),
        i64::try_from(advanced.created).unwrap_or(i64::MAX),
        part.cursor.map(TypedId::to_bytes),
        state.as_str(),
        part.is_last.then(|| now.as_unix_ms()),
        part.is_last && stored.replay.target_endpoint_id.is_some(),
    ])?;
    Ok(advanced)
}

fn cancel(
    tx: &Connection,
    project_id: ProjectId,
    id: ReplayId,
    now: Timestamp,
) -> Result<Replay, WriteError> {
    let found = find(tx, id)?.filter(|stored| stored.replay.project_id == project_id);
    let Stored { replay, .. } = found.ok_or(WriteError::Answer(NOT_FOUND))?;
    let ended = match replay.state {
        ReplayState::Running => false,
        ReplayState::Completed => !any_pending(tx, id)?,
        ReplayState::Cancelled => true,
    };
    if ended {
        return Err(WriteError::Answer(StoreError::Ended { noun: "webhook replay" }));
    }
    let end_reason = EndReason::Requested;
    call_off(tx, id, end_reason, now)?;
    let state = ReplayState::Cancelled;
    Ok(Replay { state, finished_at: Some(now), end_reason: Some(end_reason), ..replay })
}

fn call_off(tx: &Connection, id: ReplayId, why: EndReason, now: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE replays SET state = 'cancelled', end_reason = ?2, finished_at = ?3, needs_clearing = 1 WHERE id = ?1",
    )?
    .execute(params![id.to_bytes(), why.as_str(), now.as_unix_ms()])
    .map(drop)
}

/// Its endpoint is gone: nothing that is left of it could be sent.
fn end_without_endpoint(tx: &Connection, id: ReplayId, now: Timestamp) -> Result<Advanced, WriteError> {
    let stored = find(tx, id)?.ok_or(WriteError::Answer(NOT_FOUND))?;
    if stored.replay.state == ReplayState::Running {
        call_off(tx, id, EndReason::EndpointDeleted, now)?;
    }
    Ok(Advanced { is_final: true, ..Advanced::default() })
}

fn any_pending(tx: &Connection, id: ReplayId) -> rusqlite::Result<bool> {
    tx.prepare_cached(ANY_PENDING)?.query_row([id.to_bytes()], |row| row.get(0))
}

/// What was cleared.
struct Cleared {
    nothing_left: bool,
    deleted_target: Option<Changed>,
}

fn clear(
    tx: &Connection,
    keyring: &Keyring,
    id: ReplayId,
    limit: usize,
    now: Timestamp,
) -> Result<Cleared, WriteError> {
    let Stored { replay, .. } = find(tx, id)?.ok_or(WriteError::Answer(NOT_FOUND))?;
    if replay.state == ReplayState::Cancelled {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        tx.prepare_cached(CANCEL_PENDING)?.execute(params![id.to_bytes(), now.as_unix_ms(), limit])?;
    }
    if replay.state == ReplayState::Running || any_pending(tx, id)? {
        return Ok(Cleared { nothing_left: false, deleted_target: None });
    }
    let deleted_target = match replay.target_endpoint_id {
        Some(target) => endpoints::delete_target(tx, keyring, replay.project_id, target, now)?,
        None => None,
    };
    tx.prepare_cached("UPDATE replays SET needs_clearing = 0 WHERE id = ?1")?.execute([id.to_bytes()])?;
    Ok(Cleared { nothing_left: true, deleted_target })
}

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let replay = Replay {
        id: columns::id(row, 0)?,
        project_id: columns::id(row, 1)?,
        query: ReplayQuery {
            endpoint_id: columns::optional_id(row, 2)?,
            source_id: columns::optional_id(row, 3)?,
            event_type: row.get(4)?,
            object_id: row.get(5)?,
            state: row.get_ref(6)?.as_str_or_null()?.map(columns::parse).transpose()?,
            created_after: columns::optional_time(row, 7)?,
            created_before: columns::optional_time(row, 8)?,
        },
        target_url: row.get(9)?,
        target_endpoint_id: columns::optional_id(row, 10)?,
        rate: row.get(11)?,
        state: columns::word(row, 12)?,
        expected_count: row.get(13)?,
        expected_is_minimum: row.get(14)?,
        created_count: row.get(15)?,
        cursor: columns::optional_id(row, 16)?,
        created_at: columns::time(row, 17)?,
        finished_at: columns::optional_time(row, 18)?,
        end_reason: row.get_ref(20)?.as_str_or_null()?.map(columns::parse).transpose()?,
    };
    let until = Until { position: row.get(19)?, id: columns::optional_id(row, 21)? };
    Ok(Stored { replay, until })
}

//! What a replay's query comes to: events, and where each of them goes.
//!
//! Read outside the writer's transaction, a bounded part at a time. Events are walked in the order of their
//! ids, by the narrowest index there is for the query; what no index tells is looked for here, so that a
//! statement never walks on in vain. An event that a test of an endpoint made is not replayed.

use std::sync::Arc;

use ringback_domain::{EndpointId, EventId, ProjectId, ReplayFilter, ReplayQuery, SourceId, TypedId};
use ringback_webhook::event_type;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};

use super::columns;
use crate::config::ProjectConfig;
use crate::rows::replay::{EVENTS_AT_ONCE, MAX_LOOKUPS};

/// Any delivery of an event that a test made.
pub(super) const IS_TEST: &str =
    "SELECT EXISTS (SELECT 1 FROM deliveries WHERE event_position = ?1 AND trigger = 'test')";

/// The newest delivery of an event to an endpoint, or, with null, to any.
pub(super) const NEWEST: &str = "\
    SELECT state FROM deliveries WHERE event_position = ?1 AND (?2 IS NULL OR endpoint_id = ?2) \
    ORDER BY position DESC LIMIT 1";

/// Whether an event has reached an endpoint, or will; with null, any.
pub(super) const REACHES: &str = "\
    SELECT EXISTS (SELECT 1 FROM deliveries WHERE event_position = ?1 AND (?2 IS NULL OR endpoint_id = ?2) \
    AND state IN ('pending', 'delivered'))";

/// What is replayed, and where to.
pub(super) struct Plan {
    pub(super) project: Arc<ProjectConfig>,
    pub(super) query: ReplayQuery,
    /// Everything goes here, if anywhere else than to the endpoints.
    pub(super) target: Option<EndpointId>,
    /// Only what was there when the replay was made.
    pub(super) until: Until,
}

/// What was there at a moment. No position is given out again while a higher one is there; ids are higher
/// with time, unless a clock was set back: then events that came later lie before the highest id, and are
/// passed over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    /// The highest of any event.
    pub(super) position: i64,
    /// The highest of the project's events, if it had any.
    pub(super) id: Option<EventId>,
}

/// An event on its way to an endpoint once more.
pub(super) struct Planned {
    pub(super) event_position: i64,
    pub(super) endpoint_id: EndpointId,
}

/// A part of a replay.
pub(super) struct Part {
    pub(super) planned: Vec<Planned>,
    /// The last event that was looked at.
    pub(super) cursor: Option<EventId>,
    /// How many were looked at.
    pub(super) looked_at: usize,
    /// Whether there is nothing beyond.
    pub(super) is_last: bool,
}

struct Candidate {
    id: EventId,
    position: i64,
    event_type: String,
    /// Read only for a query that asks for it.
    source_id: Option<SourceId>,
}

impl Plan {
    /// The next part beyond `cursor`: about `limit` deliveries, of at most `max_events` events.
    pub(super) fn part(
        &self,
        db: &Connection,
        cursor: Option<EventId>,
        limit: usize,
        max_events: usize,
    ) -> rusqlite::Result<Part> {
        let mut part = Part { planned: Vec::new(), cursor, looked_at: 0, is_last: false };
        let mut lookups = 0;
        while !part.is_last && part.planned.len() < limit && part.looked_at < max_events {
            let candidates = self.candidates(db, part.cursor)?;
            part.is_last = candidates.len() < EVENTS_AT_ONCE;
            for candidate in candidates {
                if part.planned.len() >= limit || lookups >= MAX_LOOKUPS {
                    part.is_last = false;
                    break;
                }
                lookups += self.plan(db, &candidate, &mut part.planned)?;
                part.cursor = Some(candidate.id);
                part.looked_at += 1;
            }
            if lookups >= MAX_LOOKUPS {
                break;
            }
        }
        Ok(part)
    }

    fn candidates(&self, db: &Connection, cursor: Option<EventId>) -> rusqlite::Result<Vec<Candidate>> {
        let (sql, params) = candidates_query(self.project.project.id, &self.query, self.until.id, cursor);
        db.prepare_cached(&sql)?
            .query_map(params_from_iter(params), |row| {
                Ok(Candidate {
                    id: columns::id(row, 0)?,
                    position: row.get(1)?,
                    event_type: row.get(2)?,
                    source_id: columns::optional_id(row, 3)?,
                })
            })?
            .collect()
    }

    /// Says how much it looked at.
    fn plan(
        &self,
        db: &Connection,
        event: &Candidate,
        planned: &mut Vec<Planned>,
    ) -> rusqlite::Result<usize> {
        if event.position > self.until.position
            || !self.asks_for(event)
            || db.prepare_cached(IS_TEST)?.query_row([event.position], |row| row.get(0))?
        {
            return Ok(1);
        }
        let mut lookups = 1;
        let mut add = |endpoint_id| planned.push(Planned { event_position: event.position, endpoint_id });
        match (self.query.endpoint_id, self.target) {
            (Some(id), target) => {
                if self.concerns(db, id, event)? && self.stands(db, event.position, Some(id))? {
                    add(target.unwrap_or(id));
                }
            }
            (None, Some(target)) => {
                if self.stands(db, event.position, None)? {
                    add(target);
                }
            }
            (None, None) => {
                for endpoint in self.project.route(&event.event_type) {
                    lookups += 1;
                    if self.stands(db, event.position, Some(endpoint.id))? {
                        add(endpoint.id);
                    }
                }
            }
        }
        Ok(lookups)
    }

    /// Whether it has the type and the source that the query names; the index has seen to the rest.
    fn asks_for(&self, event: &Candidate) -> bool {
        let canonical = event_type::canonical;
        self.query.event_type.as_deref().is_none_or(|name| canonical(name) == canonical(&event.event_type))
            && (self.query.source_id.is_none() || self.query.source_id == event.source_id)
    }

    /// Whether an endpoint subscribes to the event now, or had a delivery of it before.
    fn concerns(&self, db: &Connection, id: EndpointId, event: &Candidate) -> rusqlite::Result<bool> {
        let endpoint = self.project.endpoint(id);
        if endpoint.is_some_and(|endpoint| endpoint.subscribes_to(&event.event_type)) {
            return Ok(true);
        }
        newest(db, event.position, Some(id)).map(|state| state.is_some())
    }

    /// Whether the event stands with the endpoint (or with any) as the query wants it.
    fn stands(
        &self,
        db: &Connection,
        event_position: i64,
        endpoint_id: Option<EndpointId>,
    ) -> rusqlite::Result<bool> {
        match self.query.state {
            None => Ok(true),
            Some(ReplayFilter::Missed) => {
                let reaches: bool = db
                    .prepare_cached(REACHES)?
                    .query_row(params![event_position, endpoint_id.map(TypedId::to_bytes)], |row| {
                        row.get(0)
                    })?;
                Ok(!reaches)
            }
            Some(wanted) => {
                let state = newest(db, event_position, endpoint_id)?;
                Ok(state.is_some_and(|state| state == wanted.as_str()))
            }
        }
    }
}

fn newest(
    db: &Connection,
    event_position: i64,
    endpoint_id: Option<EndpointId>,
) -> rusqlite::Result<Option<String>> {
    db.prepare_cached(NEWEST)?
        .query_row(params![event_position, endpoint_id.map(TypedId::to_bytes)], |row| row.get(0))
        .optional()
}

/// One statement for each combination of conditions, so that each goes by its own index.
pub(super) fn candidates_query(
    project_id: ProjectId,
    query: &ReplayQuery,
    until: Option<EventId>,
    cursor: Option<EventId>,
) -> (String, Vec<Value>) {
    let blob = |id: [u8; 16]| Value::Blob(id.to_vec());
    let mut conditions = String::new();
    let mut params = vec![blob(project_id.to_bytes())];
    let mut and = |condition: &str, value: Value| {
        conditions.push_str(" AND ");
        conditions.push_str(condition);
        params.push(value);
    };
    if let Some(object_id) = &query.object_id {
        and("object_id = ?", Value::Text(object_id.clone()));
    }
    // Two spellings are two parts of the index, whose order is not that of the ids.
    let one_spelling = query.event_type.as_ref().filter(|name| event_type::other_spelling(name).is_none());
    let index = match (&query.object_id, one_spelling) {
        (Some(_), _) => "events_by_object",
        (None, Some(name)) => {
            and("type = ?", Value::Text(name.clone()));
            "events_by_type"
        }
        (None, None) => "sqlite_autoindex_events_1",
    };
    // Ids are time-ordered: an age is a range of them.
    match (cursor, query.created_after) {
        (Some(cursor), _) => and("id > ?", blob(cursor.to_bytes())),
        (None, Some(after)) => and("id >= ?", blob(EventId::first_at(after).to_bytes())),
        (None, None) => {}
    }
    // The lower of the two ends: by the other the walk would go on in vain.
    match (query.created_before.map(EventId::first_at), until) {
        (Some(before), Some(until)) if before <= until => and("id < ?", blob(before.to_bytes())),
        (_, until) => and("id <= ?", until.map_or(Value::Null, |until| blob(until.to_bytes()))),
    }
    let source = if query.source_id.is_some() { "source_id" } else { "NULL" };
    let sql = format!(
        "SELECT id, position, type, {source} FROM events INDEXED BY {index} \
         WHERE project_id = ?{conditions} ORDER BY id LIMIT {EVENTS_AT_ONCE}"
    );
    (sql, params)
}

//! What a replay's query comes to: events, and where each of them goes.
//!
//! Read outside of any transaction that writes, a bounded part at a time. Events are walked in the order of
//! their ids, by the narrowest index there is for the query, up to the highest id that there was when the
//! replay was made; what no index tells is looked for here, so that a statement never walks on in vain. An
//! event that a test of an endpoint made is not replayed.

use std::collections::HashMap;

use ringback_domain::{DeliveryState, EndpointId, EventId, ReplayFilter, ReplayId, ReplayQuery, SourceId};
use ringback_webhook::event_type;
use tokio_postgres::Row;

use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use super::statement::Statement;
use crate::config::ProjectConfig;
use crate::rows::replay::{EVENTS_AT_ONCE, MAX_LOOKUPS};

/// How events stand with endpoints: whether a test made them, the newest delivery and its place, whether one
/// has reached it or will.
pub(super) const STANDINGS: &str = "\
    SELECT event_id, endpoint_id, bool_or(trigger = 'test'), (array_agg(state ORDER BY position DESC))[1], max(position), \
           bool_or(state IN ('pending', 'delivered')) \
    FROM deliveries WHERE event_id = ANY ($1) AND ($2::uuid IS NULL OR endpoint_id = $2 OR trigger = 'test') \
    GROUP BY event_id, endpoint_id";

/// What is replayed, and where to.
pub(super) struct Plan<'a> {
    pub(super) project: &'a ProjectConfig,
    pub(super) query: &'a ReplayQuery,
    /// Everything goes here, if anywhere else than to the endpoints.
    pub(super) target: Option<EndpointId>,
    /// Only what had been committed when this replay was made.
    pub(super) replay: Option<ReplayId>,
}

/// An event on its way to an endpoint once more.
pub(super) struct Planned {
    pub(super) event_id: EventId,
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
    event_type: String,
    source_id: SourceId,
    /// Whether it had been committed when the replay was made. What was later is read as well where its id is
    /// lower, as a clock that is behind makes it: left out by the statement, it would be walked through
    /// without a limit.
    is_covered: bool,
}

/// How an event stands with one endpoint.
struct Standing {
    newest: DeliveryState,
    position: i64,
    reaches: bool,
}

/// How an event stands.
#[derive(Default)]
struct Standings {
    is_test: bool,
    endpoints: HashMap<EndpointId, Standing>,
}

impl Standings {
    /// The newest delivery to an endpoint, or to any.
    fn newest(&self, endpoint_id: Option<EndpointId>) -> Option<DeliveryState> {
        match endpoint_id {
            Some(id) => self.endpoints.get(&id).map(|standing| standing.newest),
            None => self.endpoints.values().max_by_key(|standing| standing.position).map(|s| s.newest),
        }
    }

    /// Whether it has reached an endpoint, or any, or will.
    fn reaches(&self, endpoint_id: Option<EndpointId>) -> bool {
        match endpoint_id {
            Some(id) => self.endpoints.get(&id).is_some_and(|standing| standing.reaches),
            None => self.endpoints.values().any(|standing| standing.reaches),
        }
    }
}

impl Plan<'_> {
    /// The next part beyond `cursor`: about `limit` deliveries, of at most `max_events` events.
    pub(super) async fn part(
        &self,
        connection: &Connection,
        cursor: Option<EventId>,
        limit: usize,
        max_events: usize,
    ) -> Result<Part, Failure> {
        let mut part = Part { planned: Vec::new(), cursor, looked_at: 0, is_last: false };
        let mut lookups = 0;
        while !part.is_last && part.planned.len() < limit && part.looked_at < max_events {
            let candidates = self.candidates(connection, part.cursor).await?;
            let mut standings = self.standings(connection, &candidates).await?;
            part.is_last = candidates.len() < EVENTS_AT_ONCE;
            for candidate in candidates {
                if part.planned.len() >= limit || lookups >= MAX_LOOKUPS {
                    part.is_last = false;
                    break;
                }
                let standings = standings.remove(&key(candidate.id)).unwrap_or_default();
                lookups += self.plan(&candidate, &standings, &mut part.planned);
                part.cursor = Some(candidate.id);
                part.looked_at += 1;
            }
            if lookups >= MAX_LOOKUPS {
                break;
            }
        }
        Ok(part)
    }

    async fn candidates(
        &self,
        connection: &Connection,
        cursor: Option<EventId>,
    ) -> Result<Vec<Candidate>, Failure> {
        let statement = candidates_query(key(self.project.project.id), self.query, self.replay, cursor);
        let rows = connection.query(&statement.sql, &statement.params()).await?;
        rows.iter()
            .map(|row| {
                let (id, source_id) = (columns::id(row, 0)?, columns::id(row, 2)?);
                Ok(Candidate { id, event_type: get(row, 1)?, source_id, is_covered: get(row, 3)? })
            })
            .collect()
    }

    async fn standings(
        &self,
        connection: &Connection,
        candidates: &[Candidate],
    ) -> Result<HashMap<Key, Standings>, Failure> {
        let covered = candidates.iter().filter(|candidate| candidate.is_covered);
        let events: Vec<Key> = covered.map(|candidate| key(candidate.id)).collect();
        let rows = connection.query(STANDINGS, &[&events, &self.query.endpoint_id.map(key)]).await?;
        let mut standings: HashMap<Key, Standings> = HashMap::with_capacity(events.len());
        for row in &rows {
            let of_event = standings.entry(get(row, 0)?).or_default();
            of_event.is_test |= get::<bool>(row, 2)?;
            of_event.endpoints.insert(columns::id(row, 1)?, standing(row)?);
        }
        Ok(standings)
    }

    /// Says how much it looked at.
    fn plan(&self, event: &Candidate, standings: &Standings, planned: &mut Vec<Planned>) -> usize {
        if !event.is_covered || !self.asks_for(event) || standings.is_test {
            return 1;
        }
        let mut lookups = 1;
        let mut add = |endpoint_id| planned.push(Planned { event_id: event.id, endpoint_id });
        match (self.query.endpoint_id, self.target) {
            (Some(id), target) => {
                if self.concerns(id, event, standings) && self.stands(standings, Some(id)) {
                    add(target.unwrap_or(id));
                }
            }
            (None, Some(target)) => {
                if self.stands(standings, None) {
                    add(target);
                }
            }
            (None, None) => {
                for endpoint in self.project.route(&event.event_type) {
                    lookups += 1;
                    if self.stands(standings, Some(endpoint.id)) {
                        add(endpoint.id);
                    }
                }
            }
        }
        lookups
    }

    /// Whether it has the type and the source that the query names; the index has seen to the rest.
    fn asks_for(&self, event: &Candidate) -> bool {
        let canonical = event_type::canonical;
        self.query.event_type.as_deref().is_none_or(|name| canonical(name) == canonical(&event.event_type))
            && self.query.source_id.is_none_or(|id| id == event.source_id)
    }

    /// Whether an endpoint subscribes to the event now, or had a delivery of it before.
    fn concerns(&self, id: EndpointId, event: &Candidate, standings: &Standings) -> bool {
        let endpoint = self.project.endpoint(id);
        endpoint.is_some_and(|endpoint| endpoint.subscribes_to(&event.event_type))
            || standings.newest(Some(id)).is_some()
    }

    /// Whether the event stands with the endpoint (or with any) as the query wants it.
    fn stands(&self, standings: &Standings, endpoint_id: Option<EndpointId>) -> bool {
        match self.query.state {
            None => true,
            Some(ReplayFilter::Missed) => !standings.reaches(endpoint_id),
            Some(wanted) => {
                standings.newest(endpoint_id).is_some_and(|state| state.as_str() == wanted.as_str())
            }
        }
    }
}

fn standing(row: &Row) -> Result<Standing, Failure> {
    Ok(Standing { newest: columns::word(row, 3)?, position: get(row, 4)?, reaches: get(row, 5)? })
}

/// One statement for each combination of conditions, so that each goes by its own index, and reads no more
/// rows than it gives.
pub(super) fn candidates_query(
    project_id: Key,
    query: &ReplayQuery,
    replay: Option<ReplayId>,
    cursor: Option<EventId>,
) -> Statement {
    let mut statement = Statement::new("SELECT id, type, source_id, ");
    match replay {
        Some(replay) => {
            // What came by a dump has the transactions of another cluster.
            statement.push("position <= (SELECT restored_position FROM cluster_identity) OR ");
            let snapshot = "pg_visible_in_snapshot(xid, (SELECT until_snapshot FROM replays WHERE id = ";
            statement.bind(snapshot, key(replay));
            statement.push("))");
        }
        None => statement.push("true"),
    }
    statement.bind(" FROM events WHERE project_id = ", project_id);
    // Two spellings are two parts of the index, whose order is not that of the ids.
    let one_spelling = query.event_type.as_ref().filter(|name| event_type::other_spelling(name).is_none());
    match (&query.object_id, one_spelling) {
        (Some(object_id), _) => statement.bind(" AND object_id = ", object_id.clone()),
        (None, Some(name)) => statement.bind(" AND type = ", name.clone()),
        (None, None) => {}
    }
    if let Some(replay) = replay {
        statement.bind(" AND id <= (SELECT until_id FROM replays WHERE id = ", key(replay));
        statement.push(")");
    }
    // Ids are time-ordered: an age is a range of them.
    match (cursor, query.created_after) {
        (Some(cursor), _) => statement.bind(" AND id > ", key(cursor)),
        (None, Some(after)) => statement.bind(" AND id >= ", first_at(after)),
        (None, None) => {}
    }
    if let Some(before) = query.created_before {
        statement.bind(" AND id < ", first_at(before));
    }
    statement.push(&format!(" ORDER BY id LIMIT {EVENTS_AT_ONCE}"));
    statement
}

fn first_at(time: ringback_domain::Timestamp) -> Key {
    use ringback_domain::TypedId;
    key(EventId::first_at(time))
}

//! The walk over old events in search of those that may go: a bounded number of them at a time.
//!
//! A million old events may be held by deliveries that are pending for a dead endpoint, and lie before the
//! first that can go. So a statement looks at so many and no more, and the next one goes on where it ended.
//! A sweep of retention walks from where the one before it stopped, and does not begin anew once it has come
//! to the end, however long it has other things to remove.
//!
//! Not guaranteed: that what was found can still go, or is found again soon if it could not be removed: the
//! walk comes by in its next round.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::columns::{self, Key, get};
use super::connections::Connections;
use super::failure::Failure;
use super::partitions::Ranges;
use super::prune::Names;

/// Looks at old events of a range beyond a place, project by project, each one's oldest first; says of each
/// whether no delivery is pending. `OFFSET 0`: what is looked up for each row is to stay that. Joined, it could
/// be read from end to end.
pub(super) const LOOK: &str = "\
    SELECT p.id, e.id, NOT EXISTS \
        (SELECT 1 FROM deliveries AS d WHERE d.event_id = e.id AND d.state = 'pending' OFFSET 0) \
    FROM (SELECT id FROM projects WHERE id >= $3 ORDER BY id) AS p \
    CROSS JOIN LATERAL ( \
        SELECT e.id FROM events AS e WHERE e.project_id = p.id AND e.id >= $1 AND e.id < $2 \
        AND e.id > CASE WHEN p.id = $3 THEN $4 ELSE '00000000-0000-0000-0000-000000000000'::uuid END \
        ORDER BY e.id LIMIT $5) AS e \
    ORDER BY p.id, e.id LIMIT $5";

/// How many events are looked at at once: some tens of milliseconds, or a second where all has to come from
/// the disk.
const LOOKED_AT_ONCE: usize = 5_000;

/// How many times one step looks at most, while nothing is found and nothing else is to be removed: at a
/// million events. The next sweep goes on there.
const LOOKS_PER_STEP: usize = 200;

const LOWEST: Key = Key([0; 16]);

/// The walk of this node, and what it has found.
#[derive(Default)]
pub(super) struct Walk(Mutex<State>);

#[derive(Default)]
struct State {
    /// Events that were found to be old and finished: a hint for the next steps.
    found: VecDeque<(Key, Key)>,
    /// The event that was looked at last; `None` before the first.
    place: Option<Place>,
    /// Whether this sweep has walked to the end, or cannot.
    is_over: bool,
    /// How many times this step has looked.
    looks: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where the range begins.
    range: Key,
    project: Key,
    event: Key,
}

/// What a look has come to.
struct Looked {
    found: Vec<(Key, Key)>,
    /// Where the next one goes on; `None` at the end.
    place: Option<Place>,
}

impl Walk {
    /// Takes up to `limit` of those that were found out.
    pub(super) fn take(&self, limit: usize) -> Names {
        let mut state = self.lock();
        let count = limit.min(state.found.len());
        state.found.drain(..count).unzip()
    }

    /// Goes on, if nothing that was found is left and there is something to walk to in this step. Says whether
    /// there may be more to do.
    pub(super) async fn go_on(&self, connections: &Connections, ranges: &Ranges) -> bool {
        let place = {
            let mut state = self.lock();
            if state.is_over || !state.found.is_empty() || state.looks >= LOOKS_PER_STEP {
                return false;
            }
            state.looks += 1;
            state.place
        };
        let looked = look(connections, ranges, place, LOOKED_AT_ONCE).await;
        let mut state = self.lock();
        match looked {
            Ok(Looked { found, place }) => {
                state.found.extend(found);
                state.place = place;
                state.is_over = place.is_none();
            }
            Err(failure) => {
                // Nothing else waits for it. If the database is away, the deletes beside it say so.
                state.is_over = true;
                let error = crate::error::StoreError::from(failure);
                let error = &error as &dyn std::error::Error;
                tracing::warn!(
                    error,
                    "events that retention allows to go could not be looked for; the next sweep goes on here"
                );
            }
        }
        !state.is_over || !state.found.is_empty()
    }

    /// Ends a step. One that has removed nothing is the last of its sweep: the next sweep goes on, or from the
    /// beginning if this one came to the end.
    pub(super) fn end_step(&self, removed: usize) {
        let mut state = self.lock();
        state.is_over &= removed > 0;
        state.looks = 0;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What is in it is only a hint, whole or not.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Looks at the next `count` events beyond a place.
async fn look(
    connections: &Connections,
    ranges: &Ranges,
    mut place: Option<Place>,
    count: usize,
) -> Result<Looked, Failure> {
    let connection = connections.get().await?;
    let (mut found, mut left) = (Vec::new(), count);
    for (first, last) in ranges.0.iter().zip(&ranges.1) {
        let (project, event) = match place {
            // A partition may have gone since.
            Some(place) if *first < place.range => continue,
            Some(place) if *first == place.range => (place.project, place.event),
            _ => (LOWEST, LOWEST),
        };
        let limit = columns::limit(left);
        let rows = connection.query(LOOK, &[first, last, &project, &event, &limit]).await?;
        for row in &rows {
            let at = Place { range: *first, project: get(row, 0)?, event: get(row, 1)? };
            if get(row, 2)? {
                found.push((at.project, at.event));
            }
            place = Some(at);
        }
        left = left.saturating_sub(rows.len());
        if left == 0 {
            return Ok(Looked { found, place });
        }
    }
    Ok(Looked { found, place: None })
}

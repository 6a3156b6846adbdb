//! The look for old events that may go, range by range of those whose partitions stay.

use super::columns::{self, Key, get};
use super::connections::Connections;
use super::failure::Failure;
use super::partitions::Ranges;
use crate::prune_walk::{self, LOOKED_AT_ONCE};

/// Looks at old events of a range beyond a place, project by project, each one's oldest first; says of each
/// whether no delivery is pending. `OFFSET 0`: what is looked up for each row is to stay that. Joined, it
/// could be read from end to end.
pub(super) const LOOK: &str = "\
    SELECT p.id, e.id, NOT EXISTS \
        (SELECT 1 FROM deliveries AS d WHERE d.event_id = e.id AND d.state = 'pending' OFFSET 0) \
    FROM (SELECT id FROM projects WHERE id >= $3 ORDER BY id) AS p \
    CROSS JOIN LATERAL ( \
        SELECT e.id FROM events AS e WHERE e.project_id = p.id AND e.id >= $1 AND e.id < $2 \
        AND e.id > CASE WHEN p.id = $3 THEN $4 ELSE '00000000-0000-0000-0000-000000000000'::uuid END \
        ORDER BY e.id LIMIT $5) AS e \
    ORDER BY p.id, e.id LIMIT $5";

const LOWEST: Key = Key([0; 16]);

/// The name of an event: its project, and its id.
pub(super) type Name = (Key, Key);
pub(super) type Walk = prune_walk::Walk<Name, Place>;
type Looked = prune_walk::Looked<Name, Place>;

#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Where the range begins.
    range: Key,
    project: Key,
    event: Key,
}

/// Looks at the next events beyond a place.
pub(super) async fn look(
    connections: &Connections,
    ranges: &Ranges,
    mut place: Option<Place>,
) -> Result<Looked, Failure> {
    let connection = connections.get().await?;
    let (mut found, mut left) = (Vec::new(), LOOKED_AT_ONCE);
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

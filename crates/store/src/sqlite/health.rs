//! What attempts say about their endpoint: written with the attempt, and rarely.

use ringback_domain::endpoint_health::{DisabledFor, HealthChange};
use ringback_domain::{EndpointHealth, ProjectId, Timestamp, TypedId};
use rusqlite::{Connection, Row, params};

use super::columns;
use super::endpoints::{self, Changed};
use super::writer::WriteError;
use crate::keyring::Keyring;
use crate::work::EndpointNote;

/// The columns, in the order that [`read`] reads them in.
pub(super) const COLUMNS: &str = "failing_since, last_failed_at, warned_at";

/// Remembers. Only of the URL that was called, of an endpoint that is neither deleted nor disabled and of
/// which nothing else has been found out meanwhile.
pub(super) const NOTE: &str = "\
    UPDATE endpoints SET failing_since = ?3, last_failed_at = ?4, warned_at = ?5 \
    WHERE id = ?1 AND url = ?2 AND failing_since IS ?6 AND deleted_at IS NULL AND disabled_at IS NULL";

/// Disables. Under the same conditions, but that "gone" is gone whatever was found out.
pub(super) const DISABLE: &str = "\
    UPDATE endpoints SET disabled_at = ?3, disabled_reason = ?4, updated_at = ?3 \
    WHERE id = ?1 AND url = ?2 AND (?6 OR failing_since IS ?5) AND deleted_at IS NULL AND disabled_at IS NULL";

/// The health from a row, whose columns begin at `first`.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<EndpointHealth> {
    Ok(EndpointHealth {
        failing_since: columns::optional_time(row, first)?,
        last_failed_at: columns::optional_time(row, first + 1)?,
        warned_at: columns::optional_time(row, first + 2)?,
    })
}

/// Writes a note down. `None` when it is about something that is no more.
pub(super) fn note(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    note: &EndpointNote,
    now: Timestamp,
) -> Result<Option<Changed>, WriteError> {
    let written = match note.change {
        HealthChange::Recovered => remember(tx, note, EndpointHealth::default())?,
        HealthChange::Failing(health) | HealthChange::Warn(health) => remember(tx, note, health)?,
        HealthChange::Disable(why) => disable(tx, note, why, now)?,
    };
    if !written {
        return Ok(None);
    }
    match note.change {
        HealthChange::Disable(_) => endpoints::changed(tx, keyring, project_id, note.endpoint_id).map(Some),
        // Where events go is not changed by it.
        _ => endpoints::unchanged(tx, keyring, project_id, note.endpoint_id).map(Some),
    }
}

fn remember(tx: &Connection, note: &EndpointNote, health: EndpointHealth) -> rusqlite::Result<bool> {
    let ms = |time: Option<Timestamp>| time.map(Timestamp::as_unix_ms);
    let written = tx.prepare_cached(NOTE)?.execute(params![
        note.endpoint_id.to_bytes(),
        note.url,
        ms(health.failing_since),
        ms(health.last_failed_at),
        ms(health.warned_at),
        ms(note.failing_since),
    ])?;
    Ok(written == 1)
}

fn disable(tx: &Connection, note: &EndpointNote, why: DisabledFor, now: Timestamp) -> rusqlite::Result<bool> {
    let written = tx.prepare_cached(DISABLE)?.execute(params![
        note.endpoint_id.to_bytes(),
        note.url,
        now.as_unix_ms(),
        why.to_string(),
        note.failing_since.map(Timestamp::as_unix_ms),
        why == DisabledFor::Gone,
    ])?;
    Ok(written == 1)
}

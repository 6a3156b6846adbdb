//! What attempts say about their endpoint: written with the attempt, and rarely.

use ringback_domain::endpoint_health::{DisabledFor, HealthChange};
use ringback_domain::{EndpointHealth, EndpointId, ProjectId, Timestamp};
use tokio_postgres::Row;

use super::columns::{self, key, ms};
use super::connections::Connection;
use super::endpoints::{self, Changed};
use super::failure::Failure;
use crate::config::Config;
use crate::keyring::Keyring;
use crate::work::EndpointNote;

/// The columns, in the order that [`read`] reads them in.
pub(super) const COLUMNS: &str = "failing_since, last_failed_at, warned_at";

/// Remembers. Only of the URL that was called, of an endpoint that is neither deleted nor disabled and of
/// which nothing else has been found out meanwhile.
pub(super) const NOTE: &str = "\
    UPDATE endpoints SET failing_since = $3, last_failed_at = $4, warned_at = $5 \
    WHERE id = $1 AND url = $2 AND failing_since IS NOT DISTINCT FROM $6 AND deleted_at IS NULL AND disabled_at IS NULL";

/// Disables. Under the same conditions, but that "gone" is gone whatever was found out.
pub(super) const DISABLE: &str = "\
    UPDATE endpoints SET disabled_at = $3, disabled_reason = $4, updated_at = $3 \
    WHERE id = $1 AND url = $2 AND ($6 OR failing_since IS NOT DISTINCT FROM $5) \
    AND deleted_at IS NULL AND disabled_at IS NULL";

/// The health from a row, whose columns begin at `first`.
pub(super) fn read(row: &Row, first: usize) -> Result<EndpointHealth, Failure> {
    Ok(EndpointHealth {
        failing_since: columns::optional_time(row, first)?,
        last_failed_at: columns::optional_time(row, first + 1)?,
        warned_at: columns::optional_time(row, first + 2)?,
    })
}

/// Nothing is remembered any more.
pub(super) async fn forget(tx: &Connection, id: EndpointId) -> Result<(), Failure> {
    let sql =
        "UPDATE endpoints SET failing_since = NULL, last_failed_at = NULL, warned_at = NULL WHERE id = $1";
    tx.execute(sql, &[&key(id)]).await.map(drop)
}

/// Whether a note says something, as far as this node knows.
pub(super) fn is_news(config: &Config, note: &EndpointNote) -> bool {
    let is_gone = note.change == HealthChange::Disable(DisabledFor::Gone);
    config.endpoint(note.endpoint_id).is_some_and(|endpoint| {
        endpoint.url == note.url
            && endpoint.disabled_at.is_none()
            && (is_gone || endpoint.health.failing_since == note.failing_since)
    })
}

/// Writes a note down. `None` when it is about something that is no more.
pub(super) async fn note(
    tx: &Connection,
    keyring: &Keyring,
    project_id: ProjectId,
    note: &EndpointNote,
    now: Timestamp,
) -> Result<Option<Changed>, Failure> {
    let written = match note.change {
        HealthChange::Recovered => remember(tx, note, EndpointHealth::default()).await?,
        HealthChange::Failing(health) | HealthChange::Warn(health) => remember(tx, note, health).await?,
        HealthChange::Disable(why) => disable(tx, note, why, now).await?,
    };
    if !written {
        return Ok(None);
    }
    match note.change {
        HealthChange::Disable(_) => {
            endpoints::changed(tx, keyring, project_id, note.endpoint_id).await.map(Some)
        }
        // Where events go is not changed by it.
        _ => endpoints::unchanged(tx, keyring, project_id, note.endpoint_id).await.map(Some),
    }
}

async fn remember(tx: &Connection, note: &EndpointNote, health: EndpointHealth) -> Result<bool, Failure> {
    let (since, last, warned) = (ms(health.failing_since), ms(health.last_failed_at), ms(health.warned_at));
    Ok(tx
        .execute(NOTE, &[&key(note.endpoint_id), &note.url, &since, &last, &warned, &ms(note.failing_since)])
        .await?
        == 1)
}

async fn disable(
    tx: &Connection,
    note: &EndpointNote,
    why: DisabledFor,
    now: Timestamp,
) -> Result<bool, Failure> {
    let (reason, is_gone) = (why.to_string(), why == DisabledFor::Gone);
    let (id, since) = (key(note.endpoint_id), ms(note.failing_since));
    let written =
        tx.execute(DISABLE, &[&id, &note.url, &now.as_unix_ms(), &reason, &since, &is_gone]).await?;
    Ok(written == 1)
}

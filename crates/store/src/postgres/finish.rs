//! The ends of attempts: their records and their deliveries' next states, each kind of row in one statement.
//!
//! Rows that take part in no order are locked as they are found. Of the others only the order is learned
//! first, since an order is locked before any of its rows.

use std::collections::HashMap;

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryState, EndReason, EndpointId};
use tokio_postgres::Row;

use super::claim;
use super::columns::{self, Key, get, key};
use super::connections::Connection;
use super::failure::Failure;
use super::order::{self, Place};
use crate::work::{Finish, Finished};

/// Looks deliveries up, and judges their leases.
macro_rules! find {
    ($of:literal) => {
        concat!(
            "SELECT u.place, d.state, d.lease_token = u.lease_token AND d.lease_expires_at IS NOT NULL, d.endpoint_id, ",
            "d.order_key, d.attempt_count, d.position ",
            "FROM unnest($1::uuid[], $2::uuid[], $3::int8[]) WITH ORDINALITY AS u (project_id, id, lease_token, place) ",
            "JOIN deliveries AS d ON d.project_id = u.project_id AND d.id = u.id WHERE d.order_key ",
            $of
        )
    };
}

/// Those without an order, locked.
pub(super) const LOCK_UNORDERED: &str = find!("IS NULL ORDER BY d.id FOR UPDATE OF d");
/// Those with one, to learn which.
pub(super) const FIND_ORDERED: &str = find!("IS NOT NULL");
/// What finishes are looked up by.
pub(super) const STATEMENTS: [&str; 2] = [LOCK_UNORDERED, FIND_ORDERED];
/// Those with one, locked.
pub(super) const LOCK_ORDERED: &str = find!("IS NOT NULL ORDER BY d.id FOR UPDATE OF d");

/// The same attempt told twice (its first answer was lost) is one.
const INSERT_ATTEMPTS: &str = "\
    INSERT INTO attempts (delivery_id, id, number, outcome, status_code, error, started_at, duration_ms, response_body) \
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::int4[], $4::text[], $5::int4[], $6::text[], $7::int8[], $8::int8[], \
                         $9::bytea[]) \
    ON CONFLICT (delivery_id, id) DO NOTHING";

pub(super) const ADVANCE: &str = "\
    UPDATE deliveries AS d SET state = u.state, end_reason = u.end_reason, due_at = u.due_at, finished_at = u.finished_at, \
           lease_expires_at = NULL, lease_node = NULL, attempt_count = d.attempt_count + 1, \
           first_attempt_at = coalesce(d.first_attempt_at, u.started_at) \
    FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::int8[], $6::int8[], $7::int8[]) \
        AS u (project_id, id, state, end_reason, due_at, finished_at, started_at) \
    WHERE d.project_id = u.project_id AND d.id = u.id";

/// A delivery as the finish finds it.
struct Found {
    state: DeliveryState,
    lease_holds: bool,
    endpoint_id: EndpointId,
    order_key: Option<String>,
    attempt_count: i32,
    position: i64,
}

/// What a finish has brought about, and where.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    pub(super) finished: Finished,
    /// The endpoint of the delivery, if that is still there.
    pub(super) endpoint_id: Option<EndpointId>,
}

/// The finishes of a batch, each of another delivery, and what they find.
pub(super) struct Finishing<'a> {
    finishes: Vec<&'a Finish>,
    /// By the place of the finish. What is missing was pruned: the attempt outlived its lease, or the
    /// delivery was cancelled under it, and what had ended was old enough to go, as what the hard limit of
    /// retention has given up always is. There is nothing left to record the attempt with.
    found: HashMap<usize, Found>,
}

impl<'a> Finishing<'a> {
    /// Looks up what is finished. What takes part in an order is not locked yet.
    pub(super) async fn find(tx: &Connection, finishes: Vec<&'a Finish>) -> Result<Self, Failure> {
        let mut finishing = Self { finishes, found: HashMap::new() };
        if !finishing.finishes.is_empty() {
            let (unordered, ordered) = tokio::try_join!(
                biased;
                finishing.query(tx, LOCK_UNORDERED),
                finishing.query(tx, FIND_ORDERED)
            )?;
            finishing.note(&unordered)?;
            finishing.note(&ordered)?;
        }
        Ok(finishing)
    }

    /// Locks what takes part in an order, whose lock the caller has.
    pub(super) async fn lock_ordered(&mut self, tx: &Connection) -> Result<(), Failure> {
        let ordered = self.query(tx, LOCK_ORDERED).await?;
        self.note(&ordered)
    }

    async fn query(&self, tx: &Connection, sql: &str) -> Result<Vec<Row>, Failure> {
        let projects: Vec<Key> = self.finishes.iter().map(|finish| key(finish.project_id)).collect();
        let ids: Vec<Key> = self.finishes.iter().map(|finish| key(finish.delivery_id)).collect();
        let tokens: Vec<i64> = self.finishes.iter().map(|finish| claim::token(finish.lease_token)).collect();
        tx.query(sql, &[&projects, &ids, &tokens]).await
    }

    fn note(&mut self, rows: &[Row]) -> Result<(), Failure> {
        for row in rows {
            let found = Found {
                state: columns::word(row, 1)?,
                lease_holds: get(row, 2)?,
                endpoint_id: columns::id(row, 3)?,
                order_key: get(row, 4)?,
                attempt_count: get(row, 5)?,
                position: get(row, 6)?,
            };
            // Places are counted from 1.
            self.found.insert(columns::number::<i64, usize>(row, 0)? - 1, found);
        }
        Ok(())
    }

    /// The orders that finished deliveries take part in.
    pub(super) fn orders(&self) -> Vec<(EndpointId, &str)> {
        self.found
            .values()
            .filter_map(|found| Some((found.endpoint_id, found.order_key.as_deref()?)))
            .collect()
    }

    fn each(&self) -> impl Iterator<Item = (usize, &'a Finish, &Found)> {
        self.finishes
            .iter()
            .enumerate()
            .filter_map(|(place, finish)| Some((place, *finish, self.found.get(&place)?)))
    }

    /// Records the attempts, and advances the deliveries that they decide about.
    pub(super) async fn write(&self, tx: &Connection) -> Result<(), Failure> {
        let (mut attempts, mut steps) = (Attempts::default(), Steps::default());
        for (_, finish, found) in self.each() {
            attempts.push(finish);
            if decides(finish, found) {
                steps.push(finish);
            }
        }
        tokio::try_join!(biased; attempts.insert(tx), steps.advance(tx)).map(drop)
    }

    /// Lets those go that waited for what has ended; says what each finish brought about.
    pub(super) async fn release(&self, tx: &Connection) -> Result<Vec<Ended>, Failure> {
        let endpoint_id = |place| self.found.get(&place).map(|found: &Found| found.endpoint_id);
        let mut ended: Vec<Ended> = (0..self.finishes.len())
            .map(|place| Ended { finished: Finished::default(), endpoint_id: endpoint_id(place) })
            .collect();
        for (place, finish, found) in self.each().filter(|(_, finish, found)| lets_go(finish, found)) {
            if let Some(order_key) = found.order_key.clone() {
                let (endpoint_id, position) = (found.endpoint_id, found.position);
                let before = Place { endpoint_id, order_key, position };
                ended[place].finished.next_in_order_at = order::release_next(tx, &before, finish.now).await?;
            }
        }
        Ok(ended)
    }
}

/// A stale lease means that somebody else decides what follows, except that what has arrived has arrived.
fn decides(finish: &Finish, found: &Found) -> bool {
    found.state == DeliveryState::Pending && (found.lease_holds || finish.next == NextStep::Delivered)
}

/// The next one in its order may go when this one has ended, and begins to wait when this one has failed for
/// the first time.
fn lets_go(finish: &Finish, found: &Found) -> bool {
    let goes_on = matches!(finish.next, NextStep::RetryAt(_));
    decides(finish, found) && !(goes_on && found.attempt_count > 0)
}

/// Attempts to be recorded, column by column.
#[derive(Default)]
struct Attempts<'a> {
    deliveries: Vec<Key>,
    ids: Vec<Key>,
    numbers: Vec<i32>,
    outcomes: Vec<&'static str>,
    status_codes: Vec<Option<i32>>,
    errors: Vec<Option<&'a str>>,
    started_at: Vec<i64>,
    durations: Vec<i64>,
    bodies: Vec<&'a [u8]>,
}

impl<'a> Attempts<'a> {
    fn push(&mut self, finish: &'a Finish) {
        let report = &finish.attempt.report;
        self.deliveries.push(key(finish.delivery_id));
        self.ids.push(key(finish.attempt.id));
        // Attempt numbers always fit; -1 violates the CHECK.
        self.numbers.push(i32::try_from(finish.attempt.number).unwrap_or(-1));
        self.outcomes.push(report.outcome.as_str());
        self.status_codes.push(report.status_code.map(i32::from));
        self.errors.push(report.error.as_deref());
        self.started_at.push(report.started_at.as_unix_ms());
        self.durations.push(report.duration_ms.into());
        self.bodies.push(&report.response_body);
    }

    async fn insert(&self, tx: &Connection) -> Result<(), Failure> {
        if self.ids.is_empty() {
            return Ok(());
        }
        tx.execute(
            INSERT_ATTEMPTS,
            &[
                &self.deliveries,
                &self.ids,
                &self.numbers,
                &self.outcomes,
                &self.status_codes,
                &self.errors,
                &self.started_at,
                &self.durations,
                &self.bodies,
            ],
        )
        .await
        .map(drop)
    }
}

/// Next states, column by column.
#[derive(Default)]
struct Steps {
    projects: Vec<Key>,
    ids: Vec<Key>,
    states: Vec<&'static str>,
    end_reasons: Vec<Option<&'static str>>,
    due_at: Vec<Option<i64>>,
    finished_at: Vec<Option<i64>>,
    started_at: Vec<i64>,
}

impl Steps {
    fn push(&mut self, finish: &Finish) {
        let now = finish.now.as_unix_ms();
        let (state, end_reason, due_at, finished_at) = match finish.next {
            NextStep::Delivered => (DeliveryState::Delivered, None, None, Some(now)),
            NextStep::RetryAt(at) => (DeliveryState::Pending, None, Some(at.as_unix_ms()), None),
            NextStep::Dead(reason) => (DeliveryState::Dead, Some(reason), None, Some(now)),
        };
        self.projects.push(key(finish.project_id));
        self.ids.push(key(finish.delivery_id));
        self.states.push(state.as_str());
        self.end_reasons.push(end_reason.map(EndReason::as_str));
        self.due_at.push(due_at);
        self.finished_at.push(finished_at);
        self.started_at.push(finish.attempt.report.started_at.as_unix_ms());
    }

    async fn advance(&self, tx: &Connection) -> Result<(), Failure> {
        if self.ids.is_empty() {
            return Ok(());
        }
        tx.execute(
            ADVANCE,
            &[
                &self.projects,
                &self.ids,
                &self.states,
                &self.end_reasons,
                &self.due_at,
                &self.finished_at,
                &self.started_at,
            ],
        )
        .await
        .map(drop)
    }
}

//! Locks that are not rows: the server keeps them for a transaction or a session, and wakes who waits in
//! turn.
//!
//! - A *project's routes*: an append shares it while it plans deliveries, a change of where events go has it
//!   alone. So a plan is right at the commit, and no change waits for longer than the appends that were
//!   before it.
//! - An *order* (of an object's deliveries to an endpoint): whoever adds to it, or ends one of it, has it
//!   alone until the commit.
//! - The *schema*: one node at a time brings it up to date.
//! - The *partitions*: one node at a time makes and removes them.
//! - *Pruning*: one node at a time; the others leave it to that one.
//! - The *presence* of nodes: each shares it while it lives, so that one which gets it alone knows that it is
//!   alone.
//!
//! Locks are taken in this sequence, and those of one kind in that of their numbers. Two different things may
//! have the same number; then they wait for one another, and that is all.

use aws_lc_rs::digest;
use ringback_domain::{EndpointId, ProjectId, TypedId};

use super::columns;
use super::connections::Connection;
use super::failure::Failure;

/// The first number of each kind of lock; "Ringback" in front, for others may use the same database.
const ROUTES: i32 = 0x5242_0001;
const ORDER: i32 = 0x5242_0002;
/// Of the schema.
pub(super) const SCHEMA: i32 = 0x5242_0003;
/// Of nodes.
pub(super) const PRESENCE: i32 = 0x5242_0004;

/// Of pruning.
const PRUNE: i32 = 0x5242_0005;

/// Of partitions.
const PARTITIONS: i32 = 0x5242_0008;

/// From here on to the end of the transaction nobody is waited for longer than a moment, nor waits behind it
/// for longer.
pub(super) const BRIEFLY: &str = "SET LOCAL lock_timeout = '200ms'";

/// How many different locks of orders there are: bounds what one transaction takes of the server's table of
/// locks.
const ORDER_LOCKS: i32 = 1024;

/// Shares routes.
pub(super) const SHARE: &str = "SELECT pg_advisory_xact_lock_shared($1, k) FROM unnest($2::int4[]) AS k";
const TAKE: &str = "SELECT pg_advisory_xact_lock($1, k) FROM unnest($2::int4[]) AS k";

/// Shares the routes of projects.
pub(super) async fn share_routes(tx: &Connection, projects: &[ProjectId]) -> Result<(), Failure> {
    let numbers = sorted(projects.iter().map(|id| number(&[&id.to_bytes()])));
    tx.query(SHARE, &[&ROUTES, &numbers]).await.map(drop)
}

/// Takes the routes of projects. Whoever changes several takes all of them at once, before the first change.
pub(super) async fn take_routes(tx: &Connection, projects: &[ProjectId]) -> Result<(), Failure> {
    let numbers = sorted(projects.iter().map(|id| number(&[&id.to_bytes()])));
    tx.query(TAKE, &[&ROUTES, &numbers]).await.map(drop)
}

/// Takes orders.
pub(super) async fn take_orders(tx: &Connection, orders: &[(EndpointId, &str)]) -> Result<(), Failure> {
    let of =
        |(id, key): &(EndpointId, &str)| number(&[&id.to_bytes(), key.as_bytes()]).rem_euclid(ORDER_LOCKS);
    let numbers = sorted(orders.iter().map(of));
    tx.query(TAKE, &[&ORDER, &numbers]).await.map(drop)
}

/// Takes the partitions.
pub(super) async fn take_partitions(tx: &Connection) -> Result<(), Failure> {
    tx.query(TAKE, &[&PARTITIONS, &vec![0]]).await.map(drop)
}

/// Takes the partitions if nobody has them.
pub(super) async fn try_partitions(tx: &Connection) -> Result<bool, Failure> {
    let row = tx.query_one("SELECT pg_try_advisory_xact_lock($1, 0)", &[&PARTITIONS]).await?;
    columns::get(&row, 0)
}

/// Has pruning alone until the end of the transaction, unless another node has.
pub(super) async fn try_prune(tx: &Connection) -> Result<bool, Failure> {
    let row = tx.query_one("SELECT pg_try_advisory_xact_lock($1, 0)", &[&PRUNE]).await?;
    columns::get(&row, 0)
}

fn sorted(numbers: impl Iterator<Item = i32>) -> Vec<i32> {
    let mut numbers: Vec<i32> = numbers.collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// The same on every node, whatever its version.
fn number(parts: &[&[u8]]) -> i32 {
    let mut context = digest::Context::new(&digest::SHA256);
    parts.iter().for_each(|part| context.update(part));
    let hash = context.finish();
    let [a, b, c, d, ..] = hash.as_ref() else { unreachable!("SHA-256 has 32 bytes") };
    i32::from_be_bytes([*a, *b, *c, *d])
}

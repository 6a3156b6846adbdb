//! A PostgreSQL database.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{HumanBytes, HumanDuration};
use ringback_store::{
    ConnectionLimit, DatabaseStatus, Migrate, NodeStatus, OpenError, PartitionStatus, PostgresAddress,
    ServerTrouble, database_status, migrate_database,
};
use serde_json::{Value, json};

use super::{concerns, found, schema_in_words};
use crate::args::Global;
use crate::exit::CliError;
use crate::output::{self, Column};
use crate::serve::native_roots;
use crate::settings::PostgresAccess;

const NODE: [Column; 9] = [
    ("NODE", &["id"]),
    ("HOST", &["host"]),
    ("PROCESS", &["process_id"]),
    ("VERSION", &["version"]),
    ("SCHEMA", &["schema_version"]),
    ("STARTED", &["started_at"]),
    ("HEARD OF", &["heartbeat"]),
    ("CLOCK", &["clock"]),
    ("STATE", &["state"]),
];

/// Says how it is.
pub(super) fn status(global: &Global, access: &PostgresAccess) -> Result<(), CliError> {
    let name = access.direct().to_string();
    let status = match block_on(database_status(&knowing(access.direct())))? {
        Ok(status) => status,
        // What this is asked for above all: it needs attention, and nothing else is known.
        Err(error) if error.server_trouble() == Some(ServerTrouble::NoConnectionLeft) => {
            let status = json!({ "object": "database_status", "kind": "postgres", "database": name });
            return found(global, status, vec![in_one_line(&error)], || Ok(()));
        }
        Err(error) => return Err(CliError::of_database(&error)),
    };
    let mut needs = concerns::of(&status);
    needs.extend(check_addresses(access)?.err().map(|error| in_one_line(&error)));
    found(global, as_json(&name, &status), needs, || print(&name, &status))
}

/// Brings the schema up to date.
pub(super) fn migrate(access: &PostgresAccess, contract: bool) -> Result<Vec<String>, CliError> {
    let until = if contract { Migrate::Contract } else { Migrate::Expand };
    check_addresses(access)?.map_err(|error| CliError::of_database(&error))?;
    let migrated = block_on(migrate_database(&knowing(access.direct()), until))?;
    migrated.map(|migrated| migrated.applied).map_err(|error| CliError::of_database(&error))
}

/// Whether both addresses lead to the same, if there are two.
fn check_addresses(access: &PostgresAccess) -> Result<Result<(), OpenError>, CliError> {
    match &access.session_address {
        Some(session) => {
            block_on(ringback_store::check_addresses(&knowing(&access.address), &knowing(session)))
        }
        None => Ok(Ok(())),
    }
}

/// With the machine's certificate authorities, if it needs them.
fn knowing(address: &PostgresAddress) -> PostgresAddress {
    match address.needs_authorities() {
        true => address.clone().knowing(Arc::new(native_roots())),
        false => address.clone(),
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::failed_by(&error))?;
    Ok(runtime.block_on(future))
}

/// What keeps from using a database, with its cause.
fn in_one_line(error: &OpenError) -> String {
    let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
    format!("{error}{cause}")
}

fn as_json(name: &str, status: &DatabaseStatus) -> Value {
    let seconds = |time: &ringback_domain::Timestamp| time.as_unix_secs();
    let node = |node: &NodeStatus| {
        json!({
            "id": node.id,
            "host": node.host,
            "process_id": node.process_id,
            "version": node.version,
            "schema_version": node.schema_version,
            "started_at": seconds(&node.started_at),
            "heartbeat_age_ms": u64::try_from(node.heartbeat_age.as_millis()).unwrap_or(u64::MAX),
            "clock_ahead_ms": node.clock_ahead_ms,
            "is_alive": node.is_alive,
        })
    };
    let connections = |limit: &ConnectionLimit| json!({ "limit_of": limit.of.as_str(), "used": limit.used, "max": limit.max });
    let partition = |partition: &PartitionStatus| {
        json!({
            "table": partition.table,
            "name": partition.name,
            "from": partition.from.as_ref().map(seconds),
            "until": partition.until.as_ref().map(seconds),
            "size_bytes": partition.size_bytes,
        })
    };
    json!({
        "object": "database_status",
        "kind": "postgres",
        "database": name,
        "server_version": status.server_version,
        "role": status.role,
        "tables_in": status.tables_in,
        "synchronous_commit": status.synchronous_commit,
        "fsync": status.fsync,
        "full_page_writes": status.full_page_writes,
        "size_bytes": status.size_bytes,
        // The limit that is reached first.
        "connections": status.tightest().as_ref().map(connections),
        "connection_limits": status.connections.iter().map(connections).collect::<Vec<_>>(),
        "schema": {
            "version": status.schema.version,
            "newest_known": status.schema.newest_known,
            "pending_expansions": status.schema.pending_expansions,
            "pending_contractions": status.schema.pending_contractions,
            "obstacle": status.schema.obstacle,
        },
        "nodes": status.nodes.iter().map(node).collect::<Vec<_>>(),
        "partitions": status.partitions.iter().map(partition).collect::<Vec<_>>(),
    })
}

fn print(name: &str, status: &DatabaseStatus) -> Result<(), CliError> {
    let schema = &status.schema;
    let pending = schema.pending_expansions.len() + schema.pending_contractions.len();
    let mut shown = vec![
        ("database", name.to_owned()),
        ("server", format!("PostgreSQL {}", status.server_version)),
        (
            "role",
            format!("{}, with tables in {}", status.role, status.tables_in.as_deref().unwrap_or("no schema")),
        ),
        ("size", HumanBytes(status.size_bytes).to_string()),
        ("schema", schema_in_words(schema.version, schema.newest_known, pending)),
    ];
    let in_words = |limit: ConnectionLimit| {
        let ConnectionLimit { of, used, max } = limit;
        ("connections", format!("{used} of {max} in use (the {}'s limit)", of.as_str()))
    };
    shown.extend(status.tightest().map(in_words));
    shown.push(("commits", durability_in_words(status)));
    shown.extend(partitions_in_words(&status.partitions));
    output::named(&shown)?;
    if !status.nodes.is_empty() {
        output::line("")?;
    }
    let nodes: Vec<Value> = status.nodes.iter().map(node_in_words).collect();
    output::table(&nodes, &NODE, "no node runs")
}

/// What the server does for what it has committed.
fn durability_in_words(status: &DatabaseStatus) -> String {
    let or_off = |is_on: bool| if is_on { "on" } else { "off" };
    let (fsync, pages) = (or_off(status.fsync), or_off(status.full_page_writes));
    format!("fsync {fsync}, full_page_writes {pages}, synchronous_commit {}", status.synchronous_commit)
}

fn node_in_words(node: &NodeStatus) -> Value {
    let clock = Duration::from_millis(node.clock_ahead_ms.unsigned_abs()).as_secs_f64();
    let sign = if node.clock_ahead_ms < 0 { '-' } else { '+' };
    json!({
        "id": node.id,
        "host": node.host,
        "process_id": node.process_id.to_string(),
        "version": node.version,
        "schema_version": node.schema_version,
        "started_at": node.started_at.as_unix_secs(),
        "heartbeat": heard_of(node.heartbeat_age),
        "clock": format!("{sign}{clock:.3} s"),
        "state": if node.is_alive { "alive" } else { "dead" },
    })
}

fn heard_of(age: Duration) -> String {
    match age.as_secs() {
        0..60 => format!("{:.1} s ago", age.as_secs_f64()),
        secs => format!("{} ago", HumanDuration(Duration::from_secs(secs))),
    }
}

/// A line for each table that is kept in parts.
fn partitions_in_words(partitions: &[PartitionStatus]) -> Vec<(&str, String)> {
    let mut by_table: BTreeMap<&str, Vec<&PartitionStatus>> = BTreeMap::new();
    for partition in partitions {
        by_table.entry(&partition.table).or_default().push(partition);
    }
    let line = |(table, parts): (_, Vec<&PartitionStatus>)| {
        let size = HumanBytes(parts.iter().map(|part| part.size_bytes).sum());
        let day = |time: Option<ringback_domain::Timestamp>| {
            time.and_then(|time| output::time(time.as_unix_secs())).map(|text| text[..10].to_owned())
        };
        let from = day(parts.iter().filter_map(|part| part.from).min());
        let until = day(parts.iter().filter_map(|part| part.until).max());
        let span = match (from, until) {
            (Some(from), Some(until)) => format!(", from {from} until {until}"),
            _ => String::new(),
        };
        let older =
            if parts.iter().any(|part| part.from.is_none()) { ", one of them for all before" } else { "" };
        (table, format!("{size} in {} partitions{span}{older}", parts.len()))
    };
    by_table.into_iter().map(line).collect()
}

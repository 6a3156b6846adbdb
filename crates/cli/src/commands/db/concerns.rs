//! What of a database's state needs doing, each in a sentence that says what to do.

use std::time::Duration;

use indicatif::HumanDuration;
use ringback_store::{ConnectionLimit, DatabaseStatus, Limited, NodeStatus, SchemaStatus};

/// How far a node's clock may be off, in milliseconds, before somebody should set it.
const CLOCK_TOLERANCE_MS: u64 = 2_000;
/// How long a node that died needs somebody to look; it may well have been started again since.
const LATELY: Duration = Duration::from_secs(3600);
/// How many of the connections of a limit should be left, in percent.
const CONNECTIONS_LEFT: u64 = 10;

/// Everything that needs doing, the schema first.
pub(super) fn of(status: &DatabaseStatus) -> Vec<String> {
    let mut needs = match of_place(status) {
        Some(elsewhere) => vec![elsewhere],
        None => of_schema(&status.schema),
    };
    let replaced = replaced(&status.nodes);
    needs.extend(status.nodes.iter().filter(|node| !replaced.contains(&&*node.id)).filter_map(of_node));
    needs.extend(status.connections.iter().filter_map(of_connections));
    needs.extend(of_durability(status));
    needs
}

fn of_durability(status: &DatabaseStatus) -> Vec<String> {
    let off = |is_on: bool, name: &str| {
        let lost = "what was acknowledged may be lost with the server's power, and no node starts: set it on";
        (!is_on).then(|| format!("the server runs with {name}=off: {lost}"))
    };
    let of_sessions = (status.synchronous_commit == "off").then(|| {
        "sessions of this role have synchronous_commit=off; Ringback sets it on for what it writes, but set it on \
         (ALTER ROLE … SET synchronous_commit = on), for others may not"
            .to_owned()
    });
    let of_server = [off(status.fsync, "fsync"), off(status.full_page_writes, "full_page_writes")];
    of_server.into_iter().chain([of_sessions]).flatten().collect()
}

fn of_connections(limit: &ConnectionLimit) -> Option<String> {
    let (used, max) = (u64::from(limit.used), u64::from(limit.max));
    let whose = limit.of.as_str();
    let raise = match limit.of {
        Limited::Server => "raise max_connections, or put a pooler in between",
        Limited::Database => "raise its CONNECTION LIMIT (ALTER DATABASE)",
        Limited::Role => "raise its CONNECTION LIMIT (ALTER ROLE)",
    };
    (used * 100 > max * (100 - CONNECTIONS_LEFT)).then(|| {
        format!("{used} of the {whose}'s {max} connections are in use: lower database_connections, {raise}")
    })
}

/// Tables that are elsewhere than where this role looks: then what it lacks is no migration.
fn of_place(status: &DatabaseStatus) -> Option<String> {
    let DatabaseStatus { role, tables_in, others_in, schema, .. } = status;
    let other = others_in.first().filter(|_| schema.version == 0)?;
    let looks = tables_in.as_ref().map_or_else(|| "in no schema".to_owned(), |schema| format!("in {schema}"));
    Some(format!(
        "Ringback's tables are in the schema {other}, and the role {role} looks {looks}: use the role that they belong to; or, if it is \
         this one, say `ALTER ROLE {role} SET search_path = {other}` and `GRANT USAGE, CREATE ON SCHEMA {other} TO {role}`"
    ))
}

fn of_schema(schema: &SchemaStatus) -> Vec<String> {
    let obstacle = |why: &String| format!("no node of this version starts on it: {why}");
    let mut needs: Vec<String> = schema.obstacle.iter().map(obstacle).collect();
    if !schema.pending_expansions.is_empty() {
        needs.push(format!(
            "the schema lacks {}: start a node of this version, or run `ringback db migrate`",
            schema.pending_expansions.join(", ")
        ));
    }
    if !schema.pending_contractions.is_empty() {
        needs.push(format!(
            "the schema still has what only older versions use ({}): once no node of such a version runs, run `ringback db migrate \
             --contract`",
            schema.pending_contractions.join(", ")
        ));
    }
    needs
}

/// How long a node has lived at least that is known by more than its start: it is heard of every second.
const LIVED: Duration = Duration::from_millis(500);

/// The dead in whose place another one was started: on the same host, after they were heard of last, one for
/// each. Of one that was never heard of after its start nobody knows whether the other came later. One that
/// was started within the second before the other's death counts as well: the list shows both.
fn replaced(nodes: &[NodeStatus]) -> Vec<&str> {
    let (mut living, dead): (Vec<_>, Vec<_>) = nodes.iter().partition(|node| node.is_alive);
    let mut has_successor = |dead: &&NodeStatus| {
        let succeeds = |node: &&NodeStatus| {
            !dead.host.is_empty()
                && dead.heartbeat_at.since(dead.started_at) >= LIVED
                && node.host == dead.host
                && node.started_at > dead.heartbeat_at
        };
        living.iter().position(succeeds).map(|index| living.remove(index)).is_some()
    };
    dead.into_iter().filter(|dead| has_successor(dead)).map(|dead| &*dead.id).collect()
}

fn of_node(node: &NodeStatus) -> Option<String> {
    let NodeStatus { id, host, process_id, heartbeat_age, clock_ahead_ms, is_alive, .. } = node;
    if !is_alive && *heartbeat_age > LATELY {
        return None;
    }
    if !is_alive {
        let age = HumanDuration(Duration::from_secs(heartbeat_age.as_secs()));
        return Some(format!(
            "node {id} (process {process_id} on {host}) was last heard of {age} ago: see whether it is to be started again"
        ));
    }
    (clock_ahead_ms.unsigned_abs() > CLOCK_TOLERANCE_MS).then(|| {
        format!(
            "the clock of node {id} (on {host}) is {} the database's: set it, and keep it set (NTP)",
            clock_in_words(*clock_ahead_ms)
        )
    })
}

/// How far a clock is off.
fn clock_in_words(ahead_ms: i64) -> String {
    let which = if ahead_ms < 0 { "behind" } else { "ahead of" };
    format!("{:.1} s {which}", Duration::from_millis(ahead_ms.unsigned_abs()).as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_domain::Timestamp;

    fn sound() -> DatabaseStatus {
        DatabaseStatus {
            server_version: "15.8".into(),
            database: "ringback".into(),
            role: "app".into(),
            tables_in: Some("ringback".into()),
            others_in: vec!["old".into()],
            size_bytes: 1,
            schema: SchemaStatus {
                version: 1,
                newest_known: 1,
                pending_expansions: vec![],
                pending_contractions: vec![],
                obstacle: None,
            },
            nodes: vec![node(true, 3)],
            connections: vec![limit(Limited::Server, 90, 100), limit(Limited::Role, 10, 12)],
            partitions: vec![],
            synchronous_commit: "on".into(),
            fsync: true,
            full_page_writes: true,
        }
    }

    fn limit(of: Limited, used: u32, max: u32) -> ConnectionLimit {
        ConnectionLimit { of, used, max }
    }

    fn node(is_alive: bool, clock_ahead_ms: i64) -> NodeStatus {
        NodeStatus {
            id: "n1".into(),
            version: "0.1.0".into(),
            schema_version: 1,
            host: "web-1".into(),
            process_id: 7,
            started_at: Timestamp::from_unix_ms(0),
            heartbeat_at: Timestamp::from_unix_ms(1_000),
            heartbeat_age: Duration::from_millis(61_300),
            clock_ahead_ms,
            is_alive,
        }
    }

    #[test]
    fn what_is_well_needs_nothing() {
        assert_eq!(of(&sound()), [""; 0]);
        assert_eq!(of(&DatabaseStatus { nodes: vec![node(true, -2_000)], ..sound() }), [""; 0]);
        let long_dead = NodeStatus { heartbeat_age: LATELY + Duration::from_secs(1), ..node(false, 9_000) };
        assert_eq!(of(&DatabaseStatus { nodes: vec![long_dead], ..sound() }), [""; 0]);
    }

    #[test]
    fn a_dead_node_in_whose_place_another_was_started_needs_nobody() {
        let started = |ms, host: &str| NodeStatus {
            id: format!("{ms}"),
            host: host.into(),
            started_at: Timestamp::from_unix_ms(ms),
            ..node(true, 0)
        };
        let needs = |nodes| of(&DatabaseStatus { nodes, ..sound() }).len();
        assert_eq!(needs(vec![node(false, 0), started(2_000, "web-1")]), 0);
        assert_eq!(needs(vec![node(false, 0), started(500, "web-1")]), 1, "it was there before");
        assert_eq!(needs(vec![node(false, 0), started(2_000, "web-2")]), 1);
        let at_once = NodeStatus { heartbeat_at: Timestamp::from_unix_ms(1), ..node(false, 0) };
        assert_eq!(needs(vec![at_once, started(2_000, "web-1")]), 1, "they may have come together");
        let other = NodeStatus { id: "n2".into(), ..node(false, 0) };
        assert_eq!(needs(vec![node(false, 0), other, started(2_000, "web-1")]), 1, "one for each");
        let nameless = NodeStatus { host: String::new(), ..node(false, 0) };
        assert_eq!(needs(vec![nameless, started(2_000, "")]), 1);
    }

    #[test]
    fn what_needs_doing_is_said_with_what_to_do() {
        let schema = SchemaStatus {
            pending_expansions: vec!["V2__expand_a".into()],
            pending_contractions: vec!["V3__contract_b".into()],
            ..sound().schema
        };
        let unfit = SchemaStatus { obstacle: Some("newer".into()), ..sound().schema };
        let none = SchemaStatus { version: 0, ..schema.clone() };
        let elsewhere = DatabaseStatus { schema: none, tables_in: None, ..sound() };
        let with = |limit| DatabaseStatus { connections: vec![limit], ..sound() };
        for (status, words) in [
            (
                DatabaseStatus { nodes: vec![node(false, 9_000)], ..sound() },
                &["n1", "61 seconds ago"] as &[&str],
            ),
            (DatabaseStatus { nodes: vec![node(true, 2_001)], ..sound() }, &["2.0 s ahead of"]),
            (DatabaseStatus { nodes: vec![node(true, -90_500)], ..sound() }, &["90.5 s behind"]),
            (with(limit(Limited::Server, 91, 100)), &["91 of the server's 100", "max_connections"]),
            (with(limit(Limited::Database, 10, 10)), &["10 of the database's 10", "ALTER DATABASE"]),
            (with(limit(Limited::Role, 11, 12)), &["11 of the role's 12", "ALTER ROLE"]),
            (DatabaseStatus { fsync: false, ..sound() }, &["fsync=off"]),
            (DatabaseStatus { full_page_writes: false, ..sound() }, &["full_page_writes=off"]),
            (DatabaseStatus { synchronous_commit: "off".into(), ..sound() }, &["synchronous_commit = on"]),
            (DatabaseStatus { schema: unfit, ..sound() }, &["no node of this version starts", "newer"]),
            (elsewhere, &["tables are in the schema old", "the role app looks in no schema"]),
            (DatabaseStatus { schema, ..sound() }, &["V2__expand_a", "V3__contract_b", "--contract"]),
        ] {
            let needs = of(&status).join("\n");
            assert!(words.iter().all(|word| needs.contains(word)), "{needs}");
            assert!(!needs.contains("schema old") || !needs.contains("db migrate"), "{needs}");
        }
    }
}

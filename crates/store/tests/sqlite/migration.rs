//! From each former schema to the present one: nothing is lost on the way, and what fails has not begun.

mod first_schema;
mod second_schema;

use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryRules, DeliveryState, EndReason, EndpointHealth, ReplayQuery, Timestamp};
use ringback_store::{DeliveryFilter, EventFilter, OpenError, PageRequest, SqliteStore};
use rusqlite::Connection;
use rusqlite::types::Value;

use self::first_schema::FirstSchema;
use self::second_schema::SecondSchema;
use crate::backend::{DatabaseFolder, options};
use crate::conformance::{World, assert_err, at, secret};

/// What must be the same afterwards: every column that the first schema had, of every table, each in an order
/// of its own. Leases are voided by any start, and sources without a token came later.
const KEPT: [&str; 12] = [
    "SELECT * FROM admin_keys",
    "SELECT id, name, config_generation, created_at FROM projects ORDER BY id",
    "SELECT id, project_id, name, kind, status, stale_policy, token, created_at, updated_at, deleted_at FROM sources \
     WHERE token IS NOT NULL ORDER BY id",
    "SELECT * FROM source_secrets ORDER BY id",
    "SELECT id, project_id, name, url, event_types, timeout_secs, created_at, updated_at, paused_at, disabled_at, \
     disabled_reason, deleted_at FROM endpoints ORDER BY id",
    "SELECT * FROM endpoint_secrets ORDER BY id",
    "SELECT * FROM events ORDER BY position",
    "SELECT * FROM webhook_ids ORDER BY webhook_id",
    "SELECT * FROM receipts ORDER BY id",
    "SELECT * FROM refusal_counts ORDER BY source_id, reason",
    "SELECT position, id, project_id, event_position, endpoint_id, trigger, state, end_reason, attempt_count, \
     first_attempt_at, created_at, due_at, lease_token, finished_at FROM deliveries ORDER BY position",
    "SELECT * FROM attempts ORDER BY delivery_position, id",
];

/// All rows of a query.
fn rows(db: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = db.prepare(sql).unwrap();
    let width = statement.column_count();
    let read = |row: &rusqlite::Row<'_>| (0..width).map(|column| row.get(column)).collect();
    statement.query_map([], read).unwrap().map(Result::unwrap).collect()
}

fn kept(db: &Connection) -> Vec<Vec<Vec<Value>>> {
    KEPT.iter().map(|sql| rows(db, sql)).collect()
}

fn number(db: &Connection, sql: &str) -> i64 {
    db.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// As many migrations as there are, each once.
const ALL: (i64, i64) = (5, 5);

/// The version of the newest migration that the database has, and how many it has.
fn history(db: &Connection) -> (i64, i64) {
    let count = number(db, "SELECT count(*) FROM refinery_schema_history");
    (number(db, "SELECT max(version) FROM refinery_schema_history"), count)
}

#[tokio::test]
async fn every_row_of_the_first_schema_is_there_afterwards() {
    let folder = DatabaseFolder::new();
    let first = FirstSchema::in_folder(&folder);
    first.fill();
    let before = kept(&first.db);
    assert!(before.iter().all(|rows| !rows.is_empty()), "each table has rows to lose");
    assert_eq!((before[10].len(), before[11].len(), before[8].len()), (8, 5, 5));
    drop(first);

    drop(SqliteStore::open(options(&folder)).unwrap());

    let db = folder.connection();
    for ((sql, before), after) in KEPT.iter().zip(before).zip(kept(&db)) {
        assert_eq!(after, before, "{sql}");
    }
    assert_eq!(history(&db), ALL);
    assert!(rows(&db, "PRAGMA foreign_key_check").is_empty());
    assert_eq!(number(&db, "SELECT count(*) FROM deliveries WHERE lease_expires_at IS NOT NULL"), 0);
    assert_tables_are_referred_to(&db);
    // One source of what is published for each project, and none more at the next start.
    drop(SqliteStore::open(options(&folder)).unwrap());
    let sql = "SELECT count(*), count(DISTINCT project_id) FROM sources WHERE kind = 'publish'";
    assert_eq!(rows(&db, sql), [[Value::Integer(2), Value::Integer(2)]]);
}

/// The tables that were made anew are what the others refer to.
fn assert_tables_are_referred_to(db: &Connection) {
    for (table, referring) in [("sources", 2), ("deliveries", 1)] {
        let sql = format!(
            "SELECT count(*) FROM sqlite_schema AS s JOIN pragma_foreign_key_list(s.name) AS f \
             WHERE s.type = 'table' AND f.\"table\" = '{table}'"
        );
        assert_eq!(number(db, &sql), referring, "{table}");
    }
}

#[tokio::test]
async fn a_store_goes_on_with_what_the_first_schema_held() {
    let folder = DatabaseFolder::new();
    let first = FirstSchema::in_folder(&folder);
    let made = first.fill();
    drop(first);
    let world = World::new(folder.clone()).await;

    assert_eq!(world.project, made.project);
    let config = world.store.config();
    assert_eq!(config.admin_key_sha256(), Some(&[5; 32]));
    let source = config.source_by_token("token-active").unwrap();
    assert_eq!((source.id, &*source.secrets[0].secret.reveal()), (made.source, &*secret(3).reveal()));
    assert!(config.source_by_token("token-deleted").is_none());
    let endpoint = config.endpoint(made.active).unwrap();
    assert_eq!(*endpoint.secrets[0].key.reveal(), *secret(7).reveal());
    assert!(
        endpoint.description.is_none() && endpoint.headers.is_empty() && endpoint.authentication.is_none()
    );
    assert!(endpoint.no_retry_statuses.is_empty());
    assert!(config.endpoint(made.deleted).is_none());
    drop(config);

    // What waited and what was under way is claimed, in order, and ends in ways that the first schema did not
    // know.
    let claimed = world.claim(made.active, at(60)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.delivery_id).collect::<Vec<_>>(), made.pending);
    assert_eq!((claimed[1].attempt_count, claimed[1].lease.token), (1, 4));
    world.finish(&claimed[0], NextStep::Dead(EndReason::NoRetryStatus), at(61)).await;
    // What is new comes after what was there, even after what has been pruned since.
    let new = world.call(made.source, "new").append().await.event_id;
    let published = world.publication("published").append().await.event_id;
    assert_eq!(world.list(EventFilter::default()).await[..2], [published, new]);
    let known = world.call(made.source, "wh_0").append().await;
    assert_eq!(known.event_id, made.events[0]);

    world.store.close().await;
    let db = folder.connection();
    assert!(number(&db, "SELECT max(position) FROM events") > first_schema::LAST_PRUNED_POSITION);
    assert!(rows(&db, "PRAGMA foreign_key_check").is_empty());
}

/// What must be the same of the second schema, beside what it had from the first.
const KEPT_OF_SECOND: [&str; 6] = [
    "SELECT id, archived_at FROM projects ORDER BY id",
    "SELECT * FROM api_keys ORDER BY id",
    "SELECT * FROM sources ORDER BY id",
    "SELECT id, description, no_retry_statuses, extras FROM endpoints ORDER BY id",
    "SELECT project_id, name, created_at FROM event_types ORDER BY name",
    "SELECT * FROM idempotency_keys ORDER BY key",
];

#[test]
fn every_row_of_the_second_schema_is_there_afterwards() {
    let folder = DatabaseFolder::new();
    let second = SecondSchema::in_folder(&folder);
    second.fill();
    let all = |db: &Connection| (kept(db), KEPT_OF_SECOND.map(|sql| rows(db, sql)));
    let before = all(second.db());
    assert_eq!(history(second.db()), (2, 2));
    assert!(before.1.iter().all(|rows| !rows.is_empty()), "each table has rows to lose");
    assert_eq!(before.0[10].len(), 9, "one delivery more than the first schema knew of");
    drop(second);
    for _ in 0..2 {
        drop(SqliteStore::open(options(&folder)).unwrap());
        let db = folder.connection();
        assert_eq!(all(&db), before);
        assert_eq!(history(&db), ALL);
        assert!(rows(&db, "PRAGMA foreign_key_check").is_empty());
        assert_tables_are_referred_to(&db);
    }
}

#[tokio::test]
async fn a_store_goes_on_with_what_the_second_schema_held() {
    let folder = DatabaseFolder::new();
    let second = SecondSchema::in_folder(&folder);
    let made = second.fill();
    drop(second);
    let world = World::new(folder.clone()).await;

    let config = world.store.config();
    let endpoint = config.endpoint(made.active).unwrap();
    assert_eq!(
        (endpoint.description.as_deref(), &endpoint.no_retry_statuses[..]),
        (Some("app"), &[404, 410][..])
    );
    assert_eq!((&endpoint.rules, &endpoint.health), (&DeliveryRules::default(), &EndpointHealth::default()));
    assert_eq!((endpoint.resumed_at, endpoint.replay_id), (None, None));
    let project = config.project(world.project).unwrap();
    assert!(project.has_event_type("acme.a") && project.max_age("acme.a").is_none());
    drop(config);

    // What was there ends in ways that the second schema did not know, and is replayed.
    let claimed = world.claim(made.active, at(60)).await;
    assert_eq!(claimed.iter().map(|claimed| claimed.delivery_id).collect::<Vec<_>>(), made.pending);
    world.finish(&claimed[0], NextStep::Dead(EndReason::Aborted), at(61)).await;
    let dead = DeliveryFilter { state: Some(DeliveryState::Dead), ..Default::default() };
    let dead = world.store.list_deliveries(world.project, dead, PageRequest::default()).await.unwrap().items;
    let reasons: Vec<_> = dead.iter().filter_map(|record| record.delivery.end_reason).collect();
    assert_eq!(reasons.len(), 4, "{reasons:?}");
    let query = ReplayQuery { endpoint_id: Some(made.active), ..Default::default() };
    let replay = world.replay(query).await;
    assert_eq!(world.advance(replay, 100).await.iter().sum::<usize>(), 2, "all but what a test made");
    world.store.close().await;
    assert!(rows(&folder.connection(), "PRAGMA foreign_key_check").is_empty());
}

#[test]
fn a_migration_that_loses_what_a_row_refers_to_has_not_begun() {
    let folder = DatabaseFolder::new();
    let first = FirstSchema::in_folder(&folder);
    first.fill();
    first.db.execute_batch("PRAGMA foreign_keys = OFF; UPDATE attempts SET delivery_position = 999").unwrap();
    drop(first);
    let db = folder.connection();
    let before = rows(&db, "SELECT * FROM sqlite_schema");
    // A second start is no way around it.
    for _ in 0..2 {
        assert_err!(SqliteStore::open(options(&folder)), OpenError::Migration(_));
        assert_eq!(history(&db), (1, 1));
        assert_eq!(rows(&db, "SELECT * FROM sqlite_schema"), before);
    }
}

#[test]
fn a_migration_and_its_entry_in_the_history_are_one_transaction() {
    let folder = DatabaseFolder::new();
    let first = FirstSchema::in_folder(&folder);
    first.fill();
    let before = kept(&first.db);
    // As if the process died between the two.
    let stop = "CREATE TRIGGER stop BEFORE INSERT ON refinery_schema_history \
                BEGIN SELECT RAISE(ABORT, 'stopped'); END";
    first.db.execute_batch(stop).unwrap();
    drop(first);
    assert_err!(SqliteStore::open(options(&folder)), OpenError::Migration(_));
    let db = folder.connection();
    assert_eq!((history(&db), kept(&db)), ((1, 1), before.clone()));

    db.execute_batch("DROP TRIGGER stop").unwrap();
    drop(SqliteStore::open(options(&folder)).unwrap());
    assert_eq!((history(&db), kept(&db)), (ALL, before));
}

#[test]
fn a_new_database_has_every_migration_once() {
    let folder = DatabaseFolder::new();
    for _ in 0..2 {
        drop(SqliteStore::open(options(&folder)).unwrap());
        assert_eq!(history(&folder.connection()), ALL);
    }
}

/// A time of these tests in the database's unit.
fn ms(time: Timestamp) -> i64 {
    time.as_unix_ms()
}

//! The plans of the statements that must stay cheap however much is stored: each goes by the index it was
//! made for.
//!
//! SQLite plans without statistics here (nobody runs ANALYZE), so a plan does not hang on what is stored, and
//! the plans of an empty database are those of a full one.

mod deliveries;
mod pages;
mod replays;
mod walks;
mod work;

use ringback_domain::{EventId, ProjectId, ReceiptId, SourceId, TypedId};
use rusqlite::{Connection, StatementStatus, params};

use super::events::list_query;
use super::{api_keys, append, event_types, events, expire, idempotency, migrate, projects, prune, receipts};
use crate::page::{Order, PageRequest};
use crate::query::EventFilter;
use crate::receipts::ReceiptFilter;

fn schema() -> Connection {
    let mut db = Connection::open_in_memory().unwrap();
    migrate::run(&mut db).unwrap();
    db
}

/// How one delivery is found.
const DELIVERY_BY_ID: &str =
    "SEARCH deliveries USING INDEX sqlite_autoindex_deliveries_1 (project_id=? AND id=?)";

/// The steps of a statement's plan, in SQLite's own words.
fn plan(db: &Connection, sql: &str) -> Vec<String> {
    let mut statement = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // The values do not matter for a plan; those not bound are null.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get("detail").unwrap());
    }
    steps
}

/// The steps without the numbers of subqueries.
fn without_numbers(steps: Vec<String>) -> Vec<String> {
    let bare = |step: String| match step.split_once(" (subquery-").or_else(|| step.split_once("SUBQUERY ")) {
        Some((before, _)) if before.ends_with("SCALAR ") => format!("{before}SUBQUERY"),
        Some((before, _)) => before.to_owned(),
        None => step,
    };
    steps.into_iter().map(bare).collect()
}

/// Asserts the whole plan of a statement, step by step.
fn assert_plan(db: &Connection, sql: &str, expected: &[&str]) {
    assert_eq!(plan(db, sql), expected, "{sql}");
}

#[test]
fn a_repeated_webhook_id_is_one_seek() {
    let by_key = "SEARCH webhook_ids USING PRIMARY KEY (source_id=? AND webhook_id=?)";
    assert_plan(&schema(), append::FIRST_SEEN, &[by_key]);
}

#[test]
fn pruning_reads_only_what_is_old() {
    let db = schema();
    assert_plan(
        &db,
        prune::LOOK,
        &[
            "SEARCH p USING PRIMARY KEY (id>?)",
            "SEARCH e USING COVERING INDEX sqlite_autoindex_events_1 (project_id=? AND id>? AND id<?)",
            "CORRELATED SCALAR SUBQUERY 1",
            "SEARCH d USING INDEX deliveries_by_event (event_position=?)",
        ],
    );
    assert_plan(
        &db,
        expire::FIND_PAST_LIMIT,
        &[
            "SCAN p USING INDEX sqlite_autoindex_projects_2",
            "SEARCH e USING COVERING INDEX sqlite_autoindex_events_1 (project_id=? AND id<?)",
            "SEARCH d USING INDEX deliveries_by_event (event_position=?)",
        ],
    );
    assert_plan(
        &db,
        expire::GIVE_UP,
        &[
            "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)",
            "CORRELATED SCALAR SUBQUERY 1",
            "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)",
        ],
    );
    assert_plan(
        &db,
        prune::MAY_GO,
        &[
            "SCAN CONSTANT ROW",
            "SCALAR SUBQUERY 2",
            "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)",
            "CORRELATED SCALAR SUBQUERY 1",
            "SEARCH d USING INDEX deliveries_by_event (event_position=?)",
        ],
    );
    assert_plan(
        &db,
        prune::DELETE_ATTEMPTS,
        &[
            "SEARCH attempts USING PRIMARY KEY (delivery_position=?)",
            "LIST SUBQUERY 1",
            "SEARCH deliveries USING COVERING INDEX deliveries_by_event (event_position=?)",
        ],
    );
    // The second step is the foreign key's.
    assert_plan(
        &db,
        prune::DELETE_DELIVERIES,
        &[
            "SEARCH deliveries USING COVERING INDEX deliveries_by_event (event_position=?)",
            "SEARCH attempts USING PRIMARY KEY (delivery_position=?)",
        ],
    );
    assert_plan(
        &db,
        prune::DELETE_RECEIPTS,
        &[
            "SEARCH receipts USING PRIMARY KEY (project_id=? AND id=?)",
            "LIST SUBQUERY 2",
            "SCAN p USING INDEX sqlite_autoindex_projects_2",
            "SEARCH r USING PRIMARY KEY (project_id=? AND id<?)",
        ],
    );
    assert_plan(
        &db,
        prune::DELETE_WEBHOOK_IDS,
        &[
            "SEARCH webhook_ids USING PRIMARY KEY (source_id=? AND webhook_id=?)",
            "LIST SUBQUERY 2",
            "SEARCH webhook_ids USING COVERING INDEX webhook_ids_by_age (first_seen_at<?)",
        ],
    );
    assert_plan(
        &db,
        prune::DELETE_IDEMPOTENCY_KEYS,
        &[
            "SEARCH idempotency_keys USING PRIMARY KEY (project_id=? AND route=? AND key=?)",
            "LIST SUBQUERY 2",
            "SEARCH idempotency_keys USING COVERING INDEX idempotency_keys_by_age (created_at<?)",
        ],
    );
}

/// Every request under an `Idempotency-Key` goes through these, in the writer's transaction.
#[test]
fn a_request_that_may_be_repeated_is_one_seek() {
    let db = schema();
    let by_key = "SEARCH idempotency_keys USING PRIMARY KEY (project_id=? AND route=? AND key=?)";
    for sql in [idempotency::FIND, idempotency::DELETE_IF_OVER, idempotency::COMPLETE] {
        assert_plan(&db, sql, &[by_key]);
    }
    // What reads nothing has no steps.
    assert_plan(&db, idempotency::INSERT, &[]);
}

#[test]
fn a_keys_use_is_noted_by_its_id() {
    assert_plan(&schema(), api_keys::NOTE_USE, &["SEARCH api_keys USING PRIMARY KEY (id=?)"]);
}

/// SQLite prepares an upsert only if an index holds what it says to conflict on.
#[test]
fn a_second_publish_source_conflicts_by_index() {
    let db = schema();
    assert_plan(&db, projects::INSERT_PUBLISH_SOURCE, &[]);
    db.execute_batch("DROP INDEX sources_publish").unwrap();
    assert!(db.prepare(projects::INSERT_PUBLISH_SOURCE).is_err());
}

#[test]
fn seen_types_are_found_by_a_loose_index_scan() {
    let db = schema();
    assert_plan(
        &db,
        event_types::SEEN,
        &[
            "CO-ROUTINE seen",
            "SETUP",
            "SEARCH events USING COVERING INDEX events_by_type (project_id=?)",
            "RECURSIVE STEP",
            "SCAN seen",
            "CORRELATED SCALAR SUBQUERY 2",
            "SEARCH events USING COVERING INDEX events_by_type (project_id=? AND type>?)",
            "SCAN seen",
        ],
    );
    // As with due endpoints, a hundredfold of events costs not one step more; and what is not asked for is
    // not sought.
    let few = steps_to_see(10, 3);
    assert_eq!(steps_to_see(1000, 3), few);
    assert!(steps_to_see(10, 1) < few);
}

/// The steps of SQLite's machine to see so many of three types that have so many events each.
fn steps_to_see(events_each: u32, limit: i64) -> i32 {
    let db = schema();
    let insert = "\
        WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 3 * ?1 - 1) \
        INSERT INTO events (id, project_id, source_id, type, webhook_id, created_at, payload) \
        SELECT CAST(printf('%016d', n) AS BLOB), x'00', x'', printf('a.%d', n % 3), n, n, x'' FROM n";
    assert_eq!(db.execute(insert, [events_each]).unwrap(), 3 * events_each as usize);
    let mut statement = db.prepare(event_types::SEEN).unwrap();
    let seen = statement.query_map(params![[0_u8], limit], |row| row.get(0)).unwrap();
    let seen: Vec<String> = seen.map(Result::unwrap).collect();
    assert!(seen.iter().map(String::as_str).eq(["a.0", "a.1", "a.2"].into_iter().take(limit as usize)));
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn details_are_read_by_index_and_in_its_order() {
    let db = schema();
    let of_event = "SEARCH deliveries USING INDEX deliveries_by_event (event_position=?)";
    assert_plan(&db, events::DELIVERIES, &[of_event]);
    assert_plan(&db, events::ATTEMPTS, &["SEARCH attempts USING PRIMARY KEY (delivery_position=?)"]);
    assert_plan(
        &db,
        events::HAS_SEEN_TYPE,
        &[
            "SCAN CONSTANT ROW",
            "SCALAR SUBQUERY 1",
            "SEARCH events USING COVERING INDEX events_by_type (project_id=? AND type=?)",
        ],
    );
}

/// Each filter goes by its own index, which gives the order too: no plan sorts.
#[test]
fn lists_are_read_in_the_order_of_their_index() {
    let db = schema();
    for (event_type, object_id, index) in [
        (None, None, "sqlite_autoindex_events_1 (project_id=?"),
        (Some("batch.completed"), None, "events_by_type (project_id=? AND type=?"),
        (None, Some("batch_1"), "events_by_object (project_id=? AND object_id=?"),
        (Some("batch.completed"), Some("batch_1"), "events_by_object (project_id=? AND object_id=?"),
        (Some("eval.run.canceled"), None, "events_by_type (project_id=? AND type=?"),
        (Some("eval.run.canceled"), Some("evalrun_1"), "events_by_object (project_id=? AND object_id=?"),
    ] {
        let filter = EventFilter {
            event_type: event_type.map(str::to_owned),
            object_id: object_id.map(str::to_owned),
        };
        let after = Some(EventId::from_bytes([0; 16]));
        for (after, order, range) in [
            (None, Order::Asc, ")"),
            (None, Order::Desc, ")"),
            (after, Order::Asc, " AND id>?)"),
            (after, Order::Desc, " AND id<?)"),
        ] {
            let page = PageRequest { after, limit: 20, order };
            let (sql, _) = list_query(ProjectId::from_bytes([0; 16]), &filter, page);
            let walk = format!("SEARCH e USING INDEX {index}{range}");
            // An event's state: its deliveries once, grouped, whatever their number. How SQLite numbers the
            // parts says nothing.
            let state = [
                "CORRELATED SCALAR SUBQUERY",
                "CO-ROUTINE",
                "SEARCH d USING INDEX deliveries_by_event (event_position=?)",
                "CORRELATED SCALAR SUBQUERY",
                "SEARCH target USING PRIMARY KEY (id=?)",
                "USE TEMP B-TREE FOR GROUP BY",
                "SEARCH",
            ];
            let one = [&[walk.as_str()][..], &state].concat();
            let expected = if event_type == Some("eval.run.canceled") {
                [&["MERGE (UNION ALL)", "LEFT"][..], &one, &["RIGHT"], &one].concat()
            } else {
                one
            };
            assert_eq!(without_numbers(plan(&db, &sql)), expected, "{sql}");
        }
    }
}

#[test]
fn receipts_are_listed_and_held_calls_found_by_index() {
    let db = schema();
    for (refused_only, index) in [(false, "PRIMARY KEY"), (true, "INDEX receipts_refused")] {
        for source_id in [None, Some(SourceId::from_bytes([1; 16]))] {
            for order in [Order::Asc, Order::Desc] {
                let page = PageRequest { after: Some(ReceiptId::from_bytes([1; 16])), limit: 20, order };
                let filter = ReceiptFilter { source_id, refused_only };
                let (sql, _) = receipts::list_query(ProjectId::from_bytes([1; 16]), filter, page);
                let side = if order == Order::Asc { ">" } else { "<" };
                assert_plan(
                    &db,
                    &sql,
                    &[&format!("SEARCH receipts USING {index} (project_id=? AND id{side}?)")],
                );
            }
        }
    }
    assert_plan(&db, receipts::HELD, &["SEARCH receipts USING INDEX receipts_held (source_id=? AND id>?)"]);
    assert_plan(
        &db,
        receipts::COUNT_HELD,
        &["SEARCH receipts USING COVERING INDEX receipts_held (source_id=?)"],
    );
}

//! Walks over many events, one bounded part at a time: as many steps of SQLite's machine however much lies
//! behind the part.

use ringback_domain::{ProjectId, ReplayQuery, TypedId};
use rusqlite::types::Value;
use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::super::{prune, replay_plan};
use super::pages::{PROJECT, event, filled};

fn steps(db: &Connection, sql: &str, params: Vec<Value>, found: usize) -> i32 {
    let mut statement = db.prepare(sql).unwrap();
    let rows = statement.query_map(params_from_iter(params), |_| Ok(())).unwrap();
    assert_eq!(rows.count(), found, "{sql}");
    statement.get_status(StatementStatus::VmStep)
}

fn few_and_many(steps: impl Fn(&Connection) -> i32) -> [i32; 2] {
    [100, 10_000].map(|events| steps(&filled(events)))
}

#[test]
fn retention_looks_at_no_more_than_it_is_to_among_events_that_are_held() {
    let [few, many] = few_and_many(|db| {
        let insert =
            "INSERT INTO projects (id, name, config_generation, created_at) VALUES (?1, 'default', 1, 0)";
        db.execute(insert, [PROJECT]).unwrap();
        let blob = |bytes: [u8; 16]| Value::Blob(bytes.to_vec());
        let params = vec![blob([255; 16]), blob(PROJECT), blob(event(40).to_bytes()), Value::Integer(20)];
        steps(db, prune::LOOK, params, 20)
    });
    assert_eq!(few, many);
}

#[test]
fn a_replay_that_is_at_its_end_does_not_walk_through_what_came_later() {
    let [few, many] = few_and_many(|db| {
        let (project, until, cursor) = (ProjectId::from_bytes(PROJECT), event(50), event(40));
        let query = ReplayQuery::default();
        let (sql, params) = replay_plan::candidates_query(project, &query, Some(until), Some(cursor));
        steps(db, &sql, params, 10)
    });
    assert_eq!(few, many);
}

//! A page of events: as many steps of SQLite's machine however much is stored.

use ringback_domain::{EventId, ProjectId, TypedId};
use rusqlite::{Connection, StatementStatus, params_from_iter};

use super::super::events::list_query;
use super::schema;
use crate::page::{Order, PageRequest};
use crate::query::EventFilter;

pub(super) const PROJECT: [u8; 16] = *b"0000000000000000";
/// Events about each object.
const EACH: u32 = 5;

/// As many events of one project, each with a delivery; those about one object are spread over all of them.
pub(super) fn filled(events: u32) -> Connection {
    let db = schema();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    let insert_events = "\
        WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < ?1 - 1) \
        INSERT INTO events (id, project_id, source_id, type, webhook_id, object_id, created_at, payload) \
        SELECT CAST(printf('%016d', n) AS BLOB), CAST(printf('%016d', 0) AS BLOB), x'', 'a.b', n, n % (?1 / ?2), n, x'00' FROM n";
    assert_eq!(db.execute(insert_events, [events, EACH]).unwrap(), events as usize);
    let insert_deliveries = "\
        INSERT INTO deliveries (id, project_id, event_position, endpoint_id, trigger, state, created_at, due_at) \
        SELECT id, project_id, position, zeroblob(16), 'event', 'pending', created_at, created_at FROM events";
    assert_eq!(db.execute(insert_deliveries, []).unwrap(), events as usize);
    db
}

/// The id of one of them.
pub(super) fn event(n: u32) -> EventId {
    EventId::from_bytes(format!("{n:016}").into_bytes().try_into().unwrap())
}

/// The steps to read a page.
fn steps(db: &Connection, object_id: Option<&str>, after: Option<u32>, found: usize) -> i32 {
    let filter = EventFilter { event_type: None, object_id: object_id.map(str::to_owned) };
    let after = after.map(event);
    let page = PageRequest { after, limit: 20, order: Order::Desc };
    let (sql, params) = list_query(ProjectId::from_bytes(PROJECT), &filter, page);
    let mut statement = db.prepare(&sql).unwrap();
    let rows = statement.query_map(params_from_iter(params), |_| Ok(())).unwrap();
    assert_eq!(rows.count(), found, "{sql}");
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn a_hundredfold_of_events_costs_a_page_not_one_step_more() {
    let [few, many] = [100, 10_000].map(|events| {
        let db = filled(events);
        [
            steps(&db, None, None, 21),
            steps(&db, None, Some(events / 2), 21),
            steps(&db, Some("7"), None, EACH as usize),
        ]
    });
    assert_eq!(few, many);
}

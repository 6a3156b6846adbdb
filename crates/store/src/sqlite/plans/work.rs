//! Due work: what runs for every attempt must cost a seek, whatever else is stored.

use rusqlite::{StatementStatus, params};

use super::super::{backlog, claim, deliveries, endpoints, expire, finish, health, order};
use super::{DELIVERY_BY_ID, assert_plan, schema};

#[test]
fn work_is_found_and_claimed_by_index() {
    let db = schema();
    assert_plan(
        &db,
        claim::CLAIM,
        &[
            "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)",
            "LIST SUBQUERY 4",
            "COMPOUND QUERY",
            "LEFT-MOST SUBQUERY",
            "CO-ROUTINE (subquery-1)",
            "SEARCH deliveries USING INDEX deliveries_due (endpoint_id=? AND urgent=? AND due_at<?)",
            "SCAN (subquery-1)",
            "UNION ALL",
            "CO-ROUTINE (subquery-3)",
            "SEARCH deliveries USING INDEX deliveries_due (endpoint_id=? AND urgent=? AND due_at<?)",
            "SCAN (subquery-3)",
        ],
    );
    // What is due later costs nothing, nor does what is due beyond the limit.
    let few = steps_to_claim(1);
    assert_eq!(steps_to_claim(1000), few);
    assert_plan(
        &db,
        claim::RECLAIM,
        &["SEARCH deliveries USING INDEX deliveries_leased (lease_expires_at>? AND lease_expires_at<?)"],
    );
    for sql in [claim::RELEASE, finish::FIND, deliveries::FIND] {
        assert_plan(&db, sql, &[DELIVERY_BY_ID]);
    }
    assert_plan(
        &db,
        endpoints::CANCEL_ORPHANS,
        &[
            "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)",
            "LIST SUBQUERY 3",
            "COMPOUND QUERY",
            "LEFT-MOST SUBQUERY",
            "SEARCH deliveries USING INDEX deliveries_ordered (endpoint_id=? AND order_key>?)",
            "UNION ALL",
            "SEARCH deliveries USING INDEX deliveries_due (endpoint_id=?)",
            "UNION ALL",
            "SEARCH deliveries USING INDEX deliveries_leased (lease_expires_at>?)",
            "SCALAR SUBQUERY 4",
            "SEARCH endpoints USING PRIMARY KEY (id=?)",
        ],
    );
}

#[test]
fn a_claim_is_planned_once_whatever_its_limit() {
    let db = schema();
    let mut claim = db.prepare(claim::CLAIM).unwrap();
    for limit in 1..=3 {
        let claimed = claim.query_map(params![[0_u8; 16], 0, 1, limit], |_| Ok(())).unwrap();
        assert_eq!(claimed.count(), 0);
    }
    assert_eq!(claim.get_status(StatementStatus::RePrepare), 0);
}

/// The steps of SQLite's machine to claim the four deliveries of an endpoint that are due, two of them
/// urgent, beside so many of either kind that are due later, and so many of another endpoint.
fn steps_to_claim(later: u32) -> i32 {
    let db = schema();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    let insert = "\
        WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 3 * ?1 + 3) \
        INSERT INTO deliveries \
        (id, project_id, event_position, endpoint_id, trigger, state, created_at, due_at, urgent, expires_at) \
        SELECT CAST(printf('%016d', n) AS BLOB), zeroblob(16), n, CAST(printf('%016d', n >= 4 AND n % 3 = 2) AS BLOB), \
               'event', 'pending', n, iif(n < 4, n, 1000 + n), n % 2, iif(n % 2, 9999, NULL) FROM n";
    assert_eq!(db.execute(insert, [later]).unwrap(), 3 * later as usize + 4);
    let mut statement = db.prepare(claim::CLAIM).unwrap();
    let claimed = statement.query_map(params![b"0000000000000000", 1000, 2000, 3], |row| row.get(7)).unwrap();
    let mut due_at: Vec<i64> = claimed.map(Result::unwrap).collect();
    due_at.sort_unstable();
    assert_eq!(due_at, [0, 1, 3], "both that are urgent, and the first of the others");
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn due_endpoints_are_found_by_a_loose_index_scan() {
    let db = schema();
    assert_plan(
        &db,
        claim::DUE_ENDPOINTS,
        &[
            "CO-ROUTINE waiting",
            "SETUP",
            "SEARCH deliveries USING INDEX deliveries_due",
            "RECURSIVE STEP",
            "SCAN waiting",
            "CORRELATED SCALAR SUBQUERY 2",
            "SEARCH deliveries USING INDEX deliveries_due (endpoint_id>?)",
            "SCAN waiting",
            "CORRELATED SCALAR SUBQUERY 6",
            "CO-ROUTINE (subquery-5)",
            "COMPOUND QUERY",
            "LEFT-MOST SUBQUERY",
            "SEARCH d USING INDEX deliveries_due (endpoint_id=? AND urgent=? AND due_at>?)",
            "UNION ALL",
            "SEARCH d USING INDEX deliveries_due (endpoint_id=? AND urgent=? AND due_at>?)",
            "SEARCH (subquery-5)",
        ],
    );
    // A plan does not tell one seek from a walk, so count: a hundredfold of deliveries costs not one step
    // more.
    let few = steps_to_find_due(10);
    assert_eq!(steps_to_find_due(1000), few);
}

/// The steps of SQLite's machine to find three endpoints that have so many deliveries each.
fn steps_to_find_due(deliveries_each: u32) -> i32 {
    let db = schema();
    db.pragma_update(None, "foreign_keys", false).unwrap();
    let insert = "\
        WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n < 3 * ?1 - 1) \
        INSERT INTO deliveries (id, project_id, event_position, endpoint_id, trigger, state, created_at, due_at, urgent) \
        SELECT CAST(printf('%016d', n) AS BLOB), x'', n, CAST(printf('%016d', n % 3) AS BLOB), 'event', 'pending', n, n, \
               (n / 3) % 2 FROM n";
    assert_eq!(db.execute(insert, [deliveries_each]).unwrap(), 3 * deliveries_each as usize);
    let mut statement = db.prepare(claim::DUE_ENDPOINTS).unwrap();
    let due: Vec<i64> = statement.query_map([], |row| row.get(1)).unwrap().map(Result::unwrap).collect();
    assert_eq!(due, [0, 1, 2]);
    statement.get_status(StatementStatus::VmStep)
}

#[test]
fn the_backlog_is_counted_by_the_partial_indexes() {
    let db = schema();
    assert_plan(&db, backlog::PENDING, &["SCAN e", "SEARCH d USING INDEX deliveries_due (endpoint_id=?)"]);
    let waiting = "SEARCH d USING INDEX deliveries_ordered (endpoint_id=? AND order_key>?)";
    assert_plan(&db, backlog::WAITING, &["SCAN e", waiting]);
    assert_plan(
        &db,
        backlog::IN_FLIGHT,
        &["SEARCH deliveries USING INDEX deliveries_leased (lease_expires_at>?)"],
    );
    assert_plan(
        &db,
        backlog::DEAD,
        &["SEARCH deliveries USING COVERING INDEX deliveries_unsettled (project_id=? AND state=?)"],
    );
}

#[test]
fn what_is_too_old_is_found_by_its_age() {
    assert_plan(
        &schema(),
        expire::EXPIRE,
        &[
            "SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)",
            "LIST SUBQUERY 1",
            "SEARCH deliveries USING INDEX deliveries_expiring (expires_at<?)",
        ],
    );
}

/// However long a queue of one object is, its neighbours are one seek away.
#[test]
fn a_place_in_an_order_is_one_seek() {
    let db = schema();
    let of_order = |position: &str| {
        format!("SEARCH deliveries USING INDEX deliveries_ordered (endpoint_id=? AND order_key=?{position})")
    };
    assert_plan(&db, order::LAST, &[&of_order("")]);
    assert_plan(&db, order::NEXT, &[&of_order(" AND position>?")]);
    assert_plan(&db, order::BEFORE, &[&of_order(" AND position<?")]);
    assert_plan(&db, order::RELEASE, &["SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)"]);
    for sql in [order::WAIT, health::NOTE, health::DISABLE] {
        assert_plan(&db, sql, &["SEARCH endpoints USING PRIMARY KEY (id=?)"]);
    }
}

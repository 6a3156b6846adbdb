//! Replays: walked, counted and cleared, beside everything else that is stored.

use ringback_domain::{EventId, ProjectId, ReplayFilter, ReplayQuery, SourceId, Timestamp, TypedId};

use super::super::{prune, replay_plan, replays};
use super::{assert_plan, schema};

#[test]
fn replays_are_pruned_from_the_oldest_on() {
    assert_plan(
        &schema(),
        prune::DELETE_REPLAYS,
        &[
            "SEARCH replays USING PRIMARY KEY (id=?)",
            "LIST SUBQUERY 2",
            "SEARCH r USING PRIMARY KEY (id<?)",
            "CORRELATED SCALAR SUBQUERY 1",
            "SEARCH d USING COVERING INDEX deliveries_by_replay (replay_id=?)",
        ],
    );
}

#[test]
fn a_replays_deliveries_are_counted_and_called_off_by_its_index() {
    let db = schema();
    let of_replay = |step: &str, condition: &str| {
        format!("{step} deliveries USING COVERING INDEX deliveries_by_replay_state (replay_id=?{condition})")
    };
    assert_plan(&db, replays::COUNT, &[&of_replay("SEARCH", "")]);
    let pending = of_replay("SEARCH", " AND state=?");
    assert_plan(&db, replays::ANY_PENDING, &["SCAN CONSTANT ROW", "SCALAR SUBQUERY 1", &pending]);
    assert_plan(
        &db,
        replays::CANCEL_PENDING,
        &["SEARCH deliveries USING INTEGER PRIMARY KEY (rowid=?)", "LIST SUBQUERY 1", &pending],
    );
}

#[test]
fn how_an_event_stands_is_read_by_the_event() {
    let db = schema();
    let of_event = "SEARCH deliveries USING INDEX deliveries_by_event (event_position=?)";
    assert_plan(&db, replay_plan::NEWEST, &[of_event]);
    for sql in [replay_plan::IS_TEST, replay_plan::REACHES] {
        assert_plan(&db, sql, &["SCAN CONSTANT ROW", "SCALAR SUBQUERY 1", of_event]);
    }
}

/// Whatever a replay asks for, its next part is one walk from its cursor, and what no index tells is no
/// condition of it: then the walk would not end with the part.
#[test]
fn a_replays_next_events_are_read_in_the_order_of_an_index() {
    let db = schema();
    let given = |text: &str| Some(text.to_owned());
    let usual = ReplayQuery::default;
    let cursor = Some(EventId::from_bytes([0; 16]));
    let by_object = "INDEX events_by_object (project_id=? AND object_id=?";
    let by_id = "INDEX sqlite_autoindex_events_1 (project_id=?";
    for (query, index) in [
        (usual(), by_id),
        (ReplayQuery { source_id: Some(SourceId::from_bytes([0; 16])), ..usual() }, by_id),
        (
            ReplayQuery { event_type: given("batch.failed"), ..usual() },
            "COVERING INDEX events_by_type (project_id=? AND type=?",
        ),
        (ReplayQuery { event_type: given("eval.run.canceled"), ..usual() }, by_id),
        (ReplayQuery { object_id: given("batch_1"), ..usual() }, by_object),
        (
            ReplayQuery { object_id: given("batch_1"), event_type: given("batch.failed"), ..usual() },
            by_object,
        ),
        (ReplayQuery { state: Some(ReplayFilter::Missed), ..usual() }, by_id),
    ] {
        let (after, before) = (Some(Timestamp::from_unix_secs(1)), Some(Timestamp::from_unix_secs(2)));
        for (created_after, created_before, cursor, range) in [
            (None, None, None, " AND id<?)"),
            (None, None, cursor, " AND id>? AND id<?)"),
            (after, None, None, " AND id>? AND id<?)"),
            (None, before, None, " AND id<?)"),
            (after, before, cursor, " AND id>? AND id<?)"),
        ] {
            let query = ReplayQuery { created_after, created_before, ..query.clone() };
            for until in [None, Some(EventId::from_bytes([0; 16])), Some(EventId::from_bytes([255; 16]))] {
                let project = ProjectId::from_bytes([0; 16]);
                let (sql, _) = replay_plan::candidates_query(project, &query, until, cursor);
                assert_plan(&db, &sql, &[&format!("SEARCH events USING {index}{range}")]);
                assert!(!sql.contains("source_id =") && !sql.contains("type IN"), "{sql}");
                assert_eq!(sql.matches("id <").count(), 1, "{sql}");
            }
        }
    }
}

#[test]
fn where_a_replay_ends_is_one_look_at_each_index() {
    assert_plan(
        &schema(),
        replays::UNTIL_NOW,
        &[
            "SEARCH events",
            "SCALAR SUBQUERY 1",
            "SEARCH events USING COVERING INDEX sqlite_autoindex_events_1 (project_id=?)",
        ],
    );
}

//! What a replay walks through.

use ringback_domain::{
    EndpointId, EventId, ProjectId, ReplayFilter, ReplayId, ReplayQuery, Timestamp, TypedId,
};

use super::{Plans, cost, id};
use crate::postgres::{columns, replay_plan, replays};
use crate::rows::replay::EVENTS_AT_ONCE;

/// One in a thousand still runs.
const MANY_REPLAYS: &str = "\
    INSERT INTO replays (id, project_id, rate, state, expected_count, expected_is_minimum, until_snapshot, created_at, finished_at) \
    SELECT pg_temp.u(7, n), pg_temp.u(1, 1 + n % 4), 1, CASE WHEN n % 1000 = 0 THEN 'running' ELSE 'completed' END, 0, false, \
           pg_current_snapshot(), 0, CASE WHEN n % 1000 <> 0 THEN 1 END \
    FROM generate_series(1, 10000) AS n; ANALYZE replays";

#[tokio::test]
async fn a_replay_walks_by_its_narrowest_index() {
    let plans = Plans::new("replays").await;
    let (none, text) = (ReplayQuery::default(), || Some("1".to_owned()));
    let endpoint_id: Option<EndpointId> = Some(id());
    let times = (Some(Timestamp::from_unix_secs(1)), Some(Timestamp::from_unix_secs(2)));
    for (query, index) in [
        (none.clone(), "events_pkey"),
        (ReplayQuery { endpoint_id, state: Some(ReplayFilter::Missed), ..none.clone() }, "events_pkey"),
        (ReplayQuery { created_after: times.0, created_before: times.1, ..none.clone() }, "events_pkey"),
        (ReplayQuery { event_type: text(), ..none.clone() }, "events_by_type"),
        (ReplayQuery { object_id: text(), ..none.clone() }, "events_by_object"),
        (ReplayQuery { object_id: text(), event_type: text(), ..none.clone() }, "events_by_object"),
    ] {
        let replay: ReplayId = id();
        for (replay, cursor) in [(None, None), (Some(replay), None), (Some(replay), Some(id()))] {
            let project = columns::key(id::<ProjectId>());
            let statement = replay_plan::candidates_query(project, &query, replay, cursor);
            plans.assert_statement(&statement, &[index]).await;
            let lines = plans.explain(&statement.sql).await;
            let bounded = lines.iter().filter(|line| line.contains("Index Cond: ((project_id = "));
            let bounded = bounded.filter(|line| line.contains("(id <= $")).count();
            assert_eq!(bounded, if replay.is_some() { 4 } else { 0 }, "{}", lines.join("\n"));
        }
    }
    plans.assert(replay_plan::STANDINGS, &["deliveries_by_event"]).await;
    plans.assert(replays::COUNT, &["deliveries_by_replay_state"]).await;
    plans.assert(replays::ANY_PENDING, &["deliveries_by_replay_state"]).await;
    plans.assert(replays::CANCEL_PENDING, &["deliveries_by_replay_state", "deliveries_pkey"]).await;
    // There are few of them as a rule, so that elsewhere it is not asserted by which index they are read; but
    // none is taken away before its last delivery.
    plans.client.batch_execute(MANY_REPLAYS).await.unwrap();
    let at_work = replays::at_work_query();
    for (sql, index) in [
        (at_work.as_str(), "replays_at_work"),
        (replays::RUN, "replays_pkey"),
        (replays::RUNS, "replays_pkey"),
    ] {
        plans.assert(sql, &[]).await;
        let scan = format!("Index Scan using {index} on replays");
        let lines = plans.explain(sql).await;
        assert!(lines.iter().any(|line| line.contains(&scan)), "{sql}:\n{}", lines.join("\n"));
    }
    plans.assert(replays::INSERT, &["events_pkey"]).await;
}

fn literal(id: [u8; 16]) -> String {
    format!("'{:032x}'", u128::from_be_bytes(id))
}

/// What the fill makes, as it names it.
fn made(kind: u8, n: u16) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[4..6].copy_from_slice(&n.to_be_bytes());
    bytes[15] = kind;
    bytes
}

#[tokio::test]
async fn a_replay_does_not_read_what_was_committed_after_it_was_made() {
    let plans = Plans::new("late").await;
    let replays = "INSERT INTO replays (id, project_id, rate, state, expected_count, expected_is_minimum, created_at, \
                   until_snapshot, until_id) \
                   SELECT pg_temp.u(7, n), pg_temp.u(1, 1), 1, 'running', 0, false, 0, pg_current_snapshot(), \
                          pg_temp.u(4, until) FROM (VALUES (1, 20000), (2, 65000)) AS r (n, until)";
    plans.client.batch_execute(replays).await.unwrap();
    plans.client.batch_execute("SELECT pg_temp.fill(20001, 60000)").await.unwrap();
    plans.client.batch_execute("VACUUM ANALYZE events").await.unwrap();
    // The first ends by ids; above what the second covers there are lower ids than its last, as of clocks
    // that are behind.
    for (replay, rows) in [(1, 25), (2, EVENTS_AT_ONCE)] {
        let id = Some(ReplayId::from_bytes(made(7, replay)));
        let cursor = Some(EventId::from_bytes(made(4, 19_900)));
        let project = columns::key(ProjectId::from_bytes(made(1, 1)));
        let statement = replay_plan::candidates_query(project, &ReplayQuery::default(), id, cursor);
        let found = plans.client.query(&statement.sql, &statement.params()).await.unwrap();
        assert_eq!(found.len(), rows);
        let covered = found.iter().filter(|row| row.get(3)).count();
        assert_eq!(covered, 25, "every fourth event is this project's");
        plans.client.batch_execute(&format!("PREPARE walked AS {}", statement.sql)).await.unwrap();
        let [of, project, last] = [made(7, replay), made(1, 1), made(4, 19_900)].map(literal);
        let pages = cost::pages(&plans, &format!("EXECUTE walked ({of}, {project}, {of}, {last})")).await;
        plans.client.batch_execute("DEALLOCATE walked").await.unwrap();
        assert!(pages < 100, "{pages} pages, where the later events have many hundreds");
    }
}

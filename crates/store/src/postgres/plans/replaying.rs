//! What a replay walks through.

use ringback_domain::{EndpointId, ProjectId, ReplayFilter, ReplayId, ReplayQuery, Timestamp};

use super::{Plans, id};
use crate::postgres::{columns, replay_plan, replays};

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
        }
    }
    plans.assert(replay_plan::STANDINGS, &["deliveries_by_event"]).await;
    plans.assert(replays::COUNT, &["deliveries_by_replay_state"]).await;
    plans.assert(replays::ANY_PENDING, &["deliveries_by_replay_state"]).await;
    plans.assert(replays::CANCEL_PENDING, &["deliveries_by_replay_state", "deliveries_pkey"]).await;
    // There are few of them as a rule, so that elsewhere it is not asserted by which index they are read; but none is taken away before its
    // last delivery.
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
}

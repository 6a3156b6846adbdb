//! What the hot statements touch, counted: ten times as many rows cost no more pages.

use std::collections::BTreeMap;

use tokio_postgres::SimpleQueryMessage;

use super::Plans;
use crate::postgres::{claim, partitions};

/// The first events of a project, of a type, of an object, each in both orders; deliveries; what is due.
const READS: [(&str, &str); 7] = [
    ("events", "SELECT * FROM events WHERE project_id = pg_temp.u(1, 3) ORDER BY id LIMIT 21"),
    (
        "events, newest first",
        "SELECT * FROM events WHERE project_id = pg_temp.u(1, 3) ORDER BY id DESC LIMIT 21",
    ),
    (
        "of a type",
        "SELECT * FROM events WHERE project_id = pg_temp.u(1, 3) AND type = 't.2' ORDER BY id DESC LIMIT 21",
    ),
    (
        "of an object",
        "SELECT * FROM events WHERE project_id = pg_temp.u(1, 3) AND object_id = '2' ORDER BY id LIMIT 4",
    ),
    ("deliveries", "SELECT * FROM deliveries WHERE project_id = pg_temp.u(1, 3) ORDER BY id DESC LIMIT 21"),
    ("due", claim::DUE_ENDPOINTS),
    ("oldest", partitions::OLDEST_EVENT),
];

/// How many pages a statement touches, cached or not.
pub(super) async fn pages(plans: &Plans, sql: &str) -> i64 {
    let explain = format!("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}");
    let rows = plans.client.simple_query(&explain).await.unwrap();
    let text = rows.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    let explained: serde_json::Value = serde_json::from_str(text.unwrap()).unwrap();
    let plan = &explained[0]["Plan"];
    ["Shared Hit Blocks", "Shared Read Blocks"].iter().map(|key| plan[key].as_i64().unwrap()).sum()
}

async fn all(plans: &Plans) -> BTreeMap<&'static str, i64> {
    plans.client.batch_execute("VACUUM ANALYZE").await.unwrap();
    let mut touched = BTreeMap::new();
    for (name, sql) in READS {
        touched.insert(name, pages(plans, sql).await);
    }
    touched
}

#[tokio::test]
async fn ten_times_as_many_events_cost_no_more_pages() {
    let plans = Plans::new("cost").await;
    let few = all(&plans).await;
    plans.client.batch_execute("SELECT pg_temp.fill(20001, 200000)").await.unwrap();
    for (name, many) in all(&plans).await {
        // One level more of an index, in each of four partitions.
        assert!(many <= few[name] + 2 * 4 + few[name] / 5, "{name}: {} pages, then {many}", few[name]);
    }
}

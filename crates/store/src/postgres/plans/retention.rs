//! What retention looks for and removes.

use super::{Plans, cost};
use crate::postgres::{expire, partitions, prune, prune_walk};

#[tokio::test]
async fn pruning_reads_only_what_is_old() {
    let plans = Plans::new("prune").await;
    plans.assert(prune_walk::LOOK, &["deliveries_pending", "events_pkey"]).await;
    plans.assert(prune::LOCK_EVENTS, &["events_pkey"]).await;
    plans.assert(prune::STILL_FINISHED, &["deliveries_pending"]).await;
    plans.assert(prune::DELETE_ATTEMPTS, &["attempts_pkey", "deliveries_by_event"]).await;
    plans.assert(prune::DELETE_DELIVERIES, &["deliveries_by_event"]).await;
    plans.assert(prune::DELETE_EVENTS, &["events_pkey"]).await;
    plans.assert(prune::DELETE_WEBHOOK_IDS, &["webhook_ids_by_age"]).await;
    plans.assert(prune::DELETE_RECEIPTS, &["receipts_pkey"]).await;
    plans.assert(prune::DELETE_IDEMPOTENCY_KEYS, &["idempotency_keys_by_age"]).await;
    plans.assert(partitions::PENDING, &["deliveries_pending"]).await;
    plans.assert(partitions::OLDEST_EVENT, &["events_pkey", "sorted by events.id"]).await;
    plans.assert(partitions::DELETE_GONE, &["attempts_pkey", "deliveries_by_event"]).await;
    plans.assert(prune::DELETE_REPLAYS, &["deliveries_by_replay"]).await;
}

#[tokio::test]
async fn what_is_past_the_hard_limit_is_read_off_what_is_pending() {
    let plans = Plans::new("past_limit").await;
    plans.assert(expire::FIND_PAST_LIMIT, &["deliveries_pending"]).await;
}

#[tokio::test]
async fn a_look_for_what_may_go_ends_also_where_everything_is_held() {
    let plans = Plans::new("held").await;
    let hold = "UPDATE deliveries SET state = 'pending', end_reason = NULL, due_at = 1, finished_at = NULL; VACUUM ANALYZE deliveries";
    for sql in hold.split(';') {
        plans.client.batch_execute(sql).await.unwrap();
    }
    plans.client.batch_execute(&format!("PREPARE looked AS {}", prune_walk::LOOK)).await.unwrap();
    // From the beginning, and from the middle of the second project.
    for (project, event) in
        [("pg_temp.u(0, 0)", "pg_temp.u(0, 0)"), ("pg_temp.u(1, 2)", "pg_temp.u(4, 10000)")]
    {
        let look = format!("EXECUTE looked (pg_temp.u(0, 0), pg_temp.u(9, 99999), {project}, {event}, 200)");
        let rows = plans.client.simple_query(&look).await.unwrap();
        let rows =
            rows.iter().filter(|message| matches!(message, tokio_postgres::SimpleQueryMessage::Row(_)));
        assert_eq!(rows.count(), 200);
        let pages = cost::pages(&plans, &look).await;
        assert!(pages < 200 * 10, "{pages} pages: more than 200 events were looked at");
    }
}

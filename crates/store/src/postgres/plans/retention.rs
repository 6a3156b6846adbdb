//! What retention looks for and removes.

use super::Plans;
use crate::postgres::{expire, partitions, prune};

#[tokio::test]
async fn pruning_reads_only_what_is_old() {
    let plans = Plans::new("prune").await;
    plans.assert(prune::FIND_EVENTS, &["deliveries_pending", "events_pkey"]).await;
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

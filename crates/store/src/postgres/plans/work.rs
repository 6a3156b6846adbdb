//! Due work, and what a batch looks up.

use super::Plans;
use crate::postgres::{
    backlog, burial, claim, dedupe, deliveries, expire, finish, heartbeat, idempotency, mislaid, order,
    orphans, receipts, routing,
};

#[tokio::test]
async fn work_is_found_and_claimed_by_index() {
    let plans = Plans::new("claim").await;
    plans.assert(claim::DUE_ENDPOINTS, &["deliveries_due"]).await;
    let claimed = "sorted by c.urgent DESC, c.due_at, c.id";
    for sql in [claim::CLAIM, claim::CLAIM_OWNED] {
        plans.assert(sql, &["deliveries_due", "deliveries_pkey", claimed]).await;
    }
    plans.assert(claim::CONTENTS, &["events_pkey"]).await;
    for sql in [burial::FREE, burial::ANY_LEASE] {
        plans.assert(sql, &["deliveries_leased"]).await;
    }
    for sql in [claim::RELEASE, mislaid::GIVE_BACK] {
        plans.assert(sql, &["deliveries_pkey"]).await;
    }
    plans.assert(claim::RECLAIM, &["deliveries_leased"]).await;
    plans.assert(expire::FIND, &["deliveries_expiring"]).await;
    plans.assert(expire::END, &["deliveries_pkey"]).await;
    let orphans = ["deliveries_due", "deliveries_leased", "deliveries_ordered", "deliveries_pkey"];
    plans.assert(orphans::CANCEL, &orphans).await;
    plans
        .assert(
            backlog::COUNT,
            &["deliveries_due", "deliveries_leased", "deliveries_ordered", "deliveries_unsettled"],
        )
        .await;
    for sql in [order::LAST, order::NEXT] {
        plans.assert(sql, &["deliveries_ordered"]).await;
    }
}

#[tokio::test]
async fn what_a_batch_looks_up_is_found_by_index() {
    let plans = Plans::new("batch").await;
    for sql in [finish::LOCK_UNORDERED, finish::LOCK_ORDERED] {
        plans.assert(sql, &["deliveries_pkey", "sorted by d.id"]).await;
    }
    for sql in [finish::FIND_ORDERED, finish::ADVANCE, deliveries::FIND, order::RELEASE] {
        plans.assert(sql, &["deliveries_pkey"]).await;
    }
    plans.assert(dedupe::FIRST_SEEN, &["webhook_ids_pkey"]).await;
    plans.assert(deliveries::HOLD_EVENTS, &["events_pkey"]).await;
    plans.assert(receipts::ADMIT, &["receipts_refused"]).await;
    plans.assert(receipts::COUNT_HELD, &["receipts_held"]).await;
    for sql in [idempotency::FIND, idempotency::COMPLETE, idempotency::DELETE_IF_OVER] {
        plans.assert(sql, &["idempotency_keys_pkey"]).await;
    }
    plans.assert(heartbeat::LEAVE, &["deliveries_leased"]).await;
    for sql in [routing::GENERATIONS, routing::ENDPOINTS] {
        plans.assert(sql, &[]).await;
    }
}

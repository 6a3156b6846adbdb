//! Lists and details.

use ringback_domain::{DeliveryId, DeliveryState, EventId, ProjectId, ReceiptId, SourceId};

use super::{Plans, id, pages};
use crate::page::Order;
use crate::postgres::{attempts, deliveries, event_types, events, receipts};
use crate::query::{DeliveryFilter, EventFilter};
use crate::receipts::ReceiptFilter;

#[tokio::test]
async fn every_list_goes_by_its_narrowest_index() {
    let plans = Plans::new("lists").await;
    let project: ProjectId = id();
    for page in pages::<EventId>() {
        for (event_type, object_id, index) in [
            (None, None, "events_pkey"),
            (Some("t.1"), None, "events_by_type"),
            (Some("eval.run.canceled"), None, "events_by_type"),
            (None, Some("1"), "events_by_object"),
            (Some("t.1"), Some("1"), "events_by_object"),
        ] {
            let filter =
                EventFilter { event_type: event_type.map(Into::into), object_id: object_id.map(Into::into) };
            let statement = events::list_query(project, &filter, page);
            plans.assert_statement(&statement, &["deliveries_by_event", index]).await;
        }
    }
    let all = DeliveryFilter::default();
    let (endpoint_id, event_id, replay_id) = (Some(id()), Some(id()), Some(id()));
    let state = Some(DeliveryState::Pending);
    for page in pages::<DeliveryId>() {
        for (filter, index) in [
            (all, "deliveries_pkey"),
            (DeliveryFilter { endpoint_id, ..all }, "deliveries_by_endpoint"),
            (DeliveryFilter { event_id, ..all }, "deliveries_by_event"),
            (DeliveryFilter { event_id, endpoint_id, state, replay_id }, "deliveries_by_event"),
            (DeliveryFilter { replay_id, ..all }, "deliveries_by_replay"),
            (DeliveryFilter { state: Some(DeliveryState::Dead), ..all }, "deliveries_unsettled"),
            (DeliveryFilter { state, ..all }, "deliveries_unsettled"),
            (DeliveryFilter { state: Some(DeliveryState::Cancelled), ..all }, "deliveries_unsettled"),
            (DeliveryFilter { state: Some(DeliveryState::Delivered), ..all }, "deliveries_pkey"),
            (DeliveryFilter { endpoint_id, state: Some(DeliveryState::Dead), ..all }, "deliveries_unsettled"),
            (DeliveryFilter { endpoint_id, state, ..all }, "deliveries_unsettled"),
        ] {
            // Those of one event are few, and in no order that an index has.
            let order = if page.order == Order::Asc { "sorted by d.id" } else { "sorted by d.id DESC" };
            let sorted = (index == "deliveries_by_event").then_some(order);
            let statement = deliveries::list_query(project, filter, page);
            let expected: Vec<&str> = [index, "events_pkey"].into_iter().chain(sorted).collect();
            plans.assert_statement(&statement, &expected).await;
        }
    }
    for page in pages::<ReceiptId>() {
        let source_id: Option<SourceId> = Some(id());
        for (source_id, refused_only, index) in [
            (None, false, "receipts_pkey"),
            (source_id, false, "receipts_by_source"),
            (None, true, "receipts_refused"),
            (source_id, true, "receipts_refused"),
        ] {
            let statement = receipts::list_query(project, ReceiptFilter { source_id, refused_only }, page);
            plans.assert_statement(&statement, &[index]).await;
        }
    }
    plans.assert(receipts::HELD, &["receipts_held"]).await;
    plans.assert(events::DELIVERIES, &["deliveries_by_event", "sorted by \"position\""]).await;
    plans.assert(attempts::OF, &["attempts_pkey"]).await;
    plans.assert(events::HAS_SEEN_TYPE, &["events_by_type"]).await;
    plans.assert(event_types::SEEN, &["events_by_type"]).await;
}

#[tokio::test]
async fn one_of_many_is_found_by_its_id() {
    let plans = Plans::new("details").await;
    plans.assert(&events::one(), &["deliveries_by_event", "events_pkey"]).await;
    plans.assert(events::PAYLOAD, &["events_pkey"]).await;
    plans.assert(&deliveries::one(), &["deliveries_pkey", "events_pkey"]).await;
    plans.assert(&receipts::one(), &["receipts_pkey"]).await;
    plans.assert(receipts::COUNTS, &["refusal_counts_pkey"]).await;
}

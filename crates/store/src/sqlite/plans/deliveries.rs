//! Deliveries as a person lists them and asks for them.

use ringback_domain::{DeliveryId, DeliveryState, EndpointId, EventId, ProjectId, ReplayId, TypedId};

use super::super::deliveries;
use super::{assert_plan, plan, schema};
use crate::page::{Order, PageRequest};
use crate::query::DeliveryFilter;

#[test]
fn a_delivery_that_is_asked_for_is_made_by_seeks() {
    let db = schema();
    let event = "SEARCH events USING COVERING INDEX sqlite_autoindex_events_1 (project_id=? AND id=?)";
    assert_plan(&db, deliveries::FIND_EVENT, &[event]);
    // The last step is the foreign key's.
    assert_plan(
        &db,
        deliveries::INSERT,
        &[
            "SEARCH endpoints EXISTS USING PRIMARY KEY (id=?)",
            "SEARCH events EXISTS USING INTEGER PRIMARY KEY (rowid=?)",
            "SEARCH attempts USING PRIMARY KEY (delivery_position=?)",
        ],
    );
}

/// Every combination goes by the narrowest index there is; only the few of one event are sorted.
#[test]
fn deliveries_are_listed_in_the_order_of_their_index() {
    let db = schema();
    let (endpoint_id, replay_id) =
        (Some(EndpointId::from_bytes([0; 16])), Some(ReplayId::from_bytes([0; 16])));
    let usual = DeliveryFilter::default;
    let with = |filter: DeliveryFilter, state| DeliveryFilter { state: Some(state), ..filter };
    let of_endpoint = DeliveryFilter { endpoint_id, ..usual() };
    let of_replay = DeliveryFilter { replay_id, ..usual() };
    let both = DeliveryFilter { endpoint_id, ..of_replay };
    let (dead, pending) = (DeliveryState::Dead, DeliveryState::Pending);
    let unsettled = "deliveries_unsettled (project_id=? AND state=?";
    let by_state = "deliveries_by_replay_state (replay_id=? AND state=?";
    for (filter, index) in [
        (usual(), "sqlite_autoindex_deliveries_1 (project_id=?"),
        (with(usual(), pending), unsettled),
        (with(usual(), dead), unsettled),
        (with(usual(), DeliveryState::Cancelled), unsettled),
        (with(usual(), DeliveryState::Delivered), "sqlite_autoindex_deliveries_1 (project_id=?"),
        (of_endpoint, "deliveries_by_endpoint (endpoint_id=?"),
        (with(of_endpoint, pending), unsettled),
        (with(of_endpoint, dead), unsettled),
        (with(of_endpoint, DeliveryState::Delivered), "deliveries_by_endpoint (endpoint_id=?"),
        (of_replay, "deliveries_by_replay (replay_id=?"),
        (with(of_replay, pending), by_state),
        (with(of_replay, dead), by_state),
        (both, "deliveries_by_replay (replay_id=?"),
        (with(both, dead), by_state),
    ] {
        for (after, order, range) in [
            (None, Order::Asc, ")"),
            (Some(DeliveryId::from_bytes([0; 16])), Order::Asc, " AND id>?)"),
            (Some(DeliveryId::from_bytes([0; 16])), Order::Desc, " AND id<?)"),
        ] {
            let page = PageRequest { after, limit: 20, order };
            let (sql, _) = deliveries::list_query(ProjectId::from_bytes([0; 16]), filter, page);
            let walk = format!("SEARCH d USING INDEX {index}{range}");
            assert_plan(&db, &sql, &[&walk, "SEARCH e USING INTEGER PRIMARY KEY (rowid=?)"]);
        }
    }
    let of_event = DeliveryFilter { event_id: Some(EventId::from_bytes([0; 16])), ..both };
    for filter in [of_event, with(of_event, dead)] {
        let (sql, _) = deliveries::list_query(ProjectId::from_bytes([0; 16]), filter, PageRequest::default());
        let walk = &plan(&db, &sql)[0];
        assert_eq!(walk, "SEARCH d USING INDEX deliveries_by_event (event_position=?)", "{filter:?}");
    }
}

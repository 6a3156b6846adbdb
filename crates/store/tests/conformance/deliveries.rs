//! Deliveries as a person sees them, sends them again and calls them off.

use ringback_domain::retry::NextStep;
use ringback_domain::{
    DeliveryId, DeliveryState, EndReason, EndpointId, EventId, EventState, ReplayId, ReplayQuery, Trigger,
};
use ringback_store::{DeliveryFilter, DeliveryRecord, Order, PageRequest, Redelivery, StoreError};

use super::pages::holds;
use super::{DEAD, World, assert_err, at, unattempted};

/// What is known of a delivery by those who list it.
struct Made {
    id: DeliveryId,
    endpoint_id: EndpointId,
    event_id: EventId,
    replay_id: Option<ReplayId>,
    state: DeliveryState,
}

/// Ends the one attempt that an endpoint has due.
async fn end(world: &World, endpoint: EndpointId, next: NextStep) {
    let claimed = world.claim_one(endpoint, at(0)).await;
    world.finish(&claimed, next, at(1)).await;
}

/// Two endpoints; for each state an event with a delivery to either of them in it; and a replay of the first
/// endpoint, whose deliveries end alike.
async fn of_every_kind(world: &World) -> Vec<Made> {
    let endpoints = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let mut made = Vec::new();
    let mut events = Vec::new();
    for state in DeliveryState::ALL {
        let event_id = world.publication(state.as_str()).append().await.event_id;
        for detail in world.event(event_id).await.deliveries {
            let delivery = detail.delivery;
            let (id, endpoint_id) = (delivery.id, delivery.endpoint_id);
            bring_to(world, id, endpoint_id, *state).await;
            made.push(Made { id, endpoint_id, event_id, replay_id: None, state: *state });
        }
        events.push(event_id);
    }
    let query = ReplayQuery { endpoint_id: Some(endpoints[0]), ..Default::default() };
    let replay = world.store.create_replay(world.new_replay(query)).await.unwrap().id;
    for (event_id, state) in events.into_iter().zip(DeliveryState::ALL) {
        assert_eq!(world.store.advance_replay(replay, 1, at(0)).await.unwrap().created, 1);
        let id = world.event(event_id).await.deliveries.last().expect("it was made").delivery.id;
        bring_to(world, id, endpoints[0], *state).await;
        let replay_id = Some(replay);
        made.push(Made { id, endpoint_id: endpoints[0], event_id, replay_id, state: *state });
    }
    made
}

/// Brings the one delivery of an endpoint that is due to a state. One that stays pending is put off.
async fn bring_to(world: &World, id: DeliveryId, endpoint: EndpointId, state: DeliveryState) {
    match state {
        DeliveryState::Pending => end(world, endpoint, NextStep::RetryAt(at(5000))).await,
        DeliveryState::Delivered => end(world, endpoint, NextStep::Delivered).await,
        DeliveryState::Dead => end(world, endpoint, DEAD).await,
        DeliveryState::Cancelled => world.store.cancel_delivery(world.project, id, at(1)).await.unwrap(),
    }
}

/// Every combination of what a list can be asked for, of what is there.
fn filters(made: &[Made]) -> Vec<DeliveryFilter> {
    let mut filters = vec![DeliveryFilter::default()];
    let mut widen = |narrow: &dyn Fn(DeliveryFilter) -> Vec<DeliveryFilter>| {
        let narrowed: Vec<_> = filters.iter().copied().flat_map(narrow).collect();
        filters.extend(narrowed);
    };
    let of = |id: Option<EndpointId>| move |f| DeliveryFilter { endpoint_id: id, ..f };
    widen(&|f| made[..2].iter().map(|made| of(Some(made.endpoint_id))(f)).collect());
    widen(&|f| [0, 2, 4, 6].map(|n| DeliveryFilter { event_id: Some(made[n].event_id), ..f }).into());
    widen(&|f| vec![DeliveryFilter { replay_id: made.last().expect("there are some").replay_id, ..f }]);
    widen(&|f| DeliveryState::ALL.iter().map(|s| DeliveryFilter { state: Some(*s), ..f }).collect());
    filters
}

fn fits(made: &Made, filter: &DeliveryFilter) -> bool {
    filter.endpoint_id.is_none_or(|id| id == made.endpoint_id)
        && filter.event_id.is_none_or(|id| id == made.event_id)
        && filter.replay_id.is_none_or(|id| Some(id) == made.replay_id)
        && filter.state.is_none_or(|state| state == made.state)
}

pub(crate) async fn every_filter_selects_alone_and_with_each_other(world: World) {
    let made = of_every_kind(&world).await;
    let filters = filters(&made);
    assert_eq!(filters.len(), 3 * 5 * 2 * 5);
    let (mut some, mut none) = (0, 0);
    for filter in filters {
        let expected: Vec<DeliveryId> =
            made.iter().filter(|made| fits(made, &filter)).map(|made| made.id).collect();
        *if expected.is_empty() { &mut none } else { &mut some } += 1;
        let page = PageRequest { limit: 100, order: Order::Asc, after: None };
        let found = world.store.list_deliveries(world.project, filter, page).await.unwrap();
        let ids: Vec<_> = found.items.iter().map(|record| record.delivery.id).collect();
        assert_eq!((ids, found.has_more), (expected, false), "{filter:?}");
    }
    assert!(some > 50 && none > 20, "{some} lists have something, {none} have nothing");
}

pub(crate) async fn lists_of_deliveries_run_both_ways(world: World) {
    let made = of_every_kind(&world).await;
    let usual = DeliveryFilter::default;
    for filter in [
        usual(),
        DeliveryFilter { endpoint_id: Some(made[0].endpoint_id), ..usual() },
        DeliveryFilter { event_id: Some(made[0].event_id), ..usual() },
        DeliveryFilter { replay_id: made[11].replay_id, ..usual() },
        DeliveryFilter { state: Some(DeliveryState::Dead), ..usual() },
        DeliveryFilter { state: Some(DeliveryState::Pending), ..usual() },
    ] {
        let expected: Vec<_> = made.iter().filter(|made| fits(made, &filter)).map(|made| made.id).collect();
        assert!(expected.len() > 2, "{filter:?}");
        let read = |page| world.store.list_deliveries(world.project, filter, page);
        holds(&expected, |record: &DeliveryRecord| record.delivery.id, read).await;
    }
    // Newest first unless asked otherwise, and after one that never was.
    let newest = world.store.list_deliveries(world.project, usual(), PageRequest::default()).await.unwrap();
    assert_eq!(newest.items[0].delivery.id, made[11].id);
    let after = PageRequest { after: Some(world.id()), ..PageRequest::default() };
    let all = world.store.list_deliveries(world.project, usual(), after).await.unwrap();
    assert_eq!(all.items.len(), made.len());
}

pub(crate) async fn what_is_listed_is_what_the_event_says_of_it(world: World) {
    let made = of_every_kind(&world).await;
    let endpoint = made[0].endpoint_id;
    let about = world.publication("about").event_type("call.a").object("call_1").ageing(60).to(&[endpoint]);
    let event_id = about.append().await.event_id;
    let page = PageRequest { limit: 100, ..PageRequest::default() };
    let list = world.store.list_deliveries(world.project, DeliveryFilter::default(), page).await.unwrap();
    assert_eq!(list.items.len(), made.len() + 1);
    for record in &list.items {
        let event = world.event(record.delivery.event_id).await;
        let detail = event.deliveries.iter().find(|detail| detail.delivery.id == record.delivery.id).unwrap();
        assert_eq!(detail.delivery, record.delivery);
        let known = (&event.event.event_type, &event.event.webhook_id, &event.event.object_id);
        assert_eq!((&record.event_type, &record.webhook_id, &record.object_id), known);
        let alone = world.store.delivery(world.project, record.delivery.id).await.unwrap();
        assert_eq!((&alone.record.delivery, &alone.attempts), (&detail.delivery, &detail.attempts));
        assert_eq!(alone.record.object_id, record.object_id);
    }
    let newest = &list.items[0];
    assert_eq!((newest.delivery.event_id, newest.object_id.as_deref()), (event_id, Some("call_1")));
    assert_eq!((newest.event_type.as_str(), newest.delivery.expires_at), ("call.a", Some(at(60))));
    let in_flight = world.claim_one(endpoint, at(2)).await;
    let found = world.store.delivery(world.project, in_flight.delivery_id).await.unwrap();
    assert!(found.record.delivery.in_flight);
    let replayed = made.iter().filter(|made| made.replay_id.is_some());
    for made in replayed {
        let found = world.store.delivery(world.project, made.id).await.unwrap().record.delivery;
        assert_eq!((found.trigger, found.replay_id), (Trigger::Replay, made.replay_id));
    }
}

pub(crate) async fn a_redelivery_is_a_delivery_of_its_own(world: World) {
    let endpoint = world.endpoint(&["batch.*"]).await;
    let event = world.publication("wh_1").ageing(10).append().await.event_id;
    end(&world, endpoint, DEAD).await;
    // The type has been unsubscribed from and the endpoint was made later: a person may want it all the same.
    let later = world.endpoint(&["response.completed"]).await;
    let ids = [world.id(), world.id()];
    let redeliveries = [(ids[0], endpoint), (ids[1], later)].map(|(id, endpoint_id)| Redelivery {
        id,
        event_id: event,
        endpoint_id,
    });
    world.store.redeliver(world.project, redeliveries.into(), at(99)).await.unwrap();

    let world = world.restart().await;
    let detail = world.event(event).await;
    let states: Vec<_> = detail.deliveries.iter().map(|made| made.delivery.state).collect();
    assert_eq!(states, [DeliveryState::Dead, DeliveryState::Pending, DeliveryState::Pending]);
    assert_eq!(detail.event.state, EventState::Pending);
    for (made, (id, endpoint_id)) in detail.deliveries[1..].iter().zip(ids.into_iter().zip([endpoint, later]))
    {
        let made = &made.delivery;
        assert_eq!((made.id, made.endpoint_id, made.trigger), (id, endpoint_id, Trigger::Redelivery));
        assert_eq!((made.created_at, made.due_at, made.attempt_count), (at(99), Some(at(99)), 0));
        assert_eq!((made.expires_at, made.replay_id), (None, None), "it is as old as the asking for it");
        let claimed = world.claim_one(endpoint_id, at(99)).await;
        assert_eq!((claimed.delivery_id, claimed.first_attempt_at), (id, None), "with a schedule of its own");
        assert_eq!(claimed.webhook_id, "wh_1");
        world.finish(&claimed, NextStep::Delivered, at(100)).await;
    }
    let detail = world.event(event).await;
    assert_eq!(detail.event.state, EventState::Delivered);
    let old = &detail.deliveries[0].delivery;
    assert_eq!(old.state, DeliveryState::Dead, "the old one stays as it ended");
}

pub(crate) async fn redeliveries_are_made_all_or_none(world: World) {
    let other = world.second_project().await;
    let [endpoint, deleted] = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let event = world.publication("wh_1").append().await.event_id;
    world.store.delete_endpoint(world.project, deleted, at(1)).await.unwrap();
    let redelivery = |event_id, endpoint_id| Redelivery { id: world.id(), event_id, endpoint_id };
    let good = || redelivery(event, endpoint);
    for (project, what, bad) in [
        (world.project, "webhook event", redelivery(world.id(), endpoint)),
        (world.project, "webhook endpoint", redelivery(event, world.id())),
        (world.project, "webhook endpoint", redelivery(event, deleted)),
        (other, "webhook endpoint", good()),
    ] {
        let refused = world.store.redeliver(project, vec![good(), bad, good()], at(2)).await;
        assert_err!(refused, StoreError::NotFound { noun } if noun == what);
    }
    // An id that is taken is no less a reason.
    let twice = good();
    assert_err!(
        world.store.redeliver(world.project, vec![twice, twice], at(2)).await,
        StoreError::Refused(_)
    );
    assert_eq!(world.event(event).await.deliveries.len(), 2, "those of the event alone");
    world.store.redeliver(world.project, Vec::new(), at(2)).await.unwrap();
    world.store.redeliver(world.project, vec![good(), good()], at(2)).await.unwrap();
    assert_eq!(world.event(event).await.deliveries.len(), 4);
}

pub(crate) async fn a_pending_delivery_is_called_off(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let [due, retried, leased] = [
        world.publication("due").append().await.event_id,
        world.publication("retried").append().await.event_id,
        world.publication("leased").append().await.event_id,
    ];
    let claimed = world.claim(endpoint, at(0)).await;
    world.store.release(vec![unattempted(&claimed[0])]).await.unwrap();
    world.finish(&claimed[1], NextStep::RetryAt(at(500)), at(1)).await;
    for (event, attempts) in [(due, 0), (retried, 1), (leased, 0)] {
        let id = world.delivery(event).await.id;
        world.store.cancel_delivery(world.project, id, at(7)).await.unwrap();
        let ended = world.delivery(event).await;
        assert_eq!((ended.state, ended.end_reason), (DeliveryState::Cancelled, Some(EndReason::Requested)));
        assert_eq!((ended.finished_at, ended.due_at, ended.in_flight), (Some(at(7)), None, false));
        assert_eq!(ended.attempt_count, attempts);
    }
    // The attempt that was under way is recorded and changes nothing, not even by arriving.
    world.finish(&claimed[2], NextStep::Delivered, at(8)).await;
    let detail = world.event(leased).await.deliveries.remove(0);
    assert_eq!((detail.delivery.state, detail.attempts.len()), (DeliveryState::Cancelled, 1));
    assert_eq!(world.store.reclaim(at(1_000_000)).await.unwrap(), 0);
    assert!(world.claim(endpoint, at(1_000_000)).await.is_empty());
}

pub(crate) async fn what_has_ended_or_is_unknown_is_not_called_off(world: World) {
    let made = of_every_kind(&world).await;
    let other = world.second_project().await;
    for made in &made {
        let unknown = world.store.cancel_delivery(other, made.id, at(9)).await;
        assert_err!(unknown, StoreError::NotFound { noun: "webhook delivery" });
        assert_err!(
            world.store.delivery(other, made.id).await,
            StoreError::NotFound { noun: "webhook delivery" }
        );
        if made.state != DeliveryState::Pending {
            let before = world.store.delivery(world.project, made.id).await.unwrap().record.delivery;
            let ended = world.store.cancel_delivery(world.project, made.id, at(9)).await;
            assert_err!(ended, StoreError::Ended { noun: "webhook delivery" });
            let after = world.store.delivery(world.project, made.id).await.unwrap().record.delivery;
            assert_eq!(after, before);
        }
    }
    let unknown = world.store.cancel_delivery(world.project, world.id(), at(9)).await;
    assert_err!(unknown, StoreError::NotFound { noun: "webhook delivery" });
    let list = world.store.list_deliveries(other, DeliveryFilter::default(), PageRequest::default()).await;
    assert!(list.unwrap().items.is_empty());
    let of_event = DeliveryFilter { event_id: Some(made[0].event_id), ..Default::default() };
    let list = world.store.list_deliveries(other, of_event, PageRequest::default()).await.unwrap();
    assert!(list.items.is_empty(), "another project's event has no deliveries here");
}

//! Tests of an endpoint: an event with one delivery, to it alone.

use ringback_domain::{DeliveryState, EventState, Trigger};
use ringback_store::{EndpointChange, StoreError};

use super::{World, assert_err, at};

pub(crate) async fn a_test_goes_to_its_endpoint_alone_whatever_that_wants(world: World) {
    let [tested, other] = [world.endpoint(&["response.completed"]).await, world.endpoint(&["*"]).await];
    let pause = EndpointChange { paused: Some(true), ..Default::default() };
    let disable = EndpointChange { disabled: Some(Some("gone".into())), ..Default::default() };
    for (n, change) in [EndpointChange::default(), pause, disable].into_iter().enumerate() {
        // The configuration moves between the plan and the append: that is no reason to route it.
        let arrival = world.publication(&format!("wh_{n}")).test_of(tested).arrival();
        world.store.update_endpoint(world.project, tested, change.clone(), at(1)).await.unwrap();
        let appended = world.store.append(arrival).await.unwrap();
        assert_eq!((&appended.due, &appended.leased), (&vec![tested], &vec![]), "{change:?}");
        let detail = world.event(appended.event_id).await;
        let [made] = &detail.deliveries[..] else { panic!("one delivery") };
        assert_eq!((made.delivery.endpoint_id, made.delivery.trigger), (tested, Trigger::Test));
        assert_eq!((made.delivery.state, detail.event.state), (DeliveryState::Pending, EventState::Pending));
    }
    let world = world.restart().await;
    let claimed = world.claim(tested, at(0)).await;
    assert_eq!(claimed.len(), 3);
    assert!(claimed.iter().all(|claimed| claimed.trigger == Trigger::Test));
    assert!(world.claim(other, at(0)).await.is_empty());
}

pub(crate) async fn a_test_may_be_born_leased(world: World) {
    let tested = world.endpoint(&["*"]).await;
    let appended = world.publication("wh_1").test_of(tested).leased_until(at(40)).append().await;
    let [(delivery, to, lease)] = appended.leased[..] else { panic!("{appended:?}") };
    assert_eq!((to, lease.expires_at, appended.due.len()), (tested, at(40), 0));
    assert!(world.claim(tested, at(0)).await.is_empty());
    let end = world.finishing_under(delivery, lease.token, super::DEAD, at(1));
    world.store.finish(end).await.unwrap();
    let world = world.restart().await;
    let made = &world.event(appended.event_id).await.deliveries[0].delivery;
    assert_eq!((made.state, made.trigger), (DeliveryState::Dead, Trigger::Test));
}

pub(crate) async fn a_test_of_a_deleted_endpoint_is_an_orphan(world: World) {
    let tested = world.endpoint(&["*"]).await;
    let arrival = world.publication("wh_1").test_of(tested).arrival();
    world.store.delete_endpoint(world.project, tested, at(1)).await.unwrap();
    let appended = world.store.append(arrival).await.unwrap();
    assert_eq!(world.store.cancel_orphans(tested, at(2), 10).await.unwrap(), 1);
    assert_eq!(world.event(appended.event_id).await.event.state, EventState::Cancelled);
}

pub(crate) async fn a_test_of_an_unknown_endpoint_is_refused(world: World) {
    let refused = world.publication("wh_1").test_of(world.id()).arrival();
    let id = refused.event.id;
    assert_err!(world.store.append(refused).await, StoreError::Refused(_));
    assert_err!(world.store.event(world.project, id).await, StoreError::NotFound { .. });
}

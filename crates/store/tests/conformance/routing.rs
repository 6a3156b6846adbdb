//! An event goes where the configuration of its commit says, whatever its caller had planned.

use ringback_domain::{DeliveryRules, Disposition, EndpointId, EventPattern};
use ringback_store::{Arrival, EndpointChange, Plan, PlannedDelivery};

use super::{World, at};

/// What happens to an endpoint between the plan and the append.
#[derive(Debug, Clone, Copy)]
enum Move {
    Added,
    Deleted,
    Subscribed,
    Unsubscribed,
    Renamed,
}

/// What an arrival's plan holds.
fn planned_in(arrival: &mut Arrival) -> &mut Vec<PlannedDelivery> {
    match &mut arrival.plan {
        Plan::Route { deliveries, .. } => deliveries,
        Plan::Test(_) => panic!("calls are routed"),
    }
}

pub(crate) async fn a_plan_of_the_present_configuration_is_followed(world: World) {
    let source = world.source().await;
    let (first, second) = (world.endpoint(&["*"]).await, world.endpoint(&["*"]).await);
    // A plan may be narrower than the routing (a test of one endpoint), and mix the ways of being born.
    let mut arrival = world.call(source, "wh_1").to(&[second]).leased_until(at(40)).arrival();
    let born_due = PlannedDelivery::new(world.id(), first, &DeliveryRules::default(), at(0), None);
    planned_in(&mut arrival).push(born_due);
    let planned: Vec<_> = planned_in(&mut arrival).iter().map(|p| (p.id, p.endpoint_id)).collect();

    let appended = world.store.append(arrival).await.unwrap();

    assert_eq!(appended.leased.iter().map(|(id, to, _)| (*id, *to)).collect::<Vec<_>>(), planned[..1]);
    assert_eq!(appended.due, [first]);
    let detail = world.event(appended.event_id).await;
    let made: Vec<_> = detail.deliveries.iter().map(|d| (d.delivery.id, d.delivery.endpoint_id)).collect();
    assert_eq!(made, planned);
}

pub(crate) async fn a_plan_is_made_anew_when_the_configuration_has_moved(world: World) {
    let source = world.source().await;
    for (what, wanted) in [
        (Move::Added, true),
        (Move::Deleted, false),
        (Move::Subscribed, true),
        (Move::Unsubscribed, false),
        (Move::Renamed, true),
    ] {
        let patterns: &[&str] = if matches!(what, Move::Subscribed) { &["response.*"] } else { &["batch.*"] };
        let mut moved = None;
        if !matches!(what, Move::Added) {
            moved = Some(world.endpoint(patterns).await);
        }
        let arrival = world.call(source, &format!("{what:?}")).arrival();
        let moved = make_move(&world, what, moved).await;

        let appended = world.store.append(arrival).await.unwrap();

        let expected: &[EndpointId] = if wanted { &[moved] } else { &[] };
        assert_eq!(appended.disposition, Disposition::Accepted, "{what:?}");
        assert_eq!(appended.due, expected, "{what:?}");
        assert_eq!(world.claim(moved, at(0)).await.len(), expected.len(), "{what:?}");
        if !matches!(what, Move::Deleted) {
            world.store.delete_endpoint(world.project, moved, at(1)).await.unwrap();
        }
    }
}

async fn make_move(world: &World, what: Move, existing: Option<EndpointId>) -> EndpointId {
    let Some(id) = existing else { return world.endpoint(&["batch.*"]).await };
    let types = |pattern| Some(vec![EventPattern::parse(pattern).unwrap()]);
    let change = match what {
        Move::Deleted => {
            world.store.delete_endpoint(world.project, id, at(0)).await.unwrap();
            return id;
        }
        Move::Subscribed => EndpointChange { event_types: types("batch.completed"), ..Default::default() },
        Move::Unsubscribed => EndpointChange { event_types: types("batch.failed"), ..Default::default() },
        Move::Renamed | Move::Added => EndpointChange { name: Some("new".into()), ..Default::default() },
    };
    world.store.update_endpoint(world.project, id, change, at(0)).await.unwrap();
    id
}

pub(crate) async fn a_plan_made_anew_is_born_due(world: World) {
    let source = world.source().await;
    let first = world.endpoint(&["*"]).await;
    let mut arrival = world.call(source, "wh_1").leased_until(at(40)).arrival();
    let planned = planned_in(&mut arrival)[0].id;
    let second = world.endpoint(&["*"]).await;
    let appended = world.store.append(arrival).await.unwrap();
    assert_eq!(appended.leased, []);
    assert_eq!(appended.due, [first, second]);
    // The planned id is not used for something else than was planned.
    assert_ne!(world.claim_one(first, at(0)).await.delivery_id, planned);

    // A change that changes nothing leaves plans as they are.
    let arrival = world.call(source, "wh_2").leased_until(at(40)).arrival();
    let nothing = EndpointChange::default();
    world.store.update_endpoint(world.project, first, nothing, at(1)).await.unwrap();
    assert_eq!(world.store.append(arrival).await.unwrap().leased.len(), 2);
}

pub(crate) async fn a_type_is_routed_by_either_spelling(world: World) {
    let source = world.source().await;
    let both = [world.endpoint(&["eval.run.canceled"]).await, world.endpoint(&["eval.run.cancelled"]).await];
    for spelling in ["eval.run.canceled", "eval.run.cancelled"] {
        let planned = world.call(source, &format!("planned_{spelling}")).event_type(spelling).append().await;
        assert_eq!(planned.due, both, "{spelling}");

        let mut outdated = world.call(source, &format!("anew_{spelling}")).event_type(spelling).arrival();
        outdated.plan = Plan::Route { generation: world.generation() - 1, deliveries: Vec::new() };
        assert_eq!(world.store.append(outdated).await.unwrap().due, both, "{spelling}");
    }
}

pub(crate) async fn paused_endpoints_get_deliveries_and_disabled_ones_none(world: World) {
    let source = world.source().await;
    let [paused, disabled] = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let early = world.call(source, "early").arrival();
    let pause = EndpointChange { paused: Some(true), ..Default::default() };
    let disable = EndpointChange { disabled: Some(Some("gone".into())), ..Default::default() };
    for (id, change) in [(paused, pause), (disabled, disable)] {
        world.store.update_endpoint(world.project, id, change, at(1)).await.unwrap();
    }
    let shown = |id| world.store.config().endpoint(id).unwrap().may_attempt();
    assert_eq!((shown(paused), shown(disabled)), (false, false));

    let planned = world.call(source, "planned").append().await;
    assert_eq!(planned.due, [paused]);
    assert_eq!(world.store.append(early).await.unwrap().due, [paused], "planned before, routed anew");
}

//! An event's state is read off its deliveries, in the list and in the detail alike.

use ringback_domain::retry::NextStep;
use ringback_domain::{EndpointId, EventId, EventState, ReplayQuery};
use ringback_store::{DeliveryDetail, EventFilter, Redelivery};

use super::{World, at};

/// Which of the four ends an event's deliveries come to.
#[derive(Debug, Clone, Copy)]
struct Mix {
    pending: bool,
    dead: bool,
    delivered: bool,
    cancelled: bool,
}

impl Mix {
    /// Each of the sixteen, none at all included.
    fn all() -> impl Iterator<Item = Self> {
        (0..16).map(|bits| Self {
            pending: bits & 1 != 0,
            dead: bits & 2 != 0,
            delivered: bits & 4 != 0,
            cancelled: bits & 8 != 0,
        })
    }

    /// The first line of the table in `docs/STATE_MACHINE.md` that fits.
    fn state(self) -> EventState {
        match self {
            Self { pending: true, .. } => EventState::Pending,
            Self { dead: true, .. } => EventState::Dead,
            Self { delivered: true, .. } => EventState::Delivered,
            Self { cancelled: true, .. } => EventState::Cancelled,
            _ => EventState::Unrouted,
        }
    }
}

pub(crate) async fn an_events_state_follows_from_its_deliveries(world: World) {
    let source = world.source().await;
    // One endpoint for each end: whatever goes to it ends so.
    let [pending, dead, delivered, cancelled] = [
        world.endpoint(&["*"]).await,
        world.endpoint(&["*"]).await,
        world.endpoint(&["*"]).await,
        world.endpoint(&["*"]).await,
    ];
    let mut made: Vec<(EventId, Mix)> = Vec::new();
    for mix in Mix::all() {
        let chosen = [
            (mix.pending, pending),
            (mix.dead, dead),
            (mix.delivered, delivered),
            (mix.cancelled, cancelled),
        ];
        let to: Vec<EndpointId> = chosen.iter().filter(|(is, _)| *is).map(|(_, id)| *id).collect();
        let appended = world.call(source, &made.len().to_string()).to(&to).append().await;
        made.push((appended.event_id, mix));
    }
    for (endpoint, end) in [(dead, super::DEAD), (delivered, NextStep::Delivered)] {
        for claimed in world.claim(endpoint, at(0)).await {
            world.finish(&claimed, end, at(1)).await;
        }
    }
    world.store.delete_endpoint(world.project, cancelled, at(2)).await.unwrap();

    let page = Default::default();
    let listed = world.store.list_events(world.project, EventFilter::default(), page).await.unwrap();
    for ((id, mix), listed) in made.into_iter().rev().zip(&listed.items) {
        assert_eq!(listed.id, id, "{mix:?}");
        assert_eq!(listed.state, mix.state(), "in the list: {mix:?}");
        let detail = world.event(id).await;
        assert_eq!(detail.event.state, mix.state(), "in the detail: {mix:?}");
        let ends = |d: &DeliveryDetail| (d.delivery.endpoint_id, d.delivery.state);
        let ends: Vec<_> = detail.deliveries.iter().map(ends).collect();
        assert_eq!(EventState::derive(&ends), mix.state(), "by the deliveries: {mix:?}");
    }
    assert_eq!(listed.items.len(), 16);
}

pub(crate) async fn what_an_endpoint_has_got_at_last_it_has_got(world: World) {
    let source = world.source().await;
    let [first, second] = [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let event = world.call(source, "wh_1").append().await.event_id;
    let end = async |endpoint, end| {
        let claimed = world.claim_one(endpoint, at(0)).await;
        world.finish(&claimed, end, at(1)).await;
        world.event(event).await.event.state
    };
    let again = async |endpoint_id| {
        let redelivery = Redelivery { id: world.id(), event_id: event, endpoint_id };
        world.store.redeliver(world.project, vec![redelivery], at(0)).await.unwrap();
        assert_eq!(world.event(event).await.event.state, EventState::Pending);
    };
    end(first, super::DEAD).await;
    assert_eq!(end(second, super::DEAD).await, EventState::Dead);
    again(first).await;
    assert_eq!(end(first, NextStep::Delivered).await, EventState::Dead, "the second one never got it");
    again(second).await;
    assert_eq!(end(second, NextStep::Delivered).await, EventState::Delivered);
    again(first).await;
    assert_eq!(end(first, super::DEAD).await, EventState::Delivered, "it has got it before");

    // What becomes of it at another URL is that one's affair.
    let id =
        world.store.create_replay(world.new_replay_to(ReplayQuery::default(), "https://x.example/")).await;
    let id = id.unwrap().id;
    world.advance(id, 10).await;
    let target = world.replayed(id).await[0].1;
    let claimed = world.claim_one(target, at(0)).await;
    world.finish(&claimed, super::DEAD, at(1)).await;
    assert_eq!(world.event(event).await.event.state, EventState::Delivered);
}

//! An event's state is read off its deliveries, in the list and in the detail alike.

use ringback_domain::retry::NextStep;
use ringback_domain::{EndpointId, EventId, EventState};
use ringback_store::EventFilter;

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
        let states = detail.deliveries.iter().map(|d| d.delivery.state);
        assert_eq!(EventState::derive(states), mix.state(), "by the deliveries: {mix:?}");
    }
    assert_eq!(listed.items.len(), 16);
}

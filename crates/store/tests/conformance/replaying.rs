//! Replays, run as a replayer does.

use ringback_domain::{EndpointId, EventId, Replay, ReplayId, ReplayQuery};
use ringback_store::{DeliveryFilter, NewReplay, Order, PageRequest, ReplayTarget};

use super::{World, at, secret};

impl World {
    /// A replay to another URL, to be made.
    pub(crate) fn new_replay_to(&self, query: ReplayQuery, url: &str) -> NewReplay {
        let target = ReplayTarget {
            url: url.to_owned(),
            endpoint_id: self.id(),
            secret: (self.id(), secret(9).into()),
        };
        NewReplay { target: Some(target), ..self.new_replay(query) }
    }

    /// Makes a replay of this query to the endpoints.
    pub(crate) async fn replay(&self, query: ReplayQuery) -> ReplayId {
        self.store.create_replay(self.new_replay(query)).await.unwrap().id
    }

    /// A replay as it stands.
    pub(crate) async fn replay_now(&self, id: ReplayId) -> Replay {
        self.store.replay(self.project, id).await.unwrap().replay
    }

    /// Advances a replay in steps of so many until it is final; says how many deliveries each step made.
    pub(crate) async fn advance(&self, id: ReplayId, limit: usize) -> Vec<usize> {
        let mut steps = Vec::new();
        loop {
            let advanced = self.store.advance_replay(id, limit, at(0)).await.unwrap();
            steps.push(advanced.created);
            if advanced.is_final {
                return steps;
            }
            assert!(steps.len() < 1000, "the replay does not come to an end");
        }
    }

    /// Clears a replay in steps of so many until nothing is left; says how many steps it took.
    pub(crate) async fn clear(&self, id: ReplayId, limit: usize) -> usize {
        for steps in 1..100 {
            if self.store.clear_replay(id, limit, at(9)).await.unwrap() {
                return steps;
            }
        }
        panic!("the clearing does not come to an end");
    }

    /// What a replay has made, in the order of the making.
    pub(crate) async fn replayed(&self, id: ReplayId) -> Vec<(EventId, EndpointId)> {
        let filter = DeliveryFilter { replay_id: Some(id), ..Default::default() };
        let page = PageRequest { limit: 100, order: Order::Asc, after: None };
        let made = self.store.list_deliveries(self.project, filter, page).await.unwrap();
        assert!(!made.has_more);
        made.items.iter().map(|made| (made.delivery.event_id, made.delivery.endpoint_id)).collect()
    }
}

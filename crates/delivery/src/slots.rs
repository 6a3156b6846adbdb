//! Slots: how many attempts run at once, over all and to one endpoint.
//!
//! A slot is taken before a row is claimed or born leased, and given back by dropping it. Who finds none is remembered and
//! told when one is free, so that nothing polls.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_domain::EndpointId;

/// How long free slots of one endpoint gather before it is told of fewer than a quarter.
const GATHER: Duration = Duration::from_millis(5);

/// The node's slots. Clones share them.
#[derive(Clone)]
pub(crate) struct Slots {
    shared: Arc<Shared>,
}

struct Shared {
    max: usize,
    max_per_endpoint: usize,
    state: Mutex<State>,
    on_free: Box<dyn Fn(EndpointId, Duration) + Send + Sync>,
}

#[derive(Default)]
struct State {
    taken: usize,
    taken_by: HashMap<EndpointId, usize>,
    /// Endpoints that wait for a slot of their own.
    full: HashSet<EndpointId>,
    /// Endpoints that wait for anybody's slot, longest first.
    queue: VecDeque<EndpointId>,
}

impl State {
    /// Counts a slot of an endpoint as free; says how many it has left.
    fn give_back(&mut self, endpoint_id: EndpointId) -> usize {
        self.taken -= 1;
        let Some(own) = self.taken_by.get_mut(&endpoint_id) else { return 0 };
        *own -= 1;
        let left = *own;
        if left == 0 {
            self.taken_by.remove(&endpoint_id);
        }
        left
    }
}

/// The right to run one attempt to an endpoint.
pub(crate) struct Slot {
    shared: Arc<Shared>,
    endpoint_id: EndpointId,
}

impl Slots {
    /// `on_free` is called, outside any lock, for an endpoint that found no slot before and may find one after a delay.
    pub(crate) fn new(
        max: usize,
        max_per_endpoint: usize,
        on_free: impl Fn(EndpointId, Duration) + Send + Sync + 'static,
    ) -> Self {
        let state = Mutex::new(State::default());
        Self { shared: Arc::new(Shared { max, max_per_endpoint, state, on_free: Box::new(on_free) }) }
    }

    /// Takes a slot for something new, unless older work of this endpoint already waits for one.
    pub(crate) fn take_one(&self, endpoint_id: EndpointId) -> Option<Slot> {
        let mut state = self.shared.lock();
        if state.full.contains(&endpoint_id) || state.queue.contains(&endpoint_id) {
            return None;
        }
        let room = self.shared.room(&state, endpoint_id);
        (room > 0).then(|| self.take(&mut state, endpoint_id))
    }

    /// Takes up to `wanted` slots. If there are fewer, the endpoint is remembered and told when one is free.
    pub(crate) fn take_up_to(&self, endpoint_id: EndpointId, wanted: usize) -> Vec<Slot> {
        let mut state = self.shared.lock();
        let room = self.shared.room(&state, endpoint_id);
        if room < wanted {
            let own = state.taken_by.get(&endpoint_id).copied().unwrap_or(0);
            if own + wanted > self.shared.max_per_endpoint {
                state.full.insert(endpoint_id);
            } else if !state.queue.contains(&endpoint_id) {
                state.queue.push_back(endpoint_id);
            }
        }
        (0..wanted.min(room)).map(|_| self.take(&mut state, endpoint_id)).collect()
    }

    /// Forgets that an endpoint waits: there was less to do than it had slots for.
    pub(crate) fn has_enough(&self, endpoint_id: EndpointId) {
        let mut state = self.shared.lock();
        state.full.remove(&endpoint_id);
        state.queue.retain(|waiting| *waiting != endpoint_id);
    }

    fn take(&self, state: &mut State, endpoint_id: EndpointId) -> Slot {
        state.taken += 1;
        *state.taken_by.entry(endpoint_id).or_default() += 1;
        Slot { shared: Arc::clone(&self.shared), endpoint_id }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an endpoint that waits, with so many of its slots taken, is to be told at once: when a quarter of them is free.
    /// Told at once at the first free one, it would claim its rows one by one, each with a write of its own.
    fn is_worth_a_claim(&self, taken: usize) -> bool {
        taken + self.max_per_endpoint.div_ceil(4) <= self.max_per_endpoint
    }

    fn room(&self, state: &State, endpoint_id: EndpointId) -> usize {
        let own = state.taken_by.get(&endpoint_id).copied().unwrap_or(0);
        (self.max - state.taken).min(self.max_per_endpoint.saturating_sub(own))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let own_left = state.give_back(self.endpoint_id);
        let own_waits = state.full.contains(&self.endpoint_id).then(|| {
            if self.shared.is_worth_a_claim(own_left) {
                state.full.remove(&self.endpoint_id);
                Duration::ZERO
            } else {
                GATHER
            }
        });
        let longest_waiting = state.queue.pop_front();
        drop(state);
        if let Some(delay) = own_waits {
            (self.shared.on_free)(self.endpoint_id, delay);
        }
        if let Some(endpoint_id) = longest_waiting {
            (self.shared.on_free)(endpoint_id, Duration::ZERO);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringback_domain::{IdMaker, Timestamp};

    type Told = Arc<Mutex<Vec<(EndpointId, Duration)>>>;

    fn world(max: usize, per_endpoint: usize) -> (Slots, Told, [EndpointId; 3]) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        let slots = Slots::new(max, per_endpoint, move |id, delay| sink.lock().unwrap().push((id, delay)));
        let ids = IdMaker::new(1);
        (slots, told, std::array::from_fn(|_| ids.next(Timestamp::from_unix_ms(1))))
    }

    #[test]
    fn one_endpoint_never_takes_more_than_its_share() {
        let (slots, told, [a, b, _]) = world(10, 3);
        let mut taken = slots.take_up_to(a, 5);
        assert_eq!(taken.len(), 3);
        assert!(slots.take_one(a).is_none());
        assert_eq!(slots.take_up_to(b, 2).len(), 2);
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(a, Duration::ZERO)], "it had wanted more, and is told once");
        taken.pop();
        assert_eq!(told.lock().unwrap().len(), 1);
    }

    #[test]
    fn who_waits_for_its_own_slots_is_told_at_once_when_a_quarter_is_free_and_soon_before() {
        let (slots, told, [a, ..]) = world(100, 8);
        let mut taken = slots.take_up_to(a, 9);
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(a, GATHER)]);
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(a, GATHER), (a, Duration::ZERO)]);
        taken.pop();
        assert_eq!(told.lock().unwrap().len(), 2, "it has been told");
    }

    #[test]
    fn who_waits_for_anybodys_slot_is_told_in_turn() {
        let (slots, told, [a, b, c]) = world(2, 2);
        let mut taken = slots.take_up_to(a, 2);
        assert!(slots.take_up_to(b, 1).is_empty());
        assert!(slots.take_up_to(c, 1).is_empty());
        taken.pop();
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(b, Duration::ZERO), (c, Duration::ZERO)]);
    }

    #[test]
    fn new_work_does_not_overtake_work_that_waits() {
        let (slots, _, [a, b, _]) = world(2, 2);
        let taken = slots.take_up_to(a, 2);
        assert!(slots.take_up_to(b, 1).is_empty());
        drop(taken);
        assert!(slots.take_one(b).is_some(), "b was told and waits no more");
        let (slots, _, [a, ..]) = world(2, 1);
        let taken = slots.take_up_to(a, 2);
        assert!(slots.take_one(a).is_none());
        drop(taken);
        assert!(slots.take_one(a).is_some());
    }
}

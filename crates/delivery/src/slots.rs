//! Slots: how many attempts run at once, over all, for one project and to one endpoint.
//!
//! A slot is taken before a row is claimed or born leased, and given back by dropping it. Who finds none is
//! remembered and told when one is free, so that nothing polls.
//!
//! What keeps a greedy one from the rest is a threshold that moves: an endpoint may have as many slots as are
//! still free, a project [`PROJECT_SHARE`] times as many. So one that takes all it can leaves room for the
//! next one, whoever and however many take all they can, and nobody's share lies idle while the others want
//! nothing.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_domain::{Endpoint, EndpointId, ProjectId};

/// How long free slots of one endpoint gather before it is told of fewer than a quarter.
const GATHER: Duration = Duration::from_millis(5);

/// How many times the free slots one project may have: four fifths of all, when it is alone.
const PROJECT_SHARE: usize = 4;

/// The node's slots. Clones share them.
#[derive(Clone)]
pub(crate) struct Slots {
    shared: Arc<Shared>,
}

struct Shared {
    max: usize,
    state: Mutex<State>,
    on_free: Box<dyn Fn(EndpointId, Duration) + Send + Sync>,
}

#[derive(Default)]
struct State {
    taken: usize,
    by_endpoint: HashMap<EndpointId, usize>,
    by_project: HashMap<ProjectId, usize>,
    /// Endpoints that wait for a slot of their own, and how many that are.
    full: HashMap<EndpointId, usize>,
    /// Endpoints that wait for anybody's slot, longest first.
    queue: VecDeque<Taker>,
    queued: HashSet<EndpointId>,
}

/// Who takes slots.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taker {
    pub(crate) project_id: ProjectId,
    pub(crate) endpoint_id: EndpointId,
    /// How many it may have at once, beside what fairness leaves it.
    pub(crate) at_once: usize,
}

impl Taker {
    /// An endpoint that may have so many at once.
    pub(crate) fn new(endpoint: &Endpoint, at_once: usize) -> Self {
        Self { project_id: endpoint.project_id, endpoint_id: endpoint.id, at_once }
    }
}

/// The right to run one attempt to an endpoint.
pub(crate) struct Slot {
    shared: Arc<Shared>,
    project_id: ProjectId,
    endpoint_id: EndpointId,
}

impl Slots {
    /// `on_free` is called, outside any lock, for an endpoint that found no slot before and may find one
    /// after a delay.
    pub(crate) fn new(max: usize, on_free: impl Fn(EndpointId, Duration) + Send + Sync + 'static) -> Self {
        Self { shared: Arc::new(Shared { max, state: Mutex::default(), on_free: Box::new(on_free) }) }
    }

    /// Takes a slot for something new, unless older work of this endpoint already waits for one.
    pub(crate) fn take_one(&self, taker: Taker) -> Option<Slot> {
        let mut state = self.shared.lock();
        let waits = state.full.contains_key(&taker.endpoint_id) || state.queued.contains(&taker.endpoint_id);
        let room = if waits { 0 } else { state.room(self.shared.max, taker) };
        (room > 0).then(|| self.take(&mut state, taker))
    }

    /// Takes up to `wanted` slots. If there are fewer, the endpoint is remembered and told when one is free.
    pub(crate) fn take_up_to(&self, taker: Taker, wanted: usize) -> Vec<Slot> {
        let mut state = self.shared.lock();
        let room = state.room(self.shared.max, taker);
        if room < wanted {
            let own_left = taker.at_once.saturating_sub(state.own(taker.endpoint_id));
            if own_left < wanted {
                state.full.insert(taker.endpoint_id, taker.at_once);
            }
            if room < wanted.min(own_left) && state.queued.insert(taker.endpoint_id) {
                state.queue.push_back(taker);
            }
        }
        (0..wanted.min(room)).map(|_| self.take(&mut state, taker)).collect()
    }

    /// Forgets that an endpoint waits: there was less to do than it had slots for.
    pub(crate) fn has_enough(&self, endpoint_id: EndpointId) {
        let mut state = self.shared.lock();
        state.full.remove(&endpoint_id);
        if state.queued.remove(&endpoint_id) {
            state.queue.retain(|waiting| waiting.endpoint_id != endpoint_id);
        }
    }

    fn take(&self, state: &mut State, taker: Taker) -> Slot {
        let Taker { project_id, endpoint_id, .. } = taker;
        state.taken += 1;
        *state.by_endpoint.entry(endpoint_id).or_default() += 1;
        *state.by_project.entry(project_id).or_default() += 1;
        Slot { shared: Arc::clone(&self.shared), project_id, endpoint_id }
    }
}

impl State {
    fn own(&self, endpoint_id: EndpointId) -> usize {
        self.by_endpoint.get(&endpoint_id).copied().unwrap_or(0)
    }

    /// How many more it may have, one after the other: each leaves one less free.
    fn room(&self, max: usize, taker: Taker) -> usize {
        let free = max - self.taken;
        let own = self.own(taker.endpoint_id);
        let of_project = self.by_project.get(&taker.project_id).copied().unwrap_or(0);
        let by_endpoint = free.saturating_sub(own).div_ceil(2);
        let by_project = (PROJECT_SHARE * free).saturating_sub(of_project).div_ceil(PROJECT_SHARE + 1);
        taker.at_once.saturating_sub(own).min(by_endpoint).min(by_project).min(free)
    }

    /// Takes out who has waited longest of those that may have a slot now: to tell another would be to tell
    /// nobody.
    fn next_in_queue(&mut self, max: usize) -> Option<EndpointId> {
        let index = self.queue.iter().position(|waiting| self.room(max, *waiting) > 0)?;
        let endpoint_id = self.queue.remove(index)?.endpoint_id;
        self.queued.remove(&endpoint_id);
        Some(endpoint_id)
    }

    /// Counts a slot as free; says how many its endpoint has left.
    fn give_back(&mut self, slot: &Slot) -> usize {
        self.taken -= 1;
        one_less(&mut self.by_project, slot.project_id);
        one_less(&mut self.by_endpoint, slot.endpoint_id)
    }
}

/// Nothing is remembered of who has none.
fn one_less<Id: Hash + Eq + Copy>(counts: &mut HashMap<Id, usize>, id: Id) -> usize {
    let Some(own) = counts.get_mut(&id) else { return 0 };
    *own -= 1;
    let left = *own;
    if left == 0 {
        counts.remove(&id);
    }
    left
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an endpoint that waits, with so many of its slots taken, is to be told at once: when a quarter of
/// them is free. Told at once at the first free one, it would claim its rows one by one, each with a write of
/// its own.
fn is_worth_a_claim(taken: usize, at_once: usize) -> bool {
    taken + at_once.div_ceil(4) <= at_once
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let own_left = state.give_back(self);
        let own_waits = state.full.get(&self.endpoint_id).copied().map(|at_once| {
            if is_worth_a_claim(own_left, at_once) {
                state.full.remove(&self.endpoint_id);
                Duration::ZERO
            } else {
                GATHER
            }
        });
        let longest_waiting = state.next_in_queue(self.shared.max);
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
    use ringback_domain::TypedId;

    type Told = Arc<Mutex<Vec<(EndpointId, Duration)>>>;

    fn world(max: usize) -> (Slots, Told) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&told);
        (Slots::new(max, move |id, delay| sink.lock().unwrap().push((id, delay))), told)
    }

    /// Endpoint `e` of project `p`, with so many at once.
    fn taker(p: u8, e: u8, at_once: usize) -> Taker {
        Taker {
            project_id: ProjectId::from_bytes([p; 16]),
            endpoint_id: EndpointId::from_bytes([e; 16]),
            at_once,
        }
    }

    fn id(e: u8) -> EndpointId {
        EndpointId::from_bytes([e; 16])
    }

    #[test]
    fn one_endpoint_never_takes_more_than_it_may() {
        let (slots, told) = world(100);
        let mut taken = slots.take_up_to(taker(1, 1, 3), 5);
        assert_eq!(taken.len(), 3);
        assert!(slots.take_one(taker(1, 1, 3)).is_none());
        assert_eq!(slots.take_up_to(taker(1, 2, 3), 2).len(), 2);
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(id(1), Duration::ZERO)], "it had wanted more, and is told once");
        taken.pop();
        assert_eq!(told.lock().unwrap().len(), 1);
    }

    #[test]
    fn those_who_take_all_they_can_leave_room_for_the_next_one() {
        let (slots, _) = world(512);
        let mut held = Vec::new();
        for e in 0..50 {
            let own = slots.take_up_to(taker(e, e, 1000), 1000);
            assert!(
                !own.is_empty() || held.len() >= 500,
                "endpoint {e} found none with {} taken",
                held.len()
            );
            held.extend(own);
        }
        let (slots, _) = world(512);
        let greedy: Vec<_> = (0..10).flat_map(|e| slots.take_up_to(taker(1, e, 32), 32)).collect();
        assert_eq!(greedy.len(), 10 * 32, "ten greedy ones get what they may");
        assert_eq!(slots.take_up_to(taker(1, 11, 32), 8).len(), 8, "and others what they want");
    }

    #[test]
    fn one_project_leaves_room_for_the_next_however_many_endpoints_it_has() {
        let (slots, _) = world(500);
        let held: Vec<_> = (0..200).flat_map(|e| slots.take_up_to(taker(1, e, 32), 32)).collect();
        assert_eq!(held.len(), 400, "four fifths");
        assert!(slots.take_one(taker(1, 255, 32)).is_none());
        assert_eq!(slots.take_up_to(taker(2, 254, 32), 32).len(), 32);
    }

    #[test]
    fn who_waits_for_its_own_slots_is_told_at_once_when_a_quarter_is_free_and_soon_before() {
        let (slots, told) = world(100);
        let mut taken = slots.take_up_to(taker(1, 1, 8), 9);
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(id(1), GATHER)]);
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(id(1), GATHER), (id(1), Duration::ZERO)]);
        taken.pop();
        assert_eq!(told.lock().unwrap().len(), 2, "it has been told");
    }

    #[test]
    fn who_has_enough_gives_the_rest_back_and_is_not_told_of_it() {
        let (slots, told) = world(100);
        let held = slots.take_up_to(taker(1, 1, 8), 4);
        let surplus = slots.take_up_to(taker(1, 1, 8), 8);
        assert_eq!((held.len(), surplus.len()), (4, 4), "it waits for more than it may have");
        slots.has_enough(id(1));
        drop(surplus);
        assert_eq!(*told.lock().unwrap(), [], "there was nothing more to claim");
    }

    #[test]
    fn who_waits_for_anybodys_slot_is_told_in_turn() {
        let (slots, told) = world(2);
        let mut taken = slots.take_up_to(taker(1, 1, 1), 1);
        taken.extend(slots.take_up_to(taker(2, 4, 1), 1));
        assert_eq!(taken.len(), 2);
        assert!(slots.take_up_to(taker(1, 2, 2), 1).is_empty());
        assert!(slots.take_up_to(taker(1, 3, 2), 1).is_empty());
        taken.pop();
        taken.pop();
        assert_eq!(*told.lock().unwrap(), [(id(2), Duration::ZERO), (id(3), Duration::ZERO)]);
    }

    #[test]
    fn who_has_slots_of_its_own_and_finds_no_free_one_is_told_of_anybodys() {
        let (slots, told) = world(20);
        let own = slots.take_up_to(taker(1, 1, 8), 1);
        let others: Vec<_> = (2..40).filter_map(|e| slots.take_one(taker(e, e, 8))).collect();
        assert_eq!((own.len(), others.len()), (1, 19));
        assert!(slots.take_up_to(taker(1, 1, 8), 8).is_empty());
        drop(others);
        assert!(told.lock().unwrap().contains(&(id(1), Duration::ZERO)), "its own one may take long");
    }

    #[test]
    fn a_free_slot_goes_past_who_may_not_have_it_to_who_may() {
        let (slots, told) = world(10);
        // One project has all it may have, and wants more.
        let mut greedy: Vec<_> = (0..20).flat_map(|e| slots.take_up_to(taker(1, e, 8), 1)).collect();
        let other: Vec<_> =
            [100, 102].map(|e| slots.take_one(taker(2, e, 8))).into_iter().flatten().collect();
        assert_eq!(greedy.len() + other.len(), 10);
        assert!(slots.take_up_to(taker(1, 50, 8), 1).is_empty());
        assert!(slots.take_up_to(taker(3, 101, 8), 1).is_empty());
        told.lock().unwrap().clear();
        greedy.pop();
        let told = told.lock().unwrap().clone();
        assert_eq!(told.last(), Some(&(id(101), Duration::ZERO)), "{told:?}");
    }

    #[test]
    fn new_work_does_not_overtake_work_that_waits() {
        let (slots, _) = world(1);
        let taken = slots.take_up_to(taker(1, 1, 1), 1);
        assert!(slots.take_up_to(taker(1, 2, 1), 1).is_empty());
        drop(taken);
        assert!(slots.take_one(taker(1, 2, 1)).is_some(), "it was told and waits no more");
        let (slots, _) = world(10);
        let taken = slots.take_up_to(taker(1, 1, 1), 2);
        assert!(slots.take_one(taker(1, 1, 1)).is_none());
        drop(taken);
        assert!(slots.take_one(taker(1, 1, 1)).is_some());
    }
}

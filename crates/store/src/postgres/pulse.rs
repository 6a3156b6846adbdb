//! What this node knows of its own life and of others': as of its last heartbeat.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::columns::Key;

/// How old a heartbeat is when its node is dead.
pub(super) const DEAD_AFTER: Duration = Duration::from_secs(5);
/// How long a dead node has had no other heartbeat, as those see it that live.
const STANDS_STILL: Duration = Duration::from_millis(2500);
/// How far apart heartbeats may be that follow one another without a gap.
const GAP: Duration = Duration::from_secs(2);

/// The pulse of one node.
pub(super) struct Pulse {
    pub(super) id: Key,
    state: Mutex<State>,
}

struct State {
    /// When the last heartbeat that went through was sent.
    last: Instant,
    /// Since when they have gone through without a gap.
    steady_since: Instant,
    /// Since when nobody has taken this node for dead.
    lives_since: Instant,
    /// Who lives, this node included.
    alive: Vec<Key>,
    /// The last heartbeats of others, and since when they have been the last.
    seen: HashMap<Key, (i64, Instant)>,
}

impl Pulse {
    /// Of a node that was registered at this time.
    pub(super) fn new(id: Key, sent_at: Instant) -> Self {
        let state = State {
            last: sent_at,
            steady_since: sent_at,
            lives_since: sent_at,
            alive: vec![id],
            seen: HashMap::new(),
        };
        Self { id, state: Mutex::new(state) }
    }

    /// A heartbeat has gone through.
    pub(super) fn went_through(&self, sent_at: Instant, mut others: Vec<Key>) {
        others.push(self.id);
        let mut state = self.lock();
        if sent_at.saturating_duration_since(state.last) > GAP {
            state.steady_since = sent_at;
        }
        state.last = sent_at;
        state.alive = others;
    }

    /// Others took this node for dead. Whatever it held by now is void.
    pub(super) fn came_back(&self, at: Instant) {
        self.lock().lives_since = at;
    }

    /// Whether nobody has taken this node for dead since then.
    pub(super) fn has_lived_since(&self, then: Instant) -> bool {
        self.lock().lives_since <= then
    }

    /// Notes another node's last heartbeat; says whether it has had no other for a while by this node's monotonic clock: the database's
    /// may be set forward, and then all are old at once.
    pub(super) fn saw(&self, other: Key, heartbeat_ms: i64, at: Instant) -> bool {
        let mut state = self.lock();
        let seen = state.seen.entry(other).or_insert((heartbeat_ms, at));
        if seen.0 != heartbeat_ms {
            *seen = (heartbeat_ms, at);
        }
        at.saturating_duration_since(seen.1) >= STANDS_STILL
    }

    /// Whether others still take this node for alive.
    pub(super) fn is_felt(&self) -> bool {
        self.lock().last.elapsed() < DEAD_AFTER
    }

    /// Whether this node may say of others that they are dead. When the database has been away, everybody's heartbeats are old, and who
    /// is the first to come back must give the others time.
    pub(super) fn may_judge(&self) -> bool {
        let state = self.lock();
        state.last.saturating_duration_since(state.steady_since) > DEAD_AFTER
    }

    /// Whether this node is the favourite among the living for something, by the number that each node has for it.
    pub(super) fn is_favourite(&self, score: impl Fn(Key) -> u64) -> bool {
        let alive = self.lock().alive.clone();
        alive.into_iter().max_by_key(|node| (score(*node), *node)) == Some(self.id)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change under the lock is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: Key = Key([1; 16]);
    const OTHER: Key = Key([2; 16]);

    #[test]
    fn only_who_has_been_heard_without_a_gap_may_judge() {
        let begun = Instant::now();
        let secs = |secs| begun + Duration::from_secs(secs);
        let pulse = Pulse::new(ME, begun);
        for n in 1..=5 {
            pulse.went_through(secs(n), vec![]);
            assert!(!pulse.may_judge(), "after {n} s");
        }
        pulse.went_through(secs(6), vec![]);
        assert!(pulse.may_judge());
        pulse.went_through(secs(9), vec![]);
        assert!(!pulse.may_judge(), "there was a gap");
    }

    #[test]
    fn a_node_is_felt_for_so_long_after_its_last_heartbeat() {
        let Some(before) = Instant::now().checked_sub(DEAD_AFTER) else { return };
        assert!(!Pulse::new(ME, before).is_felt());
        assert!(Pulse::new(ME, before + Duration::from_secs(3)).is_felt());
    }

    #[test]
    fn who_comes_back_has_nothing_of_what_it_had() {
        let begun = Instant::now();
        let pulse = Pulse::new(ME, begun);
        assert!(pulse.has_lived_since(begun));
        let back = begun + Duration::from_secs(9);
        pulse.came_back(back);
        assert!(!pulse.has_lived_since(begun) && pulse.has_lived_since(back));
    }

    #[test]
    fn one_of_the_living_is_the_favourite() {
        let pulse = Pulse::new(ME, Instant::now());
        let score = |node: Key| u64::from(node.0[0]);
        assert!(pulse.is_favourite(score), "alone");
        pulse.went_through(Instant::now(), vec![OTHER]);
        assert!(!pulse.is_favourite(score));
        assert!(pulse.is_favourite(|node| 9 - score(node)));
    }
}

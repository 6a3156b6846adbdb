//! What this node knows of its own life and of others': as of its last heartbeat.
//!
//! By it the node is fenced: one whose last heartbeat is older than `DEAD_AFTER` uses none of its leases.
//! That is measured by a clock that goes on while the machine sleeps. When they go through again, whatever
//! was leased before is void, whether the others have noticed or not: by that clock, or by the server's, so
//! long was nothing heard of this node.
//!
//! Not guaranteed: that nothing is sent under a lease that others have taken. A machine may stand still
//! between a look here and the sending; and where no clock counts the time of a halt (a virtual machine that
//! its host has stopped) only the next heartbeat, up to a second later, tells of it.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::columns::Key;
use super::uptime::Uptime;

/// How old a heartbeat is when its node is dead: in the eyes of the other nodes, of migrations, and of who
/// looks from outside.
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
    last: Uptime,
    /// The same by the server's clock, in Unix milliseconds, if it is known.
    last_ms: Option<i64>,
    /// Since when they have gone through without a gap.
    steady_since: Uptime,
    /// Since when nobody can have taken this node for dead.
    lives_since: Instant,
    /// Who lives, this node included.
    alive: Vec<Key>,
    /// The last heartbeats of the others that there are, and since when they have been the last.
    seen: HashMap<Key, (i64, Uptime)>,
}

impl Pulse {
    /// Of a node that was registered at this time.
    pub(super) fn new(id: Key, sent_at: Uptime) -> Self {
        let state = State {
            last: sent_at,
            last_ms: None,
            steady_since: sent_at,
            lives_since: Instant::now(),
            alive: vec![id],
            seen: HashMap::new(),
        };
        Self { id, state: Mutex::new(state) }
    }

    /// A heartbeat has gone through; the server has noted it at this time, in Unix milliseconds.
    pub(super) fn went_through(&self, sent_at: Uptime, noted_ms: Option<i64>, mut others: Vec<Key>) {
        others.push(self.id);
        let mut state = self.lock();
        let gap = sent_at.since(state.last);
        let by_server = state.last_ms.zip(noted_ms).map(|(last, noted)| noted.saturating_sub(last));
        let by_server = Duration::from_millis(by_server.unwrap_or(0).try_into().unwrap_or(0));
        if gap > GAP {
            state.steady_since = sent_at;
        }
        if gap.max(by_server) >= DEAD_AFTER {
            // Before it is felt again.
            state.lives_since = Instant::now();
        }
        state.last = sent_at;
        state.last_ms = noted_ms;
        state.alive = others;
    }

    /// Others took this node for dead. Whatever it held by now is void.
    pub(super) fn came_back(&self) {
        self.lock().lives_since = Instant::now();
    }

    /// Whether nobody can have taken this node for dead since then.
    pub(super) fn has_lived_since(&self, then: Instant) -> bool {
        self.lock().lives_since <= then
    }

    /// Notes the last heartbeats of all others that there are, each in Unix milliseconds; says of which there
    /// has been no other for a while by this node's own clock: the database's may be set forward, and then
    /// all are old at once.
    pub(super) fn saw(&self, others: &[(Key, i64)], at: Uptime) -> HashSet<Key> {
        let mut state = self.lock();
        let mut seen = HashMap::with_capacity(others.len());
        for &(other, heartbeat_ms) in others {
            let former = state.seen.get(&other).copied().filter(|(former_ms, _)| *former_ms == heartbeat_ms);
            seen.insert(other, former.unwrap_or((heartbeat_ms, at)));
        }
        // Who is gone is forgotten.
        state.seen = seen;
        let stands_still =
            |(node, (_, since)): (&Key, &(i64, Uptime))| (at.since(*since) >= STANDS_STILL).then_some(*node);
        state.seen.iter().filter_map(stands_still).collect()
    }

    /// Whether others still take this node for alive.
    pub(super) fn is_felt(&self) -> bool {
        self.lock().last.elapsed() < DEAD_AFTER
    }

    /// Whether this node may say of others that they are dead. When the database has been away, everybody's
    /// heartbeats are old, and who is the first to come back must give the others time.
    pub(super) fn may_judge(&self) -> bool {
        let state = self.lock();
        state.last.since(state.steady_since) > DEAD_AFTER
    }

    /// Whether this node is the favourite among the living for something, by the number that each node has
    /// for it.
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
        let begun = Uptime::now();
        let secs = |secs| begun + Duration::from_secs(secs);
        let pulse = Pulse::new(ME, begun);
        for n in 1..=5 {
            pulse.went_through(secs(n), None, vec![]);
            assert!(!pulse.may_judge(), "after {n} s");
        }
        pulse.went_through(secs(6), None, vec![]);
        assert!(pulse.may_judge());
        pulse.went_through(secs(9), None, vec![]);
        assert!(!pulse.may_judge(), "there was a gap");
    }

    #[test]
    fn who_stands_still_is_known_of_those_that_there_are() {
        let begun = Uptime::now();
        let millis = |millis| begun + Duration::from_millis(millis);
        let pulse = Pulse::new(ME, begun);
        let third = Key([3; 16]);
        assert!(pulse.saw(&[(OTHER, 7), (third, 1)], begun).is_empty());
        assert!(pulse.saw(&[(OTHER, 7), (third, 2)], millis(2499)).is_empty());
        assert_eq!(pulse.saw(&[(OTHER, 7), (third, 2)], millis(2500)), HashSet::from([OTHER]));
        // It goes, and is forgotten; when it is back, its time begins anew.
        assert!(pulse.saw(&[(third, 3)], millis(2600)).is_empty());
        assert_eq!(pulse.lock().seen.len(), 1);
        assert!(pulse.saw(&[(OTHER, 7), (third, 4)], millis(2700)).is_empty());
    }

    #[test]
    fn a_node_is_felt_for_so_long_after_its_last_heartbeat() {
        let long_ago = Uptime::START;
        assert!(long_ago.elapsed() > DEAD_AFTER && !Pulse::new(ME, long_ago).is_felt());
        assert!(Pulse::new(ME, Uptime::now()).is_felt());
    }

    #[test]
    fn who_comes_back_has_nothing_of_what_it_had() {
        let pulse = Pulse::new(ME, Uptime::now());
        let leased_at = Instant::now();
        assert!(pulse.has_lived_since(leased_at));
        pulse.came_back();
        assert!(!pulse.has_lived_since(leased_at) && pulse.has_lived_since(Instant::now()));
    }

    /// After this long by the own clock, and by the server's.
    fn holds_after(own: Duration, server: Duration) -> bool {
        let begun = Uptime::now();
        let pulse = Pulse::new(ME, begun);
        pulse.went_through(begun, Some(1_000_000), vec![]);
        let leased_at = Instant::now();
        let noted_ms = 1_000_000 + i64::try_from(server.as_millis()).unwrap();
        pulse.went_through(begun + own, Some(noted_ms), vec![]);
        pulse.has_lived_since(leased_at)
    }

    #[test]
    fn who_was_not_heard_for_as_long_as_the_dead_has_nothing_of_what_it_had() {
        let (a_while, too_long) = (Duration::from_millis(4900), DEAD_AFTER);
        assert!(holds_after(a_while, a_while));
        assert!(!holds_after(too_long, a_while), "its machine was asleep");
        assert!(!holds_after(a_while, too_long), "its machine does not know that it was halted");
    }

    #[test]
    fn one_of_the_living_is_the_favourite() {
        let pulse = Pulse::new(ME, Uptime::now());
        let score = |node: Key| u64::from(node.0[0]);
        assert!(pulse.is_favourite(score), "alone");
        pulse.went_through(Uptime::now(), None, vec![OTHER]);
        assert!(!pulse.is_favourite(score));
        assert!(pulse.is_favourite(|node| 9 - score(node)));
    }
}

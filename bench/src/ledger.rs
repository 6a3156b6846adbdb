//! What became of every call of one window: begun, answered, arrived.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;

/// The calls of one window. Shared by the load, which begins them, and the receiver, which sees them arrive.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// Tells the ids of this window from those of any other.
    window: u32,
    calls: Mutex<Vec<Call>>,
}

#[derive(Debug, Clone, Copy)]
struct Call {
    begun: Instant,
    /// When it was answered 200.
    accepted: Option<Instant>,
    /// Whether it is to reach the receiver in good time.
    awaited: bool,
    /// When it first reached the receiver.
    arrived: Option<Instant>,
}

/// A call's place in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallId {
    window: u32,
    index: u32,
}

impl CallId {
    /// The call at this place in the ledger of this window.
    pub(crate) fn of(window: u32, index: u32) -> Self {
        Self { window, index }
    }

    /// Its place in the order in which the window's calls were begun, from 0.
    pub(crate) fn index(self) -> u32 {
        self.index
    }

    /// Its `webhook-id`: unique in a run.
    pub(crate) fn webhook_id(self) -> String {
        format!("wh_{:08x}{:08x}", self.window, self.index)
    }

    fn parse(webhook_id: &[u8]) -> Option<Self> {
        let digits = std::str::from_utf8(webhook_id.strip_prefix(b"wh_")?).ok()?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        Some(Self {
            window: u32::try_from(number >> 32).ok()?,
            index: u32::try_from(number & 0xffff_ffff).ok()?,
        })
    }

    /// Its body: an event in OpenAI's envelope, 300 to 500 bytes, like no other of the run.
    pub(crate) fn body(self) -> Bytes {
        self.body_of("response.completed")
    }

    /// Its body if it is an event of this type.
    pub(crate) fn body_of(self, event_type: &str) -> Bytes {
        let Self { window, index } = self;
        let note = ".".repeat(160 + (index as usize * 37) % 190);
        format!(
            r#"{{"object":"event","id":"evt_{window:08x}{index:08x}","type":"{event_type}","created_at":1750287018,"data":{{"id":"resp_{window:08x}{index:08x}","note":"{note}"}}}}"#
        )
        .into()
    }
}

impl CallId {
    /// The request to publish the same event.
    pub(crate) fn publication(self) -> String {
        let Self { window, index } = self;
        let note = ".".repeat(160 + (index as usize * 37) % 190);
        format!(
            r#"{{"type":"response.completed","webhook_id":"{}","created_at":1750287018,"data":{{"id":"resp_{window:08x}{index:08x}","note":"{note}"}}}}"#,
            self.webhook_id()
        )
    }
}

impl Ledger {
    /// An empty one; `window` must differ from that of every other of the run.
    pub(crate) fn new(window: u32) -> Self {
        Self { window, calls: Mutex::default() }
    }

    /// Notes that a call begins now.
    pub(crate) fn begin(&self) -> CallId {
        let mut calls = self.calls();
        let index = u32::try_from(calls.len()).unwrap_or(u32::MAX);
        calls.push(Call { begun: Instant::now(), accepted: None, awaited: true, arrived: None });
        CallId { window: self.window, index }
    }

    /// Notes that a call was answered 200 just now.
    pub(crate) fn accept(&self, id: CallId) {
        self.stamp(id, |call| &mut call.accepted);
    }

    /// Notes that a call was answered 200 just now, and that its endpoint is in no state to take the event.
    pub(crate) fn accept_unawaited(&self, id: CallId) {
        self.accept(id);
        if let Some(call) = self.calls().get_mut(id.index as usize) {
            call.awaited = false;
        }
    }

    /// Notes that a call with this `webhook-id` has reached the receiver; of several times the first counts.
    pub(crate) fn arrive(&self, webhook_id: &[u8]) {
        if let Some(id) = CallId::parse(webhook_id).filter(|id| id.window == self.window) {
            self.stamp(id, |call| &mut call.arrived);
        }
    }

    /// Calls answered 200 by then.
    pub(crate) fn accepted_by(&self, then: Instant) -> usize {
        self.count(|call| call.accepted.is_some_and(|at| at <= then))
    }

    /// Calls that had arrived by then.
    pub(crate) fn arrived_by(&self, then: Instant) -> usize {
        self.count(|call| call.arrived.is_some_and(|at| at <= then))
    }

    /// Calls that were answered, but not with 200.
    pub(crate) fn refused(&self) -> usize {
        self.count(|call| call.accepted.is_none())
    }

    /// Accepted calls that are to arrive and have not yet.
    pub(crate) fn under_way(&self) -> usize {
        self.count(|call| call.awaited && call.accepted.is_some() && call.arrived.is_none())
    }

    /// From begun to arrived, of every call that has, shortest first.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let calls = self.calls();
        let mut all: Vec<Duration> =
            calls.iter().filter_map(|call| Some(call.arrived? - call.begun)).collect();
        all.sort_unstable();
        all
    }

    fn stamp(&self, id: CallId, field: impl FnOnce(&mut Call) -> &mut Option<Instant>) {
        let now = Instant::now();
        if let Some(call) = self.calls().get_mut(id.index as usize) {
            field(call).get_or_insert(now);
        }
    }

    fn count(&self, condition: impl Fn(&Call) -> bool) -> usize {
        self.calls().iter().filter(|call| condition(call)).count()
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        // Every change under the lock is one assignment.
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::{CallId, Ledger};

    #[test]
    fn a_call_is_counted_where_it_got_to() {
        let ledger = Ledger::new(7);
        let ids: Vec<CallId> = (0..3).map(|_| ledger.begin()).collect();
        let before = Instant::now();
        ledger.accept(ids[0]);
        ledger.accept(ids[1]);
        ledger.arrive(ids[1].webhook_id().as_bytes());
        ledger.arrive(ids[1].webhook_id().as_bytes());
        let now = Instant::now();
        assert_eq!((ledger.accepted_by(now), ledger.arrived_by(now)), (2, 1));
        assert_eq!((ledger.refused(), ledger.under_way(), ledger.latencies().len()), (1, 1, 1));
        assert_eq!(ledger.accepted_by(before - std::time::Duration::from_secs(1)), 0);
    }

    #[test]
    fn what_is_not_awaited_is_not_under_way() {
        let ledger = Ledger::new(7);
        let id = ledger.begin();
        ledger.accept_unawaited(id);
        assert_eq!((ledger.refused(), ledger.under_way()), (0, 0));
    }

    #[test]
    fn what_came_from_another_window_is_not_of_this() {
        let (former, ledger) = (Ledger::new(6), Ledger::new(7));
        let late = former.begin();
        ledger.begin();
        ledger.arrive(late.webhook_id().as_bytes());
        ledger.arrive(b"wh_zz");
        ledger.arrive(b"");
        assert_eq!(ledger.arrived_by(Instant::now()), 0);
    }

    #[test]
    fn ids_are_unique_and_bodies_are_events_of_300_to_500_bytes() {
        let ledger = Ledger::new(u32::MAX);
        for _ in 0..250 {
            let id = ledger.begin();
            assert_eq!(CallId::parse(id.webhook_id().as_bytes()), Some(id));
            let body = id.body();
            assert!((300..=500).contains(&body.len()), "{} bytes", body.len());
            let head = ringback_webhook::EnvelopeHead::parse(&body).unwrap();
            assert_eq!(head.event_type, "response.completed");
        }
    }
}

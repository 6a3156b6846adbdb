//! What a [`FaultyStore`](crate::FaultyStore) is to do wrong.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use ringback_store::StoreError;
use tokio::sync::watch;

use crate::receiver::Gate;
use crate::wait::within;

/// What is asked of a store, as far as tests tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// A verified call is to be made durable.
    Append,
    /// Refused calls are to be counted and kept.
    RecordRefusals,
    /// What is kept under an `Idempotency-Key`.
    Idempotency,
    /// The deliverer looks for endpoints with due work.
    DueEndpoints,
    /// The deliverer claims due deliveries.
    Claim,
    /// An attempt is to be recorded.
    Finish,
    /// Claimed deliveries are given back.
    Release,
    /// Expired leases are to be freed.
    Reclaim,
    /// What is too old is to be ended.
    Expire,
    /// What is past the hard limit of retention is to be ended.
    GiveUp,
    /// Something is to be sent again, or called off.
    Redeliver,
    /// A replay is to be made, advanced or called off.
    Replay,
    /// Deliveries of a deleted endpoint are to be cancelled.
    CancelOrphans,
    /// Retention is to be applied.
    Prune,
    /// The store is asked whether it takes writes.
    Check,
    /// Sources, endpoints, secrets or the admin key are to be changed.
    Configure,
    /// Anything is read.
    Read,
}

/// The switch of a faulty store. Clones are handles to the same one.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    desk: Arc<watch::Sender<Desk>>,
}

/// What is wrong now, and what has been asked so far.
#[derive(Debug, Default)]
struct Desk {
    refusals: HashMap<Op, Refusing>,
    gates: HashMap<Op, Gate>,
    /// Whose answers are to be lost, and how many more.
    losses: HashMap<Op, usize>,
    asked: HashMap<Op, usize>,
    refused: HashMap<Op, usize>,
}

#[derive(Debug)]
struct Refusing {
    error: StoreError,
    /// How many more times; `None`: until it is healed.
    times: Option<usize>,
}

impl Faults {
    /// Answers this with an error until [`Faults::heal`].
    pub fn refuse(&self, op: Op, error: StoreError) {
        self.desk.send_modify(|desk| drop(desk.refusals.insert(op, Refusing { error, times: None })));
    }

    /// Answers this with an error so many times, and then as usual.
    pub fn refuse_times(&self, op: Op, error: StoreError, times: usize) {
        let refusing = Refusing { error, times: Some(times) };
        self.desk.send_modify(|desk| drop(desk.refusals.insert(op, refusing)));
    }

    /// Does this so many times and then says that nobody knows whether it was done, as when a connection
    /// breaks with the answer to a commit; and then as usual.
    pub fn lose_answers(&self, op: Op, times: usize) {
        self.desk.send_modify(|desk| {
            let _ = desk.losses.insert(op, times);
        });
    }

    /// Lets this wait before it begins, until the gate is open.
    pub fn hold(&self, op: Op, gate: &Gate) {
        self.desk.send_modify(|desk| drop(desk.gates.insert(op, gate.clone())));
    }

    /// Everything goes on as usual from now on, except what waits at a gate already.
    pub fn heal(&self) {
        self.desk.send_modify(|desk| {
            desk.refusals.clear();
            desk.gates.clear();
            desk.losses.clear();
        });
    }

    /// How often this has been refused.
    #[must_use]
    pub fn refused(&self, op: Op) -> usize {
        self.desk.borrow().refused.get(&op).copied().unwrap_or(0)
    }

    /// How often this has been asked for, whether it was refused, waits or was done.
    #[must_use]
    pub fn asked(&self, op: Op) -> usize {
        self.desk.borrow().asked.get(&op).copied().unwrap_or(0)
    }

    /// Waits until this has been refused at least so often.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn refused_at_least(&self, op: Op, times: usize) {
        self.reached("the store to refuse", |desk| desk.refused.get(&op), times).await;
    }

    /// Waits until this has been asked for at least so often, whether it was refused, waits or was done.
    ///
    /// # Panics
    /// When that does not happen within [`crate::PATIENCE`].
    pub async fn asked_at_least(&self, op: Op, times: usize) {
        self.reached("the store to be asked", |desk| desk.asked.get(&op), times).await;
    }

    /// What comes before the real store is asked.
    pub(crate) async fn pass(&self, op: Op) -> Result<(), StoreError> {
        let gate = self.desk.borrow().gates.get(&op).cloned();
        self.desk.send_modify(|desk| *desk.asked.entry(op).or_default() += 1);
        if let Some(gate) = gate {
            gate.passed().await;
        }
        let mut outcome = Ok(());
        self.desk.send_modify(|desk| outcome = desk.judge(op));
        outcome
    }

    /// The real store's part, between what comes before it and what becomes of its answer.
    pub(crate) async fn around<T>(
        &self,
        op: Op,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        self.pass(op).await?;
        let done = work.await?;
        let mut is_lost = false;
        self.desk.send_modify(|desk| is_lost = desk.loses(op));
        if is_lost { Err(in_doubt()) } else { Ok(done) }
    }

    async fn reached(&self, what: &str, count: impl Fn(&Desk) -> Option<&usize>, times: usize) {
        let mut desk = self.desk.subscribe();
        let enough = desk.wait_for(|desk| count(desk).is_some_and(|count| *count >= times));
        within(what, enough).await.expect("the switch itself holds the sending end");
    }
}

impl Desk {
    fn judge(&mut self, op: Op) -> Result<(), StoreError> {
        let Some(refusing) = self.refusals.get_mut(&op) else { return Ok(()) };
        if let Some(times) = &mut refusing.times {
            let Some(fewer) = times.checked_sub(1) else { return Ok(()) };
            *times = fewer;
        }
        *self.refused.entry(op).or_default() += 1;
        Err(refusing.error.clone())
    }

    fn loses(&mut self, op: Op) -> bool {
        let Some(times) = self.losses.get_mut(&op) else { return false };
        let is_lost = *times > 0;
        *times = times.saturating_sub(1);
        is_lost
    }
}

/// The error of a connection that broke with the answer to a commit.
fn in_doubt() -> StoreError {
    StoreError::InDoubt(Arc::new(io::Error::from(io::ErrorKind::ConnectionReset)))
}

/// The error of a database that takes nothing: what a full disk gives.
#[must_use]
pub fn unavailable() -> StoreError {
    StoreError::Unavailable(Arc::new(io::Error::from(io::ErrorKind::StorageFull)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_to_be_refused_so_often_is_refused_so_often() {
        let faults = Faults::default();
        faults.refuse_times(Op::Finish, unavailable(), 2);
        let mut outcomes = Vec::new();
        for _ in 0..4 {
            outcomes.push(faults.pass(Op::Finish).await.is_ok());
            assert!(faults.pass(Op::Append).await.is_ok());
        }
        assert_eq!(outcomes, [false, false, true, true]);
        assert_eq!((faults.refused(Op::Finish), faults.refused(Op::Append)), (2, 0));
        faults.asked_at_least(Op::Finish, 4).await;
    }

    #[tokio::test]
    async fn what_has_its_answer_lost_was_done() {
        let (faults, mut done) = (Faults::default(), 0);
        faults.lose_answers(Op::Configure, 1);
        for is_lost in [true, false] {
            let work = async {
                done += 1;
                Ok(())
            };
            let outcome = faults.around(Op::Configure, work).await;
            assert_eq!(matches!(outcome, Err(StoreError::InDoubt(_))), is_lost);
        }
        assert_eq!(done, 2);
    }

    #[tokio::test]
    async fn what_is_to_be_refused_is_refused_until_it_is_healed() {
        let faults = Faults::default();
        faults.refuse(Op::Claim, StoreError::Overloaded);
        for _ in 0..3 {
            assert!(matches!(faults.pass(Op::Claim).await, Err(StoreError::Overloaded)));
        }
        faults.heal();
        assert!(faults.pass(Op::Claim).await.is_ok());
    }
}

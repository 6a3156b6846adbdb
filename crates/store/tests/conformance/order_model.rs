//! The order held against a model: whatever happens, in whatever sequence, exactly those may go that the
//! model lets go.

use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use ringback_domain::retry::NextStep;
use ringback_domain::{DeliveryId, DeliveryState, EndpointId, Timestamp};
use ringback_store::{Claimed, DeliveryFilter, EndpointChange, PageRequest};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use super::{DEAD, World, at, unattempted};

/// How long a delivery waits for the one before it, in seconds.
const WAIT: u64 = 100;
/// How long a lease of these cases lasts, in seconds.
const LEASE: u64 = 40;
/// How many sequences are tried, and how long they are at most.
const SEQUENCES: u32 = 48;
const STEPS: usize = 40;

/// What may happen. A number that picks something picks among all there has been, whatever has become of it.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// An event comes: about one of two objects or none, that may grow old or not.
    Append {
        object: Option<u8>,
        max_age: Option<u64>,
    },
    Claim {
        limit: usize,
    },
    /// An attempt of a claim ends, which may be late.
    Finish {
        claim: usize,
        end: End,
    },
    Release {
        claim: usize,
    },
    Cancel {
        delivery: usize,
    },
    /// To hold back is the deliverer's; to the store it is one more change of what is configured.
    Pause {
        paused: bool,
    },
    Expire,
    Reclaim,
    Pass {
        secs: u64,
    },
}

#[derive(Debug, Clone, Copy)]
enum End {
    Delivered,
    Retry { secs: u64 },
    Dead,
}

fn step() -> impl Strategy<Value = Step> {
    let max_age = prop_oneof![3 => Just(None), 1 => (1_u64..300).prop_map(Some)];
    let end = prop_oneof![
        2 => Just(End::Delivered),
        3 => (0_u64..300).prop_map(|secs| End::Retry { secs }),
        1 => Just(End::Dead),
    ];
    prop_oneof![
        5 => (prop::option::weighted(0.9, 0_u8..2), max_age)
            .prop_map(|(object, max_age)| Step::Append { object, max_age }),
        5 => prop_oneof![Just(1), Just(2), Just(100)].prop_map(|limit| Step::Claim { limit }),
        5 => (any::<usize>(), end).prop_map(|(claim, end)| Step::Finish { claim, end }),
        1 => any::<usize>().prop_map(|claim| Step::Release { claim }),
        1 => any::<usize>().prop_map(|delivery| Step::Cancel { delivery }),
        1 => any::<bool>().prop_map(|paused| Step::Pause { paused }),
        1 => Just(Step::Expire),
        1 => Just(Step::Reclaim),
        3 => (1_u64..120).prop_map(|secs| Step::Pass { secs }),
    ]
}

/// A delivery as the model knows it.
#[derive(Debug)]
struct Modelled {
    id: DeliveryId,
    object: Option<u8>,
    expires_at: Option<Timestamp>,
    has_ended: bool,
    first_attempt_at: Option<Timestamp>,
    /// When its own schedule has it due, once it has been attempted.
    retry_at: Option<Timestamp>,
    /// The token of its last lease, and until when that is, unless it was given back.
    token: u64,
    leased_until: Option<Timestamp>,
}

impl Modelled {
    fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }
}

/// One sequence: the store, and what should be in it.
struct Sequence<'w> {
    world: &'w World,
    endpoint: EndpointId,
    now: Timestamp,
    /// In the order of their events.
    deliveries: Vec<Modelled>,
    /// Every claim there has been, and when.
    claims: Vec<(Claimed, Timestamp)>,
}

impl Sequence<'_> {
    /// Whether everything before it has ended or was first attempted so long ago.
    fn its_turn_has_come(&self, index: usize) -> bool {
        let delivery = &self.deliveries[index];
        let has_let_go = |before: &Modelled| {
            let wait_ends = before.first_attempt_at.map(|at| at.plus(Duration::from_secs(WAIT)));
            before.has_ended || wait_ends.is_some_and(|end| end <= self.now)
        };
        let mut before = self.deliveries[..index].iter().filter(|before| before.object == delivery.object);
        delivery.object.is_none() || before.all(has_let_go)
    }

    /// The deliveries that a claim may take now.
    fn claimable(&self) -> Vec<DeliveryId> {
        let may_go = |(index, delivery): (usize, &Modelled)| {
            let is_due = match delivery.retry_at {
                Some(retry_at) => retry_at <= self.now,
                None => self.its_turn_has_come(index),
            };
            let is_free = !delivery.has_ended && delivery.leased_until.is_none();
            (is_free && is_due && !delivery.has_expired(self.now)).then_some(delivery.id)
        };
        self.deliveries.iter().enumerate().filter_map(may_go).collect()
    }

    fn find(&mut self, id: DeliveryId) -> &mut Modelled {
        self.deliveries.iter_mut().find(|delivery| delivery.id == id).expect("what is claimed was appended")
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::Append { object, max_age } => self.append(object, max_age).await,
            Step::Claim { limit } => self.claim(limit).await,
            Step::Finish { claim, end } => self.finish(claim, end).await,
            Step::Release { claim } => self.release(claim).await,
            Step::Cancel { delivery } => self.cancel(delivery).await,
            Step::Pause { paused } => {
                let change = EndpointChange { paused: Some(paused), ..Default::default() };
                let updated =
                    self.world.store.update_endpoint(self.world.project, self.endpoint, change, self.now);
                updated.await.unwrap();
            }
            Step::Expire => self.expire().await,
            Step::Reclaim => self.reclaim().await,
            Step::Pass { secs } => self.now = self.now.plus(Duration::from_secs(secs)),
        }
    }

    async fn append(&mut self, object: Option<u8>, max_age: Option<u64>) {
        let name = format!("{}_{}", self.endpoint, self.deliveries.len());
        let mut call = self.world.publication(&name).at(self.now).to(&[self.endpoint]);
        if let Some(object) = object {
            call = call.object(&format!("object_{object}"));
        }
        if let Some(max_age) = max_age {
            call = call.ageing(max_age);
        }
        let id = self.world.delivery(call.append().await.event_id).await.id;
        self.deliveries.push(Modelled {
            id,
            object,
            expires_at: max_age.map(|secs| self.now.plus(Duration::from_secs(secs))),
            has_ended: false,
            first_attempt_at: None,
            retry_at: None,
            token: 0,
            leased_until: None,
        });
    }

    async fn claim(&mut self, limit: usize) {
        let until = self.now.plus(Duration::from_secs(LEASE));
        let claimed = self.world.store.claim(self.endpoint, self.now, until, limit).await.unwrap();
        let expected = self.claimable();
        let mut ids: Vec<_> = claimed.iter().map(|claimed| claimed.delivery_id).collect();
        ids.sort();
        assert!(ids.iter().all(|id| expected.contains(id)), "{ids:?} of {expected:?}");
        assert_eq!(ids.len(), limit.min(expected.len()), "{ids:?} of {expected:?}");
        for claimed in claimed {
            let delivery = self.find(claimed.delivery_id);
            (delivery.token, delivery.leased_until) = (claimed.lease.token, Some(until));
            self.claims.push((claimed, self.now));
        }
    }

    async fn finish(&mut self, claim: usize, end: End) {
        let Some((claimed, began_at)) = self.claims.get(claim % self.claims.len().max(1)).cloned() else {
            return;
        };
        let now = self.now;
        let next = match end {
            End::Delivered => NextStep::Delivered,
            End::Retry { secs } => NextStep::RetryAt(now.plus(Duration::from_secs(secs))),
            End::Dead => DEAD,
        };
        let mut finish = self.world.finishing(&claimed, next, now);
        finish.attempt.report.started_at = began_at;
        self.world.store.finish(finish).await.unwrap();
        let delivery = self.find(claimed.delivery_id);
        let holds = delivery.leased_until.is_some() && delivery.token == claimed.lease.token;
        if delivery.has_ended || !(holds || next == NextStep::Delivered) {
            return;
        }
        delivery.leased_until = None;
        delivery.first_attempt_at.get_or_insert(began_at);
        match next {
            NextStep::RetryAt(retry_at) => delivery.retry_at = Some(retry_at),
            NextStep::Delivered | NextStep::Dead(_) => delivery.has_ended = true,
        }
    }

    async fn release(&mut self, claim: usize) {
        let Some((claimed, _)) = self.claims.get(claim % self.claims.len().max(1)).cloned() else { return };
        self.world.store.release(vec![unattempted(&claimed)]).await.unwrap();
        let delivery = self.find(claimed.delivery_id);
        if delivery.token == claimed.lease.token {
            delivery.leased_until = None;
        }
    }

    async fn cancel(&mut self, delivery: usize) {
        let index = delivery % self.deliveries.len().max(1);
        let Some(delivery) = self.deliveries.get_mut(index) else { return };
        let cancelled = self.world.store.cancel_delivery(self.world.project, delivery.id, self.now).await;
        assert_eq!(cancelled.is_ok(), !delivery.has_ended);
        (delivery.has_ended, delivery.leased_until) = (true, None);
    }

    async fn expire(&mut self) {
        let now = self.now;
        let gone = self.deliveries.iter_mut().filter(|delivery| {
            !delivery.has_ended && delivery.leased_until.is_none() && delivery.has_expired(now)
        });
        let expected = gone.map(|delivery| delivery.has_ended = true).count();
        assert_eq!(self.world.store.expire(now, 1000).await.unwrap(), expected);
    }

    async fn reclaim(&mut self) {
        let now = self.now;
        self.world.store.reclaim(now).await.unwrap();
        for delivery in &mut self.deliveries {
            delivery.leased_until = delivery.leased_until.filter(|until| *until > now);
        }
    }

    /// Goes on until everything has ended: each round ends what may go, and something always may.
    async fn drain(&mut self) {
        while self.deliveries.iter().any(|delivery| !delivery.has_ended) {
            self.now = self.now.plus(Duration::from_secs(1000));
            self.reclaim().await;
            self.expire().await;
            let claims_before = self.claims.len();
            self.claim(1000).await;
            let all_expired = self.deliveries.iter().all(|delivery| delivery.has_ended);
            assert!(self.claims.len() > claims_before || all_expired, "{:?} is stuck", self.deliveries);
            for claim in claims_before..self.claims.len() {
                self.finish(claim, End::Delivered).await;
            }
        }
        let filter = DeliveryFilter { endpoint_id: Some(self.endpoint), ..Default::default() };
        let page = PageRequest { limit: 100, ..PageRequest::default() };
        let stored = self.world.store.list_deliveries(self.world.project, filter, page).await.unwrap().items;
        assert_eq!(stored.len(), self.deliveries.len());
        assert!(stored.iter().all(|record| record.delivery.state != DeliveryState::Pending), "{stored:?}");
    }
}

pub(crate) async fn whatever_happens_only_those_go_whose_turn_has_come(world: World) {
    let steps = proptest::collection::vec(step(), 1..STEPS);
    // Shrinking costs writes; a failure shows its steps, so no seed is kept.
    let config =
        Config { cases: SEQUENCES, max_shrink_iters: 2000, failure_persistence: None, ..Config::default() };
    let handle = Handle::current();
    let outcome = block_in_place(|| {
        TestRunner::new(config).run(&steps, |steps| {
            handle.block_on(async {
                let wait = u32::try_from(WAIT).expect("it is small");
                let endpoint = world.ordered_endpoint(wait).await;
                let (deliveries, claims) = (Vec::new(), Vec::new());
                let mut sequence = Sequence { world: &world, endpoint, now: at(0), deliveries, claims };
                for step in steps {
                    sequence.take(step).await;
                }
                sequence.drain().await;
                world.store.delete_endpoint(world.project, endpoint, at(0)).await.unwrap();
            });
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

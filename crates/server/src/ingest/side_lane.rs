//! The lossy side lane of refused calls: always counted, kept within bounds, never in the way of accepted
//! work.
//!
//! Handlers leave a refusal here and go on; nothing waits. A flush takes what has gathered to the store in
//! one write, at most a few times a second, and there is one flush at a time. What does not fit is counted
//! and not kept; what the store does not take is dropped, for its sender was told that it was refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringback_domain::{SourceId, Timestamp};
use ringback_store::{Refusal, RefusalCount, Store, StoreError};
use tokio_util::task::TaskTracker;

/// How many refused calls of one source are kept in a minute.
const MAX_KEPT_PER_MINUTE: u32 = 60;
/// How many refused calls wait for the next flush, over all sources.
const MAX_WAITING: usize = 1000;
/// How long a flush lets refusals gather.
const GATHER: Duration = Duration::from_millis(250);

/// Refused calls by source and code.
type Counts = HashMap<(SourceId, &'static str), u64>;

/// What waits for the next flush.
#[derive(Default)]
struct Waiting {
    refusals: Vec<Refusal>,
    counts: Counts,
    budgets: HashMap<SourceId, Budget>,
    /// Whether a flush is under way, which will take what is left here.
    flushing: bool,
}

/// How many calls of a source were kept in the present minute.
struct Budget {
    minute: i64,
    kept: u32,
}

/// The lane. Clones share it.
#[derive(Clone)]
pub(crate) struct SideLane {
    waiting: Arc<Mutex<Waiting>>,
    store: Arc<dyn Store>,
    tasks: TaskTracker,
}

impl SideLane {
    /// A lane that leads to this store.
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self { waiting: Arc::default(), store, tasks: TaskTracker::new() }
    }

    /// Counts a refused call, and keeps it if `call` makes one and there is room.
    pub(crate) fn note(
        &self,
        source_id: SourceId,
        code: &'static str,
        now: Timestamp,
        call: impl FnOnce() -> Option<Refusal>,
    ) {
        let mut waiting = self.lock();
        *waiting.counts.entry((source_id, code)).or_default() += 1;
        if waiting.refusals.len() < MAX_WAITING
            && waiting.may_keep(source_id, now)
            && let Some(refusal) = call()
        {
            waiting.refusals.push(refusal);
        }
        if !waiting.flushing {
            waiting.flushing = true;
            self.tasks.spawn(self.clone().flush());
        }
    }

    /// Takes what gathers to the store, until nothing is left.
    async fn flush(self) {
        loop {
            tokio::time::sleep(GATHER).await;
            let (refusals, counts) = {
                let mut waiting = self.lock();
                if waiting.counts.is_empty() {
                    waiting.flushing = false;
                    return;
                }
                (std::mem::take(&mut waiting.refusals), std::mem::take(&mut waiting.counts))
            };
            match self.store.record_refusals(refusals, rows(&counts)).await {
                Ok(()) => {}
                // Never ahead of accepted work: the calls are let go, and the numbers wait for quieter times.
                Err(StoreError::Overloaded | StoreError::Unavailable(_)) => self.lock().give_back(counts),
                // The store has told it. Better too few than twice.
                Err(StoreError::InDoubt(_)) => {}
                Err(error) => tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "refused calls could not be recorded"
                ),
            }
        }
    }

    /// Where work goes that is to outlive the request which caused it.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    /// Whether one more call of this source may be kept in this minute; if so, it is counted as kept.
    fn may_keep(&mut self, source_id: SourceId, now: Timestamp) -> bool {
        let minute = now.as_unix_secs().div_euclid(60);
        let budget = self.budgets.entry(source_id).or_insert(Budget { minute, kept: 0 });
        if budget.minute != minute {
            *budget = Budget { minute, kept: 0 };
        }
        let may = budget.kept < MAX_KEPT_PER_MINUTE;
        budget.kept += u32::from(may);
        may
    }

    fn give_back(&mut self, counts: Counts) {
        for (key, count) in counts {
            *self.counts.entry(key).or_default() += count;
        }
    }
}

fn rows(counts: &Counts) -> Vec<RefusalCount> {
    let row = |((source_id, reason), count): (&(SourceId, &'static str), &u64)| RefusalCount {
        source_id: *source_id,
        reason: (*reason).to_owned(),
        count: *count,
    };
    counts.iter().map(row).collect()
}

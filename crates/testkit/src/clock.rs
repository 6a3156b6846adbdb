//! Time turned by hand.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringback_domain::{Clock, Timestamp};
use tokio::sync::watch;

use crate::wait::within;

/// A clock that stands still until a test turns it. Clones are handles to the same one.
///
/// It knows who sleeps, so that a test can wait until all have done what the present time gives them to do.
#[derive(Debug, Clone)]
pub struct FakeClock {
    time: Arc<watch::Sender<Timestamp>>,
    sleepers: Arc<watch::Sender<Sleepers>>,
}

/// How many sleep until when.
type Sleepers = BTreeMap<Timestamp, usize>;

impl FakeClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn new(start: Timestamp) -> Self {
        Self { time: Arc::new(watch::Sender::new(start)), sleepers: Arc::default() }
    }

    /// Turns the clock forward, and wakes whoever slept until a time that is now reached.
    pub fn advance(&self, by: Duration) {
        self.time.send_modify(|now| *now = now.plus(by));
    }

    /// Sets the clock to `time`, forwards or backwards.
    pub fn set(&self, time: Timestamp) {
        self.time.send_replace(time);
    }

    /// Waits until at least `count` sleep and none of them has been reached by the present time: each that
    /// was woken has looked around and gone to sleep again. What they have set going meanwhile may still be
    /// under way.
    ///
    /// # Panics
    /// After [`crate::PATIENCE`].
    pub async fn settled(&self, count: usize) {
        let asleep = |sleepers: &Sleepers| {
            sleepers.values().sum::<usize>() >= count
                && sleepers.first_key_value().is_none_or(|(first, _)| *first > self.now())
        };
        let mut sleepers = self.sleepers.subscribe();
        within("everybody to sleep", sleepers.wait_for(asleep)).await.expect(HELD);
    }

    /// Waits until nobody sleeps: all who used the clock have ended.
    ///
    /// # Panics
    /// After [`crate::PATIENCE`].
    pub async fn deserted(&self) {
        let mut sleepers = self.sleepers.subscribe();
        within("the last sleeper to leave", sleepers.wait_for(Sleepers::is_empty)).await.expect(HELD);
    }
}

/// Why waiting on a channel of the clock cannot fail.
const HELD: &str = "the clock itself holds the sending end";

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        *self.time.borrow()
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let clock = self.clone();
        let sleeper = Sleeper::lie_down(&self.sleepers, instant);
        Box::pin(async move {
            let _sleeper = sleeper;
            let mut time = clock.time.subscribe();
            time.wait_for(|now| *now >= instant).await.expect(HELD);
        })
    }
}

/// One who sleeps, for as long as it lives.
struct Sleeper {
    sleepers: Arc<watch::Sender<Sleepers>>,
    until: Timestamp,
}

impl Sleeper {
    fn lie_down(sleepers: &Arc<watch::Sender<Sleepers>>, until: Timestamp) -> Self {
        sleepers.send_modify(|all| *all.entry(until).or_default() += 1);
        Self { sleepers: Arc::clone(sleepers), until }
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.sleepers.send_modify(|all| {
            if let Some(count) = all.get_mut(&self.until) {
                *count -= 1;
                if *count == 0 {
                    all.remove(&self.until);
                }
            }
        });
    }
}

/// The present time by the machine's clock, for signing what a real gateway is to accept.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "a real gateway reads the machine's clock, so its caller has to"
)]
pub fn wall_clock_now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::task::JoinSet;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_unix_secs(secs)
    }

    #[tokio::test]
    async fn sleepers_wake_when_their_time_is_reached_and_not_before() {
        let clock = FakeClock::new(at(100));
        let mut sleeping = JoinSet::new();
        sleeping.spawn(clock.sleep_until(at(105)));
        clock.settled(1).await;
        clock.advance(Duration::from_secs(4));
        clock.settled(1).await;
        assert!(sleeping.try_join_next().is_none());
        clock.advance(Duration::from_secs(1));
        assert!(within("the sleeper to wake", sleeping.join_next()).await.is_some());
        clock.deserted().await;
    }

    #[tokio::test]
    async fn a_time_that_is_reached_already_needs_no_sleep() {
        let clock = FakeClock::new(at(100));
        within("no sleep", clock.sleep_until(at(100))).await;
        within("no sleep", clock.sleep_until(at(99))).await;
    }

    #[tokio::test]
    async fn who_gives_up_is_no_sleeper_any_more() {
        let clock = FakeClock::new(at(100));
        let sleep = clock.sleep_until(at(200));
        clock.settled(1).await;
        drop(sleep);
        clock.deserted().await;
    }
}

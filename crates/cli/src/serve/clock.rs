//! The machine's clock.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ringback_domain::{Clock, Timestamp};
use tokio::time::Instant;

/// How long a wait goes on before the wall clock is asked again: it may have been set meanwhile.
const LOOK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// The wall clock of this machine.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            // When the clock is set back, what was a minute ahead must not become an hour ahead.
            let at_the_latest = Instant::now() + instant.since(now());
            loop {
                let rest = instant.since(now()).min(at_the_latest.saturating_duration_since(Instant::now()));
                if rest.is_zero() {
                    return;
                }
                tokio::time::sleep(rest.min(LOOK_AGAIN_AFTER)).await;
            }
        })
    }
}

/// The present time, for commands that sign a call themselves.
#[expect(clippy::disallowed_methods, reason = "the composition root is where the wall clock is read")]
pub(crate) fn now() -> Timestamp {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_ms(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

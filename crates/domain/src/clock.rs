//! Where time comes from, for the few parts that must wait.
//!
//! The composition root passes in the real clock; tests pass in one they turn by hand. Nothing below reads
//! the wall clock itself, so a simulated three days take no longer than the work in them.

use std::future::Future;
use std::pin::Pin;

use crate::Timestamp;

/// A source of the present time and of waiting.
pub trait Clock: Send + Sync + 'static {
    /// The present wall-clock time. May step backwards when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// Completes once [`Clock::now`] has reached `instant`; at once when it already has. If the clock is set
    /// back meanwhile it completes when as much time has passed as was to be waited for. Cancel by dropping.
    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

//! Waiting for the thing itself, with a limit.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

/// The longest that anything here is waited for: 10 s, far beyond what a passing test needs.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How often [`until`] asks.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(5);

/// Waits for a future.
///
/// # Panics
/// When it is not done within [`PATIENCE`]; `what` says what was waited for.
pub async fn within<F: Future>(what: &str, future: F) -> F::Output {
    match timeout(PATIENCE, future).await {
        Ok(output) => output,
        Err(_) => panic!("waited {PATIENCE:?} in vain for {what}"),
    }
}

/// Asks again and again until there is an answer: for what tells nobody when it changes, such as a row.
///
/// # Panics
/// When there is none within [`PATIENCE`]; `what` says what was waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    until_at_last(what, PATIENCE, ASK_AGAIN_AFTER, ask).await
}

/// The same for what may take longer, or is dear to ask for: with this patience, and this pause between two
/// questions.
///
/// # Panics
/// When there is none within `patience`, or one answer takes longer than [`PATIENCE`].
pub async fn until_at_last<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    pause: Duration,
    mut ask: impl FnMut() -> F,
) -> T {
    let give_up_at = Instant::now() + patience;
    loop {
        if let Some(answer) = within(what, ask()).await {
            return answer;
        }
        assert!(Instant::now() < give_up_at, "waited {patience:?} in vain for {what}");
        sleep(pause).await;
    }
}

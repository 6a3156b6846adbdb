//! Short windows, taken in turn, and the median of each subject's windows.
//!
//! Whatever slows the machine for a while slows all subjects alike, since none of them waits long for its
//! next window; the median forgets the windows that something else has broken into.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Long enough for the clock's own cost to vanish, short enough to fit between two interruptions.
const WINDOW: Duration = Duration::from_millis(1);

/// One operation that can be repeated and timed.
pub(crate) struct Stopwatch<'c> {
    repeat: Box<dyn FnMut(u64) -> Duration + 'c>,
    repetitions: u64,
}

impl<'c> Stopwatch<'c> {
    /// Times `operation`, which says whether it came out right.
    ///
    /// The repetitions that fill a window are found by doubling.
    ///
    /// # Panics
    /// When `operation` comes out wrong, now or later: its time would be that of something else.
    pub(crate) fn new(mut operation: impl FnMut() -> bool + 'c) -> Self {
        let mut repeat: Box<dyn FnMut(u64) -> Duration + 'c> = Box::new(move |repetitions| {
            let start = Instant::now();
            let mut right = true;
            for _ in 0..repetitions {
                right &= black_box(operation());
            }
            let elapsed = start.elapsed();
            assert!(right, "an operation of the benchmark came out wrong");
            elapsed
        });
        let mut repetitions = 1;
        while repeat(repetitions) < WINDOW {
            repetitions *= 2;
        }
        Self { repeat, repetitions }
    }

    /// One window: nanoseconds per operation.
    fn window(&mut self) -> f64 {
        let elapsed = (self.repeat)(self.repetitions);
        #[expect(clippy::cast_precision_loss, reason = "repetitions of a millisecond are far below 2^52")]
        let repetitions = self.repetitions as f64;
        elapsed.as_secs_f64() * 1e9 / repetitions
    }
}

/// The median of `rounds` windows of each, in nanoseconds per operation.
///
/// Every round runs all of them once, every other round from the last to the first, so that none profits from
/// its neighbour.
pub(crate) fn medians(stopwatches: &mut [Stopwatch<'_>], rounds: usize) -> Vec<f64> {
    let mut windows: Vec<Vec<f64>> = vec![Vec::with_capacity(rounds); stopwatches.len()];
    for round in 0..rounds {
        let mut turns: Vec<_> = windows.iter_mut().zip(stopwatches.iter_mut()).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (windows, stopwatch) in turns {
            windows.push(stopwatch.window());
        }
    }
    windows.into_iter().map(median).collect()
}

/// The middle value; of an even number the upper of the two.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

//! How long calls take, on both databases in turn.
//!
//! *First*: everything is called once, wherever what it needs is: a long history is on the disk for the most
//! part. *Warm*: then all of it once more, and each call is timed right after one that needs the same pages,
//! so that what it needs is in memory however much is stored. Without the first round a warm call would come
//! right after one that waited for the disk, and be slow by that: the processor has slept and forgotten.

use std::time::Duration;

use tokio::time::Instant;

use super::Operation;
use super::known::Known;
use super::tester::Tester;
use crate::database::Database;
use crate::failure::Failure;
use crate::median::median;

/// Medians of the small and of the big database, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Medians {
    pub(super) first: [f64; 2],
    pub(super) warm: [f64; 2],
}

/// For each operation.
pub(super) async fn of(small: &Database, big: &Database, calls: u32) -> Result<Vec<Medians>, Failure> {
    let both = [
        Tester::open(small, Known::of(small).await?).await?,
        Tester::open(big, Known::of(big).await?).await?,
    ];
    let mut medians = Vec::new();
    for operation in Operation::ALL {
        let first = series(&both, operation, calls, false).await?;
        let warm = series(&both, operation, calls, operation.can_be_near()).await?;
        medians.push(Medians { first, warm });
    }
    for tester in both {
        tester.close().await?;
    }
    Ok(medians)
}

async fn series(
    both: &[Tester; 2],
    operation: Operation,
    calls: u32,
    after_another: bool,
) -> Result<[f64; 2], Failure> {
    let mut times: [Vec<Duration>; 2] = Default::default();
    for number in 0..calls {
        // Neither is always the one that comes after the other.
        let order = if number.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        for which in order {
            if after_another {
                both[which].call(operation, number as usize).await?;
            }
            let begun = Instant::now();
            both[which].call(operation, number as usize).await?;
            times[which].push(begun.elapsed());
        }
    }
    let micros = |times: Vec<Duration>| median(times.iter().map(|time| time.as_secs_f64() * 1e6));
    Ok(times.map(|times| micros(times).unwrap_or_default()))
}

//! How long calls take, on both databases in turn. A call that changes nothing is made twice, one right after the other, and the second is
//! timed: what it needs is in memory then, however much is stored.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use super::Operation;
use super::known::Known;
use super::tester::Tester;
use crate::database::Database;
use crate::failure::Failure;
use crate::median::median;

/// Calls that precede those which are timed.
const WARM_UP: u32 = 30;

/// Medians of the small and of the big database for each operation, in microseconds.
pub(super) async fn of(small: &Database, big: &Database, calls: u32) -> Result<Vec<[f64; 2]>, Failure> {
    let both = [
        Tester::open(small, Known::of(small).await?).await?,
        Tester::open(big, Known::of(big).await?).await?,
    ];
    let mut medians = Vec::new();
    for operation in Operation::ALL {
        series(&both, operation, 0..WARM_UP).await?;
        medians.push(series(&both, operation, WARM_UP..WARM_UP + calls).await?);
    }
    for tester in both {
        tester.close().await?;
    }
    Ok(medians)
}

async fn series(both: &[Tester; 2], operation: Operation, numbers: Range<u32>) -> Result<[f64; 2], Failure> {
    let mut times: [Vec<Duration>; 2] = Default::default();
    for number in numbers {
        // Neither is always the one that comes after the other.
        let order = if number.is_multiple_of(2) { [0, 1] } else { [1, 0] };
        for which in order {
            if !operation.writes() {
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

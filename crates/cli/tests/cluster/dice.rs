//! Chance that can be seen again.

use std::env;
use std::time::Duration;

use ringback_testkit::wall_clock_now;

/// The generator `SplitMix64`.
pub(crate) struct Dice(u64);

impl Dice {
    /// From `RINGBACK_CHAOS_SEED`, or the time; the seed is printed.
    pub(crate) fn from_environment() -> Self {
        let seed = number_in("RINGBACK_CHAOS_SEED");
        let seed = seed.unwrap_or_else(|| wall_clock_now().as_unix_ms().unsigned_abs());
        println!("to see this run again: RINGBACK_CHAOS_SEED={seed}");
        Self(seed)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bound = u64::try_from(bound).expect("a test's number is small");
        usize::try_from((z ^ (z >> 31)) % bound).expect("it is below one that was")
    }

    /// A span from `least` up to `most`.
    pub(crate) fn span(&mut self, least: Duration, most: Duration) -> Duration {
        let room = usize::try_from((most - least).as_millis()).expect("a test's span is short");
        least + Duration::from_millis(self.below(room + 1) as u64)
    }
}

/// The number that a variable holds, if it is set.
///
/// # Panics
/// When it is set to anything else.
#[expect(clippy::disallowed_methods, reason = "whoever runs a test says how long and what of it")]
pub(crate) fn number_in(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

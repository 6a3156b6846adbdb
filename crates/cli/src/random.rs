//! Randomness from the system, for the parts that take it as a value.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};

/// Bytes that nobody can guess.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("the system's random number generator works");
    bytes
}

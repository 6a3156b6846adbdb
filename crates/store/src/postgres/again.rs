//! Trying again what met another transaction.

/// How often a transaction is tried that meets others.
pub(super) const MAX_TRIES: usize = 5;

/// Does something until it meets no other transaction any more, or has met too many. What was refused for
/// another's sake is rolled back, so nothing is done twice.
macro_rules! until_it_meets_none {
    ($attempt:expr) => {{
        let mut tries = 1;
        loop {
            match $attempt.await {
                Err($crate::postgres::failure::Failure::Again)
                    if tries < $crate::postgres::again::MAX_TRIES =>
                {
                    tries += 1;
                }
                outcome => break outcome,
            }
        }
    }};
}
pub(super) use until_it_meets_none;

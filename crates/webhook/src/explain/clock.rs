//! The signature is right and the time is not: whose clock is it, or nobody's?

use super::{
    ExplainInput, Explanation, Facts,
    hypotheses::{How, TABLE},
};

/// How far clocks are believed to be apart without other evidence, in seconds: 6 hours. A call older than
/// that was rather late or recorded; the clock of a machine in the wrong time zone is mostly off by less, or
/// by other calls too.
const MAX_SKEW_SECS: u64 = 6 * 3600;

/// How much the offsets of two calls differ at most if one clock causes both, in seconds.
const SAME_OFFSET_SECS: u64 = 60;

/// How near a time in other units must come to be the explanation, in seconds: a day, so that a skew does not
/// hide it.
const SAME_TIME_SECS: u64 = 24 * 3600;

/// What the clocks say. Every number is in seconds.
pub(super) struct Clocks<'a> {
    pub(super) now: i64,
    pub(super) offset: i64,
    pub(super) recent_offsets: &'a [i64],
    pub(super) tolerance: u64,
}

/// Of a call that verifies at another time, why it does not now. The last of these hypotheses always holds.
pub(super) fn explain<H: ?Sized>(input: &ExplainInput<'_, H>, facts: Facts) -> Explanation {
    let clocks = Clocks {
        now: input.now.0,
        offset: facts.offset_secs.unwrap_or_default(),
        recent_offsets: input.recent_offsets_secs,
        tolerance: input.tolerance_secs.into(),
    };
    let row = TABLE.iter().find(|row| matches!(row.how, How::Clock(holds) if holds(&clocks)));
    let finding = &row.expect("a call out of time is at least late").finding;
    // A single old call could always be a recorded one; what else there is has witnesses.
    let certain = clocks.offset < 0 || clocks.in_milliseconds() || !clocks.recent_offsets.is_empty();
    if certain { Explanation::certain([finding], facts) } else { Explanation::guess([finding], facts) }
}

impl Clocks<'_> {
    fn in_milliseconds(&self) -> bool {
        timestamp_in_milliseconds(self) || now_in_milliseconds(self)
    }

    /// Whether the other calls are off as much as this one, as far as there are any.
    fn others_agree(&self) -> bool {
        let agrees = |other: &i64| other.abs_diff(self.offset) <= SAME_OFFSET_SECS.max(self.tolerance);
        self.recent_offsets.iter().all(agrees)
    }
}

pub(super) fn timestamp_in_milliseconds(clocks: &Clocks<'_>) -> bool {
    let timestamp = clocks.now.saturating_sub(clocks.offset);
    timestamp.div_euclid(1000).abs_diff(clocks.now) <= SAME_TIME_SECS
}

pub(super) fn now_in_milliseconds(clocks: &Clocks<'_>) -> bool {
    let timestamp = clocks.now.saturating_sub(clocks.offset);
    clocks.now.div_euclid(1000).abs_diff(timestamp) <= SAME_TIME_SECS
}

pub(super) fn one_sender_ahead(clocks: &Clocks<'_>) -> bool {
    clocks.offset < 0 && !clocks.others_agree()
}

pub(super) fn receiver_behind(clocks: &Clocks<'_>) -> bool {
    clocks.offset < 0
}

/// Other calls decide if there are any: a wrong clock makes all of them look old by the same amount.
pub(super) fn receiver_ahead(clocks: &Clocks<'_>) -> bool {
    let witnessed = !clocks.recent_offsets.is_empty();
    clocks.others_agree() && (witnessed || clocks.offset.unsigned_abs() <= MAX_SKEW_SECS)
}

pub(super) fn late_or_replayed(clocks: &Clocks<'_>) -> bool {
    clocks.offset >= 0
}

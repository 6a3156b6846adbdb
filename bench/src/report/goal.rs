//! What a scenario is to reach, and whether it has.

use std::time::Duration;

use super::ScenarioReport;

/// A bound of one figure, or of two of the same run beside each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Goal {
    /// At least this share of the other's events a second.
    Share(f64),
    /// A median latency that is at most so much longer than the other's.
    Within(Duration),
    /// A latency exceeded by one call in a hundred that is at most so many times the other's.
    TailRatio(f64),
    /// Ready for traffic within this time of its start.
    ReadyWithin(Duration),
    /// At most so much memory resident at any time, in MiB.
    PeakMib(f64),
}

impl Goal {
    /// Whether it is met. `None` if what it is about was not measured.
    pub(super) fn is_met(self, report: &ScenarioReport) -> Option<bool> {
        self.value(report).map(|value| self.permits(value))
    }

    /// The sentence about it.
    pub(super) fn sentence(self, report: &ScenarioReport) -> String {
        let aim = match self {
            Self::Share(least) => format!("events/s, ratio at least {least:.2}"),
            Self::Within(most) => {
                format!("latency p50 at most {:.1} ms longer", most.as_secs_f64() * 1e3)
            }
            Self::TailRatio(most) => format!("latency p99, ratio at most {most:.2}"),
            Self::ReadyWithin(most) => format!("ready within {} s", most.as_secs_f64()),
            Self::PeakMib(most) => format!("resident at most {most:.0} MiB at its peak"),
        };
        match self.value(report) {
            Some(value) if self.permits(value) => format!("{aim}: met ({value:.2})"),
            Some(value) => format!("{aim}: NOT met ({value:.2})"),
            None => format!("{aim}: not measured"),
        }
    }

    fn value(self, report: &ScenarioReport) -> Option<f64> {
        match self {
            Self::Share(_) => report.ratio,
            Self::Within(_) => report.p50_difference_ms,
            Self::TailRatio(_) => report.p99_ratio,
            Self::ReadyWithin(_) => report.ours.ready_secs,
            Self::PeakMib(_) => Some(report.ours.memory.peak_mib()),
        }
    }

    fn permits(self, value: f64) -> bool {
        match self {
            Self::Share(least) => value >= least,
            Self::Within(most) => value <= most.as_secs_f64() * 1e3,
            Self::ReadyWithin(most) => value <= most.as_secs_f64(),
            Self::TailRatio(most) | Self::PeakMib(most) => value <= most,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Goal;

    #[test]
    fn a_bound_itself_is_permitted() {
        for (goal, bound, beyond) in [
            (Goal::Share(0.7), 0.7, 0.69),
            (Goal::Within(Duration::from_micros(1500)), 1.5, 1.6),
            (Goal::TailRatio(1.5), 1.5, 1.51),
            (Goal::ReadyWithin(Duration::from_secs(5)), 5.0, 5.1),
            (Goal::PeakMib(250.0), 250.0, 250.5),
        ] {
            assert!(goal.permits(bound) && !goal.permits(beyond), "{goal:?}");
        }
        assert!(Goal::Within(Duration::ZERO).permits(-3.0), "sooner than the other");
    }
}

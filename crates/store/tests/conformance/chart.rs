//! `docs/STATE_MACHINE.md` and the enumerations say the same; a backend's own tests hold its constraints
//! against both.

use std::collections::BTreeSet;

use ringback_domain::{AttemptOutcome, DeliveryState, Disposition, EndReason, EventState, ReplayState};

const CHART: &str = include_str!("../../../../docs/STATE_MACHINE.md");

/// The text of a section, up to the next one.
fn section(title: &str) -> &'static str {
    let (_, rest) =
        CHART.split_once(&format!("\n## {title}\n")).unwrap_or_else(|| panic!("no section {title}"));
    rest.split("\n## ").next().unwrap()
}

/// The arrows of a section's first chart: from, to, and why.
fn arrows(section: &'static str) -> Vec<(&'static str, &'static str, &'static str)> {
    let chart = section.split("```").nth(1).unwrap();
    let arrow = |line: &'static str| {
        let (from, rest) = line.trim().split_once(" --> ")?;
        let (to, why) = rest.split_once(": ")?;
        Some((from, to, why))
    };
    chart.lines().filter_map(arrow).collect()
}

/// The rows of the table in a section whose heading begins so; each cell without its quotes.
fn table(section: &'static str, heading: &str) -> Vec<Vec<&'static str>> {
    let cells = |line: &'static str| -> Vec<&'static str> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('`')).collect()
    };
    let mut lines = section.lines().skip_while(|line| !line.trim().starts_with(heading));
    assert!(lines.next().is_some(), "no table {heading}");
    lines.skip(1).take_while(|line| line.trim().starts_with('|')).map(cells).collect()
}

/// Each once.
pub(crate) fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
    words.into_iter().collect()
}

#[test]
fn each_chart_has_the_states_of_its_enumeration() {
    for (title, states) in [
        ("A delivery", words(DeliveryState::ALL.iter().map(|state| state.as_str()))),
        ("A replay", words(ReplayState::ALL.iter().map(|state| state.as_str()))),
    ] {
        let arrows = arrows(section(title));
        let drawn = arrows.iter().flat_map(|(from, to, _)| [*from, *to]).filter(|state| *state != "[*]");
        assert_eq!(words(drawn), states, "{title}");
        // What is final is left by pruning alone.
        for (from, to, why) in arrows {
            let is_final = from.parse().is_ok_and(DeliveryState::is_final);
            assert!(!is_final || (to, why) == ("[*]", "pruned"), "{title}: {from} to {to}");
        }
    }
    let named = |title, heading| words(table(section(title), heading).into_iter().map(|row| row[0]));
    let outcomes = AttemptOutcome::ALL.iter().map(|outcome| outcome.as_str());
    assert_eq!(named("An attempt", "| outcome |"), words(outcomes));
    let states = EventState::ALL.iter().map(|state| state.as_str());
    assert_eq!(named("An event", "| state |"), words(states));
    let calls = section("A call to an ingest URL");
    let is_missing = |disposition: &&Disposition| !calls.contains(disposition.as_str());
    assert_eq!(Disposition::ALL.iter().find(is_missing), None);
}

#[test]
fn each_reason_has_its_state_and_an_arrow() {
    let delivery = section("A delivery");
    let reasons = table(delivery, "| state | `end_reason` |");
    let named: Vec<_> = reasons.iter().map(|row| row[1]).collect();
    assert_eq!(named.len(), EndReason::ALL.len(), "each once: {named:?}");
    assert_eq!(words(named), words(EndReason::ALL.iter().map(|reason| reason.as_str())));
    for row in reasons {
        let [state, reason, arrow] = row[..] else { panic!("three cells: {row:?}") };
        let drawn = arrows(delivery).into_iter().any(|(_, to, why)| to == state && why == arrow);
        assert!(drawn, "{reason}: no arrow to {state} says `{arrow}`");
    }
}

/// Whether a delivery may be in this state for this reason.
pub(crate) fn is_drawn(state: DeliveryState, reason: Option<EndReason>) -> bool {
    let Some(reason) = reason else {
        return matches!(state, DeliveryState::Pending | DeliveryState::Delivered);
    };
    let reasons = table(section("A delivery"), "| state | `end_reason` |");
    reasons.iter().any(|row| row[..2] == [state.as_str(), reason.as_str()])
}

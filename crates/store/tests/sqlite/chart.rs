//! `docs/STATE_MACHINE.md`, the enumerations and the constraints say the same.

use std::collections::BTreeSet;

use ringback_domain::{
    AttemptOutcome, DeliveryState, EndReason, EventState, Ordering, ReplayFilter, ReplayState, Trigger,
};
use ringback_store::{SqliteStore, Store};
use rusqlite::Connection;

use crate::backend::{DatabaseFolder, options};
use crate::conformance::World;

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

fn words<'a>(words: impl IntoIterator<Item = &'a str>) -> BTreeSet<&'a str> {
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

/// A database with one delivery that has been attempted and may expire, so that nothing but its end is in question.
async fn one_attempted() -> (World, Connection) {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    world.endpoint(&["*"]).await;
    world.publication("wh_1").ageing(60).append().await;
    let db = folder.connection();
    db.execute("UPDATE deliveries SET attempt_count = 1, first_attempt_at = 8", []).unwrap();
    (world, db)
}

#[tokio::test]
async fn the_database_takes_exactly_the_ends_of_the_chart() {
    let (_world, db) = one_attempted().await;
    let reasons = table(section("A delivery"), "| state | `end_reason` |");
    for state in DeliveryState::ALL {
        for reason in EndReason::ALL.iter().map(|reason| Some(*reason)).chain([None]) {
            let is_drawn = match reason {
                Some(reason) => reasons.iter().any(|row| row[..2] == [state.as_str(), reason.as_str()]),
                None => matches!(state, DeliveryState::Pending | DeliveryState::Delivered),
            };
            let tx = db.unchecked_transaction().unwrap();
            let sql = "UPDATE deliveries SET state = ?1, end_reason = ?2, due_at = iif(?3, NULL, 5), finished_at = iif(?3, 9, NULL)";
            let taken = tx.execute(sql, (state.as_str(), reason.map(EndReason::as_str), state.is_final()));
            assert_eq!(taken.is_ok(), is_drawn, "{state} {reason:?}: {taken:?}");
        }
    }
}

/// Every word that the store writes is one that the constraints know: they are lists, and could lack one.
#[tokio::test]
async fn the_database_knows_every_word() {
    let folder = DatabaseFolder::new();
    let store = SqliteStore::open(options(&folder)).unwrap();
    store.close().await;
    let schema: String = folder
        .connection()
        .query_row("SELECT group_concat(sql, '\n') FROM sqlite_schema WHERE type = 'table'", [], |row| {
            row.get(0)
        })
        .unwrap();
    let list_of = |column: &str| {
        let (_, rest) =
            schema.split_once(&format!("CHECK ({column} IN (")).unwrap_or_else(|| panic!("{column}"));
        words(rest.split(')').next().unwrap().split(", ").map(|word| word.trim_matches('\'')))
    };
    assert_eq!(list_of("trigger"), words(Trigger::ALL.iter().map(|trigger| trigger.as_str())));
    assert_eq!(list_of("outcome"), words(AttemptOutcome::ALL.iter().map(|outcome| outcome.as_str())));
    assert_eq!(list_of("ordering"), words(Ordering::ALL.iter().map(|ordering| ordering.as_str())));
    assert_eq!(list_of("event_state"), words(ReplayFilter::ALL.iter().map(|filter| filter.as_str())));
}

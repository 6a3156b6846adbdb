//! The constraints say what `docs/STATE_MACHINE.md` and the enumerations say.

use ringback_domain::{AttemptOutcome, DeliveryState, EndReason, Ordering, ReplayFilter, Trigger};
use ringback_store::{SqliteStore, Store};
use rusqlite::Connection;

use crate::backend::{DatabaseFolder, options};
use crate::conformance::World;
use crate::conformance::chart::{is_drawn, words};

/// A database with one delivery that has been attempted and may expire, so that nothing but its end is in
/// question.
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
    for state in DeliveryState::ALL {
        for reason in EndReason::ALL.iter().map(|reason| Some(*reason)).chain([None]) {
            let tx = db.unchecked_transaction().unwrap();
            let sql = "UPDATE deliveries SET state = ?1, end_reason = ?2, due_at = iif(?3, NULL, 5), finished_at = iif(?3, 9, NULL)";
            let taken = tx.execute(sql, (state.as_str(), reason.map(EndReason::as_str), state.is_final()));
            assert_eq!(taken.is_ok(), is_drawn(*state, reason), "{state} {reason:?}: {taken:?}");
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

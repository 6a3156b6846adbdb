//! The constraints say what `docs/STATE_MACHINE.md` and the enumerations say.

use std::collections::BTreeSet;

use ringback_domain::{AttemptOutcome, DeliveryState, EndReason, Ordering, ReplayFilter, Trigger};
use tokio_postgres::Client;

use crate::backend::Database;
use crate::conformance::World;
use crate::conformance::chart::{is_drawn, words};

/// Whether the one delivery there is, attempted and ageing, may end so.
async fn takes(client: &Client, state: DeliveryState, reason: Option<EndReason>) -> bool {
    client.batch_execute("BEGIN").await.unwrap();
    let sql = "UPDATE deliveries SET attempt_count = 1, first_attempt_at = 8, state = $1, end_reason = $2, \
               due_at = CASE WHEN $3::bool THEN NULL ELSE 5 END, finished_at = CASE WHEN $3 THEN 9 END";
    let (reason, is_final) = (reason.map(EndReason::as_str), state.is_final());
    let taken = client.execute(sql, &[&state.as_str(), &reason, &is_final]).await;
    client.batch_execute("ROLLBACK").await.unwrap();
    taken.is_ok()
}

#[tokio::test]
async fn the_database_takes_exactly_the_ends_of_the_chart() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    world.endpoint(&["*"]).await;
    world.publication("wh_1").ageing(60).append().await;
    let client = database.connection().await;
    for state in DeliveryState::ALL {
        for reason in EndReason::ALL.iter().map(|reason| Some(*reason)).chain([None]) {
            let taken = takes(&client, *state, reason).await;
            assert_eq!(taken, is_drawn(*state, reason), "{state} {reason:?}");
        }
    }
}

/// The words of the list that a column's own constraint has.
async fn list_of(client: &Client, table: &str, column: &str) -> BTreeSet<String> {
    let sql = "SELECT w.word[1] FROM pg_constraint AS c, \
               regexp_matches(pg_get_constraintdef(c.oid), $$'([a-z_]+)'::text$$, 'g') AS w (word) \
               WHERE c.conrelid = $1::text::regclass AND c.conname = $2";
    let rows = client.query(sql, &[&table, &format!("{table}_{column}_check")]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Every word that the store writes is one that the constraints know: they are lists, and could lack one.
#[tokio::test]
async fn the_database_knows_every_word() {
    let database = Database::new();
    let client = database.connection().await;
    let same =
        |list: &BTreeSet<String>, all: BTreeSet<&str>| assert!(list.iter().eq(&all), "{list:?}: {all:?}");
    let trigger = list_of(&client, "deliveries", "trigger").await;
    same(&trigger, words(Trigger::ALL.iter().map(|trigger| trigger.as_str())));
    let outcome = list_of(&client, "attempts", "outcome").await;
    same(&outcome, words(AttemptOutcome::ALL.iter().map(|outcome| outcome.as_str())));
    let ordering = list_of(&client, "endpoints", "ordering").await;
    same(&ordering, words(Ordering::ALL.iter().map(|ordering| ordering.as_str())));
    let event_state = list_of(&client, "replays", "event_state").await;
    same(&event_state, words(ReplayFilter::ALL.iter().map(|filter| filter.as_str())));
}

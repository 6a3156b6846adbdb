//! Secrets in the database: not to be read in any table.

use crate::backend::Database;
use crate::conformance::World;
use crate::conformance::secrecy::{self, Sought};

/// Every row of every table, as text: bytes are hexadecimal there.
async fn dump(database: &Database) -> String {
    let client = database.connection().await;
    let tables = "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
    let mut dump = String::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        for row in client.query(&format!("SELECT t::text FROM {table} AS t"), &[]).await.unwrap() {
            dump += row.get(0);
            dump.push('\n');
        }
    }
    dump
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn assert_hidden(database: &Database, sought: Sought) {
    let dump = dump(database).await;
    for text in &sought.shown {
        assert!(dump.contains(text), "{text}");
    }
    for bytes in &sought.hidden {
        let text = String::from_utf8_lossy(bytes);
        assert!(!dump.contains(&*text) && !dump.contains(&hexadecimal(bytes)), "{text}");
    }
}

#[tokio::test]
async fn no_signing_secret_is_stored_in_clear() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    assert_hidden(&database, secrecy::signing_secrets(&world).await).await;
}

#[tokio::test]
async fn no_key_to_a_users_app_is_stored_in_clear() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    assert_hidden(&database, secrecy::keys_of_apps(&world).await).await;
}

#[tokio::test]
async fn no_answer_to_a_repeatable_request_is_stored_in_clear() {
    let database = Database::new();
    let world = World::new(database.clone()).await;
    assert_hidden(&database, secrecy::answers(&world).await).await;
    // That the search finds bytes at all.
    let client = database.connection().await;
    client.batch_execute("UPDATE idempotency_keys SET answer = 'shown-only-once'").await.unwrap();
    assert!(dump(&database).await.contains(&hexadecimal(b"shown-only-once")));
}

//! Secrets on the disk: not to be read there, nor to be moved, nor left under a key that has been replaced.

use std::collections::BTreeSet;
use std::fs;

use ringback_domain::{ExtraHeader, SecretId, TypedId};
use ringback_store::keyring::KeyId;
use ringback_store::{Keyring, NewEndpoint, NewSource, OpenError, StoreError};
use rusqlite::Connection;

use crate::backend::DatabaseFolder;
use crate::conformance::secrecy::{self, Sought};
use crate::conformance::{World, assert_err, at, keyring, secret};

/// Whether any file of the data folder holds these bytes.
fn is_on_disk(folder: &DatabaseFolder, sought: &[u8]) -> bool {
    fs::read_dir(folder.path()).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes.windows(sought.len()).any(|window| window == sought)
    })
}

/// Asserts that all of `shown` is found in the folder, so that the search is known to work, and nothing of
/// `hidden`: while the store is open, so that the log is read too, and after it was folded into the database.
async fn assert_hidden(folder: &DatabaseFolder, world: World, sought: Sought) {
    for closed in [false, true] {
        if closed {
            world.store.close().await;
        }
        for text in &sought.shown {
            assert!(is_on_disk(folder, text.as_bytes()), "{text}, closed: {closed}");
        }
        for bytes in &sought.hidden {
            let text = String::from_utf8_lossy(bytes);
            assert!(!is_on_disk(folder, bytes), "{text}, closed: {closed}");
        }
    }
}

#[tokio::test]
async fn no_signing_secret_is_on_the_disk_in_clear() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let sought = secrecy::signing_secrets(&world).await;
    assert_hidden(&folder, world, sought).await;
}

#[tokio::test]
async fn no_key_to_a_users_app_is_on_the_disk_in_clear() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let sought = secrecy::keys_of_apps(&world).await;
    assert_hidden(&folder, world, sought).await;
}

#[tokio::test]
async fn no_answer_to_a_repeatable_request_is_on_the_disk_in_clear() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let sought = secrecy::answers(&world).await;
    assert_hidden(&folder, world, sought).await;
}

#[tokio::test]
async fn an_answer_opens_under_no_other_key() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    secrecy::answered(&world, "first", "1").await;
    let second = secrecy::answered(&world, "second", "2").await;
    let sql =
        "UPDATE idempotency_keys SET answer = (SELECT answer FROM idempotency_keys WHERE key = 'first')";
    assert_eq!(folder.connection().execute(sql, []), Ok(2));
    assert_err!(world.store.begin_idempotent(second).await, StoreError::Corrupt { .. });
}

/// The keys that what is kept for good is encrypted under, and how many ciphertexts there are.
fn key_ids(db: &Connection) -> (BTreeSet<KeyId>, usize) {
    let sql = "SELECT ciphertext FROM source_secrets UNION ALL SELECT ciphertext FROM endpoint_secrets \
               UNION ALL SELECT extras FROM endpoints WHERE extras IS NOT NULL";
    let mut statement = db.prepare(sql).unwrap();
    let sealed: Vec<Vec<u8>> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    (sealed.iter().map(|sealed| Keyring::key_id_of(sealed).unwrap()).collect(), sealed.len())
}

fn key_id(n: u8) -> KeyId {
    Keyring::key_id_of(&keyring(&[n]).encrypt("anywhere", b"")).unwrap()
}

#[tokio::test]
async fn a_start_leaves_nothing_under_an_older_key() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let with_secret = Some((world.id(), secret(3)));
    world.store.create_source(NewSource { secret: with_secret, ..world.new_source() }).await.unwrap();
    let header = ExtraHeader { name: "x-a".into(), value: "1".into() };
    for headers in [vec![], vec![header]] {
        let endpoint = NewEndpoint { headers, ..world.new_endpoint(&["*"]) };
        world.store.create_endpoint(endpoint).await.unwrap();
    }
    let db = folder.connection();
    assert_eq!(key_ids(&db), (BTreeSet::from([key_id(1)]), 4));
    let world = world.restart_under(keyring(&[2, 1])).await.unwrap();
    assert_eq!(key_ids(&db), (BTreeSet::from([key_id(2)]), 4));
    // What is under the first key already is left as it is.
    let sealed = |db: &Connection| -> Vec<u8> {
        db.query_row("SELECT ciphertext FROM source_secrets", [], |row| row.get(0)).unwrap()
    };
    let before = sealed(&db);
    drop(world.restart_under(keyring(&[2, 1])).await.unwrap());
    assert_eq!(sealed(&db), before);
}

#[tokio::test]
async fn a_ciphertext_opens_in_no_other_row() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let ids: [SecretId; 2] = [world.id(), world.id()];
    let source = world.source().await;
    for (id, n) in ids.into_iter().zip(1..) {
        world.store.add_source_secret(world.project, source, (id, secret(n)), at(1)).await.unwrap();
    }
    let sql = "UPDATE source_secrets SET ciphertext = (SELECT ciphertext FROM source_secrets WHERE id = ?1) WHERE id = ?2";
    let moved = folder.connection().execute(sql, [ids[0].to_bytes(), ids[1].to_bytes()]).unwrap();
    assert_eq!(moved, 1);
    assert_err!(world.restart_under(keyring(&[1])).await, OpenError::Config(_));
}

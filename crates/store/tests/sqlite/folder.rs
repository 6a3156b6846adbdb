//! The data folder: one process at a time, private, with a key of its own, and no schema from the future.

use std::fs;

use ringback_store::{OpenError, SqliteOptions, SqliteStore, Store, StoreError};
use rusqlite::params;

use crate::backend::{DatabaseFolder, options};
use crate::conformance::{World, assert_err, at, keyring, secret};

#[tokio::test]
async fn a_folder_is_opened_once_at_a_time() {
    let folder = DatabaseFolder::new();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let refused = SqliteStore::open(options(&folder));
    assert_err!(refused, OpenError::Locked { path } if path == folder.path());
    store.close().await;
    assert_err!(SqliteStore::open(options(&folder)), OpenError::Locked { .. });
    drop(store);
    drop(SqliteStore::open(options(&folder)).unwrap());
    SqliteStore::open(options(&folder)).unwrap();
}

/// The log is folded into the database by the last connection that closes, so a closed folder can be copied
/// as one file.
#[tokio::test]
async fn a_closed_database_is_one_file() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let source = world.source().await;
    let event = world.call(source, "wh_1").append().await.event_id;
    // Reads of their own connections, which must be gone as well.
    world.event(event).await;
    world.store.close().await;
    assert!(folder.path().join("ringback.db").exists());
    assert!(!folder.path().join("ringback.db-wal").exists());
    assert!(!folder.path().join("ringback.db-shm").exists());
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = DatabaseFolder::new();
    drop(SqliteStore::open(options(&folder)).unwrap());
    let sql = "INSERT INTO refinery_schema_history (version, name, applied_on, checksum) \
               VALUES (9999, 'from_the_future', '2030-01-01T00:00:00Z', '1')";
    folder.connection().execute(sql, []).unwrap();
    assert_err!(SqliteStore::open(options(&folder)), OpenError::Migration(_));
    folder
        .connection()
        .execute("DELETE FROM refinery_schema_history WHERE version = ?1", params![9999])
        .unwrap();
    SqliteStore::open(options(&folder)).unwrap();
}

#[test]
fn what_is_no_database_and_what_is_no_folder_are_told_apart() {
    let folder = DatabaseFolder::new();
    fs::create_dir(folder.path()).unwrap();
    fs::write(folder.path().join("ringback.db"), "this is no database, however long it may be".repeat(100))
        .unwrap();
    assert_err!(SqliteStore::open(options(&folder)), OpenError::Database { .. });

    let folder = DatabaseFolder::new();
    fs::write(folder.path(), "a file").unwrap();
    assert_err!(SqliteStore::open(options(&folder)), OpenError::Folder { .. });
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_may_read_the_folder_and_each_file_in_it() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: std::path::PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let folder = DatabaseFolder::new();
    let store = SqliteStore::open(SqliteOptions { keyring: None, ..options(&folder) }).unwrap();
    store.check().await.unwrap();
    assert_eq!(mode(folder.path()), 0o700);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        names.push(path.file_name().unwrap().to_str().unwrap().to_owned());
        assert_eq!(mode(path.clone()), 0o600, "{}", path.display());
    }
    names.sort();
    assert_eq!(names, ["encryption-key", "lock", "ringback.db", "ringback.db-shm", "ringback.db-wal"]);
}

#[tokio::test]
async fn a_folders_own_key_is_kept_and_never_replaced_while_it_is_needed() {
    let folder = DatabaseFolder::new();
    let own = |folder: &DatabaseFolder| SqliteStore::open(SqliteOptions { keyring: None, ..options(folder) });
    let key = folder.path().join("encryption-key");
    drop(own(&folder).unwrap());
    let first = fs::read(&key).unwrap();
    // Without any secret a lost key is made anew.
    fs::remove_file(&key).unwrap();
    drop(own(&folder).unwrap());
    let second = fs::read(&key).unwrap();
    assert_ne!(first, second);

    // A secret under the folder's key, made through a world that is given that key.
    let ring = || {
        let key = <&[u8; 32]>::try_from(second.as_slice()).unwrap();
        ringback_store::Keyring::new(ringback_store::EncryptionKey::new(key), [])
    };
    let world = World::new(folder.clone()).await.restart_under(ring()).await.unwrap();
    world.endpoint(&["*"]).await;
    drop(world);
    drop(own(&folder).unwrap());
    fs::remove_file(&key).unwrap();
    assert_err!(own(&folder), OpenError::MissingKey { .. });
    assert!(!key.exists(), "no new key papers over the lost one");
    fs::write(&key, &second[..31]).unwrap();
    assert_err!(own(&folder), OpenError::Folder { .. });
    fs::write(&key, &second).unwrap();
    own(&folder).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_database_that_was_removed_takes_nothing_until_it_is_back() {
    let folder = DatabaseFolder::new();
    let store = SqliteStore::open(options(&folder)).unwrap();
    let (place, aside) = (folder.path().join("ringback.db"), folder.path().join("aside"));
    std::fs::rename(&place, &aside).unwrap();
    let error = store.set_admin_key([1; 32]).await.unwrap_err();
    let StoreError::Unavailable(cause) = &error else { panic!("{error:?}") };
    assert!(cause.to_string().contains("put it back"), "{cause}");
    assert!(store.check().await.is_err());
    std::fs::rename(&aside, &place).unwrap();
    store.set_admin_key([2; 32]).await.unwrap();
    drop(store);
    let store = SqliteStore::open(options(&folder)).unwrap();
    assert_eq!(store.config().admin_key_sha256(), Some(&[2; 32]));
}

/// A key may be lost as long as nothing is encrypted under it. Many nodes on one database must have the same
/// from the beginning.
#[tokio::test]
async fn a_database_without_secrets_opens_under_any_key() {
    let world = World::new(DatabaseFolder::new()).await;
    let source = world.source().await;
    let added = world.store.add_source_secret(world.project, source, (world.id(), secret(3)), at(1)).await;
    for added in &added.unwrap().secrets {
        world.store.remove_source_secret(world.project, source, added.id, at(1)).await.unwrap();
    }
    let world = world.restart_under(keyring(&[2])).await.unwrap();
    world.store.add_source_secret(world.project, source, (world.id(), secret(5)), at(2)).await.unwrap();
    let (_, refusal) = world.refused_under(keyring(&[1]), keyring(&[2])).await;
    assert_err!(Err::<(), _>(refusal), OpenError::MissingKey { .. });
}

//! What is said of a database from outside, and its schema brought up to date without a server.

use ringback_store::{OpenError, SqliteStore, Store, migrate_sqlite, sqlite_in_use, sqlite_status};

use crate::backend::{DatabaseFolder, options};
use crate::conformance::{World, assert_err};

#[tokio::test]
async fn a_database_is_looked_at_beside_its_server_and_without_it() {
    let folder = DatabaseFolder::new();
    assert_eq!(sqlite_status(&folder.path()).unwrap(), None);
    let store = SqliteStore::open(options(&folder)).unwrap();
    store.set_admin_key([1; 32]).await.unwrap();
    let beside = sqlite_status(&folder.path()).unwrap().unwrap();
    assert!(beside.log_bytes > 0, "what was just written is in the log: {beside:?}");
    store.close().await;
    drop(store);
    let without = sqlite_status(&folder.path()).unwrap().unwrap();
    assert_eq!(without.log_bytes, 0);
    assert_eq!(without.path, folder.path().join("ringback.db"));
    assert_eq!(without.size_bytes % without.page_bytes, 0);
    assert_eq!((without.schema_version, without.pending.len()), (without.newest_known, 0));
}

#[tokio::test]
async fn a_database_is_in_use_once_somebody_has_put_something_into_it() {
    let folder = DatabaseFolder::new();
    assert_eq!(sqlite_in_use(&folder.path()).unwrap(), None);
    let world = World::new(folder.clone()).await;
    assert_eq!(sqlite_in_use(&folder.path()).unwrap(), None, "what comes with a project is nobody's");
    world.source().await;
    assert_eq!(sqlite_in_use(&folder.path()).unwrap(), Some(folder.path().join("ringback.db")));
    world.store.close().await;
    std::fs::write(folder.path().join("ringback.db"), "no database, but longer than a header of one is")
        .unwrap();
    assert_err!(sqlite_in_use(&folder.path()), OpenError::Database { .. } | OpenError::Damaged { .. });
}

#[test]
fn the_schema_is_brought_up_to_date_without_a_server_but_not_beside_one() {
    let folder = DatabaseFolder::new();
    assert_eq!(migrate_sqlite(&folder.path()).unwrap(), None);
    assert!(!folder.path().join("ringback.db").exists(), "it was only to be migrated");
    // A database as one that has not begun yet.
    std::fs::create_dir_all(folder.path()).unwrap();
    std::fs::File::create(folder.path().join("ringback.db")).unwrap();
    let pending = sqlite_status(&folder.path()).unwrap().unwrap().pending;
    assert_eq!(pending[0], "V1__initial");
    assert_eq!(migrate_sqlite(&folder.path()).unwrap(), Some(pending));
    assert_eq!(migrate_sqlite(&folder.path()).unwrap(), Some(Vec::new()));
    let store = SqliteStore::open(options(&folder)).unwrap();
    assert_err!(migrate_sqlite(&folder.path()), OpenError::Locked { .. });
    drop(store);
}

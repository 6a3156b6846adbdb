//! The keys of projects: found by their hash, noted when used, deleted at once.

use std::sync::Arc;

use ringback_domain::{ApiKey, ApiKeyId, ProjectId};
use ringback_store::config::MAX_API_KEYS;
use ringback_store::{NewApiKey, StoreError};

use super::{World, assert_err, at, concurrently};

/// A key to be made in a project, with the hash of this number.
fn new_key(world: &World, project_id: ProjectId, n: u16) -> NewApiKey {
    let id = world.id();
    NewApiKey {
        id,
        project_id,
        name: format!("key {n}"),
        hint: "rk-…abc".into(),
        sha256: hash(n),
        now: at(3),
    }
}

fn hash(n: u16) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256[..2].copy_from_slice(&n.to_be_bytes());
    sha256
}

/// A key as the snapshot has it, which finds it by hash and by id alike.
fn present(world: &World, key: &ApiKey) -> Option<Arc<ApiKey>> {
    let config = world.store.config();
    let by_id = config.project(key.project_id).unwrap().api_key(key.id).cloned();
    assert_eq!(config.api_key_by_sha256(&key.sha256).cloned(), by_id);
    by_id
}

pub(crate) async fn a_new_key_is_found_by_its_hash(world: World) {
    let other = world.second_project().await;
    let mut made = Vec::new();
    for (n, project_id) in [(1, world.project), (2, other)] {
        let new = new_key(&world, project_id, n);
        let expected = ApiKey {
            id: new.id,
            project_id,
            name: format!("key {n}"),
            hint: "rk-…abc".into(),
            sha256: hash(n),
            created_at: at(3),
            last_used_at: None,
        };
        let key = world.store.create_api_key(new).await.unwrap();
        assert_eq!(*key, expected);
        made.push(key);
    }
    let is_there = |world: &World| {
        for key in &made {
            assert_eq!(present(world, key).as_ref(), Some(key));
        }
        let config = world.store.config();
        assert_eq!(config.project(other).unwrap().list_api_keys(Default::default()).items, made[1..]);
        assert!(config.project(other).unwrap().api_key(made[0].id).is_none());
        assert!(config.api_key_by_sha256(&hash(3)).is_none());
    };
    is_there(&world);
    is_there(&world.restart().await);
}

pub(crate) async fn a_keys_use_is_noted(world: World) {
    let key = world.store.create_api_key(new_key(&world, world.project, 1)).await.unwrap();
    let unused = world.store.create_api_key(new_key(&world, world.project, 2)).await.unwrap();
    let other = world.second_project().await;
    for now in [at(5), at(9)] {
        world.store.note_api_key_use(world.project, key.id, now).await.unwrap();
        assert_eq!(present(&world, &key).unwrap().last_used_at, Some(now));
    }
    // That a key is gone meanwhile, or another project's, is no error: nothing is noted.
    world.store.note_api_key_use(world.project, world.id(), at(10)).await.unwrap();
    world.store.note_api_key_use(other, key.id, at(10)).await.unwrap();

    let noted = ApiKey { last_used_at: Some(at(9)), ..ApiKey::clone(&key) };
    let is_noted = |world: &World| {
        assert_eq!(present(world, &key).as_deref(), Some(&noted));
        assert_eq!(present(world, &unused), Some(Arc::clone(&unused)));
    };
    is_noted(&world);
    is_noted(&world.restart().await);
}

pub(crate) async fn a_deleted_key_opens_nothing(world: World) {
    let key = world.store.create_api_key(new_key(&world, world.project, 1)).await.unwrap();
    let stays = world.store.create_api_key(new_key(&world, world.project, 2)).await.unwrap();
    let other = world.second_project().await;
    let delete = |project, id: ApiKeyId| world.store.delete_api_key(project, id);
    assert_err!(delete(other, key.id).await, StoreError::NotFound { noun: "API key" });
    assert_err!(delete(world.project, world.id()).await, StoreError::NotFound { noun: "API key" });
    assert!(present(&world, &key).is_some());

    delete(world.project, key.id).await.unwrap();
    assert_err!(delete(world.project, key.id).await, StoreError::NotFound { noun: "API key" });
    // A use that was on its way does not bring it back.
    world.store.note_api_key_use(world.project, key.id, at(5)).await.unwrap();
    let is_gone = |world: &World| {
        assert_eq!(present(world, &key), None);
        assert_eq!(present(world, &stays), Some(Arc::clone(&stays)));
    };
    is_gone(&world);
    is_gone(&world.restart().await);
}

pub(crate) async fn a_hash_is_one_keys_own(world: World) {
    let first = world.store.create_api_key(new_key(&world, world.project, 1)).await.unwrap();
    let other = world.second_project().await;
    for project_id in [world.project, other] {
        let second = world.store.create_api_key(new_key(&world, project_id, 1)).await;
        assert_err!(second, StoreError::Refused(_));
    }
    assert_eq!(present(&world, &first), Some(Arc::clone(&first)));
    assert_eq!(present(&world.restart().await, &first), Some(first));
}

pub(crate) async fn keys_are_bounded(world: World) {
    let other = world.second_project().await;
    let keys = (1..=MAX_API_KEYS as u16).map(|n| {
        let (store, new) = (Arc::clone(&world.store), new_key(&world, world.project, n));
        async move { store.create_api_key(new).await.unwrap() }
    });
    let made = concurrently(keys).await;
    let surplus = || world.store.create_api_key(new_key(&world, world.project, 9999));
    assert_err!(surplus().await, StoreError::TooMany { max: MAX_API_KEYS, .. });
    assert!(world.store.config().api_key_by_sha256(&hash(9999)).is_none());
    // The limit is each project's own, and counts what is there.
    world.store.create_api_key(new_key(&world, other, 5000)).await.unwrap();
    world.store.delete_api_key(world.project, made[0].id).await.unwrap();
    let last = surplus().await.unwrap();
    assert_err!(
        world.store.create_api_key(new_key(&world, world.project, 9998)).await,
        StoreError::TooMany { .. }
    );

    let world = world.restart().await;
    assert_eq!(present(&world, &made[0]), None);
    assert!(made[1..].iter().all(|key| present(&world, key).as_ref() == Some(key)));
    assert_eq!(present(&world, &last), Some(last));
}

pub(crate) async fn keys_of_unknown_projects_are_refused(world: World) {
    let nowhere = world.id();
    assert_err!(world.store.create_api_key(new_key(&world, nowhere, 1)).await, StoreError::Refused(_));
    assert!(world.store.config().api_key_by_sha256(&hash(1)).is_none());
}

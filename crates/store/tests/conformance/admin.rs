//! What exists before anybody has made anything, and the admin key.

use super::World;

pub(crate) async fn the_default_project_is_there_from_the_start_and_stays_the_same(world: World) {
    let first = world.project;
    assert_eq!(world.store.config().projects().count(), 1);
    let world = world.restart().await;
    assert_eq!(world.project, first);
    assert_eq!(world.store.config().projects().count(), 1);
}

pub(crate) async fn the_admin_key_is_the_last_one_set(world: World) {
    assert_eq!(world.store.config().admin_key_sha256(), None);
    world.store.set_admin_key([1; 32]).await.unwrap();
    world.store.set_admin_key([2; 32]).await.unwrap();
    assert_eq!(world.store.config().admin_key_sha256(), Some(&[2; 32]));
    let world = world.restart().await;
    assert_eq!(world.store.config().admin_key_sha256(), Some(&[2; 32]));
}

pub(crate) async fn an_admin_key_that_is_offered_is_taken_only_if_there_is_none(world: World) {
    let (one, other) =
        tokio::join!(world.store.offer_admin_key([1; 32]), world.store.offer_admin_key([2; 32]));
    let winner = match (one.unwrap(), other.unwrap()) {
        (true, false) => [1; 32],
        (false, true) => [2; 32],
        outcome => panic!("one of two wins, not {outcome:?}"),
    };
    assert_eq!(world.store.config().admin_key_sha256(), Some(&winner));
    assert!(world.store.offer_admin_key(winner).await.unwrap());
    world.store.set_admin_key([3; 32]).await.unwrap();
    assert!(!world.store.offer_admin_key(winner).await.unwrap());
    let world = world.restart().await;
    assert_eq!(world.store.config().admin_key_sha256(), Some(&[3; 32]));
}

pub(crate) async fn a_check_of_a_sound_database_passes(world: World) {
    let generation = world.generation();
    world.store.check().await.unwrap();
    // A check that moved the generation would have every plan made anew.
    assert_eq!(world.restart().await.generation(), generation);
}

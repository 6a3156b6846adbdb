//! Rotation of an endpoint's signing secrets: what signs until when, and what is ended at once.

use std::time::Duration;

use ringback_domain::endpoint::MAX_LIVE_SECRETS;
use ringback_domain::{EndpointId, SecretId, Timestamp};
use ringback_store::{Rotation, StoreError};

use super::{World, assert_err, at, secret};

/// Rotates at `now` to a new secret, the older ones going on until they are told; gives its id.
async fn rotate(
    world: &World,
    endpoint: EndpointId,
    now: Timestamp,
    older_until: Option<Timestamp>,
) -> SecretId {
    let id = world.id_at(now);
    let rotation = Rotation { secret: (id, secret(9).into()), older_until, now };
    let rotated = world.store.rotate_endpoint_secret(world.project, endpoint, rotation).await.unwrap();
    assert_eq!(rotated.updated_at, now);
    let newest = rotated.secrets.last().unwrap();
    assert_eq!((newest.id, newest.created_at, newest.expires_at), (id, now, None));
    assert_eq!(*newest.key.reveal(), *secret(9).reveal());
    id
}

/// The secrets that sign at `now`, oldest first, as the snapshot has them.
fn live(world: &World, endpoint: EndpointId, now: Timestamp) -> Vec<SecretId> {
    let config = world.store.config();
    config.endpoint(endpoint).unwrap().live_secrets(now).map(|secret| secret.id).collect()
}

/// An endpoint, and the secret it was made with.
async fn endpoint(world: &World) -> (EndpointId, SecretId) {
    let id = world.endpoint(&["*"]).await;
    let [first] = live(world, id, at(0))[..] else { panic!("it has one secret") };
    (id, first)
}

const BEFORE: Duration = Duration::from_millis(1);

pub(crate) async fn a_rotation_without_overlap_ends_all_others_at_once(world: World) {
    let (id, _) = endpoint(&world).await;
    let (other, others) = endpoint(&world).await;
    rotate(&world, id, at(10), Some(at(500))).await;
    let generation = world.generation();
    let last = rotate(&world, id, at(20), None).await;
    assert!(world.generation() > generation, "a plan made before is made anew");
    let all = |world: &World| world.store.config().endpoint(id).unwrap().secrets.len();
    assert_eq!((live(&world, id, at(20)), all(&world)), (vec![last], 1));
    assert_eq!(live(&world, other, at(20)), [others]);

    let raised = world.generation();
    let world = world.restart().await;
    assert_eq!((live(&world, id, at(20)), all(&world)), (vec![last], 1));
    assert_eq!((live(&world, other, at(20)), world.generation()), (vec![others], raised));
}

pub(crate) async fn a_rotation_with_overlap_lets_both_sign_until_its_end(world: World) {
    let (id, first) = endpoint(&world).await;
    let second = rotate(&world, id, at(10), Some(at(100))).await;
    let overlaps = |world: &World| {
        assert_eq!(live(world, id, at(10)), [first, second]);
        assert_eq!(live(world, id, at(100).minus(BEFORE)), [first, second]);
        assert_eq!(live(world, id, at(100)), [second]);
    };
    overlaps(&world);
    overlaps(&world.restart().await);
}

pub(crate) async fn an_end_comes_nearer_and_is_never_put_off(world: World) {
    let (id, first) = endpoint(&world).await;
    let second = rotate(&world, id, at(10), Some(at(100))).await;
    let third = rotate(&world, id, at(20), Some(at(200))).await;
    assert_eq!(live(&world, id, at(99)), [first, second, third]);
    assert_eq!(live(&world, id, at(100)), [second, third], "the first ends as it was told first");
    assert_eq!(live(&world, id, at(200)), [third]);

    let (id, _) = endpoint(&world).await;
    rotate(&world, id, at(10), Some(at(200))).await;
    let last = rotate(&world, id, at(20), Some(at(100))).await;
    assert_eq!(live(&world, id, at(99)).len(), 3);
    assert_eq!(live(&world, id, at(100)), [last], "the nearer end is for all older ones");
    assert_eq!(live(&world.restart().await, id, at(100)), [last]);
}

pub(crate) async fn at_most_three_sign_and_the_oldest_makes_room(world: World) {
    assert_eq!(MAX_LIVE_SECRETS, 3);
    let (id, first) = endpoint(&world).await;
    let second = rotate(&world, id, at(10), Some(at(1000))).await;
    let third = rotate(&world, id, at(20), Some(at(1000))).await;
    assert_eq!(live(&world, id, at(20)), [first, second, third]);
    let fourth = rotate(&world, id, at(30), Some(at(1000))).await;
    assert_eq!(live(&world, id, at(30)), [second, third, fourth]);
    assert_eq!(live(&world.restart().await, id, at(30)), [second, third, fourth]);
}

pub(crate) async fn what_has_expired_takes_no_ones_place(world: World) {
    let (id, first) = endpoint(&world).await;
    let second = rotate(&world, id, at(10), Some(at(100))).await;
    let third = rotate(&world, id, at(20), Some(at(200))).await;
    // The first has ended at this very moment, so nobody has to make room.
    let fourth = rotate(&world, id, at(100), Some(at(300))).await;
    assert_eq!(live(&world, id, at(100)), [second, third, fourth]);
    // Nor is it back when the clock is asked for an earlier time.
    assert!(!live(&world, id, at(50)).contains(&first));
    // Now the second is alive for another moment, and has to.
    let fifth = rotate(&world, id, at(200).minus(BEFORE), Some(at(300))).await;
    assert_eq!(live(&world, id, at(200).minus(BEFORE)), [third, fourth, fifth]);
    assert_eq!(live(&world.restart().await, id, at(200).minus(BEFORE)), [third, fourth, fifth]);
}

pub(crate) async fn a_rotation_forgets_what_has_expired(world: World) {
    let (id, _) = endpoint(&world).await;
    rotate(&world, id, at(10), Some(at(100))).await;
    let third = rotate(&world, id, at(20), Some(at(100))).await;
    // Both older ones end at this very moment, and need not be kept to make three.
    let fourth = rotate(&world, id, at(100), Some(at(300))).await;
    let kept = |world: &World| {
        let config = world.store.config();
        config.endpoint(id).unwrap().secrets.iter().map(|secret| secret.id).collect::<Vec<_>>()
    };
    assert_eq!(kept(&world), [third, fourth]);
    assert_eq!(kept(&world.restart().await), [third, fourth]);
}

pub(crate) async fn a_revoked_secret_is_gone_at_once(world: World) {
    let (id, first) = endpoint(&world).await;
    let second = rotate(&world, id, at(10), Some(at(100))).await;
    let third = rotate(&world, id, at(20), Some(at(100))).await;
    let generation = world.generation();
    let left = world.store.revoke_endpoint_secret(world.project, id, second, at(30)).await.unwrap();
    assert_eq!(left.updated_at, at(30));
    assert_eq!(left.secrets.iter().map(|s| s.id).collect::<Vec<_>>(), [first, third]);
    assert_eq!(live(&world, id, at(30)), [first, third]);
    assert!(world.generation() > generation);
    assert_eq!(live(&world.restart().await, id, at(30)), [first, third]);
}

pub(crate) async fn only_an_older_secret_of_its_own_is_revoked(world: World) {
    let (id, first) = endpoint(&world).await;
    let newest = rotate(&world, id, at(10), Some(at(100))).await;
    let (other, _) = endpoint(&world).await;
    let before = world.store.config().endpoint(id).unwrap().updated_at;
    for (endpoint, secret_id) in [(id, newest), (id, world.id()), (other, first)] {
        let refused = world.store.revoke_endpoint_secret(world.project, endpoint, secret_id, at(20)).await;
        assert_err!(refused, StoreError::NotFound { noun: "older signing secret" });
    }
    let world = world.restart().await;
    assert_eq!(live(&world, id, at(20)), [first, newest]);
    assert_eq!(world.store.config().endpoint(id).unwrap().updated_at, before);
}

pub(crate) async fn secrets_of_unknown_endpoints_are_not_found(world: World) {
    let (deleted, first) = endpoint(&world).await;
    rotate(&world, deleted, at(10), Some(at(100))).await;
    world.store.delete_endpoint(world.project, deleted, at(11)).await.unwrap();
    for id in [world.id(), deleted] {
        let rotation = Rotation { secret: (world.id(), secret(9).into()), older_until: None, now: at(12) };
        let rotated = world.store.rotate_endpoint_secret(world.project, id, rotation).await;
        assert_err!(rotated, StoreError::NotFound { noun: "webhook endpoint" });
        let revoked = world.store.revoke_endpoint_secret(world.project, id, first, at(12)).await;
        assert_err!(revoked, StoreError::NotFound { noun: "webhook endpoint" });
    }
}

//! Leases: given by a claim, given back, run out, void after a restart.

use ringback_domain::retry::NextStep;
use ringback_store::Unattempted;

use super::{World, at, unattempted};

pub(crate) async fn a_leased_delivery_is_out_of_sight(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let appended = world.call(source, "wh_1").append().await;
    world.claim_one(endpoint, at(0)).await;
    // Even long after its lease has expired: only the reclaimer frees it.
    assert!(world.claim(endpoint, at(1_000_000)).await.is_empty());
    assert_eq!(world.store.due_endpoints().await.unwrap(), []);
    let delivery = &world.event(appended.event_id).await.deliveries[0].delivery;
    assert!(delivery.in_flight);
    assert_eq!(delivery.due_at, Some(at(0)));
}

pub(crate) async fn each_claim_raises_the_token(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    world.call(source, "wh_1").append().await;
    let mut last = 0;
    for round in 0..4 {
        let claimed = world.claim_one(endpoint, at(0)).await;
        assert!(claimed.lease.token > last, "round {round}: {} after {last}", claimed.lease.token);
        last = claimed.lease.token;
        world.store.release(vec![unattempted(&claimed)]).await.unwrap();
    }
}

pub(crate) async fn a_release_gives_back_only_what_is_still_ones_own(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    let appended = world.call(source, "wh_1").append().await;
    let first = world.claim_one(endpoint, at(0)).await;
    let of_first = unattempted(&first);
    let unknown = Unattempted { delivery_id: world.id(), ..of_first };
    let release = |lease_token| world.store.release(vec![Unattempted { lease_token, ..of_first }, unknown]);
    release(first.lease.token).await.unwrap();
    let delivery = world.event(appended.event_id).await.deliveries.remove(0).delivery;
    assert_eq!((delivery.in_flight, delivery.due_at, delivery.attempt_count), (false, Some(at(0)), 0));

    let second = world.claim_one(endpoint, at(0)).await;
    release(first.lease.token).await.unwrap();
    assert!(world.claim(endpoint, at(0)).await.is_empty(), "it is the second one's");

    world.finish(&second, NextStep::Delivered, at(1)).await;
    release(second.lease.token).await.unwrap();
    assert!(world.claim(endpoint, at(1)).await.is_empty(), "it is delivered");
}

pub(crate) async fn only_expired_leases_are_reclaimed(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    for (name, until) in [("a", 10), ("b", 20), ("c", 30)] {
        world.call(source, name).append().await;
        assert_eq!(world.store.claim(endpoint, at(0), at(until), 1).await.unwrap().len(), 1);
    }
    for (now, freed, name) in [(9, 0, None), (10, 1, Some("a")), (29, 1, Some("b")), (30, 1, Some("c"))] {
        assert_eq!(world.store.reclaim(at(now)).await.unwrap(), freed, "at {now}");
        let claimed = world.claim(endpoint, at(now)).await;
        let names: Vec<_> = claimed.iter().map(|c| c.webhook_id.as_str()).collect();
        assert_eq!(names, Vec::from_iter(name), "at {now}");
        assert!(claimed.iter().all(|c| c.lease.token > 1), "at {now}: a token of its own");
    }
}

pub(crate) async fn a_restart_voids_every_lease(world: World) {
    let source = world.source().await;
    let endpoint = world.endpoint(&["*"]).await;
    world.call(source, "claimed").append().await;
    let claimed = world.store.claim(endpoint, at(0), at(1_000_000), 1).await.unwrap().remove(0);
    let born = world.call(source, "born_leased").leased_until(at(1_000_000)).append().await.leased[0];

    let world = world.restart().await;

    let mut again = world.claim(endpoint, at(0)).await;
    again.sort_by_key(|c| c.delivery_id);
    let expected = [(claimed.delivery_id, claimed.lease.token), (born.0, born.2.token)];
    for (again, (delivery_id, old_token)) in again.iter().zip(expected) {
        assert_eq!(again.delivery_id, delivery_id);
        assert!(again.lease.token > old_token);
    }
    assert_eq!(again.len(), 2);
}

//! What an attempt says about its endpoint: written with the attempt, or not at all.

use ringback_domain::endpoint_health::{DisabledFor, HealthChange};
use ringback_domain::retry::NextStep;
use ringback_domain::{Endpoint, EndpointHealth, EndpointId};
use ringback_store::{Claimed, EndpointChange, EndpointNote, Finished, StoreError};

use super::{World, assert_err, at};

/// The URL of the endpoints of a world.
const URL: &str = "https://app.example/webhooks";
/// A failure with schedule left.
const RETRY: NextStep = NextStep::RetryAt(at(0));
/// Ends an endpoint at once.
const GONE: HealthChange = HealthChange::Disable(DisabledFor::Gone);

/// One that has failed from then on.
fn failing(since: i64, last: i64) -> EndpointHealth {
    EndpointHealth { failing_since: Some(at(since)), last_failed_at: Some(at(last)), warned_at: None }
}

/// An endpoint, and a delivery to it that is claimed.
async fn claimed(world: &World) -> (EndpointId, Claimed) {
    let endpoint = world.endpoint(&["*"]).await;
    world.publication(&format!("wh_{endpoint}")).to(&[endpoint]).append().await;
    (endpoint, world.claim_one(endpoint, at(0)).await)
}

/// Finishes a claimed delivery, with something to say about its endpoint.
async fn note(world: &World, claimed: &Claimed, change: HealthChange, secs: i64) -> Finished {
    note_of_url(world, claimed, URL, change, secs).await
}

async fn note_of_url(
    world: &World,
    claimed: &Claimed,
    url: &str,
    change: HealthChange,
    secs: i64,
) -> Finished {
    let mut finish = world.finishing(claimed, RETRY, at(secs));
    let endpoint_id = claimed.endpoint_id;
    let config = world.store.config();
    let failing_since = config.endpoint(endpoint_id).and_then(|endpoint| endpoint.health.failing_since);
    finish.endpoint = Some(EndpointNote { endpoint_id, url: url.to_owned(), failing_since, change });
    world.store.finish(finish).await.unwrap()
}

fn present(world: &World, id: EndpointId) -> Endpoint {
    Endpoint::clone(world.store.config().endpoint(id).expect("it exists"))
}

pub(crate) async fn failures_are_remembered_and_forgotten(mut world: World) {
    let (endpoint, claimed) = claimed(&world).await;
    let generation = world.generation();
    let warned = EndpointHealth { warned_at: Some(at(9)), ..failing(2, 9) };
    for (secs, change, expected) in [
        (2, HealthChange::Failing(failing(2, 2)), failing(2, 2)),
        (9, HealthChange::Warn(warned), warned),
        (10, HealthChange::Recovered, EndpointHealth::default()),
    ] {
        // Whether the lease holds or not: after the first time it does not.
        assert_eq!(note(&world, &claimed, change, secs).await, Finished::default(), "{change:?}");
        let now = present(&world, endpoint);
        assert_eq!((now.health, now.updated_at), (expected, at(0)), "{change:?}");
        assert_eq!(world.generation(), generation, "where events go is not changed by it");
        world = world.restart().await;
        assert_eq!(present(&world, endpoint).health, expected, "{change:?}");
    }
}

pub(crate) async fn a_disabled_endpoint_gets_nothing_more_from_the_same_moment_on(world: World) {
    for (why, reason) in [
        (DisabledFor::Gone, "it answered 410 Gone"),
        (DisabledFor::Failing { hours: 120 }, "every attempt failed for 120 hours"),
    ] {
        let (endpoint, claimed) = claimed(&world).await;
        let generation = world.generation();
        let planned_before = world.publication(&format!("early_{endpoint}")).to(&[endpoint]).arrival();
        let finished = note(&world, &claimed, HealthChange::Disable(why), 7).await;
        assert_eq!(finished, Finished { next_in_order_at: None, disabled: true });
        let disabled = present(&world, endpoint);
        assert_eq!((disabled.disabled_at, disabled.disabled_reason.as_deref()), (Some(at(7)), Some(reason)));
        assert_eq!(disabled.updated_at, at(7));
        assert!(world.generation() > generation);
        assert_eq!(world.store.append(planned_before).await.unwrap().due, [], "planned before, routed anew");
        let event = claimed.event_id;
        assert_eq!(world.delivery(event).await.attempt_count, 1, "and the attempt is recorded");
    }
}

pub(crate) async fn only_what_is_still_so_is_noted(world: World) {
    // Of the URL that was called, not of the one that has been set since.
    let (endpoint, at_work) = claimed(&world).await;
    for change in [GONE, HealthChange::Failing(failing(1, 1))] {
        let finished = note_of_url(&world, &at_work, "https://old.example/", change, 5).await;
        assert_eq!(finished, Finished::default(), "{change:?}");
        let untouched = present(&world, endpoint);
        assert_eq!((untouched.disabled_at, untouched.health), (None, EndpointHealth::default()));
    }
    // Not of one that is disabled already: its reason stays.
    let disable = EndpointChange { disabled: Some(Some("by hand".into())), ..Default::default() };
    world.store.update_endpoint(world.project, endpoint, disable, at(6)).await.unwrap();
    let generation = world.generation();
    assert_eq!(note(&world, &at_work, GONE, 7).await, Finished::default());
    let disabled = present(&world, endpoint);
    assert_eq!((disabled.disabled_at, disabled.disabled_reason.as_deref()), (Some(at(6)), Some("by hand")));
    assert_eq!(world.generation(), generation);
    // Not of one that is deleted, which does not come back.
    let (endpoint, at_work) = claimed(&world).await;
    world.store.delete_endpoint(world.project, endpoint, at(8)).await.unwrap();
    for change in [GONE, HealthChange::Failing(failing(1, 1)), HealthChange::Recovered] {
        assert_eq!(note(&world, &at_work, change, 9).await, Finished::default(), "{change:?}");
        assert!(world.store.config().endpoint(endpoint).is_none());
    }
    let attempts = world.event(at_work.event_id).await.deliveries[0].attempts.len();
    assert_eq!(attempts, 3, "what was tried is recorded all the same");
}

pub(crate) async fn a_note_and_its_attempt_are_one(world: World) {
    let (endpoint, claimed) = claimed(&world).await;
    let mut refused = world.finishing(&claimed, RETRY, at(5));
    refused.attempt.report.status_code = Some(200);
    refused.endpoint =
        Some(EndpointNote { endpoint_id: endpoint, url: URL.to_owned(), failing_since: None, change: GONE });
    assert_err!(world.store.finish(refused).await, StoreError::Refused(_));
    assert_eq!(present(&world, endpoint).disabled_at, None);
    assert_eq!(world.event(claimed.event_id).await.deliveries[0].attempts, []);
    let world = world.restart().await;
    assert_eq!(present(&world, endpoint).disabled_at, None);
}

pub(crate) async fn a_new_url_or_an_enabling_forgets_the_failures(world: World) {
    let (endpoint, claimed) = claimed(&world).await;
    let update = async |change| {
        world.store.update_endpoint(world.project, endpoint, change, at(50)).await.unwrap().health
    };
    let health = failing(2, 4);
    note(&world, &claimed, HealthChange::Failing(health), 4).await;
    let rename = EndpointChange { name: Some("other".into()), ..Default::default() };
    assert_eq!(update(rename).await, health, "a name is no reason");
    let pause = |paused| EndpointChange { paused: Some(paused), ..Default::default() };
    assert_eq!(update(pause(true)).await, health);
    assert_eq!(update(pause(false)).await, health);

    note(&world, &claimed, HealthChange::Disable(DisabledFor::Failing { hours: 1 }), 40).await;
    assert_eq!(present(&world, endpoint).health, health, "what led to it can be read");
    let enable = EndpointChange { disabled: Some(None), ..Default::default() };
    assert_eq!(update(enable).await, EndpointHealth::default());

    note(&world, &claimed, HealthChange::Failing(health), 60).await;
    let moved = EndpointChange { url: Some("https://new.example/".into()), ..Default::default() };
    assert_eq!(update(moved).await, EndpointHealth::default());
    assert_eq!(present(&world.restart().await, endpoint).health, EndpointHealth::default());
}

/// An attempt that began while everything failed ends when something has succeeded since.
pub(crate) async fn a_note_that_is_out_of_date_is_void_unless_the_endpoint_is_gone(world: World) {
    let (endpoint, claimed) = claimed(&world).await;
    note(&world, &claimed, HealthChange::Failing(failing(2, 2)), 2).await;
    note(&world, &claimed, HealthChange::Recovered, 9).await;
    let late = async |change| {
        let mut finish = world.finishing(&claimed, RETRY, at(10));
        let url = URL.to_owned();
        finish.endpoint =
            Some(EndpointNote { endpoint_id: endpoint, url, failing_since: Some(at(2)), change });
        world.store.finish(finish).await.unwrap().disabled
    };
    assert!(!late(HealthChange::Disable(DisabledFor::Failing { hours: 120 })).await);
    late(HealthChange::Failing(failing(2, 10))).await;
    assert_eq!(present(&world, endpoint).health, EndpointHealth::default());
    assert!(present(&world, endpoint).may_attempt());
    assert!(late(GONE).await);
}

//! What an endpoint asks of its deliveries: kept as it was set, each rule for itself.

use ringback_domain::delivery_rules::{MAX_AGE_SECS, MAX_CONCURRENCY, MAX_ORDERING_WAIT_SECS, MAX_PER_SEC};
use ringback_domain::retry::{MAX_DELAY_SECS, MAX_DELAYS, Schedule};
use ringback_domain::{DeliveryRules, EndpointId, Ordering, Timestamp};
use ringback_store::{EndpointChange, RulesChange, StoreError};

use super::{World, assert_err, at};

fn schedule(delays_secs: &[u32]) -> Option<Schedule> {
    Some(Schedule::new(delays_secs.to_vec()).unwrap())
}

/// The rules of an endpoint, and when it was changed.
fn present(world: &World, id: EndpointId) -> (DeliveryRules, Timestamp) {
    let config = world.store.config();
    let endpoint = config.endpoint(id).expect("it exists");
    (endpoint.rules.clone(), endpoint.updated_at)
}

pub(crate) async fn the_rules_an_endpoint_is_made_with_are_kept(world: World) {
    let usual = DeliveryRules::default;
    let mut made = Vec::new();
    for rules in [
        usual(),
        // No retry, which is not the usual schedule; the usual one, spelled out, is.
        DeliveryRules { schedule: schedule(&[]), ..usual() },
        DeliveryRules { schedule: Some(Schedule::DEFAULT), ..usual() },
        DeliveryRules {
            schedule: schedule(&[1; MAX_DELAYS]),
            max_per_sec: Some(1),
            max_concurrency: Some(1),
            ordering: Ordering::Object,
            ordering_wait_secs: 1,
            max_age_secs: Some(1),
        },
        DeliveryRules {
            schedule: schedule(&[MAX_DELAY_SECS, 1]),
            max_per_sec: Some(MAX_PER_SEC),
            max_concurrency: Some(MAX_CONCURRENCY),
            ordering: Ordering::None,
            ordering_wait_secs: MAX_ORDERING_WAIT_SECS,
            max_age_secs: Some(MAX_AGE_SECS),
        },
    ] {
        let id = world.endpoint_with(rules.clone()).await;
        assert_eq!(present(&world, id), (rules.clone(), at(0)));
        made.push((id, rules));
    }
    let world = world.restart().await;
    for (id, rules) in made {
        assert_eq!(present(&world, id), (rules, at(0)));
    }
}

/// What a change makes of the rules.
type Applied = fn(&mut DeliveryRules);

/// Changes to be made in turn.
fn changes() -> Vec<(RulesChange, Applied)> {
    let change = RulesChange::default;
    vec![
        (RulesChange { schedule: Some(schedule(&[5, 7])), ..change() }, |rules| {
            rules.schedule = schedule(&[5, 7]);
        }),
        (RulesChange { max_per_sec: Some(Some(3)), ..change() }, |rules| rules.max_per_sec = Some(3)),
        (RulesChange { max_concurrency: Some(Some(4)), ..change() }, |rules| rules.max_concurrency = Some(4)),
        (RulesChange { ordering: Some(Ordering::Object), ..change() }, |rules| {
            rules.ordering = Ordering::Object;
        }),
        (RulesChange { ordering_wait_secs: Some(9), ..change() }, |rules| rules.ordering_wait_secs = 9),
        (RulesChange { max_age_secs: Some(Some(11)), ..change() }, |rules| rules.max_age_secs = Some(11)),
        (RulesChange { schedule: Some(schedule(&[])), ..change() }, |rules| rules.schedule = schedule(&[])),
        (RulesChange { schedule: Some(None), ..change() }, |rules| rules.schedule = None),
        (RulesChange { max_per_sec: Some(None), ..change() }, |rules| rules.max_per_sec = None),
        (RulesChange { max_concurrency: Some(None), ..change() }, |rules| rules.max_concurrency = None),
        (RulesChange { ordering: Some(Ordering::None), ..change() }, |rules| rules.ordering = Ordering::None),
        (RulesChange { max_age_secs: Some(None), ..change() }, |rules| rules.max_age_secs = None),
    ]
}

pub(crate) async fn each_rule_changes_alone_and_can_be_taken_away(mut world: World) {
    let id = world.endpoint(&["*"]).await;
    let mut expected = DeliveryRules::default();
    for (now, (rules, apply)) in (1..).zip(changes()) {
        apply(&mut expected);
        let generation = world.generation();
        let change = EndpointChange { rules, ..Default::default() };
        let changed = world.store.update_endpoint(world.project, id, change.clone(), at(now)).await.unwrap();
        assert_eq!((&changed.rules, changed.updated_at), (&expected, at(now)), "{change:?}");
        assert!(world.generation() > generation, "a plan is made by the rules: {change:?}");
        // The same again moves nothing, nor does a change of nothing.
        let generation = world.generation();
        for same in [change.clone(), EndpointChange::default()] {
            world.store.update_endpoint(world.project, id, same, at(99)).await.unwrap();
        }
        assert_eq!((present(&world, id), world.generation()), ((expected.clone(), at(now)), generation));
        world = world.restart().await;
        assert_eq!(present(&world, id), (expected.clone(), at(now)), "{change:?}");
    }
}

pub(crate) async fn rules_that_are_none_are_refused(world: World) {
    let usual = DeliveryRules::default;
    for rules in [
        DeliveryRules { max_per_sec: Some(0), ..usual() },
        DeliveryRules { max_concurrency: Some(0), ..usual() },
        DeliveryRules { ordering_wait_secs: 0, ..usual() },
        DeliveryRules { max_age_secs: Some(0), ..usual() },
    ] {
        let mut new = world.new_endpoint(&["*"]);
        new.rules = rules.clone();
        let id = new.id;
        assert_err!(world.store.create_endpoint(new).await, StoreError::Refused(_));
        assert!(world.store.config().endpoint(id).is_none(), "{rules:?}");
    }
}

pub(crate) async fn an_endpoint_that_goes_on_says_since_when(world: World) {
    let id = world.endpoint(&["*"]).await;
    let pause = |paused| EndpointChange { paused: Some(paused), ..Default::default() };
    let disable = |is_so: bool| EndpointChange {
        disabled: Some(is_so.then(|| "gone".to_owned())),
        ..Default::default()
    };
    let rename = EndpointChange { name: Some("new".into()), ..Default::default() };
    let both = |held: bool| EndpointChange { paused: Some(held), ..disable(held) };
    for (now, change, resumed_at) in [
        (1, pause(true), None),
        (2, pause(false), Some(2)),
        (3, pause(false), Some(2)),
        (4, disable(true), Some(2)),
        (5, rename, Some(2)),
        (6, disable(false), Some(6)),
        // What is held for two reasons goes on when neither is left.
        (7, both(true), Some(6)),
        (8, disable(false), Some(6)),
        (9, pause(false), Some(9)),
        (10, both(true), Some(9)),
        (11, both(false), Some(11)),
    ] {
        let changed = world.store.update_endpoint(world.project, id, change.clone(), at(now)).await.unwrap();
        assert_eq!(changed.resumed_at, resumed_at.map(at), "{change:?} at {now}");
    }
    let world = world.restart().await;
    assert_eq!(world.store.config().endpoint(id).unwrap().resumed_at, Some(at(11)));
}

//! What a replay's query comes to: which events, and where each of them goes. The preview counts what is
//! made.

use ringback_domain::retry::NextStep;
use ringback_domain::{EndpointId, EventId, ReplayFilter, ReplayQuery, ReplayState};
use ringback_store::{EndpointChange, Redelivery, ReplayPreview, StoreError};

use super::{DEAD, World, assert_err, at};

/// Previews and runs a query, holds one against the other, and gives what was made.
async fn run(world: &World, query: ReplayQuery) -> Vec<(EventId, EndpointId)> {
    let preview = world.store.preview_replay(world.project, query.clone(), false).await.unwrap();
    let id = world.replay(query).await;
    world.advance(id, 3).await;
    let made = world.replayed(id).await;
    let (now, count) = (world.replay_now(id).await, made.len() as u64);
    assert_eq!(preview, ReplayPreview { count, is_minimum: false });
    assert_eq!((now.state, now.expected_count, now.created_count), (ReplayState::Completed, count, count));
    made
}

/// The events that a query comes to; all for this endpoint.
async fn events_for(world: &World, endpoint: EndpointId, query: ReplayQuery) -> Vec<EventId> {
    let made = run(world, query).await;
    assert!(made.iter().all(|(_, to)| *to == endpoint), "{made:?} for {endpoint}");
    made.into_iter().map(|(event, _)| event).collect()
}

pub(crate) async fn each_field_narrows_alone_and_with_the_others(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let source = world.source().await;
    let publish = world.publish_source();
    let mut events = Vec::new();
    for n in 0..8_i64 {
        let from = if n & 1 == 0 { source } else { publish };
        let mut call = world.call(from, &n.to_string()).at(at(n * 10));
        call = call.event_type(if n & 2 == 0 { "batch.completed" } else { "batch.failed" });
        if n & 4 == 0 {
            call = call.object("batch_1");
        }
        events.push(call.append().await.event_id);
    }
    let usual = ReplayQuery::default;
    let given = |text: &str| Some(text.to_owned());
    let cases: [(ReplayQuery, &[usize]); 13] = [
        (usual(), &[0, 1, 2, 3, 4, 5, 6, 7]),
        (ReplayQuery { source_id: Some(source), ..usual() }, &[0, 2, 4, 6]),
        (ReplayQuery { source_id: Some(publish), ..usual() }, &[1, 3, 5, 7]),
        (ReplayQuery { event_type: given("batch.failed"), ..usual() }, &[2, 3, 6, 7]),
        (ReplayQuery { event_type: given("batch"), ..usual() }, &[]),
        (ReplayQuery { object_id: given("batch_1"), ..usual() }, &[0, 1, 2, 3]),
        (ReplayQuery { object_id: given("batch_2"), ..usual() }, &[]),
        // What was taken in at the very moment is after, and not before.
        (ReplayQuery { created_after: Some(at(30)), ..usual() }, &[3, 4, 5, 6, 7]),
        (ReplayQuery { created_before: Some(at(30)), ..usual() }, &[0, 1, 2]),
        (
            ReplayQuery { created_after: Some(at(11)), created_before: Some(at(61)), ..usual() },
            &[2, 3, 4, 5, 6],
        ),
        (ReplayQuery { created_after: Some(at(50)), created_before: Some(at(50)), ..usual() }, &[]),
        (ReplayQuery { object_id: given("batch_1"), event_type: given("batch.failed"), ..usual() }, &[2, 3]),
        (
            ReplayQuery {
                source_id: Some(publish),
                event_type: given("batch.completed"),
                object_id: given("batch_1"),
                created_after: Some(at(5)),
                created_before: Some(at(1000)),
                ..usual()
            },
            &[1],
        ),
    ];
    for (query, expected) in cases {
        let expected: Vec<_> = expected.iter().map(|n| events[*n]).collect();
        for endpoint_id in [None, Some(endpoint)] {
            let query = ReplayQuery { endpoint_id, ..query.clone() };
            assert_eq!(events_for(&world, endpoint, query.clone()).await, expected, "{query:?}");
        }
    }
}

pub(crate) async fn a_type_is_found_by_either_spelling(world: World) {
    let endpoint = world.endpoint(&["eval.run.canceled"]).await;
    let mut events = Vec::new();
    for (name, spelling) in
        [("a", "eval.run.canceled"), ("b", "eval.run.cancelled"), ("c", "eval.run.canceled")]
    {
        let call = world.publication(name).event_type(spelling).object("evalrun_1");
        events.push(call.append().await.event_id);
    }
    for spelling in ["eval.run.canceled", "eval.run.cancelled"] {
        for object_id in [None, Some("evalrun_1".to_owned())] {
            let event_type = Some(spelling.to_owned());
            let query = ReplayQuery { event_type, object_id, ..Default::default() };
            assert_eq!(events_for(&world, endpoint, query).await, events, "{spelling}");
        }
    }
}

/// An endpoint, and events that stand with it in every way, by name.
struct Standing {
    endpoint: EndpointId,
    events: Vec<(&'static str, EventId)>,
}

impl Standing {
    async fn of(world: &World, event_type: &str) -> Self {
        let mut events = Vec::new();
        let append = async |name: &str| {
            let call = world.publication(&format!("{event_type}_{name}")).event_type(event_type);
            call.append().await.event_id
        };
        // It came before the endpoint was there.
        events.push(("before", append("before").await));
        let endpoint = world.endpoint(&[event_type]).await;
        let end = async |next| {
            let claimed = world.claim_one(endpoint, at(0)).await;
            world.finish(&claimed, next, at(1)).await;
        };
        let again = async |event_id| {
            let redelivery = Redelivery { id: world.id(), event_id, endpoint_id: endpoint };
            world.store.redeliver(world.project, vec![redelivery], at(0)).await.unwrap();
        };
        for (name, ends) in [
            ("delivered", &[NextStep::Delivered][..]),
            ("dead", &[DEAD]),
            ("recovered", &[DEAD, NextStep::Delivered]),
            ("broken", &[NextStep::Delivered, DEAD]),
        ] {
            let event = append(name).await;
            for (n, next) in ends.iter().enumerate() {
                if n > 0 {
                    again(event).await;
                }
                end(*next).await;
            }
            events.push((name, event));
        }
        let cancelled = append("cancelled").await;
        let id = world.delivery(cancelled).await.id;
        world.store.cancel_delivery(world.project, id, at(1)).await.unwrap();
        let disable = |reason: Option<&str>| EndpointChange {
            disabled: Some(reason.map(str::to_owned)),
            ..Default::default()
        };
        world.store.update_endpoint(world.project, endpoint, disable(Some("gone")), at(1)).await.unwrap();
        events.extend([("cancelled", cancelled), ("while disabled", append("while disabled").await)]);
        world.store.update_endpoint(world.project, endpoint, disable(None), at(2)).await.unwrap();
        events.push(("pending", append("pending").await));
        Self { endpoint, events }
    }

    /// The names of what a query comes to.
    async fn names(&self, world: &World, query: ReplayQuery) -> Vec<&'static str> {
        let found = events_for(world, self.endpoint, query).await;
        let name =
            |event: &EventId| self.events.iter().find(|(_, known)| known == event).expect("it is known").0;
        found.iter().map(name).collect()
    }
}

pub(crate) async fn each_state_is_how_an_event_stands_with_the_endpoint(world: World) {
    use ReplayFilter::{Cancelled, Dead, Delivered, Missed, Pending};
    let all =
        ["before", "delivered", "dead", "recovered", "broken", "cancelled", "while disabled", "pending"];
    let cases: [(Option<ReplayFilter>, &[&str]); 6] = [
        (None, &all),
        (Some(Pending), &["pending"]),
        (Some(Delivered), &["delivered", "recovered"]),
        (Some(Dead), &["dead", "broken"]),
        (Some(Cancelled), &["cancelled"]),
        (Some(Missed), &["before", "dead", "cancelled", "while disabled"]),
    ];
    assert_eq!(cases.len(), ReplayFilter::ALL.len() + 1);
    for (n, (state, expected)) in cases.into_iter().enumerate() {
        // Alone for the one endpoint, and for every endpoint that wants it.
        for (names_endpoint, event_type) in [(true, format!("acme.one{n}")), (false, format!("acme.any{n}"))]
        {
            let standing = Standing::of(&world, &event_type).await;
            let endpoint_id = names_endpoint.then_some(standing.endpoint);
            let query =
                ReplayQuery { endpoint_id, state, event_type: Some(event_type), ..Default::default() };
            assert_eq!(standing.names(&world, query).await, expected, "{state:?} {names_endpoint}");
        }
    }
}

pub(crate) async fn what_was_replayed_is_not_missed_again(world: World) {
    let standing = Standing::of(&world, "acme.a").await;
    let missed = || ReplayQuery {
        endpoint_id: Some(standing.endpoint),
        state: Some(ReplayFilter::Missed),
        ..Default::default()
    };
    assert_eq!(standing.names(&world, missed()).await.len(), 4);
    assert!(standing.names(&world, missed()).await.is_empty(), "it is on its way");
    for claimed in world.claim(standing.endpoint, at(5)).await {
        let delivered = claimed.webhook_id.ends_with("before") || claimed.webhook_id.ends_with("pending");
        world.finish(&claimed, if delivered { NextStep::Delivered } else { DEAD }, at(6)).await;
    }
    assert_eq!(standing.names(&world, missed()).await, ["dead", "cancelled", "while disabled"]);
}

pub(crate) async fn without_an_endpoint_each_that_wants_it_now_gets_it(world: World) {
    let old = world.endpoint(&["batch.*"]).await;
    let [first, second] = [
        world.publication("a").append().await.event_id,
        world.publication("b").event_type("response.completed").append().await.event_id,
    ];
    let later = world.endpoint(&["*"]).await;
    let [paused, disabled, deleted] =
        [world.endpoint(&["*"]).await, world.endpoint(&["*"]).await, world.endpoint(&["*"]).await];
    let pause = EndpointChange { paused: Some(true), ..Default::default() };
    let disable = EndpointChange { disabled: Some(Some("gone".into())), ..Default::default() };
    world.store.update_endpoint(world.project, paused, pause, at(1)).await.unwrap();
    world.store.update_endpoint(world.project, disabled, disable, at(1)).await.unwrap();
    world.store.delete_endpoint(world.project, deleted, at(1)).await.unwrap();
    let made = run(&world, ReplayQuery::default()).await;
    let expected = [(first, old), (first, later), (first, paused), (second, later), (second, paused)];
    assert_eq!(made, expected);
    // By its name also a disabled one, when it is enabled again. A deleted one is none.
    let of_disabled = ReplayQuery { endpoint_id: Some(disabled), ..Default::default() };
    let waiting = world.replay(of_disabled).await;
    let enable = EndpointChange { disabled: Some(None), ..Default::default() };
    world.store.update_endpoint(world.project, disabled, enable, at(1)).await.unwrap();
    world.advance(waiting, 10).await;
    assert_eq!(world.replayed(waiting).await.len(), 2);
    for unknown in [deleted, world.id()] {
        let query = ReplayQuery { endpoint_id: Some(unknown), ..Default::default() };
        let preview = world.store.preview_replay(world.project, query.clone(), false).await;
        assert_err!(preview, StoreError::NotFound { noun: "webhook endpoint" });
        let refused = world.store.create_replay(world.new_replay(query)).await;
        assert_err!(refused, StoreError::NotFound { noun: "webhook endpoint" });
    }
}

pub(crate) async fn an_endpoint_is_concerned_by_what_it_had_and_by_what_it_subscribes_to(world: World) {
    let endpoint = world.endpoint(&["batch.*"]).await;
    let had = world.publication("had").append().await.event_id;
    let other = world.publication("other").event_type("response.completed").append().await.event_id;
    world.publication("neither").event_type("acme.a").append().await;
    let event_types = vec![ringback_domain::EventPattern::parse("response.*").unwrap()];
    let change = EndpointChange { event_types: Some(event_types), ..Default::default() };
    world.store.update_endpoint(world.project, endpoint, change, at(1)).await.unwrap();
    let query = ReplayQuery { endpoint_id: Some(endpoint), ..Default::default() };
    assert_eq!(events_for(&world, endpoint, query).await, [had, other]);
}

pub(crate) async fn tests_of_endpoints_are_not_replayed(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let test = world.publication("test").test_of(endpoint).append().await.event_id;
    let real = world.publication("real").append().await.event_id;
    for endpoint_id in [None, Some(endpoint)] {
        let query = ReplayQuery { endpoint_id, ..Default::default() };
        assert_eq!(events_for(&world, endpoint, query).await, [real]);
    }
    assert_eq!(world.event(test).await.deliveries.len(), 1);
}

pub(crate) async fn what_comes_after_the_making_is_not_replayed(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let before = world.publication("before").at(at(20)).append().await.event_id;
    let id = world.replay(ReplayQuery::default()).await;
    // Also by a clock that has been set back.
    for secs in [10, 30] {
        world.publication(&format!("after {secs}")).at(at(secs)).append().await;
    }
    world.advance(id, 1).await;
    assert_eq!(world.replayed(id).await, [(before, endpoint)]);
    assert_eq!(world.replay_now(id).await.expected_count, 1);
}

pub(crate) async fn a_query_is_of_its_project(mut world: World) {
    let own = world.project;
    let endpoint = world.endpoint(&["*"]).await;
    let source = world.source().await;
    world.publication("a").append().await;
    world.project = world.second_project().await;
    assert!(run(&world, ReplayQuery::default()).await.is_empty());
    let source_id = Some(source);
    for (query, what) in [
        (ReplayQuery { endpoint_id: Some(endpoint), ..Default::default() }, "webhook endpoint"),
        (ReplayQuery { source_id, ..Default::default() }, "webhook source"),
        (ReplayQuery { source_id: Some(world.id()), ..Default::default() }, "webhook source"),
    ] {
        let preview = world.store.preview_replay(world.project, query.clone(), false).await;
        assert_err!(preview, StoreError::NotFound { noun } if noun == what);
        let refused = world.store.create_replay(world.new_replay(query)).await;
        assert_err!(refused, StoreError::NotFound { noun } if noun == what);
    }
    world.project = own;
    assert_eq!(run(&world, ReplayQuery::default()).await.len(), 1);
    let mut nowhere = world.new_replay(ReplayQuery::default());
    nowhere.project_id = world.id();
    assert_err!(world.store.create_replay(nowhere).await, StoreError::NotFound { noun: "project" });
}

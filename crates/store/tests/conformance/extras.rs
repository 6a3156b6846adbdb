//! What an endpoint has beyond OpenAI's fields: description, headers, authentication, final statuses, and to
//! begin paused.

use ringback_domain::{Authentication, Endpoint, EndpointId, ExtraHeader, Timestamp};
use ringback_store::{EndpointChange, NewEndpoint};

use super::{World, at};

/// What this file is about, of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Extras {
    description: Option<String>,
    headers: Vec<ExtraHeader>,
    authentication: Option<Authentication>,
    no_retry_statuses: Vec<u16>,
    paused_at: Option<Timestamp>,
    updated_at: Timestamp,
}

impl Extras {
    fn of(endpoint: &Endpoint) -> Self {
        Self {
            description: endpoint.description.clone(),
            headers: endpoint.headers.clone(),
            authentication: endpoint.authentication.clone(),
            no_retry_statuses: endpoint.no_retry_statuses.clone(),
            paused_at: endpoint.paused_at,
            updated_at: endpoint.updated_at,
        }
    }
}

fn present(world: &World, id: EndpointId) -> Extras {
    Extras::of(world.store.config().endpoint(id).expect("it exists"))
}

fn header(name: &str, value: &str) -> ExtraHeader {
    ExtraHeader { name: name.to_owned(), value: value.to_owned() }
}

fn bearer(token: &str) -> Option<Authentication> {
    Some(Authentication::Bearer { token: token.to_owned() })
}

fn basic(username: &str, password: &str) -> Option<Authentication> {
    Some(Authentication::Basic { username: username.to_owned(), password: password.to_owned() })
}

pub(crate) async fn what_an_endpoint_is_made_with_is_kept(world: World) {
    let longest: String = "\u{e9}\"\\\n".repeat(256);
    let cases = [
        (None, vec![], None, vec![], false),
        (Some(String::new()), vec![header("x-a", "")], None, vec![410], false),
        (
            Some(longest),
            vec![header("x-b", "2"), header("x-a", "~ \"\\")],
            bearer("t"),
            vec![400, 404, 410],
            true,
        ),
        (None, vec![], basic("user", ""), (300..=599).collect(), true),
        (None, vec![], basic("", "pass:word"), vec![100, 999], false),
    ];
    let mut made = Vec::new();
    for (description, headers, authentication, no_retry_statuses, paused) in cases {
        let expected = Extras {
            description: description.clone(),
            headers: headers.clone(),
            authentication: authentication.clone(),
            no_retry_statuses: no_retry_statuses.clone(),
            paused_at: paused.then(|| at(3)),
            updated_at: at(3),
        };
        let new = world.new_endpoint(&["*"]);
        let new = NewEndpoint {
            description,
            headers,
            authentication,
            no_retry_statuses,
            paused,
            now: at(3),
            ..new
        };
        let endpoint = world.store.create_endpoint(new).await.unwrap();
        assert_eq!(Extras::of(&endpoint), expected);
        assert_eq!(present(&world, endpoint.id), expected);
        made.push((endpoint.id, expected));
    }
    let world = world.restart().await;
    for (id, expected) in made {
        assert_eq!(present(&world, id), expected);
    }
}

/// What a change makes of the extras.
type Applied = fn(&mut Extras);

/// Changes to be made in turn.
fn changes() -> Vec<(EndpointChange, Applied)> {
    let change = EndpointChange::default;
    vec![
        (EndpointChange { description: Some(Some("new".into())), ..change() }, |e| {
            e.description = Some("new".into());
        }),
        (EndpointChange { headers: Some(vec![header("x-a", "1"), header("x-b", "2")]), ..change() }, |e| {
            e.headers = vec![header("x-a", "1"), header("x-b", "2")];
        }),
        (EndpointChange { authentication: Some(bearer("t")), ..change() }, |e| {
            e.authentication = bearer("t");
        }),
        // Headers and authentication are kept side by side, and neither takes the other along.
        (EndpointChange { headers: Some(vec![header("x-c", "3")]), ..change() }, |e| {
            e.headers = vec![header("x-c", "3")];
        }),
        (EndpointChange { authentication: Some(basic("u", "p")), ..change() }, |e| {
            e.authentication = basic("u", "p");
        }),
        (EndpointChange { no_retry_statuses: Some(vec![410, 404]), ..change() }, |e| {
            e.no_retry_statuses = vec![410, 404];
        }),
        (EndpointChange { headers: Some(vec![]), ..change() }, |e| e.headers = vec![]),
        (EndpointChange { authentication: Some(None), ..change() }, |e| e.authentication = None),
        (EndpointChange { description: Some(None), ..change() }, |e| e.description = None),
        (EndpointChange { no_retry_statuses: Some(vec![]), ..change() }, |e| e.no_retry_statuses = vec![]),
    ]
}

pub(crate) async fn each_extra_changes_alone_and_can_be_taken_away(mut world: World) {
    let id = world.endpoint(&["*"]).await;
    let mut expected = present(&world, id);
    for (now, (change, apply)) in (1..).zip(changes()) {
        apply(&mut expected);
        expected.updated_at = at(now);
        let generation = world.generation();
        let changed = world.store.update_endpoint(world.project, id, change.clone(), at(now)).await.unwrap();
        assert_eq!(Extras::of(&changed), expected, "{change:?}");
        assert!(world.generation() > generation, "{change:?}");
        // The same again moves nothing, although what is encrypted never looks the same.
        let again = world.store.update_endpoint(world.project, id, change.clone(), at(99)).await.unwrap();
        assert_eq!(Extras::of(&again), expected, "{change:?} again");
        assert_eq!(present(&world, id), expected, "{change:?}");
        world = world.restart().await;
        assert_eq!(present(&world, id), expected, "{change:?}");
    }
}

pub(crate) async fn an_endpoint_that_begins_paused_is_resumed_like_any_other(world: World) {
    let source = world.source().await;
    let new = NewEndpoint { paused: true, ..world.new_endpoint(&["*"]) };
    let id = world.store.create_endpoint(new).await.unwrap().id;
    assert!(!world.store.config().endpoint(id).unwrap().may_attempt());
    assert_eq!(world.call(source, "wh_1").append().await.due, [id], "deliveries are made and held");
    let resume = EndpointChange { paused: Some(false), ..Default::default() };
    let resumed = world.store.update_endpoint(world.project, id, resume, at(5)).await.unwrap();
    assert_eq!((resumed.paused_at, resumed.updated_at), (None, at(5)));
    assert!(world.restart().await.store.config().endpoint(id).unwrap().may_attempt());
}

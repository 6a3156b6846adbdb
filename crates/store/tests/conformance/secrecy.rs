//! What must not be stored in clear: scenarios that store it, for backends to search what they have stored.

use ringback_domain::{Authentication, EndpointKey, ExtraHeader, SignatureScheme};
use ringback_store::{
    Beginning, EndpointChange, IdempotencyKey, NewEndpoint, NewSource, Rotation, StoredAnswer,
};
use ringback_webhook::SigningSecret;

use super::{World, at, secret};

/// What is to be found, so that a search is known to work, and what is not.
pub(crate) struct Sought {
    pub(crate) shown: Vec<String>,
    pub(crate) hidden: Vec<Vec<u8>>,
}

/// Signing secrets of sources and endpoints, of every kind.
pub(crate) async fn signing_secrets(world: &World) -> Sought {
    let raw = "a-secret-without-a-prefix-of-its-own";
    let openai = Some((world.id(), SigningSecret::parse_openai(raw).unwrap()));
    let source = world.store.create_source(NewSource { secret: openai, ..world.new_source() }).await.unwrap();
    world.store.add_source_secret(world.project, source.id, (world.id(), secret(0x42)), at(1)).await.unwrap();
    let endpoint = world.endpoint(&["*"]).await;
    let private = EndpointKey::from_random(SignatureScheme::V1a, &[0x44; 32]);
    for key in [secret(0x43).into(), private.clone()] {
        let rotation = Rotation { secret: (world.id(), key), older_until: Some(at(100)), now: at(1) };
        world.store.rotate_endpoint_secret(world.project, endpoint, rotation).await.unwrap();
    }

    let texts = [secret(0x42).reveal(), secret(7).reveal(), secret(0x43).reveal(), private.reveal()];
    let mut hidden = vec![raw.as_bytes().to_vec()];
    hidden.extend([0x42, 7, 0x43, 0x44].map(|n| vec![n; 32]));
    for text in &texts {
        let (_prefix, encoded) = text.split_once('_').unwrap();
        hidden.extend([text.as_bytes().to_vec(), encoded.as_bytes().to_vec()]);
    }
    Sought { shown: vec![source.token.clone().unwrap()], hidden }
}

/// What a user's app is opened with.
pub(crate) async fn keys_of_apps(world: &World) -> Sought {
    let header = |value: &str| ExtraHeader { name: "x-internal-name".into(), value: value.into() };
    let bearer = Authentication::Bearer { token: "bearer-token-of-theirs".into() };
    let basic =
        Authentication::Basic { username: "user-of-theirs".into(), password: "pass-of-theirs".into() };
    for (n, authentication) in [bearer, basic].into_iter().enumerate() {
        let headers = vec![header("value-of-a-header")];
        let description = Some(format!("described {n}"));
        let new = NewEndpoint {
            headers,
            description,
            authentication: Some(authentication),
            ..world.new_endpoint(&["*"])
        };
        let made = world.store.create_endpoint(new).await.unwrap();
        let change = EndpointChange { headers: Some(vec![header("changed-value")]), ..Default::default() };
        world.store.update_endpoint(world.project, made.id, change, at(1)).await.unwrap();
    }
    let hidden = [
        "bearer-token-of-theirs",
        "user-of-theirs",
        "pass-of-theirs",
        "value-of-a-header",
        "changed-value",
        "x-internal-name",
    ];
    let hidden = hidden.map(|text| text.as_bytes().to_vec()).to_vec();
    Sought { shown: vec!["described 0".into(), "described 1".into()], hidden }
}

/// The answer to a request that may be repeated.
pub(crate) async fn answers(world: &World) -> Sought {
    let answer = "{\"signing_secret\":\"shown-only-once\"}".repeat(500);
    answered(world, "chosen-by-the-caller", &answer).await;
    let hidden = ["shown-only-once", "signing_secret"].map(|text| text.as_bytes().to_vec()).to_vec();
    Sought { shown: vec!["chosen-by-the-caller".into()], hidden }
}

/// A request that was begun and answered.
pub(crate) async fn answered(world: &World, key: &str, body: &str) -> Beginning {
    let key = IdempotencyKey { project_id: world.project, route: "POST /v1/things".into(), key: key.into() };
    let beginning = Beginning { key, request_sha256: [1; 32], repeatable: false, nonce: [1; 16], now: at(0) };
    world.store.begin_idempotent(beginning.clone()).await.unwrap();
    let answer = StoredAnswer { status_code: 200, body: body.as_bytes().to_vec().into() };
    world.store.complete_idempotent(beginning.key.clone(), answer).await.unwrap();
    beginning
}

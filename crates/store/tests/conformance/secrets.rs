//! Signing secrets at rest: what is read back, and under which of the operator's keys.

use std::collections::BTreeMap;

use ringback_domain::{
    Authentication, EndpointKey, ExtraHeader, SecretId, SignatureScheme, SourceId, SourceKind,
};
use ringback_store::{EncryptionKey, NewEndpoint, NewSource, OpenError, Rotation};
use ringback_webhook::SigningSecret;

use super::{World, assert_err, at, keyring, secret};

/// Every secret in the snapshot, by its id.
fn revealed(world: &World) -> BTreeMap<SecretId, String> {
    let config = world.store.config();
    let project = config.project(world.project).unwrap();
    let sources = project.list_sources(Default::default()).items;
    let endpoints = project.list_endpoints(Default::default()).items;
    let of_sources = sources.iter().flat_map(|s| &s.secrets).map(|s| (s.id, s.secret.reveal().to_string()));
    let of_endpoints = endpoints.iter().flat_map(|e| &e.secrets).map(|s| (s.id, s.key.reveal().to_string()));
    of_sources.chain(of_endpoints).collect()
}

async fn source_with(world: &World, kind: SourceKind, secret: SigningSecret) -> SourceId {
    let secret = Some((world.id(), secret));
    world.store.create_source(NewSource { kind, secret, ..world.new_source() }).await.unwrap().id
}

pub(crate) async fn secrets_are_the_same_after_a_restart(world: World) {
    let openai = SigningSecret::parse_openai("no prefix, any text: é").unwrap();
    let source = source_with(&world, SourceKind::OpenAi, openai).await;
    source_with(&world, SourceKind::StandardWebhooks, secret(3)).await;
    world.endpoint(&["*"]).await;
    world.store.add_source_secret(world.project, source, (world.id(), secret(4)), at(1)).await.unwrap();
    let before = revealed(&world);
    assert_eq!(before.len(), 4);
    assert!(before.values().any(|text| text == "no prefix, any text: é"));
    assert!(before.values().any(|text| *text == *secret(7).reveal()));

    let world = world.restart().await;
    assert_eq!(revealed(&world), before);
}

pub(crate) async fn a_wrong_key_is_refused_by_its_name(mut world: World) {
    // One secret of an endpoint is enough, and so is one of a source.
    let endpoint = world.endpoint(&["*"]).await;
    for deleted in [None, Some(endpoint)] {
        if let Some(endpoint) = deleted {
            source_with(&world, SourceKind::OpenAi, secret(3)).await;
            world.store.delete_endpoint(world.project, endpoint, at(1)).await.unwrap();
        }
        let before = revealed(&world);
        assert_eq!(before.len(), 1);
        let refusal;
        (world, refusal) = world.refused_under(keyring(&[2]), keyring(&[1])).await;
        let OpenError::MissingKey { key_id, .. } = &refusal else { panic!("{refusal:?}") };
        let shown = format!("{:?}", EncryptionKey::new(&[1; 32]));
        assert!(shown.contains(key_id.as_str()), "{key_id} is not the key of {shown}");
        assert_eq!(revealed(&world), before, "a refused start harms nothing");
    }
}

pub(crate) async fn keys_are_rotated_by_a_list(world: World) {
    source_with(&world, SourceKind::OpenAi, secret(3)).await;
    world.endpoint(&["*"]).await;
    let before = revealed(&world);
    assert_eq!(before.len(), 2);
    // The new key stands first. What is under the old one is encrypted anew at the start, so that the old one
    // may go.
    let world = world.restart_under(keyring(&[2, 1])).await.unwrap();
    assert_eq!(revealed(&world), before);
    world.endpoint(&["*"]).await;
    let more = revealed(&world);
    let (world, refusal) = world.refused_under(keyring(&[1]), keyring(&[2])).await;
    assert_err!(Err::<(), _>(refusal), OpenError::MissingKey { .. });
    assert_eq!(revealed(&world), more);
    // And the next one, from anywhere on the list to its head.
    let world = world.restart_under(keyring(&[3, 1, 2])).await.unwrap();
    let world = world.restart_under(keyring(&[3])).await.unwrap();
    assert_eq!(revealed(&world), more);
}

pub(crate) async fn headers_and_authentication_move_to_the_new_key_too(world: World) {
    let headers = vec![ExtraHeader { name: "x-key".into(), value: "hidden".into() }];
    let authentication = Some(Authentication::Bearer { token: "token".into() });
    let new = NewEndpoint { headers, authentication, ..world.new_endpoint(&["*"]) };
    let (made, bare) = (world.store.create_endpoint(new).await.unwrap(), world.endpoint(&["*"]).await);
    let world = world.restart_under(keyring(&[2, 1])).await.unwrap();
    let world = world.restart_under(keyring(&[2])).await.unwrap();
    let config = world.store.config();
    let found = config.endpoint(made.id).unwrap();
    assert_eq!((&found.headers, &found.authentication), (&made.headers, &made.authentication));
    assert_eq!(config.endpoint(bare).unwrap().headers, []);
}

pub(crate) async fn keys_of_either_scheme_are_the_same_after_a_rotation_and_a_restart(world: World) {
    let endpoint = world.endpoint(&["*"]).await;
    let private = EndpointKey::from_random(SignatureScheme::V1a, &[8; 32]);
    for key in [private.clone(), secret(9).into()] {
        let rotation = Rotation { secret: (world.id(), key), older_until: Some(at(100)), now: at(1) };
        world.store.rotate_endpoint_secret(world.project, endpoint, rotation).await.unwrap();
    }
    let before = revealed(&world);
    let texts: Vec<_> = before.values().cloned().collect();
    let expected = [secret(7).reveal(), private.reveal(), secret(9).reveal()].map(|text| text.to_string());
    assert_eq!(texts, expected);

    // Under a new key as well.
    let world = world.restart_under(keyring(&[2, 1])).await.unwrap();
    let world = world.restart_under(keyring(&[2])).await.unwrap();
    assert_eq!(revealed(&world), before);
    let config = world.store.config();
    let schemes = config.endpoint(endpoint).unwrap().secrets.iter().map(|secret| secret.key.scheme());
    assert_eq!(schemes.collect::<Vec<_>>(), [SignatureScheme::V1, SignatureScheme::V1a, SignatureScheme::V1]);
}

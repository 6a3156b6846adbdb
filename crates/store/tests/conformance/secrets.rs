//! Signing secrets at rest: what is read back, and under which of the operator's keys.

use std::collections::BTreeMap;

use ringback_domain::{SecretId, SourceId, SourceKind};
use ringback_store::{EncryptionKey, NewSource, OpenError};
use ringback_webhook::SigningSecret;

use super::{World, assert_err, at, keyring, secret};

/// Every secret in the snapshot, by its id.
fn revealed(world: &World) -> BTreeMap<SecretId, String> {
    let config = world.store.config();
    let project = config.project(world.project).unwrap();
    let sources = project.list_sources(Default::default()).items;
    let endpoints = project.list_endpoints(Default::default()).items;
    let of_sources = sources.iter().flat_map(|s| &s.secrets).map(|s| (s.id, s.secret.reveal().to_string()));
    let of_endpoints =
        endpoints.iter().flat_map(|e| &e.secrets).map(|s| (s.id, s.secret.reveal().to_string()));
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
        let OpenError::MissingKey { key_id } = &refusal else { panic!("{refusal:?}") };
        let shown = format!("{:?}", EncryptionKey::new(&[1; 32]));
        assert!(shown.contains(key_id.as_str()), "{key_id} is not the key of {shown}");
        assert_eq!(revealed(&world), before, "a refused start harms nothing");
    }
}

pub(crate) async fn a_database_without_secrets_opens_under_any_key(world: World) {
    let source = source_with(&world, SourceKind::OpenAi, secret(3)).await;
    let secret_id = *revealed(&world).keys().next().unwrap();
    world.store.remove_source_secret(world.project, source, secret_id, at(1)).await.unwrap();
    let world = world.restart_under(keyring(&[2])).await.unwrap();
    world.store.add_source_secret(world.project, source, (world.id(), secret(5)), at(2)).await.unwrap();
    let (_, refusal) = world.refused_under(keyring(&[1]), keyring(&[2])).await;
    assert_err!(Err::<(), _>(refusal), OpenError::MissingKey { .. });
}

pub(crate) async fn keys_are_rotated_by_a_list(world: World) {
    source_with(&world, SourceKind::OpenAi, secret(3)).await;
    // The new key stands first: it encrypts from now on, and the old one still reads.
    let world = world.restart_under(keyring(&[2, 1])).await.unwrap();
    world.endpoint(&["*"]).await;
    let both = revealed(&world);
    assert_eq!(both.len(), 2);
    // Without either of them something cannot be read.
    let (world, refusal) = world.refused_under(keyring(&[2]), keyring(&[1, 2])).await;
    assert_err!(Err::<(), _>(refusal), OpenError::MissingKey { .. });
    let (world, refusal) = world.refused_under(keyring(&[1]), keyring(&[3, 2, 1])).await;
    assert_err!(Err::<(), _>(refusal), OpenError::MissingKey { .. });
    assert_eq!(revealed(&world), both);
}

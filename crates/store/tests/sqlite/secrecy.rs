//! Secrets on the disk: not to be read there, nor to be moved.

use std::fs;

use ringback_domain::{SecretId, TypedId};
use ringback_store::{NewSource, OpenError};
use ringback_webhook::SigningSecret;

use crate::backend::DatabaseFolder;
use crate::conformance::{World, assert_err, at, keyring, secret};

#[tokio::test]
async fn no_secret_is_on_the_disk_in_clear() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let raw = "a-secret-without-a-prefix-of-its-own";
    let openai = Some((world.id(), SigningSecret::parse_openai(raw).unwrap()));
    let source = world.store.create_source(NewSource { secret: openai, ..world.new_source() }).await.unwrap();
    world.store.add_source_secret(world.project, source.id, (world.id(), secret(0x42)), at(1)).await.unwrap();
    world.endpoint(&["*"]).await;

    let text = secret(0x42).reveal();
    let of_endpoint = secret(7).reveal();
    let sought: [&[u8]; 6] = [
        raw.as_bytes(),
        text.as_bytes(),
        &text.as_bytes()["whsec_".len()..],
        &[0x42; 32],
        of_endpoint.as_bytes(),
        &[7; 32],
    ];
    let mut seen_token = false;
    // While it is open, so that the log is read too; and after it was folded into the database.
    for closed in [false, true] {
        if closed {
            world.store.close().await;
        }
        for entry in fs::read_dir(folder.path()).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            let holds = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
            seen_token |= source.token.iter().any(|token| holds(token.as_bytes()));
            for what in sought {
                assert!(!holds(what), "{}", path.display());
            }
        }
    }
    assert!(seen_token, "the search finds what is there in clear");
}

#[tokio::test]
async fn a_ciphertext_opens_in_no_other_row() {
    let folder = DatabaseFolder::new();
    let world = World::new(folder.clone()).await;
    let ids: [SecretId; 2] = [world.id(), world.id()];
    let source = world.source().await;
    for (id, n) in ids.into_iter().zip(1..) {
        world.store.add_source_secret(world.project, source, (id, secret(n)), at(1)).await.unwrap();
    }
    let sql = "UPDATE source_secrets SET ciphertext = (SELECT ciphertext FROM source_secrets WHERE id = ?1) WHERE id = ?2";
    let moved = folder.connection().execute(sql, [ids[0].to_bytes(), ids[1].to_bytes()]).unwrap();
    assert_eq!(moved, 1);
    assert_err!(world.restart_under(keyring(&[1])).await, OpenError::Config(_));
}

//! Rotation and revocation of an endpoint's signing secrets.

use ringback_testkit::{Call, Receiver};
use ringback_webhook::{PublicKey, SigningSecret, UnixSeconds, Verifier, VerifierBuilder};
use serde_json::{Value, json};

use crate::world::{NOW, World};

const URL: &str = "https://app.example/";
const DAY: i64 = 24 * 3600;

fn path(endpoint: &Value) -> String {
    format!("/v1/webhook_endpoints/{}", endpoint["id"].as_str().unwrap())
}

/// The hints of those that sign, oldest first, and when each ends.
fn live(endpoint: &Value) -> Vec<(&str, Option<i64>)> {
    let secrets = endpoint["signing_secrets"].as_array().unwrap();
    secrets.iter().map(|s| (s["hint"].as_str().unwrap(), s["expires_at"].as_i64())).collect()
}

fn hint(endpoint: &Value) -> &str {
    endpoint["signing_secret_hint"].as_str().unwrap()
}

#[tokio::test]
async fn without_overlap_the_old_secret_ends_at_once() {
    let world = World::start().await;
    let first = world.endpoint(URL, json!({})).await;
    world.turn(5);
    let second = world.api("POST", &format!("{}/rotate_secret", path(&first)), "{}").await.ok();
    assert_ne!(second["signing_secret"], first["signing_secret"]);
    assert_eq!(live(&second), [(hint(&second), None)]);
    assert_eq!((&second["created_at"], &second["updated_at"]), (&json!(NOW), &json!(NOW + 5)));
    let shown = world.get(&path(&first)).await.ok();
    assert!(shown.get("signing_secret").is_none());
    assert_eq!(hint(&shown), hint(&second));
}

#[tokio::test]
async fn with_overlap_both_sign_for_a_day_and_never_more_than_three() {
    let world = World::start().await;
    let first = world.endpoint(URL, json!({})).await;
    let rotate = async || {
        let body = json!({"keep_old_secret_active_for_24_hours": true});
        world.post(&format!("{}/rotate_secret", path(&first)), &body).await.ok()
    };
    let second = rotate().await;
    assert_eq!(live(&second), [(hint(&first), Some(NOW + DAY)), (hint(&second), None)]);
    world.turn(10);
    let third = rotate().await;
    let expected =
        [(hint(&first), Some(NOW + DAY)), (hint(&second), Some(NOW + 10 + DAY)), (hint(&third), None)];
    assert_eq!(live(&third), expected, "what was to end earlier still does");
    let fourth = rotate().await;
    assert_eq!(
        live(&fourth).iter().map(|(hint, _)| *hint).collect::<Vec<_>>(),
        [hint(&second), hint(&third), hint(&fourth)]
    );
    world.turn(DAY.unsigned_abs());
    let shown = world.get(&path(&first)).await.ok();
    assert_eq!(live(&shown), [(hint(&fourth), None)]);
}

#[tokio::test]
async fn an_older_secret_can_be_ended_before_its_time_and_the_newest_cannot() {
    let world = World::start().await;
    let first = world.endpoint(URL, json!({})).await;
    let body = json!({"keep_old_secret_active_for_24_hours": true});
    let second = world.post(&format!("{}/rotate_secret", path(&first)), &body).await.ok();
    let secret = |index: usize| {
        format!(
            "{}/signing_secrets/{}",
            path(&first),
            second["signing_secrets"][index]["id"].as_str().unwrap()
        )
    };
    let newest = world.api("DELETE", &secret(1), "").await;
    assert_eq!(newest.error(), (400, "newest_secret".to_owned()));
    let after = world.api("DELETE", &secret(0), "").await.ok();
    assert_eq!(live(&after), [(hint(&second), None)]);
    assert_eq!(world.api("DELETE", &secret(0), "").await.error(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn an_endpoint_may_be_signed_to_by_ed25519_and_changes_its_scheme_with_its_secret() {
    let world = World::start().await;
    let receiver = Receiver::start().await;
    let made = world.endpoint(&receiver.url(), json!({"signature_scheme": "v1a"})).await;
    let public = made["signing_secret"].as_str().unwrap();
    assert!(public.starts_with("whpk_"), "{public}");
    assert_eq!(hint(&made), format!("whpk_…{}", &public[public.len() - 4..]));
    let publish = async || {
        world.post("/v1/webhook_events", &json!({"type": "a.b", "data": {}})).await.ok();
        receiver.next().await
    };
    let verifies = |call: &Call, verifier: VerifierBuilder| {
        let verifier = verifier.build().unwrap();
        verifier.verify(&call.headers, &call.body, UnixSeconds(NOW)).is_ok()
    };
    let by_public = |text: &str| Verifier::builder().public_key(PublicKey::parse(text).unwrap());
    let by_secret = |text: &str| Verifier::builder().secret(SigningSecret::parse(text).unwrap());

    let call = publish().await;
    assert!(verifies(&call, by_public(public)));
    assert!(call.header("webhook-signature").starts_with("v1a,"));

    let same = world.post(&path(&made), &json!({"signature_scheme": "v1a"})).await.ok();
    assert_eq!(same["updated_at"], made["updated_at"]);
    let other = world.post(&path(&made), &json!({"signature_scheme": "v1"})).await;
    assert_eq!(other.error(), (400, "invalid_value".to_owned()));
    assert!(other.message().contains("rotate_secret"), "{}", other.message());

    let body = json!({"signature_scheme": "v1", "keep_old_secret_active_for_24_hours": true});
    let rotated = world.post(&format!("{}/rotate_secret", path(&made)), &body).await.ok();
    let secret = rotated["signing_secret"].as_str().unwrap();
    assert_eq!((&rotated["signature_scheme"], &secret[..6]), (&json!("v1"), "whsec_"));
    let call = publish().await;
    assert!(
        verifies(&call, by_public(public)) && verifies(&call, by_secret(secret)),
        "both, during the overlap"
    );

    let again = world.api("POST", &format!("{}/rotate_secret", path(&made)), "{}").await.ok();
    assert_eq!(again["signature_scheme"], "v1", "unless told otherwise it stays");
    let call = publish().await;
    assert!(verifies(&call, by_secret(again["signing_secret"].as_str().unwrap())));
    assert!(!verifies(&call, by_public(public)) && !verifies(&call, by_secret(secret)));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let world = World::start().await;
    let endpoint = world.endpoint(URL, json!({})).await;
    let rotate = format!("{}/rotate_secret", path(&endpoint));
    for (body, code) in [
        (json!({"keep_old_secret_active_for_24_hours": "yes"}), "invalid_type"),
        (json!({"keep_old": true}), "unknown_parameter"),
        (json!({"signature_scheme": "v2"}), "invalid_value"),
    ] {
        assert_eq!(world.post(&rotate, &body).await.error(), (400, code.to_owned()), "{body}");
    }
    assert_eq!(hint(&world.get(&path(&endpoint)).await.ok()), hint(&endpoint), "nothing was rotated");
}

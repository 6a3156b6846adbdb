//! One case for each row of the table, two mistakes at once, the limits, and what must never be shown.

use super::{
    ExplainInput, Explanation, MAX_BODY_BYTES, MAX_HMACS, MAX_SECRET_BYTES, MAX_SECRETS, explain, hypotheses,
};
use crate::{SigningSecret, UnixSeconds, signature};

/// 32 bytes whose base64 has both of the characters that the URL-safe alphabet writes otherwise.
const SECRET: &str = "whsec_++//AgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4=";
const OTHER: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const BODY: &str =
    r#"{"object":"event","id":"evt_1","type":"a.b","created_at":1750287018,"data":{"id":"x"}}"#;
const NOW: i64 = 1_750_287_078;

/// A call and what its receiver knows; right, until something is changed.
#[derive(Clone)]
struct World {
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    now: i64,
    secrets: Vec<String>,
    others: Vec<String>,
    recent: Vec<i64>,
}

impl World {
    fn explain(&self) -> Explanation {
        let texts = |texts: &'_ [String]| texts.iter().map(String::clone).collect::<Vec<_>>();
        let (secrets, others) = (texts(&self.secrets), texts(&self.others));
        explain(&ExplainInput {
            secrets: &secrets.iter().map(String::as_str).collect::<Vec<_>>(),
            other_secrets: &others.iter().map(String::as_str).collect::<Vec<_>>(),
            recent_offsets_secs: &self.recent,
            ..ExplainInput::new(&self.headers, &self.body, UnixSeconds(self.now))
        })
    }
}

fn key(text: &str) -> SigningSecret {
    SigningSecret::parse(text).unwrap()
}

fn signed(key: &SigningSecret, id: &str, timestamp: &str, body: &[u8]) -> World {
    let mut token = String::new();
    signature::push_token(&mut token, &key.mac(id.as_bytes(), timestamp.as_bytes(), body));
    World {
        headers: vec![
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", timestamp.to_owned()),
            ("webhook-signature", token),
        ],
        body: body.to_vec(),
        now: NOW,
        secrets: vec![SECRET.to_owned()],
        others: Vec::new(),
        recent: Vec::new(),
    }
}

fn right() -> World {
    signed_body(BODY.as_bytes())
}

fn signed_body(body: &[u8]) -> World {
    signed(&key(SECRET), "wh_1", &NOW.to_string(), body)
}

/// Sent with the right timestamp, and signed with another.
fn signed_otherwise(timestamp: &str) -> World {
    let mut world = signed(&key(SECRET), "wh_1", timestamp, BODY.as_bytes());
    world.headers[1].1 = NOW.to_string();
    world
}

/// The receiver has `text` for a secret.
fn secret(text: &str) -> World {
    World { secrets: vec![text.to_owned()], ..right() }
}

/// The sender takes `bytes` for the key.
fn sender(bytes: &str) -> World {
    let key = SigningSecret::from_key_bytes(bytes.as_bytes()).unwrap();
    signed(&key, "wh_1", &NOW.to_string(), BODY.as_bytes())
}

fn body(signed: &str, received: &str) -> World {
    World { body: received.into(), ..signed_body(signed.as_bytes()) }
}

fn at(now: i64, recent: &[i64]) -> World {
    World { now, recent: recent.to_vec(), ..right() }
}

fn header(name: &'static str, change: impl Fn(&str) -> String) -> World {
    let mut world = right();
    let (_, value) = world.headers.iter_mut().find(|(known, _)| *known == name).unwrap();
    *value = change(value);
    world
}

fn repeated(name: &'static str, value: &str, first: bool) -> World {
    let mut world = right();
    let place = if first { 0 } else { world.headers.len() };
    world.headers.insert(place, (name, value.to_owned()));
    world
}

/// For each row what it explains, as variants of the mistake.
fn cases() -> Vec<(&'static str, Vec<World>)> {
    let bare = &SECRET["whsec_".len()..];
    let spaced = BODY.replace(':', ": ").replace(',', ", ");
    let sorted = r#"{"created_at":1750287018,"data":{"id":"x"},"id":"evt_1","object":"event","type":"a.b"}"#;
    vec![
        (
            "timestamp_in_milliseconds",
            vec![signed(&key(SECRET), "wh_1", &format!("{NOW}123"), BODY.as_bytes())],
        ),
        ("now_in_milliseconds", vec![at(NOW * 1000 + 5, &[])]),
        ("one_clock_of_sender_ahead", vec![at(NOW - 400, &[0, 2])]),
        ("clock_behind", vec![at(NOW - 301, &[]), at(NOW - 7200, &[-7190]), at(0, &[])]),
        (
            "clock_ahead",
            vec![at(NOW + 301, &[]), at(NOW + 6 * 3600, &[]), at(NOW + 90_000, &[90_007, 89_900])],
        ),
        (
            "late_or_replayed",
            vec![at(NOW + 6 * 3600 + 1, &[]), at(NOW + 400, &[1]), at(NOW + 400, &[400, 0])],
        ),
        (
            "headers_merged",
            vec![
                header("webhook-id", |id| format!("{id}, {id}")),
                header("webhook-timestamp", |time| format!("{time},{time}")),
                header("webhook-signature", |token| format!("{token},{token}")),
                header("webhook-id", |id| format!("wh_0,{id}")),
            ],
        ),
        (
            "headers_repeated",
            vec![
                repeated("webhook-id", "wh_2", true),
                repeated("webhook-id", "wh_2", false),
                repeated("webhook-timestamp", "1", true),
                repeated("webhook-signature", "v1,AAAA", false),
                repeated("webhook-signature", "", true),
            ],
        ),
        ("timestamp_sent_in_milliseconds", vec![header("webhook-timestamp", |time| format!("{time}999"))]),
        (
            "secret_surrounding_whitespace",
            [" ", "\t", "\n", "\r\n"].map(|end| secret(&format!("{SECRET}{end}"))).into(),
        ),
        (
            "secret_quoted",
            ["\"", "'", "`"]
                .map(|quote| secret(&format!("{quote}{SECRET}{quote}")))
                .into_iter()
                .chain([secret(&format!("“{SECRET}”")), secret(&format!("\"{SECRET}\"\n"))])
                .collect(),
        ),
        (
            "secret_inner_whitespace",
            vec![
                secret(&format!("{} {}", &SECRET[..20], &SECRET[20..])),
                secret(&format!("{}\n{}", &SECRET[..20], &SECRET[20..])),
                secret(&SECRET.replace("whsec_", "whsec_ ")),
            ],
        ),
        (
            "secret_with_variable_name",
            vec![
                secret(&format!("OPENAI_WEBHOOK_SECRET={SECRET}")),
                secret(&format!("export OPENAI_WEBHOOK_SECRET=\"{SECRET}\"")),
            ],
        ),
        ("secret_with_label", vec![secret(&format!("v1,{SECRET}")), secret(&format!("v1, {SECRET}\n"))]),
        ("secret_prefix_case", vec![secret(&SECRET.replace("whsec_", "WHSEC_"))]),
        ("secret_prefix_doubled", vec![secret(&format!("whsec_{SECRET}"))]),
        ("secret_prefix_missing", vec![secret(bare)]),
        (
            "secret_base64url",
            vec![
                secret(&SECRET.replace('+', "-").replace('/', "_")),
                secret(SECRET.replace('+', "-").replace('/', "_").trim_end_matches('=')),
                secret(&bare.replace('+', "-").replace('/', "_")),
            ],
        ),
        ("secret_padding_missing", vec![secret(SECRET.trim_end_matches('=')), secret(&format!("{SECRET}="))]),
        ("secret_not_decoded", vec![sender(bare)]),
        ("secret_whole_text_is_key", vec![sender(SECRET)]),
        (
            "secret_of_another",
            vec![World { secrets: vec![OTHER.to_owned()], others: vec![SECRET.to_owned()], ..right() }],
        ),
        ("body_newline_added", vec![body(BODY, &format!("{BODY}\n")), body(BODY, &format!("{BODY}\r\n"))]),
        ("body_newline_removed", vec![body(&format!("{BODY}\n"), BODY), body(&format!("{BODY}\r\n"), BODY)]),
        ("body_lf_became_crlf", vec![body("{\n}\n", "{\r\n}\r\n")]),
        ("body_crlf_became_lf", vec![body("{\r\n}\r\n", "{\n}\n")]),
        ("body_bom_added", vec![body(BODY, &format!("\u{feff}{BODY}"))]),
        ("body_bom_removed", vec![body(&format!("\u{feff}{BODY}"), BODY)]),
        (
            "body_respaced",
            vec![
                body(&spaced, BODY),
                body(BODY, &spaced),
                body(BODY, &format!("{}\n", spaced.replace(", ", ",\n  "))),
                body(r#"{"a": "\", :\\", "b": [{}, -1.50, true]}"#, r#"{"a":"\", :\\","b":[{},-1.50,true]}"#),
            ],
        ),
        (
            "body_unicode_unescaped",
            vec![
                body(r#"{"a":"\u00e9\ud83d\ude00"}"#, r#"{"a":"é😀"}"#),
                body(r#"{"\u00e9": [1, "\\"]}"#, r#"{"é":[1,"\\"]}"#),
            ],
        ),
        (
            "body_unicode_escaped",
            vec![
                body(r#"{"a":"é😀\\u0041\u0041\n"}"#, r#"{"a":"\u00e9\uD83D\uDE00\\u0041\u0041\n"}"#),
                body(r#"{"é": 1}"#, r#"{"\u00E9":1}"#),
            ],
        ),
        ("body_slashes_escaped", vec![body(r#"{"a":"b/c\\/"}"#, r#"{"a":"b\/c\\\/"}"#)]),
        (
            "body_keys_reordered",
            vec![
                body(BODY, sorted),
                body(&spaced, sorted),
                body(
                    r#"{"id":"e","type":"a.b","data":{"created_at":1,"id":2},"zone":0}"#,
                    r#"{"data":{"created_at":1,"id":2},"id":"e","type":"a.b","zone":0}"#,
                ),
            ],
        ),
        (
            "body_keys_unsorted",
            vec![
                body(sorted, BODY),
                body(r#"{"a": 1, "b": {"c": 2, "d": 3}}"#, r#"{"b":{"d":3,"c":2},"a":1}"#),
            ],
        ),
        ("body_still_gzip", vec![World { body: b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(), ..right() }]),
    ]
}

#[test]
fn every_row_explains_its_mistake_and_has_a_case() {
    let cases = cases();
    let codes: Vec<_> = cases.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, hypotheses().map(super::Finding::code).collect::<Vec<_>>());
    for (code, worlds) in cases {
        for (index, world) in worlds.iter().enumerate() {
            let explanation = world.explain();
            assert_eq!(explanation.codes().collect::<Vec<_>>(), [code], "variant {index}");
            let text = explanation.to_string();
            assert!(text.ends_with('.') && !text.contains(['{', '}']), "{text}");
            assert!(!text.contains("Besides"), "{text}");
            assert!(explanation.facts().complete);
        }
    }
}

#[test]
fn a_right_call_is_said_to_be_right() {
    let explanation = right().explain();
    assert_eq!((explanation.code(), explanation.is_certain()), ("verifies", true));
    let second = World { secrets: vec!["".into(), OTHER.into(), SECRET.into()], ..right() }.explain();
    assert_eq!((second.code(), second.facts().secret_index), ("verifies", Some(2)));
}

#[test]
fn a_mistake_in_the_secret_and_one_in_the_body_are_found_together() {
    let both = World { secrets: vec![format!("v1,{SECRET}")], ..body(BODY, &format!("{BODY}\n")) }.explain();
    assert_eq!(both.codes().collect::<Vec<_>>(), ["secret_with_label", "body_newline_added"]);
    assert!(both.is_certain());
    assert_eq!(both.findings().count(), 2);
    assert!(both.to_string().contains("comma. The body"), "{both}");
}

#[test]
fn proof_is_told_from_a_guess() {
    for (code, worlds) in cases() {
        let proven = !matches!(code, "body_still_gzip" | "clock_ahead" | "late_or_replayed");
        assert!(worlds[0].explain().is_certain() == proven, "{code}");
    }
    assert!(at(NOW + 90_000, &[90_007]).explain().is_certain(), "other calls bear witness");
}

#[test]
fn a_time_that_is_wrong_as_well_is_mentioned() {
    let late = World { now: NOW + 900, ..secret(&format!("\"{SECRET}\"")) }.explain();
    assert_eq!(late.code(), "secret_quoted");
    assert!(
        late.facts().out_of_time && late.to_string().contains("Besides, the timestamp is 900 s"),
        "{late}"
    );
    assert!(!secret(&format!("\"{SECRET}\"")).explain().to_string().contains("Besides"));
}

#[test]
fn the_number_is_in_the_sentence() {
    assert!(at(NOW - 4000, &[]).explain().to_string().contains("clock is 4000 s behind"));
    assert_eq!(at(NOW - 4000, &[]).explain().facts().offset_secs, Some(-4000));
    assert!(at(NOW + 4000, &[]).explain().to_string().contains("clock is 4000 s ahead"));
    assert_eq!(at(i64::MIN, &[]).explain().facts().offset_secs, Some(i64::MIN));
}

#[test]
fn what_no_mistake_explains_has_an_answer_too() {
    let without = |name| {
        let mut world = right();
        world.headers.retain(|(known, _)| *known != name);
        world
    };
    let missing = without("webhook-timestamp").explain();
    assert!(missing.to_string().contains("webhook-timestamp"), "{missing}");
    let unreadable = secret("whsec_!").explain();
    assert!(unreadable.to_string().contains("secret_invalid_character"), "{unreadable}");
    for (code, world) in [
        ("missing_header", without("webhook-id")),
        ("no_secret", World { secrets: Vec::new(), ..right() }),
        ("secret_unreadable", secret("whsec_!")),
        ("unexplained", secret(OTHER)),
        // Seconds that were taken for milliseconds are no mistake that anybody makes.
        ("unexplained", signed_otherwise("1750287")),
        ("unexplained", body(BODY, &BODY.replace("evt_1", "evt_2"))),
        ("unusable_signature", header("webhook-signature", |_| "v1a,AAAA".into())),
        ("unusable_signature", header("webhook-signature", |token| token.replace("v1,", "v2,"))),
        ("malformed_timestamp", header("webhook-timestamp", |_| "2025-06-18T22:51:18Z".into())),
        ("malformed_header", header("webhook-id", |_| "wh\u{1}".into())),
        ("ambiguous_header", World { secrets: vec![OTHER.into()], ..repeated("webhook-id", "wh_2", true) }),
        ("body_not_utf8", signed_body(b"\xff")),
        ("body_signed_gzip", signed_body(b"\x1f\x8b\x08\xff")),
        ("body_too_large_to_explain", body(BODY, &" ".repeat(MAX_BODY_BYTES + 1))),
    ] {
        assert_eq!(world.explain().code(), code);
    }
}

#[test]
fn a_large_body_is_still_judged_as_it_is() {
    let large = signed_body(&vec![b' '; MAX_BODY_BYTES + 1]);
    assert_eq!(large.explain().code(), "verifies");
    let late = World { now: NOW + 301, ..large };
    assert_eq!(late.explain().code(), "clock_ahead");
}

#[test]
fn the_work_is_bounded() {
    // Every secret has every mistake that one text can have, and the body every one of a body.
    let secrets: Vec<_> = (0..40).map(|n| format!("\"v1,whsec_whsec_A{n:02}-_ \n=")).collect();
    let body = format!("{}\r\n", r#"{ "b": "é\u00e8\/", "a": [1, {"z": 1, "y": 2}] }"#);
    let world = World { others: secrets.clone(), body: body.into_bytes(), ..secret(OTHER) };
    let explanation = World { secrets, ..world.clone() }.explain();
    assert!(!explanation.facts().complete, "40 secrets are more than {MAX_SECRETS}");
    assert!(explanation.facts().hmacs <= MAX_HMACS);
    assert!(explanation.to_string().contains("limit"), "{explanation}");
    // Each of these has four readings, and each of those is tried with each body.
    let doubled: Vec<_> = (0..MAX_SECRETS).map(|n| format!("whsec_whsec_AAE{n}AA==")).collect();
    let explanation = World { secrets: doubled, others: Vec::new(), ..world }.explain();
    assert_eq!((explanation.facts().hmacs, explanation.facts().complete), (MAX_HMACS, false));
    let long = World { secrets: vec!["A".repeat(MAX_SECRET_BYTES + 1)], ..right() }.explain();
    assert!(!long.facts().complete);
}

#[test]
fn deep_nesting_is_no_overflow() {
    let half = MAX_BODY_BYTES / 2;
    let deep = body(BODY, &("[".repeat(half) + &"]".repeat(half)));
    assert_eq!(deep.explain().code(), "unexplained");
    let allowed = "[".repeat(64) + &"]".repeat(64);
    assert_eq!(body(&allowed, &allowed.replace("[]", "[ ]")).explain().code(), "body_respaced");
}

#[test]
fn nothing_of_the_call_or_of_a_secret_is_shown() {
    for (code, worlds) in cases() {
        for world in worlds {
            let explanation = world.explain();
            let shown =
                format!("{explanation} {explanation:?} {}", serde_json::to_string(&explanation).unwrap());
            for private in ["wh_1", "evt_1", "++//", "--__", "AgMEBQ", &world.headers[2].1] {
                assert!(!shown.contains(private), "{code} shows {private}");
            }
        }
    }
}

#[test]
fn as_json_it_has_its_codes_sentence_and_facts() {
    let json = serde_json::to_value(secret(&format!("{SECRET} ")).explain()).unwrap();
    assert_eq!(json["code"], "secret_surrounding_whitespace");
    assert_eq!(json["codes"], serde_json::json!(["secret_surrounding_whitespace"]));
    assert_eq!((&json["certain"], &json["facts"]["secret_index"]), (&true.into(), &0.into()));
    assert!(json["message"].as_str().unwrap().starts_with("The secret has white space"));
    assert_eq!(json["facts"]["body_bytes"], BODY.len());
}

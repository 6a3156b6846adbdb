//! What the envelope's head is read from, and what it refuses.

use std::borrow::Cow;

use super::{EnvelopeError, EnvelopeHead};

fn parse(body: &str) -> EnvelopeHead<'_> {
    EnvelopeHead::parse(body.as_bytes()).unwrap()
}

fn fault(body: &str) -> EnvelopeError {
    EnvelopeHead::parse(body.as_bytes()).unwrap_err()
}

#[test]
fn reads_openai_s_envelope_without_copying() {
    let body = r#"{"object":"event","id":"evt_1","type":"response.completed","created_at":1750287018,"data":{"id":"resp_1"}}"#;
    let head = parse(body);
    assert!(matches!(head.id, Some(Cow::Borrowed("evt_1"))));
    assert!(matches!(head.event_type, Cow::Borrowed("response.completed")));
    assert_eq!(head.created_at, Some(1_750_287_018));
    assert!(matches!(head.object_id, Some(Cow::Borrowed("resp_1"))));
}

#[test]
fn only_the_type_is_needed() {
    let head = parse(r#" {"type":"a.b"} "#);
    assert_eq!(head, EnvelopeHead { id: None, event_type: "a.b".into(), created_at: None, object_id: None });
}

#[test]
fn the_object_is_named_by_the_first_id_there_is() {
    for (data, expected) in [
        (r#"{"session_id":"s","call_id":"c","id":"i"}"#, Some("i")),
        (r#"{"session_id":"s","call_id":"c"}"#, Some("c")),
        (r#"{"session_id":"s","id":7}"#, Some("s")),
        (r#"{"id":null}"#, None),
        ("{}", None),
        ("[1]", None),
        ("null", None),
        ("\"i\"", None),
        ("-1.5", None),
    ] {
        let body = format!(r#"{{"type":"a.b","data":{data}}}"#);
        assert_eq!(parse(&body).object_id.as_deref(), expected, "{data}");
    }
}

#[test]
fn of_a_repeated_key_the_last_one_counts() {
    let head = parse(r#"{"type":"a.b","type":"c.d","id":"1","id":7,"data":{"id":"x","id":"y"}}"#);
    assert_eq!((head.event_type.as_ref(), head.id, head.object_id.as_deref()), ("c.d", None, Some("y")));
    assert_eq!(parse(r#"{"type":"a.b","data":{"id":"x"},"data":3}"#).object_id, None);
    assert_eq!(fault(r#"{"type":"a.b","type":1}"#), EnvelopeError::TypeNotAString);
}

#[test]
fn a_wrong_type_elsewhere_counts_as_absent() {
    for value in
        ["1.5", "1e3", "\"1\"", "true", "null", "[1,[2]]", r#"{"a":{"b":1}}"#, "18446744073709551615"]
    {
        let body = format!(r#"{{"id":[{value}],"created_at":{value},"type":"a.b"}}"#);
        let head = parse(&body);
        assert_eq!((head.id, head.created_at), (None, None), "{value}");
    }
    assert_eq!(parse(r#"{"type":"a.b","created_at":-9223372036854775808}"#).created_at, Some(i64::MIN));
}

#[test]
fn escapes_are_resolved_also_in_keys() {
    let head = parse(r#"{"\u0074ype":"a\u002eb","id":"\u00e9\n"}"#);
    assert_eq!((head.event_type.as_ref(), head.id.as_deref()), ("a.b", Some("é\n")));
}

#[test]
fn what_is_not_read_may_be_anything() {
    let deep = "[".repeat(100_000) + &"]".repeat(100_000);
    let body = format!(r#"{{"x":{deep},"data":{{"y":"\ud800","id":"i"}},"type":"a.b"}}"#);
    assert_eq!(parse(&body).object_id.as_deref(), Some("i"));
}

#[test]
fn every_fault_has_its_name() {
    assert_eq!(EnvelopeHead::parse(b"{\"type\":\"a.b\",\"x\":\"\xff\"}"), Err(EnvelopeError::NotUtf8));
    assert_eq!(fault("{\"type\":\n x}"), EnvelopeError::NotJson { line: 2, column: 2 });
    for body in
        ["", "hello", "{", r#"{"type":"a.b"} x"#, r#"{"type":"a.b",}"#, "\u{feff}{}", r#"{"type":NaN}"#]
    {
        assert_eq!(fault(body).code(), "not_json", "{body:?}");
    }
    for body in ["[]", "1", "-1", "1.5", "\"x\"", "null", "true", r#"[{"type":"a.b"}]"#] {
        assert_eq!(fault(body), EnvelopeError::NotAnObject, "{body}");
    }
    assert_eq!(fault("{}"), EnvelopeError::MissingType);
    for value in ["null", "1", "{}", "[]", "true"] {
        assert_eq!(fault(&format!(r#"{{"type":{value}}}"#)), EnvelopeError::TypeNotAString, "{value}");
    }
    for value in ["", "completed", "a b.c", "batch.*"] {
        assert_eq!(fault(&format!(r#"{{"type":"{value}"}}"#)), EnvelopeError::MalformedType, "{value}");
    }
}

#[test]
fn errors_do_not_quote_the_body() {
    for body in
        [r#"{"type":"SENTINEL"}"#, r#"{"SENTINEL"#, "SENTINEL", "\"SENTINEL\"", r#"{"type":{"SENTINEL":1}}"#]
    {
        let error = fault(body);
        assert!(!format!("{error} {error:?}").contains("SENTINEL"), "{error:?}");
    }
}

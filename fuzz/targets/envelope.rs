//! Any body before the two readers of events.
//!
//! What holds: neither reader panics; what the whole reader accepts, the quick reader of the head accepts as
//! well, with the same fields; what the whole reader has read is the same after it was written and read
//! again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback_webhook::{EnvelopeHead, Event};

/// What the subject of an event is named by, the first that is a text.
const SUBJECTS: [&str; 3] = ["id", "call_id", "session_id"];

fuzz_target!(|body: &[u8]| {
    let head = EnvelopeHead::parse(body);
    if let Ok(event) = Event::parse(body) {
        check_same(&head.expect("the head of a whole event can be read"), &event);
        check_written(&event);
        // Whether it has the catalogue's shape is not known here, only that asking is safe.
        let _ = event.typed_data();
    }
});

fn check_same(head: &EnvelopeHead<'_>, event: &Event) {
    assert_eq!(head.event_type, event.event_type);
    assert_eq!(head.id.as_deref(), event.id.as_deref());
    assert_eq!(head.created_at, event.created_at.map(|at| at.0));
    let subject = SUBJECTS.iter().find_map(|name| event.data.get(*name)?.as_str());
    assert_eq!(head.object_id.as_deref(), subject);
}

fn check_written(event: &Event) {
    let written = serde_json::to_vec(event).expect("an event can be written");
    let again = Event::parse(&written).expect("what was written can be read");
    let [before, after] =
        [event, &again].map(|event| serde_json::to_value(event).expect("an event can be written"));
    assert_eq!(before, after, "what was written, and what was read");
}

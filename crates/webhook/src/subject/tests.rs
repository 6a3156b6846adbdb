//! Every type has its object, and no id leaves its segment of the path.

use super::{ApiCall, NoCall, ObjectKind, Subject};
use crate::{EnvelopeHead, Event, UnixSeconds, catalogue};

fn call(event_type: &str, id: &str) -> Result<String, NoCall> {
    let ApiCall { method, path } = Subject::new(event_type, id).unwrap().api_call()?;
    Ok(format!("{method} {path}"))
}

#[test]
fn every_type_of_the_catalogue_has_its_object() {
    let expected = [
        ("response.completed", "GET /v1/responses/x"),
        ("batch.expired", "GET /v1/batches/x"),
        ("fine_tuning.job.failed", "GET /v1/fine_tuning/jobs/x"),
        ("realtime.call.incoming", "POST /v1/realtime/calls/x/accept"),
        ("video.completed", "GET /v1/videos/x"),
        ("agent.environment.ready", "GET /v1/agents/environments/x"),
        ("agent.session.action_required", "GET /v1/agents/sessions/x"),
        ("safety.alert.created", "GET /v1/safety/alerts/x"),
        ("safety.org_alert.created", "GET /v1/safety/alerts/x"),
        ("safety.warning_issued", "GET /v1/safety/cases/x"),
        ("safety.deactivation_issued", "GET /v1/safety/cases/x"),
        ("live.transport.incoming", "POST /v1/live/sessions/x/accept"),
        ("live.transport.connected", "GET /v1/live/sessions/x/attach"),
        ("live.call.incoming", "POST /v1/live/sessions/x/accept"),
    ];
    for (event_type, path) in expected {
        assert_eq!(call(event_type, "x").as_deref(), Ok(path));
    }
}

#[test]
fn the_sample_of_every_type_names_its_object() {
    for entry in catalogue::entries() {
        let body = catalogue::sample(entry.name, "evt_1", UnixSeconds(1)).unwrap();
        let event = Event::parse(&body).unwrap();
        let subject = event.subject().unwrap();
        assert_eq!(subject.kind, entry.object_kind(), "{}", entry.name);
        let head = EnvelopeHead::parse(&body).unwrap();
        match subject.api_call() {
            Ok(call) => {
                assert!(call.path.contains(subject.id), "{}", entry.name);
                assert_eq!(head.subject(), Some(subject));
            }
            Err(NoCall::NeedsParent { template, missing }) => {
                assert_eq!(template, format!("/v1/evals/{{eval_id}}/runs/{}", subject.id));
                assert_eq!((missing, head.subject()), ("eval_id", Some(subject)));
            }
            Err(error) => assert_eq!((entry.name, error), ("safety_identifier.blocked", NoCall::NoObject)),
        }
    }
}

#[test]
fn a_new_type_belongs_to_its_family() {
    assert_eq!(call("response.archived", "x").as_deref(), Ok("GET /v1/responses/x"));
    assert_eq!(Subject::new("eval.run.cancelled", "x").unwrap().kind, ObjectKind::EvalRun);
    for unknown in ["galaxy.exploded", "responses.completed", "safety.other", "response"] {
        assert_eq!(Subject::new(unknown, "x"), None, "{unknown}");
    }
}

#[test]
fn an_id_stays_in_its_segment() {
    for (id, segment) in [
        ("resp_1-2.3~4", "resp_1-2.3~4"),
        ("../admin", "..%2Fadmin"),
        ("a/b", "a%2Fb"),
        ("a?b=c#d", "a%3Fb%3Dc%23d"),
        ("%2e%2e", "%252e%252e"),
        ("{eval_id}", "%7Beval_id%7D"),
        ("\\..\\", "%5C..%5C"),
        ("é \n\0", "%C3%A9%20%0A%00"),
        ("...", "..."),
    ] {
        assert_eq!(call("response.completed", id), Ok(format!("GET /v1/responses/{segment}")));
        let parent = Subject::new("eval.run.failed", id).unwrap().api_call();
        let template = format!("/v1/evals/{{eval_id}}/runs/{segment}");
        assert_eq!(parent, Err(NoCall::NeedsParent { template, missing: "eval_id" }));
    }
    for id in ["", ".", ".."] {
        assert_eq!(call("response.completed", id), Err(NoCall::UnusableId), "{id:?}");
        assert_eq!(call("eval.run.failed", id), Err(NoCall::UnusableId), "{id:?}");
    }
}

#[test]
fn an_event_without_a_text_for_an_id_has_no_subject() {
    for data in [r"{}", r#"{"id":7}"#, r#"{"id":null}"#, r#"{"call_id":"x"}"#] {
        let body = format!(r#"{{"type":"response.completed","data":{data}}}"#);
        assert_eq!(Event::parse(body.as_bytes()).unwrap().subject(), None, "{data}");
    }
}

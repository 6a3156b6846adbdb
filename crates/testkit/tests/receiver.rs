//! The receiver does what its script says, and nothing else.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use ringback_testkit::{Answer, Gate, HttpLine, OpenAi, Receiver, Reply, START, USER_AGENT, secret, within};
use ringback_webhook::VerifyError;
use tokio::task::JoinSet;

async fn call(line: &mut HttpLine, body: &'static str) -> io::Result<Answer> {
    let request =
        Request::post("/hooks?x=1").body(Bytes::from_static(body.as_bytes())).expect("a path is a URI");
    within("an answer", line.send(request)).await
}

#[tokio::test]
async fn replies_come_in_their_order_and_then_the_standing_one() {
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::status(500).with_body("no"), Reply::redirect(307, "http://elsewhere/")]);
    let mut line = HttpLine::new(&receiver.url());

    let answers = [call(&mut line, "a").await, call(&mut line, "b").await, call(&mut line, "c").await];
    let answers = answers.map(Result::unwrap);
    assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [500, 307, 200]);
    assert_eq!(answers[0].body, "no");
    assert_eq!(answers[1].headers["location"], "http://elsewhere/");

    for (body, path) in [("a", "/hooks?x=1"), ("b", "/hooks?x=1"), ("c", "/hooks?x=1")] {
        let call = receiver.next().await;
        assert_eq!((call.body.as_ref(), call.path.as_str()), (body.as_bytes(), path));
        assert_eq!(call.connection, 0, "one connection was enough");
    }
    assert_eq!(receiver.calls_after(2).len(), 1);
}

#[tokio::test]
async fn a_broken_connection_is_an_error_and_the_next_call_gets_a_new_one() {
    let receiver = Receiver::start().await;
    receiver.enqueue([Reply::close_before_head(), Reply::reset()]);
    let mut line = HttpLine::new(&receiver.url());

    assert!(call(&mut line, "closed").await.is_err());
    let reset = call(&mut line, "reset").await.unwrap_err();
    assert!(format!("{reset:?}").contains("ConnectionReset"), "{reset:?}");
    assert_eq!(call(&mut line, "whole").await.unwrap().status, 200);
    let connections: Vec<_> = receiver.calls().iter().map(|call| call.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}

#[tokio::test]
async fn a_gate_holds_replies_back_and_what_runs_is_counted() {
    let receiver = Receiver::start().await;
    let gate = Gate::shut();
    receiver.always(Reply::status(200).behind(&gate));
    let mut calling = JoinSet::new();
    for _ in 0..3 {
        let mut line = HttpLine::new(&receiver.url());
        calling.spawn(async move { call(&mut line, "x").await });
    }

    receiver.running(3).await;
    assert!(calling.try_join_next().is_none(), "none is answered yet");
    gate.open();
    let answers = within("the answers", calling.join_all()).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status == 200));
    receiver.running(0).await;
    assert_eq!(receiver.most_running(), 3);
}

#[tokio::test]
async fn a_caller_that_goes_away_ends_what_hangs() {
    let receiver = Receiver::start().await;
    receiver.always(Reply::hang());
    let mut calling = JoinSet::new();
    let mut line = HttpLine::new(&receiver.url());
    calling.spawn(async move { call(&mut line, "x").await });

    receiver.running(1).await;
    calling.shutdown().await;
    receiver.running(0).await;
}

#[tokio::test]
async fn openais_calls_verify_with_the_right_secret_only() {
    let receiver = Receiver::start().await;
    OpenAi::new(&receiver.url(), secret(1)).post("wh_1", START.to_wire(), "{}").await.unwrap();
    let call = receiver.next().await;

    call.assert_verifies(&secret(1), START);
    assert_eq!(call.header("user-agent"), USER_AGENT);
    assert_eq!(call.verify(&secret(2), START), Err(VerifyError::SignatureMismatch));
    let late = call.verify(&secret(1), START.plus(Duration::from_secs(301)));
    assert_eq!(late, Err(VerifyError::TimestampTooOld { age_secs: 301, tolerance_secs: 300 }));
}

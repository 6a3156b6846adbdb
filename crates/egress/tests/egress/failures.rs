//! Every way to get no answer has its name.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ringback_egress::{Client, ClientSettings, Policy, SendError, Stage};
use rustls::RootCertStore;
use tokio::io::AsyncWriteExt;

use crate::receiver::{AMPLE, Receiver, SHORT, call, client, post, read_request, reason};

#[tokio::test]
async fn a_closed_port_refuses() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let outcome = client(Policy::dev()).send(post(&format!("http://127.0.0.1:{port}/")), AMPLE).await;
    assert_eq!(reason(outcome), "connection refused");
}

#[tokio::test]
async fn a_reset_connection() {
    // Closing with the request unread makes the system answer with a reset.
    let receiver = Receiver::start(|_, stream| async move { stream.readable().await.unwrap() }).await;
    let reason = reason(call(&receiver, AMPLE).await);
    // Which of the two depends on whether the reset meets the client reading or writing.
    let expected = ["connection reset", "the connection was closed before a response came"];
    assert!(expected.contains(&reason.as_str()), "{reason}");
}

#[tokio::test]
async fn no_response_in_time() {
    let silent = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    })
    .await;
    assert_eq!(call(&silent, SHORT).await.unwrap_err(), SendError::Timeout { stage: Stage::Response });
}

/// A receiver on a thread of its own, which answers so long after the request; the channel tells of that.
fn answering_after(delay: Duration) -> (String, mpsc::Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback can be bound");
    let url = format!("http://{}/hooks", listener.local_addr().expect("a bound listener has an address"));
    let (asked, is_asked) = mpsc::channel();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the client connects");
        let _ = stream.read(&mut [0; 4096]).expect("the client sends a request");
        asked.send(()).expect("the test waits for it");
        thread::sleep(delay);
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nsoon";
        stream.write_all(answer).expect("the client keeps the connection");
        // Open until the test is over.
        let _ = stream.read(&mut [0; 16]);
    });
    (url, is_asked)
}

/// Calls, and has the whole process stand still for so long once the request is there.
async fn call_and_stand_still(
    url: &str,
    is_asked: mpsc::Receiver<()>,
    span: Duration,
) -> Result<ringback_egress::Answer, SendError> {
    let client = client(Policy::dev());
    let standing_still = async {
        while is_asked.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The one thread that runs anything here.
        thread::sleep(span);
    };
    tokio::join!(client.send(post(url), SHORT), standing_still).0
}

#[tokio::test]
async fn an_answer_that_came_while_the_process_stood_still_came_in_time() {
    let (url, is_asked) = answering_after(Duration::from_millis(20));
    let answer = call_and_stand_still(&url, is_asked, SHORT.timeout + Duration::from_millis(1500)).await;
    let answer = answer.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body_start[..]), (200, &b"soon"[..]));
}

#[tokio::test]
async fn who_stood_still_and_finds_no_answer_waits_no_longer_for_it() {
    let (url, is_asked) = answering_after(Duration::from_secs(30));
    let answer = call_and_stand_still(&url, is_asked, SHORT.timeout + Duration::from_millis(1500)).await;
    assert_eq!(answer.unwrap_err(), SendError::Timeout { stage: Stage::Response });
}

#[tokio::test]
async fn a_head_that_trickles_does_not_gain_time() {
    let trickling = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\n").await.unwrap();
        while stream.write_all(b"x: y\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    assert_eq!(call(&trickling, SHORT).await.unwrap_err(), SendError::Timeout { stage: Stage::Response });
}

#[tokio::test]
async fn interim_responses_without_end_do_not_gain_time() {
    let receiver = Receiver::start(|_, mut stream| async move {
        read_request(&mut stream).await;
        while stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    })
    .await;
    assert_eq!(call(&receiver, SHORT).await.unwrap_err(), SendError::Timeout { stage: Stage::Response });
}

#[tokio::test]
async fn a_handshake_that_stalls_is_a_timeout_of_connecting() {
    let silent = Receiver::start(|_, stream| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        drop(stream);
    })
    .await;
    let url = silent.url().replace("http:", "https:");
    let stalled = SendError::Timeout { stage: Stage::Connect };
    assert_eq!(client(Policy::dev()).send(post(&url), SHORT).await.unwrap_err(), stalled);

    let settings = ClientSettings { connect_timeout: Duration::from_millis(50), ..ClientSettings::default() };
    let hasty = Client::new(Policy::dev(), RootCertStore::empty(), settings);
    let by_its_own_limit = tokio::time::timeout(AMPLE.timeout / 2, hasty.send(post(&url), AMPLE)).await;
    assert_eq!(by_its_own_limit.unwrap().unwrap_err(), stalled);
}

#[tokio::test]
async fn what_is_not_http_is_called_so() {
    for garbage in [
        "220 mail.example.com ESMTP\r\n",
        "\0\x01\x02\x03\r\n\r\n",
        "HTTP/1.1 9 Bad\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
    ] {
        let reason = reason(call(&Receiver::answering_once(garbage).await, AMPLE).await);
        assert_eq!(reason, "what came back is not an HTTP/1.1 response", "{garbage:?}");
    }
}

#[tokio::test]
async fn a_head_beyond_the_limits_is_not_read() {
    let long = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(2 * ringback_egress::MAX_HEAD_BYTES));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(101));
    for response in [long, many] {
        let reason = reason(call(&Receiver::answering_once(response).await, AMPLE).await);
        assert_eq!(reason, "the head of the response is too large");
    }
}

#[tokio::test]
async fn an_error_never_holds_what_was_sent_or_answered() {
    let receiver = Receiver::answering_once("secret-from-the-receiver\r\n\r\n").await;
    let url = format!("{}?token=secret-in-the-url", receiver.url());
    let error = client(Policy::dev()).send(post(&url), AMPLE).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_time_out_without_end_is_no_trouble() {
    let receiver = Receiver::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let limits = ringback_egress::ResponseLimits { timeout: Duration::MAX, ..AMPLE };
    assert!(call(&receiver, limits).await.is_ok());
}

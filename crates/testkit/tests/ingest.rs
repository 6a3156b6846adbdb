//! Ingest over a store that fails: the HTTP server, the deliverer and a receiver in one process.

use std::time::Instant;

use http::header::RETRY_AFTER;
use http::{Request, StatusCode};
use ringback_egress::Policy;
use ringback_server::{Parts, ServerSettings};
use ringback_store::StoreError;
use ringback_testkit::{
    Answer, Gate, HttpLine, Op, OpenAi, Receiver, START, World, secret, unavailable, until, within,
};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const BODY: &str = r#"{"object":"event","type":"batch.completed","data":{"id":"batch_1"}}"#;

/// A world with an HTTP server before it.
struct Served {
    world: World,
    url: String,
    openai: OpenAi,
    _server: JoinSet<()>,
}

async fn served() -> Served {
    let world = World::start().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
    let url = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
    let settings = ServerSettings::default();
    let router = ringback_server::router(Parts {
        store: world.faulty_store(),
        dispatcher: world.dispatcher().clone(),
        egress_policy: Policy::dev(),
        clock: std::sync::Arc::new(world.clock.clone()),
        ids: std::sync::Arc::new(ringback_domain::IdMaker::new(2)),
        settings: settings.clone(),
    });
    let mut server = JoinSet::new();
    server.spawn(async move {
        ringback_server::serve(listener, router, &settings, std::future::pending()).await;
    });
    let openai = OpenAi::new(&format!("{url}/in/token-{}", world.source()), secret(1));
    Served { world, url, openai, _server: server }
}

impl Served {
    async fn post(&mut self, webhook_id: &str) -> Answer {
        let answer = within("an answer", self.openai.post(webhook_id, START.to_wire(), BODY)).await;
        answer.expect("the server answers")
    }

    /// Waits until the answer is so: what was found holds for a second.
    async fn readiness(&self, status: u16) {
        until("another readiness", || async { (ask(&self.url).await == status).then_some(()) }).await;
    }
}

/// Asks whether a server is ready.
async fn ask(url: &str) -> StatusCode {
    let request = Request::get("/readyz").body(bytes::Bytes::new()).expect("a path is a URI");
    within("an answer", HttpLine::new(url).send(request)).await.expect("the server answers").status
}

#[tokio::test]
async fn what_cannot_be_stored_is_answered_503_and_taken_later_without_a_restart() {
    let receiver = Receiver::start().await;
    let mut served = served().await;
    served.world.endpoint(&receiver.url(), &["*"]).await;
    served.readiness(200).await;

    for (n, (error, code)) in
        [(unavailable(), "store_unavailable"), (StoreError::Overloaded, "overloaded")].into_iter().enumerate()
    {
        let webhook_id = format!("wh_{n}");
        for op in [Op::Append, Op::Check] {
            served.world.faults().refuse(op, error.clone());
        }
        for _ in 0..3 {
            let answer = served.post(&webhook_id).await;
            assert_eq!(answer.status, 503);
            assert_eq!(answer.json()["error"]["code"], code);
            let retry_after = answer.headers[RETRY_AFTER].to_str().expect("it is ASCII");
            assert!(retry_after.parse::<u32>().is_ok_and(|secs| secs > 0), "{retry_after}");
        }
        served.readiness(503).await;
        assert_eq!(served.world.events().await.len(), n, "nothing was kept");

        served.world.faults().heal();
        assert_eq!(served.post(&webhook_id).await.status, 200);
        served.readiness(200).await;
        assert_eq!(receiver.next().await.webhook_id(), webhook_id);
    }
    assert_eq!(receiver.call_count(), 2);
}

#[tokio::test]
async fn a_call_is_answered_only_once_it_is_durable() {
    let receiver = Receiver::start().await;
    let mut served = served().await;
    served.world.endpoint(&receiver.url(), &["*"]).await;
    let gate = Gate::shut();
    let faults = served.world.faults().clone();
    faults.hold(Op::Append, &gate);

    let mut posting = JoinSet::new();
    posting.spawn(async move { (served.post("wh_1").await, served) });
    faults.asked_at_least(Op::Append, 1).await;
    assert!(posting.try_join_next().is_none(), "it is not durable yet");
    assert_eq!(receiver.call_count(), 0);
    gate.open();
    let (answer, served) =
        within("the answer", posting.join_next()).await.expect("one is posting").expect("it ends");
    assert_eq!(answer.status, 200);
    assert_eq!(receiver.next().await.webhook_id(), "wh_1");
    drop(served);
}

#[tokio::test]
async fn however_many_ask_whether_it_is_ready_the_store_is_asked_once_a_second() {
    const CALLERS: usize = 50;
    let served = served().await;
    let (faults, gate) = (served.world.faults().clone(), Gate::shut());
    let begun = Instant::now();
    faults.hold(Op::Check, &gate);
    let mut asking = JoinSet::new();
    for _ in 0..CALLERS {
        let url = served.url.clone();
        asking.spawn(async move { ask(&url).await });
    }
    faults.asked_at_least(Op::Check, 1).await;
    // Those who go away leave their question to those who come.
    asking.shutdown().await;
    for _ in 0..CALLERS {
        let url = served.url.clone();
        asking.spawn(async move { ask(&url).await });
    }
    gate.open();
    let answers = within("the answers", asking.join_all()).await;
    assert!(answers.iter().all(|status| *status == 200));
    assert_eq!(ask(&served.url).await, 200);
    let (asked, seconds) = (faults.asked(Op::Check), begun.elapsed().as_secs());
    assert!(asked as u64 <= 1 + seconds, "asked {asked} times in {seconds} s");

    until("the store to be asked again", || async {
        assert_eq!(ask(&served.url).await, 200);
        (faults.asked(Op::Check) > asked).then_some(())
    })
    .await;
}

//! What a node held when it died, or stood still, is attempted by another within 10 s.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ringback_testkit::{
    Call, Cluster, Gate, OpenAi, Receiver, Reply, postgres::Database, secret, until, until_at_last,
    wall_clock_now,
};
use serde_json::{Value, json};

use crate::audit::calm;
use crate::node_on;

/// The bound that is promised.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(10);
/// Looked for beyond it, so that a failure says by how much.
const PATIENCE: Duration = Duration::from_secs(100);
const LOOK: Duration = Duration::from_millis(10);
/// How long an attempt may hang: far longer than the bound, and its lease longer still.
const TIMEOUT_SECS: u64 = 45;
/// More than one node attempts at once for one endpoint, so that some are due and wait.
const CALLS: usize = 60;
/// How many objects the calls are about.
const OBJECTS: usize = 3;
/// How many attempts to one endpoint a node makes at once.
const SLOTS: usize = 32;

/// An app that answers nothing until the node is gone.
struct App {
    name: &'static str,
    receiver: Receiver,
    /// The calls that the first node had under way.
    under_way: BTreeSet<String>,
}

impl App {
    async fn start(cluster: &Cluster, name: &'static str, gate: &Gate, rules: Value) -> Self {
        let receiver = Receiver::start().await;
        receiver.always(Reply::status(200).behind(gate));
        let mut endpoint = json!({
            "name": name, "url": receiver.url(), "event_types": ["*"], "timeout_secs": TIMEOUT_SECS,
        });
        for (field, value) in rules.as_object().expect("rules are an object") {
            endpoint[field] = value.clone();
        }
        cluster.node(0).create_endpoint_from(endpoint).await;
        Self { name, receiver, under_way: BTreeSet::new() }
    }

    /// Waits until so many attempts hang.
    async fn hangs(&mut self, attempts: usize) {
        until("the attempts to be under way", || async {
            (self.receiver.call_count() >= attempts).then_some(())
        })
        .await;
        self.under_way = self.receiver.calls().iter().map(|call| call.webhook_id().to_owned()).collect();
    }

    /// Waits until each of them has been attempted again; gives how long after `gone` the last one was.
    async fn taken_up(&self, gone: Instant) -> Duration {
        let last = until_at_last("what the node held to be attempted elsewhere", PATIENCE, LOOK, || async {
            let again: Vec<Call> =
                self.receiver.calls().into_iter().filter(|call| call.received > gone).collect();
            let ids: BTreeSet<&str> = again.iter().map(Call::webhook_id).collect();
            let all = self.under_way.iter().all(|id| ids.contains(id.as_str()));
            // Of each the first time.
            let firsts = self.under_way.iter().map(|id| again.iter().find(|call| call.webhook_id() == id));
            all.then(|| firsts.flatten().map(|call| call.received).max().unwrap_or(gone))
        });
        let after = last.await.duration_since(gone);
        println!(
            "{}: {} were under way, the last was taken up after {after:?}",
            self.name,
            self.under_way.len()
        );
        after
    }
}

/// A node with attempts under way at each of the apps and more that are due, and a second node beside it that
/// came later.
struct Scene {
    cluster: Cluster,
    gate: Gate,
    apps: [App; 4],
    /// Goes last, since the nodes use it.
    _database: Database,
}

impl Scene {
    async fn set() -> Self {
        let database = Database::create();
        let builder = node_on(&database.url());
        let mut cluster = Cluster::start(&builder, 1).await;
        let gate = Gate::shut();
        let mut apps = [
            App::start(&cluster, "shared", &gate, json!({})).await,
            App::start(&cluster, "ordered", &gate, json!({"ordering": "object"})).await,
            App::start(&cluster, "with a rate", &gate, json!({"max_per_sec": 20})).await,
            App::start(&cluster, "with a concurrency", &gate, json!({"max_concurrency": 3})).await,
        ];
        let mut openai = cluster.node(0).openai(&secret(1)).await;
        for number in 0..CALLS {
            send(&mut openai, number).await;
        }
        // All that a node has for one endpoint, or as many as there are objects, or as the limit says; no
        // more will begin.
        for (app, attempts) in apps.iter_mut().zip([SLOTS, OBJECTS, SLOTS, 3]) {
            app.hangs(attempts).await;
        }
        cluster.add(&builder).await;
        Self { cluster, gate, apps, _database: database }
    }

    /// Lets the apps answer, and waits until the second node has done what the first one held.
    async fn taken_up(&self, gone: Instant) {
        self.gate.open();
        for app in &self.apps {
            let after = app.taken_up(gone).await;
            assert!(after < TAKEN_UP_WITHIN, "{}: {after:?}\n{}", app.name, self.cluster.talk());
        }
    }

    /// In the end each call has arrived everywhere, and twice only where it was under way.
    async fn ended(self, calls_made: usize) {
        for app in &self.apps {
            let calls = app.receiver.calls();
            let ids: BTreeSet<&str> = calls.iter().map(Call::webhook_id).collect();
            assert_eq!(ids.len(), calls_made, "{}", app.name);
            let doubles = calls.len() - ids.len();
            println!("{}: {doubles} doubles of {} that were under way", app.name, app.under_way.len());
            assert!(doubles <= app.under_way.len(), "{}: {doubles}\n{}", app.name, self.cluster.talk());
        }
        self.cluster.terminate().await;
    }
}

async fn send(openai: &mut OpenAi, number: usize) {
    let object = number % OBJECTS;
    let body = format!(
        r#"{{"object":"event","type":"batch.completed","data":{{"id":"batch_{object}"}},"number":{number}}}"#
    );
    let answer = openai.post(&format!("wh_{number}"), wall_clock_now().to_wire(), body).await;
    assert_eq!(answer.expect("the node answers").status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_of_a_killed_node_goes_on_elsewhere_within_ten_seconds() {
    let mut scene = Scene::set().await;
    scene.cluster.kill(0).await;
    scene.taken_up(Instant::now()).await;
    calm(scene.cluster.node(1)).await;
    scene.ended(CALLS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_of_a_frozen_node_goes_on_elsewhere_within_ten_seconds_and_it_comes_back_to_nothing() {
    let mut scene = Scene::set().await;
    scene.cluster.freeze(0).await;
    scene.taken_up(Instant::now()).await;
    calm(scene.cluster.node(1)).await;
    scene.cluster.thaw(0).await;
    scene.cluster.node(0).readiness(200).await;
    // It takes part again.
    let mut openai = scene.cluster.node(0).openai(&secret(1)).await;
    let answer =
        openai.post("wh_after_0", wall_clock_now().to_wire(), r#"{"object":"event","type":"batch.failed"}"#);
    assert_eq!(answer.await.expect("the node answers").status, 200);
    calm(scene.cluster.node(0)).await;
    scene.ended(CALLS + 1).await;
}

//! A whole server on a port of its own, with a clock that stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use ringback_delivery::{Deliverer, DelivererParts, DeliverySettings, Dispatcher};
use ringback_domain::retry::Jitter;
use ringback_domain::{Clock as _, IdMaker, Timestamp};
use ringback_egress::{Client as EgressClient, ClientSettings, Policy};
use ringback_server::{Parts, ServerSettings};
use ringback_store::{SqliteOptions, SqliteStore, Store};
use ringback_testkit::{FakeClock, Faults, FaultyStore};
use ringback_webhook::{SigningSecret, sign};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::client::{Answer, Client};
use crate::logs::Log;

pub(crate) const KEY: &str = "the-admin-key";
pub(crate) const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(crate) const NOW: i64 = 1_750_287_078;
pub(crate) const EVENT: &[u8] =
    br#"{"object":"event","id":"evt_1","type":"response.completed","created_at":1750287018,"data":{"id":"resp_1"}}"#;

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) faults: Faults,
    pub(crate) clock: FakeClock,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
    pub(crate) folder: TempDir,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ServerSettings)) -> Self {
        Self::start_with(change, |_| {}).await
    }

    /// With other settings of delivery.
    pub(crate) async fn delivering(change: impl FnOnce(&mut DeliverySettings)) -> Self {
        Self::start_with(|_| {}, change).await
    }

    async fn start_with(
        change: impl FnOnce(&mut ServerSettings),
        change_delivery: impl FnOnce(&mut DeliverySettings),
    ) -> Self {
        Log::listen();
        let folder = tempfile::tempdir().unwrap();
        let clock = FakeClock::new(Timestamp::from_unix_secs(NOW));
        let ids = Arc::new(IdMaker::new(7));
        let options = SqliteOptions::new(folder.path(), Arc::clone(&ids), clock.now());
        let store = Arc::new(SqliteStore::open(options).unwrap());
        store.set_admin_key(digest(&SHA256, KEY.as_bytes()).as_ref().try_into().unwrap()).await.unwrap();

        let faults = Faults::default();
        let faulty: Arc<dyn Store> =
            Arc::new(FaultyStore::new(Arc::clone(&store) as Arc<dyn Store>, faults.clone()));
        let client =
            EgressClient::new(Policy::dev(), rustls::RootCertStore::empty(), ClientSettings::default());
        let mut delivery = DeliverySettings::new("test");
        change_delivery(&mut delivery);
        let deliverer = Deliverer::start(DelivererParts {
            store: Arc::clone(&faulty),
            client,
            clock: Arc::new(clock.clone()),
            ids: Arc::clone(&ids),
            jitter: Arc::new(|| Jitter::NONE),
            settings: delivery,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut settings = ServerSettings {
            public_url: format!("http://{address}").parse().unwrap(),
            version: "1.2.3",
            ..ServerSettings::default()
        };
        change(&mut settings);
        let router = ringback_server::router(Parts {
            store: Arc::clone(&faulty),
            dispatcher: Dispatcher::new(faulty, Arc::clone(&ids), deliverer),
            egress_policy: Policy::dev(),
            clock: Arc::new(clock.clone()),
            ids,
            settings: settings.clone(),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = async move {
            let shutdown = async { stopped.await.unwrap_or(()) };
            ringback_server::serve(listener, router, &settings, shutdown).await;
        };
        #[expect(clippy::disallowed_methods, reason = "the test waits for this task by its handle")]
        let server = tokio::spawn(serving);
        Self { address, store, faults, clock, stop, server, folder }
    }

    /// Turns the clock forward, and wakes whoever slept until then.
    pub(crate) fn turn(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Tells the server to stop; the handle ends when it has.
    pub(crate) fn stop(self) -> (JoinHandle<()>, TempDir) {
        self.stop.send(()).unwrap();
        (self.server, self.folder)
    }

    /// A call of the API with the right key.
    pub(crate) async fn api(&self, method: &str, path: &str, body: &str) -> Answer {
        let authorization = format!("Bearer {KEY}");
        let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
        self.connect().await.request(method, path, &headers, body.as_bytes()).await
    }

    /// A call of the API with another key, or with further headers.
    pub(crate) async fn api_as(
        &self,
        key: &str,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: &str,
    ) -> Answer {
        let authorization = format!("Bearer {key}");
        let headers = [&[("authorization", authorization.as_str())], headers].concat();
        self.connect().await.request(method, path, &headers, body.as_bytes()).await
    }

    /// A call of the API with the right key and an `Idempotency-Key`.
    pub(crate) async fn post_once(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.api_as(KEY, &[("idempotency-key", key)], "POST", path, &body.to_string()).await
    }

    /// A new project, and a key of it.
    pub(crate) async fn project(&self, name: &str) -> (String, String) {
        let project = self.post("/v1/organization/projects", &json!({"name": name})).await.ok();
        let id = project["id"].as_str().unwrap().to_owned();
        let keys = format!("/v1/organization/projects/{id}/api_keys");
        let key = self.post(&keys, &json!({"name": "app"})).await.ok();
        (id, key["value"].as_str().unwrap().to_owned())
    }

    /// An endpoint at this URL with these fields besides; the answer to its creation.
    pub(crate) async fn endpoint(&self, url: &str, fields: Value) -> Value {
        let mut body = json!({"name": "app", "url": url, "event_types": ["*"]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.post("/v1/webhook_endpoints", &body).await.ok()
    }

    /// Publishes an event of this type about this object; its id.
    pub(crate) async fn publish(&self, event_type: &str, object_id: &str) -> String {
        let body = json!({"type": event_type, "data": {"id": object_id}});
        self.post("/v1/webhook_events", &body).await.ok()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.api("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.api("POST", path, &body.to_string()).await
    }

    /// A source with [`SECRET`].
    pub(crate) async fn source(&self) -> Source {
        let body = json!({"name": "prod", "signing_secret": SECRET});
        let source = self.post("/v1/webhook_sources", &body).await.ok();
        let path = source["url"].as_str().unwrap().strip_prefix(&format!("http://{}", self.address));
        Source { path: path.unwrap().to_owned(), id: source["id"].as_str().unwrap().to_owned() }
    }

    /// A call to an ingest URL.
    pub(crate) async fn call(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        self.connect().await.request("POST", path, headers, body).await
    }

    /// A call signed with [`SECRET`] at [`NOW`].
    pub(crate) async fn signed_call(&self, source: &Source, webhook_id: &str, body: &[u8]) -> Answer {
        self.call(&source.path, &signed(webhook_id, NOW, body).borrowed(), body).await
    }

    /// Asks until `wanted` says yes, for five seconds at most.
    pub(crate) async fn wait_for(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        for _ in 0..500 {
            let value = self.get(path).await.ok();
            if wanted(&value) {
                return value;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{path} did not become as wanted: {}", self.get(path).await.ok());
    }
}

pub(crate) struct Source {
    pub(crate) id: String,
    pub(crate) path: String,
}

/// The headers of a signed call.
#[derive(Clone)]
pub(crate) struct Signed(pub(crate) Vec<(&'static str, String)>);

impl Signed {
    pub(crate) fn borrowed(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    /// The same with another value for a header, or without it.
    pub(crate) fn set(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.0.retain(|(n, _)| *n != name);
        self.0.extend(value.map(|value| (name, value.to_owned())));
        self
    }

    pub(crate) fn add(mut self, name: &'static str, value: &str) -> Self {
        self.0.push((name, value.to_owned()));
        self
    }
}

/// Signs with [`SECRET`].
pub(crate) fn signed(webhook_id: &str, timestamp: i64, body: &[u8]) -> Signed {
    let secret = SigningSecret::parse(SECRET).unwrap();
    let signed = sign([&secret], webhook_id, timestamp.into(), body).unwrap();
    let text = |value: http::HeaderValue| value.to_str().unwrap().to_owned();
    Signed(vec![
        ("content-type", "application/json".to_owned()),
        ("webhook-id", text(signed.webhook_id)),
        ("webhook-timestamp", text(signed.webhook_timestamp)),
        ("webhook-signature", text(signed.webhook_signature)),
    ])
}

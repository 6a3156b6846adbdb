//! The real server on a loopback port, in front of a real store, at a time that stands still.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ringback_delivery::{Deliverer, DelivererParts, DeliverySettings, Dispatcher};
use ringback_domain::project::DEFAULT_PROJECT_NAME;
use ringback_domain::retry::Jitter;
use ringback_domain::{Clock, EventId, IdMaker, ProjectId, SourceKind, Timestamp};
use ringback_egress::{Client, ClientSettings, Policy};
use ringback_server::{Parts, ServerSettings};
use ringback_store::{NewSource, SqliteOptions, SqliteStore, Store};
use ringback_webhook::SigningSecret;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use crate::NOW;

/// The last part of the source's ingest URL.
pub const TOKEN: &str = "tok";
/// The key of the source's secret.
pub const KEY: [u8; 32] = [7; 32];

/// How long a connection may take, from opening to its end. The requests are small and all there, so that
/// nothing is left to wait for; the server's own time-outs are longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Always says [`NOW`].
struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_secs(NOW)
    }

    fn sleep_until(&self, instant: Timestamp) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        if self.now() >= instant {
            Box::pin(std::future::ready(()))
        } else {
            Box::pin(std::future::pending())
        }
    }
}

/// A server, for as long as the process lives.
pub struct Server {
    runtime: Runtime,
    address: SocketAddr,
    store: Arc<SqliteStore>,
    project: ProjectId,
    _folder: TempDir,
}

impl Server {
    /// Starts a server with one source, [`TOKEN`], that knows [`KEY`]. Nothing leaves it, since it has no
    /// endpoints.
    ///
    /// # Panics
    /// When anything about that fails.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Arc::new(StoppedClock);
        let ids = Arc::new(IdMaker::new(7));
        let options = SqliteOptions::new(folder.path(), Arc::clone(&ids), clock.now());
        let store = Arc::new(SqliteStore::open(options).expect("a store"));
        let (project, address) = runtime.block_on(async {
            let project = add_source(&store, &ids, clock.now()).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("its address");
            let settings = ServerSettings::default();
            let router = ringback_server::router(parts(&store, &clock, &ids, &settings));
            runtime.spawn(async move {
                ringback_server::serve(listener, router, &settings, std::future::pending()).await;
            });
            (project, address)
        });
        Self { runtime, address, store, project, _folder: folder }
    }

    /// Sends bytes over a connection of their own and then its end; gives what came back until the server
    /// closed it.
    ///
    /// # Panics
    /// When the server keeps it open.
    #[must_use]
    pub fn exchange(&self, wire: &[u8]) -> Vec<u8> {
        let exchange = async {
            let mut stream = connect(self.address).await;
            let mut reply = Vec::new();
            // A server that has seen enough may close before it has read all; what it said until then counts.
            let sent = stream.write_all(wire).await;
            if sent.is_ok() && stream.shutdown().await.is_ok() {
                let _ = stream.read_to_end(&mut reply).await;
            }
            reply
        };
        let limited = async { tokio::time::timeout(PATIENCE, exchange).await };
        self.runtime.block_on(limited).expect("the server neither answered nor closed the connection")
    }

    /// The payload of an event.
    ///
    /// # Panics
    /// When the store has no such event.
    #[must_use]
    pub fn payload(&self, id: EventId) -> Vec<u8> {
        let read = async {
            self.store.event(self.project, id).await.expect("what was answered 200 is an event in the store");
            self.store.payload(self.project, id).await.expect("an event has its payload")
        };
        self.runtime.block_on(read).to_vec()
    }
}

async fn add_source(store: &SqliteStore, ids: &IdMaker, now: Timestamp) -> ProjectId {
    let config = store.config();
    let default = config.projects().find(|config| config.project.name == DEFAULT_PROJECT_NAME);
    let project_id = default.expect("the default project always exists").project.id;
    let secret = SigningSecret::from_key_bytes(&KEY).expect("32 bytes are a key");
    let source = NewSource {
        id: ids.next(now),
        project_id,
        name: "fuzz".to_owned(),
        kind: SourceKind::OpenAi,
        token: TOKEN.to_owned(),
        secret: Some((ids.next(now), secret)),
        now,
    };
    store.create_source(source).await.expect("a source");
    project_id
}

fn parts(
    store: &Arc<SqliteStore>,
    clock: &Arc<StoppedClock>,
    ids: &Arc<IdMaker>,
    settings: &ServerSettings,
) -> Parts {
    let store = Arc::clone(store) as Arc<dyn Store>;
    let clock = Arc::clone(clock) as Arc<dyn Clock>;
    let client =
        Client::new(Policy::public_only(), rustls::RootCertStore::empty(), ClientSettings::default());
    let deliverer = Deliverer::start(DelivererParts {
        store: Arc::clone(&store),
        client,
        clock: Arc::clone(&clock),
        ids: Arc::clone(ids),
        jitter: Arc::new(|| Jitter::NONE),
        settings: DeliverySettings::new("fuzz"),
    });
    Parts {
        dispatcher: Dispatcher::new(Arc::clone(&store), Arc::clone(ids), deliverer),
        store,
        egress_policy: Policy::public_only(),
        clock,
        ids: Arc::clone(ids),
        settings: settings.clone(),
    }
}

/// Connects, and again while the system has no port left: each connection keeps one for a while after its
/// end.
#[expect(clippy::disallowed_methods, reason = "the fuzzer's own connection is not the server's way out")]
async fn connect(address: SocketAddr) -> TcpStream {
    loop {
        match TcpStream::connect(address).await {
            Ok(stream) => return stream,
            Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("the server does not take connections: {error}"),
        }
    }
}

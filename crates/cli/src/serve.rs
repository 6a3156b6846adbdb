//! `ringback serve`: the composition root.

mod admin_key;
mod banner;
mod clock;
mod encryption_key;
mod listening;
pub(crate) mod logging;
mod signals;
mod store;

use std::sync::Arc;

use clap::ArgAction;
use ringback_delivery::{Deliverer, DelivererParts, Dispatcher};
use ringback_domain::retry::Jitter;
use ringback_domain::{Clock, IdMaker};
use ringback_egress::{Client, Policy};
use ringback_server::ServerSettings;
use rustls::RootCertStore;
use serde_json::{Map, Value};

use crate::args::Global;
use crate::exit::CliError;
use crate::random;
use crate::settings::{self, DatabaseFlags, Settings};

pub(crate) use admin_key::read as read_admin_key;
pub(crate) use clock::now;

/// The version that is announced everywhere.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Flags of `serve`; each overrides the setting of its name.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Settings come from ringback.toml, then RINGBACK_… variables, then flags; docs/SETTINGS.md has them all, such as RINGBACK_MAX_BODY_BYTES and RINGBACK_EVENT_RETENTION_SECS.\n\n\
    Examples:\n  ringback serve --dev\n  ringback serve --listen 0.0.0.0:4600 --public-url https://hooks.example.com\n  \
    RINGBACK_ADMIN_KEY=sk-… ringback serve --data-dir /var/lib/ringback\n  \
    RINGBACK_ENCRYPTION_KEY=file:/run/secrets/key ringback serve --database file:/run/secrets/database"
)]
pub(crate) struct ServeFlags {
    /// For development: endpoints may be on loopback and private addresses, over plain HTTP.
    #[arg(long, action = ArgAction::SetTrue)]
    pub(crate) dev: bool,
    /// The address to listen on [default: 127.0.0.1:4600].
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// The URL that senders reach this server by, for the URLs of sources.
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    #[command(flatten)]
    pub(crate) database: DatabaseFlags,
}

impl ServeFlags {
    /// Only those that were typed, as settings, so that they override and nothing else does.
    pub(crate) fn type_into(&self, typed: &mut Map<String, Value>) {
        if self.dev {
            typed.insert("dev".into(), true.into());
        }
        for (key, value) in [("listen", &self.listen), ("public_url", &self.public_url)] {
            if let Some(value) = value {
                typed.insert(key.into(), value.as_str().into());
            }
        }
    }
}

/// Runs the server until it is told to stop.
pub(crate) fn run(global: &Global, flags: &ServeFlags) -> Result<(), CliError> {
    let settings = settings::load(global, flags)?;
    logging::start(&settings.log);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(CliError::cannot_start)?;
    runtime.block_on(serve(&settings, global.json))
}

async fn serve(settings: &Settings, json: bool) -> Result<(), CliError> {
    let stop = signals::listen()?;
    let clock: Arc<dyn Clock> = Arc::new(clock::SystemClock);
    let ids = Arc::new(IdMaker::new(u64::from_le_bytes(random::bytes())));
    let authorities = Arc::new(native_roots());
    if authorities.is_empty() {
        tracing::warn!(
            "this machine has no certificate authorities: no HTTPS endpoint can be reached (install ca-certificates)"
        );
    }
    let database = settings.database()?.knowing(&authorities);
    admin_key::check(settings)?;
    let socket = listening::bind(settings).await?;
    let policy = settings.egress_policy()?;
    let client = open_client(settings, policy.clone(), &authorities)?;

    let stopped = stop.clone().requested();
    let Some(opened) = store::open(settings, &database, &ids, clock.as_ref(), stopped).await? else {
        return Ok(());
    };
    let store = Arc::clone(&opened.store);
    let prepared = async {
        let admin_key = admin_key::establish(settings, &database, store.as_ref()).await?;
        let listener = listening::listen(settings, socket)?;
        let public_url = settings.public_url_for(&listener)?;
        if settings.public_url.is_none() && listener.local_addr().is_ok_and(|own| own.ip().is_unspecified()) {
            tracing::warn!(
                url = %public_url,
                "the URLs of sources name an address at which nobody can call: say by which URL senders reach this server (--public-url)"
            );
        }
        Ok((admin_key, listener, public_url))
    };
    let (admin_key, listener, public_url) = match prepared.await {
        Ok(prepared) => prepared,
        Err(error) => {
            // Other nodes need not find out that this one is gone.
            store.close().await;
            return Err(error);
        }
    };

    let deliverer = Deliverer::start(DelivererParts {
        store: Arc::clone(&store),
        client,
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        jitter: Arc::new(|| Jitter::from_bits(u32::from_le_bytes(random::bytes()))),
        settings: settings.delivery(VERSION),
    });
    let dispatcher = Dispatcher::new(Arc::clone(&store), Arc::clone(&ids), deliverer.clone());
    let server_settings = ServerSettings {
        node: opened.node.clone(),
        database: opened.kind,
        ..settings.server(public_url, VERSION)
    };
    let router = ringback_server::router(ringback_server::Parts {
        store: Arc::clone(&store),
        dispatcher,
        egress_policy: policy,
        clock,
        ids,
        settings: server_settings.clone(),
    });

    banner::ready(settings, &server_settings.public_url, &listener, &opened, &admin_key, json)?;
    ringback_server::serve(listener, router, &server_settings, stop.requested()).await;
    tracing::info!("stopping: no new work is taken, running attempts finish");
    if !deliverer.drain(settings.shutdown_grace()).await {
        tracing::warn!("some attempts did not finish in time; they are made again after the next start");
    }
    store.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// The one way out of the process.
fn open_client(settings: &Settings, policy: Policy, authorities: &RootCertStore) -> Result<Client, CliError> {
    let mut roots = authorities.clone();
    settings.egress.trust(&mut roots)?;
    Ok(Client::builder(policy, roots).proxy(settings.egress.proxy()?).build())
}

/// The machine's own certificate authorities, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. What
/// cannot be read is not trusted, which is for the certificates of others to show.
#[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
pub(crate) fn native_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

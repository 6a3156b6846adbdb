//! How a client is made.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::RootCertStore;

use crate::client::Client;
use crate::connector::Connector;
use crate::error::Stage;
use crate::lookup::{self, Lookup};
use crate::policy::Policy;
use crate::proxy::Proxy;
use crate::resolver::Resolver;
use crate::settings::ClientSettings;

type Source = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// A [`Client`] in the making. By default: [`ClientSettings::default`], no proxy, the system's resolver.
pub struct ClientBuilder {
    policy: Policy,
    roots: RootCertStore,
    settings: ClientSettings,
    proxy: Option<Proxy>,
    source: Arc<Source>,
}

impl ClientBuilder {
    pub(crate) fn new(policy: Policy, roots: RootCertStore) -> Self {
        let settings = ClientSettings::default();
        Self { policy, roots, settings, proxy: None, source: Arc::new(lookup::system) }
    }

    /// With these limits.
    #[must_use]
    pub fn settings(self, settings: ClientSettings) -> Self {
        Self { settings, ..self }
    }

    /// Every call goes through a tunnel of this proxy, to the address that was judged here, or, where the
    /// policy [leaves names to the proxy](Policy::leave_names_to_proxy), to the name.
    #[must_use]
    pub fn proxy(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    /// Takes the addresses of names from `lookup` instead of the system's resolver. It may block: it is
    /// called on a thread of its own. The ports of what it returns are not looked at.
    #[must_use]
    pub fn lookup(
        self,
        lookup: impl Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        Self { source: Arc::new(lookup), ..self }
    }

    /// The client.
    pub fn build(self) -> Client {
        let Self { policy, roots, settings, proxy, source } = self;
        let lookup = Lookup::new(source, settings.max_lookups);
        let resolver = Resolver { policy: policy.clone(), lookup };
        let connecting = if proxy.is_some() { Stage::Proxy } else { Stage::Connect };
        let connector = Connector::new(resolver, proxy.map(Arc::new), roots, settings.connect_timeout);
        Client::over(policy, connector, settings, connecting)
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("policy", &self.policy)
            .field("settings", &self.settings)
            .field("proxy", &self.proxy)
            .finish_non_exhaustive()
    }
}

//! The HTTP client: one call at a time, over connections that are kept and used again.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use tokio::time::{Instant, timeout_at};

use crate::answer::Answer;
use crate::builder::ClientBuilder;
use crate::connector::Connector;
use crate::error::{SendError, Stage};
use crate::fields;
use crate::policy::Policy;
use crate::reason;
use crate::settings::{ClientSettings, ResponseLimits};
use crate::stream::History;

/// The status line and header fields of a response, together, may have this many bytes: 64 KiB. A longer head
/// is given up, at the latest when twice as much has been read.
pub const MAX_HEAD_BYTES: usize = 64 * 1024;

/// A time-out beyond this is this: an instant further ahead need not be representable.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// A time-out that is noticed so much later: the process stood still, or got no time to run, and not the
/// receiver.
const STOOD_STILL: Duration = Duration::from_secs(1);
/// How long after that what has come meanwhile is read.
const READ_LATE: Duration = Duration::from_millis(250);

type Http = legacy::Client<Connector, Full<Bytes>>;

/// The guarded HTTP/1.1 client. Cloning is cheap, and clones share their connections.
///
/// It needs a tokio runtime with time and I/O. It follows no redirect, uses no proxy but the one it is given,
/// reads no environment, keeps no cookies, asks for no compression and undoes none, and adds no header field
/// but `host` and `content-length`.
///
/// A kept connection is used without looking its name up again: a change in the DNS is seen once the
/// connection has been idle for [`ClientSettings::pool_idle_timeout`], or either side has closed it.
#[derive(Clone, Debug)]
pub struct Client {
    policy: Policy,
    pooled: Http,
    /// The same without a pool: every call gets a connection of its own.
    fresh: Http,
    /// What connecting is called.
    connecting: Stage,
}

/// How one try ended without a response.
struct Failure {
    error: SendError,
    /// Whether a kept connection, which had answered before, was found closed.
    stale: bool,
}

impl Client {
    /// A client that reaches what `policy` permits and trusts the issuers in `roots`.
    pub fn new(policy: Policy, roots: RootCertStore, settings: ClientSettings) -> Self {
        Self::builder(policy, roots).settings(settings).build()
    }

    /// The same with more to choose: limits, a proxy, where addresses come from.
    pub fn builder(policy: Policy, roots: RootCertStore) -> ClientBuilder {
        ClientBuilder::new(policy, roots)
    }

    pub(crate) fn over(
        policy: Policy,
        connector: Connector,
        settings: ClientSettings,
        connecting: Stage,
    ) -> Self {
        let mut builder = legacy::Client::builder(TokioExecutor::new());
        builder
            .http1_max_buf_size(MAX_HEAD_BYTES)
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(settings.pool_idle_timeout)
            .pool_max_idle_per_host(settings.max_idle_per_host);
        let pooled = builder.build(connector.clone());
        let fresh = builder.pool_max_idle_per_host(0).build(connector);
        Self { policy, pooled, fresh, connecting }
    }

    /// What this client may reach.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Sends one request and returns what came back, whatever its status.
    ///
    /// The request's URI must be absolute; it is judged, and sent in its normal form. Header fields that
    /// frame the request, name its host or are between neighbours (`transfer-encoding`, `host`, `connection`,
    /// `expect`, `proxy-authorization` and their like) are the client's own: those of `request` are left out.
    /// The request is sent once, with one exception: if a kept connection proves to be closed before any
    /// response came, it is sent again over a new one. The receiver may then have seen it twice, which
    /// at-least-once delivery permits.
    ///
    /// # Errors
    ///
    /// [`SendError::Blocked`] if the policy does not permit the target, [`SendError::Timeout`] if no response
    /// came in time, [`SendError::Unreachable`] for all else. What came while this process stood still (it
    /// was stopped, or its machine slept) came in time.
    pub async fn send(&self, request: Request<Bytes>, limits: ResponseLimits) -> Result<Answer, SendError> {
        let deadline = Instant::now() + limits.timeout.min(LONGEST_TIMEOUT);
        let (_, uri) = self.policy.check(&request.uri().to_string())?;
        let (mut parts, body) = request.into_parts();
        parts.uri = uri;
        parts.version = Version::HTTP_11;
        fields::drop_own(&mut parts.headers);
        let request = Request::from_parts(parts, Full::new(body));
        let response = match self.exchange(&self.pooled, request.clone(), deadline).await {
            Err(Failure { stale: true, .. }) => self.exchange(&self.fresh, request, deadline).await,
            outcome => outcome,
        };
        match response {
            Ok(response) => Ok(Answer::read(response, patience(deadline), limits).await),
            Err(failure) => Err(failure.error),
        }
    }

    /// One try, up to the head of the response.
    async fn exchange(
        &self,
        http: &Http,
        mut request: Request<Full<Bytes>>,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        let connection = capture_connection(&mut request);
        let mut responding = pin!(http.request(request));
        let outcome = match timeout_at(deadline, responding.as_mut()).await {
            // The time and the answer have come together, and the answer is yet to be read.
            Err(_) => timeout_at(patience(deadline), responding).await,
            in_time => in_time,
        };
        let history = History::of(&connection);
        match outcome {
            Ok(Ok(response)) => {
                history.iter().for_each(History::note_answer);
                Ok(response)
            }
            Ok(Err(error)) => {
                let kept = history.is_some_and(|history| history.has_answered());
                let stale = kept && reason::is_closed(&error);
                Err(Failure { error: reason::classify(&error, self.connecting), stale })
            }
            Err(_) => {
                let stage = if history.is_some() { Stage::Response } else { self.connecting };
                Err(Failure { error: SendError::Timeout { stage }, stale: false })
            }
        }
    }
}

/// When to give up what was to be over at `deadline`.
fn patience(deadline: Instant) -> Instant {
    let now = Instant::now();
    if now.saturating_duration_since(deadline) > STOOD_STILL { now + READ_LATE } else { deadline }
}

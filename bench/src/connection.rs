//! One kept HTTP/1.1 connection, one call at a time.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::failure::Failure;

/// Where calls go: a server on loopback, and a path there.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    host: HeaderValue,
    path: Uri,
}

/// An open connection to a [`Target`].
pub(crate) struct Connection {
    target: Target,
    requests: SendRequest<Full<Bytes>>,
    /// Moves the bytes; ends with the connection.
    _driver: JoinSet<()>,
}

/// Status and whole body of an answer.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Target {
    /// The target that an absolute `http://ADDRESS:PORT/PATH` names; none if it is not of that form.
    pub(crate) fn of(url: &Uri) -> Option<Self> {
        let authority = url.authority()?.as_str();
        Some(Self {
            address: authority.parse().ok()?,
            host: HeaderValue::from_str(authority).ok()?,
            path: url.path_and_query()?.clone().into(),
        })
    }

    /// Another path of the same server.
    pub(crate) fn at(&self, path: &'static str) -> Self {
        Self { path: Uri::from_static(path), ..self.clone() }
    }

    /// The same path of another server.
    pub(crate) fn on(&self, server: &Self) -> Self {
        Self { path: self.path.clone(), ..server.clone() }
    }
}

impl Connection {
    /// Connects.
    #[expect(
        clippy::disallowed_methods,
        reason = "the driver and the floor call loopback only, outside the server process"
    )]
    pub(crate) async fn open(target: &Target) -> Result<Self, Failure> {
        let stream = TcpStream::connect(target.address).await.map_err(Failure::io("connect"))?;
        stream.set_nodelay(true).map_err(Failure::io("connect"))?;
        let (requests, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(Failure::http("begin HTTP"))?;
        let mut driver = JoinSet::new();
        // Its error comes to whoever waits for an answer as well.
        driver.spawn(async move { drop(connection.await) });
        Ok(Self { target: target.clone(), requests, _driver: driver })
    }

    /// Posts a JSON body and reads the whole answer.
    pub(crate) async fn post(&mut self, headers: HeaderMap, body: Bytes) -> Result<Answer, Failure> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.send(request).await
    }

    /// Gets what is there.
    pub(crate) async fn get(&mut self) -> Result<Answer, Failure> {
        self.send(Request::new(Full::default())).await
    }

    async fn send(&mut self, mut request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        *request.uri_mut() = self.target.path.clone();
        request.headers_mut().insert(header::HOST, self.target.host.clone());
        let action = "get an answer";
        self.requests.ready().await.map_err(Failure::http(action))?;
        let answer = self.requests.send_request(request).await.map_err(Failure::http(action))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(Failure::http(action))?.to_bytes();
        Ok(Answer { status, body })
    }
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn a_target_is_an_address_and_a_path() {
        let target = Target::of(&"http://127.0.0.1:80/in/x?y=1".parse().unwrap()).unwrap();
        assert_eq!((target.address.port(), target.path.to_string()), (80, "/in/x?y=1".to_owned()));
        assert_eq!(target.at("/v1").path, "/v1");
        let moved = target.on(&Target::of(&"http://127.0.0.1:81/".parse().unwrap()).unwrap());
        assert_eq!((moved.address.port(), moved.path.to_string()), (81, "/in/x?y=1".to_owned()));
        for no_target in ["/in/x", "http://localhost:80/x", "http://127.0.0.1/x"] {
            assert!(Target::of(&no_target.parse().unwrap()).is_none(), "{no_target}");
        }
    }
}

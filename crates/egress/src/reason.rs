//! From the libraries' errors to a [`SendError`] whose reason a person can read.

use std::error::Error;
use std::io;

use http::StatusCode;
use hyper_util::client::legacy;
use rustls::{AlertDescription, CertificateError};

use crate::connector::ConnectError;
use crate::error::{SendError, Stage};
use crate::refusal::Refusal;
use crate::tunnel::TunnelError;

/// What the client's error means; `connecting` is what connecting is called.
pub(crate) fn classify(error: &legacy::Error, connecting: Stage) -> SendError {
    let (stage, otherwise) = match error.is_connect() {
        true => (connecting, "connection failed"),
        false => (Stage::Response, "no response"),
    };
    match causes(error).find_map(of_cause) {
        Some(Cause::Refused(refusal)) => SendError::Blocked(refusal),
        Some(Cause::TimedOut) => SendError::Timeout { stage },
        Some(Cause::Reason(reason)) => SendError::Unreachable { reason },
        None => SendError::Unreachable { reason: otherwise.to_owned() },
    }
}

/// Whether a kept-alive connection turned out to be closed: the error to see when the other side's idle limit
/// and a request cross each other. Not a response that cannot be read, nor a connection that could not be
/// made.
pub(crate) fn is_closed(error: &legacy::Error) -> bool {
    !error.is_connect()
        && causes(error).any(|cause| {
            cause.downcast_ref::<hyper::Error>().is_some_and(|error| {
                error.is_incomplete_message() || error.is_canceled() || error.is_closed()
            }) || cause.downcast_ref::<io::Error>().is_some_and(|error| {
                use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected};
                matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected)
            })
        })
}

/// What one error in the chain says, if it says enough.
enum Cause {
    Refused(Refusal),
    TimedOut,
    Reason(String),
}

impl Cause {
    fn reason(text: impl Into<String>) -> Option<Self> {
        Some(Self::Reason(text.into()))
    }
}

/// The error and what is behind it. An `io::Error` made from another error skips that one in `source()`, so
/// it is looked into.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| behind(error))
}

fn behind<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}

fn of_cause(cause: &(dyn Error + 'static)) -> Option<Cause> {
    if let Some(error) = cause.downcast_ref::<ConnectError>() {
        return of_connect(error);
    }
    if let Some(error) = cause.downcast_ref::<rustls::Error>() {
        return Cause::reason(format!("TLS: {}", of_tls(error)));
    }
    if let Some(error) = cause.downcast_ref::<hyper::Error>() {
        return of_http(error);
    }
    cause.downcast_ref::<io::Error>().and_then(of_io)
}

fn of_connect(error: &ConnectError) -> Option<Cause> {
    match error {
        ConnectError::Refused(refusal) => Some(Cause::Refused(refusal.clone())),
        ConnectError::TimedOut => Some(Cause::TimedOut),
        ConnectError::Resolve(error) => Cause::reason(error.to_string()),
        ConnectError::Tunnel(error) => Some(of_tunnel(error)),
        ConnectError::NoHost => Cause::reason("the URL names no host"),
        ConnectError::Dial(_) => None,
    }
}

/// Every text says that it was the proxy: nothing is wrong with the endpoint. Which proxy it is, is the
/// operator's to know.
fn of_tunnel(error: &TunnelError) -> Cause {
    let reason = match error {
        TunnelError::Resolve(error) => format!("the proxy cannot be reached: {error}"),
        TunnelError::Dial(error) => match causes(&**error).find_map(of_cause) {
            Some(Cause::Reason(reason)) => format!("the proxy cannot be reached: {reason}"),
            Some(Cause::TimedOut) => return Cause::TimedOut,
            _ => "the proxy cannot be reached".to_owned(),
        },
        TunnelError::Status(status) => of_tunnel_status(*status),
        TunnelError::NoAnswer(error) if error.is_parse_too_large() => {
            "the head of the proxy's answer is too large".to_owned()
        }
        TunnelError::NoAnswer(error) if error.is_parse() => {
            "what the proxy answered is not HTTP/1.1".to_owned()
        }
        TunnelError::NoAnswer(_) => "the proxy closed the connection before it opened a tunnel".to_owned(),
        TunnelError::NoTunnel => "the proxy sent data of its own into the tunnel".to_owned(),
    };
    Cause::Reason(reason)
}

fn of_tunnel_status(status: StatusCode) -> String {
    let code = status.as_u16();
    match status {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
            format!("the proxy wants credentials, or others than the setting egress.proxy has ({code})")
        }
        StatusCode::FORBIDDEN | StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS => {
            format!("the proxy does not permit this target ({code})")
        }
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
            format!("the proxy cannot reach the target ({code})")
        }
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => {
            format!("the proxy opens no tunnels ({code})")
        }
        _ => format!("the proxy refused to open a tunnel ({code})"),
    }
}

fn of_http(error: &hyper::Error) -> Option<Cause> {
    if error.is_incomplete_message() {
        return Cause::reason("the connection was closed before a response came");
    }
    if error.is_parse_too_large() {
        return Cause::reason("the head of the response is too large");
    }
    if error.is_parse() {
        return Cause::reason("what came back is not an HTTP/1.1 response");
    }
    if error.is_user() {
        return Cause::reason("the request is not one that can be sent");
    }
    None
}

fn of_io(error: &io::Error) -> Option<Cause> {
    use io::ErrorKind as Kind;
    let reason = match error.kind() {
        Kind::TimedOut => return Some(Cause::TimedOut),
        Kind::ConnectionRefused => "connection refused",
        Kind::ConnectionReset => "connection reset",
        Kind::ConnectionAborted | Kind::BrokenPipe | Kind::NotConnected => "connection closed",
        Kind::UnexpectedEof => "connection closed in the middle of the exchange",
        Kind::HostUnreachable => "host unreachable",
        Kind::NetworkUnreachable | Kind::NetworkDown => "network unreachable",
        Kind::AddrNotAvailable => "no local address or port left to connect from",
        Kind::PermissionDenied => "not permitted by the operating system",
        _ => return None,
    };
    Cause::reason(reason)
}

fn of_tls(error: &rustls::Error) -> &'static str {
    use rustls::Error as Tls;
    match error {
        Tls::InvalidCertificate(error) => of_certificate(error),
        Tls::AlertReceived(alert) => of_alert(*alert),
        Tls::InvalidMessage(_) | Tls::PeerSentOversizedRecord => "the server does not answer with TLS",
        Tls::PeerIncompatible(_) => "no protocol version or cipher in common with the server",
        Tls::NoCertificatesPresented => "the server shows no certificate",
        Tls::DecryptError | Tls::PeerMisbehaved(_) | Tls::InappropriateHandshakeMessage { .. } => {
            "the server breaks the protocol"
        }
        _ => "the handshake failed",
    }
}

fn of_certificate(error: &CertificateError) -> &'static str {
    use CertificateError as Bad;
    match error {
        Bad::Expired | Bad::ExpiredContext { .. } => "the certificate has expired",
        Bad::NotValidYet | Bad::NotValidYetContext { .. } => "the certificate is not valid yet",
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => "the certificate is for another name",
        Bad::UnknownIssuer => {
            "the certificate's issuer is not trusted (self-signed, or an intermediate is missing)"
        }
        Bad::Revoked => "the certificate is revoked",
        Bad::BadSignature => "the certificate's signature is wrong",
        Bad::InvalidPurpose | Bad::InvalidPurposeContext { .. } => "the certificate is not for servers",
        _ => "the certificate is not valid",
    }
}

fn of_alert(alert: AlertDescription) -> &'static str {
    match alert {
        AlertDescription::UnrecognisedName => "the server does not know this host name",
        AlertDescription::ProtocolVersion => "no protocol version in common with the server",
        AlertDescription::CertificateRequired => "the server wants a client certificate",
        _ => "the server ended the handshake",
    }
}

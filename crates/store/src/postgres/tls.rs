//! TLS to the server: rustls, with certificates that are checked.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::PostgresAddress;

/// Certificates that are of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    /// The file cannot be read, or holds something else.
    #[error("cannot read certificates from {path}")]
    File {
        path: std::path::PathBuf,
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// There is no authority whose certificates could be believed.
    #[error("no certificate of an authority was found")]
    NoAuthority,
    #[error("the certificates cannot be used")]
    Rustls(#[from] rustls::Error),
}

/// What makes a connection's TLS; unused when the address says that there is none.
pub(super) fn connector(address: &PostgresAddress) -> Result<MakeRustlsConnect, TlsError> {
    let roots = match &address.root_certificates {
        Some(path) if address.is_encrypted() => Arc::new(of_file(path)?),
        _ => Arc::clone(&address.authorities),
    };
    if address.is_encrypted() && roots.is_empty() {
        return Err(TlsError::NoAuthority);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn of_file(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    let unreadable = |source| TlsError::File { path: path.to_owned(), source };
    for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
        roots.add(certificate.map_err(unreadable)?)?;
    }
    Ok(roots)
}

//! An authority of a test's own, by whose certificate a server is believed.
//!
//! The store's tests take this file in by its path, as they do with the servers.

use std::fs;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use tempfile::NamedTempFile;

use super::own_server::OwnServer;

/// An authority, and its certificate as a file.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    file: NamedTempFile,
}

impl Authority {
    /// One of this name.
    ///
    /// # Panics
    /// When there is no room for its file.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().expect("keys can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority may sign itself");
        let file = NamedTempFile::new().expect("a folder for temporary files is there");
        fs::write(file.path(), issuer.pem()).expect("a new file takes a certificate");
        Self { issuer, file }
    }

    /// Has the server show a certificate for these names, valid until the beginning of a year, and restarts
    /// it.
    ///
    /// # Panics
    /// When the server does not take it, or a name is none.
    pub fn certify(&self, server: &OwnServer, names: &[&str], until: i32) {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("a test's names are names");
        params.not_after = date_time_ymd(until, 1, 1);
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("an authority may sign for others");
        server.place("server.crt", &certificate.pem());
        server.place("server.key", &key.serialize_pem());
        server.admin("ALTER SYSTEM SET ssl = on");
        // A mere signal to take what was changed it heeds when it likes.
        server.stop("fast");
        server.start_again();
    }

    /// Where its certificate is.
    ///
    /// # Panics
    /// When the folder for temporary files is no text.
    #[must_use]
    pub fn path(&self) -> &str {
        self.file.path().to_str().expect("a temporary file's name is text")
    }
}

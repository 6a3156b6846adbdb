//! Certificate authorities of one's own, from a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use thiserror::Error;

/// The largest file that is read, in bytes: 8 MiB, many times what a system's whole collection takes.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// Why a file of certificate authorities cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CaFileError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Unreadable(#[source] io::Error),
    /// It is larger than 8 MiB.
    #[error("it is larger than {MAX_FILE_BYTES} bytes")]
    TooLarge,
    /// It holds no certificate in PEM, or is empty.
    #[error(
        "it holds no certificate in PEM (a block from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----)"
    )]
    NoCertificate,
    /// A block in it begins and does not end, or is not base64.
    #[error("block {number} of it is broken PEM")]
    BrokenPem {
        /// Which block, from 1.
        number: usize,
    },
    /// A certificate in it is none that anything can be trusted by.
    #[error("certificate {number} of it cannot be used as an authority")]
    NotACertificate {
        /// Which certificate, from 1.
        number: usize,
        /// What the TLS library says.
        #[source]
        source: rustls::Error,
    },
}

/// Adds every certificate of a PEM file to `roots`, and returns how many there were; at least one. Other
/// blocks of the file, such as keys, are passed over.
///
/// # Errors
///
/// [`CaFileError`]; `roots` may then have got some of them, and should not be used.
pub fn add_ca_file(roots: &mut RootCertStore, path: &Path) -> Result<usize, CaFileError> {
    let mut pem = Vec::new();
    let file = File::open(path).map_err(CaFileError::Unreadable)?;
    let length = file.take(MAX_FILE_BYTES + 1).read_to_end(&mut pem).map_err(CaFileError::Unreadable)?;
    if u64::try_from(length).is_ok_and(|length| length > MAX_FILE_BYTES) {
        return Err(CaFileError::TooLarge);
    }
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let number = count + 1;
        let certificate = certificate.map_err(|_| CaFileError::BrokenPem { number })?;
        roots.add(certificate).map_err(|source| CaFileError::NotACertificate { number, source })?;
        count = number;
    }
    match count {
        0 => Err(CaFileError::NoCertificate),
        count => Ok(count),
    }
}

//! Certificate authorities from a file: what they vouch for is trusted, and what is no such file is refused.

use std::error::Error;
use std::path::PathBuf;

use ringback_egress::{CaFileError, add_ca_file};
use rustls::RootCertStore;
use tempfile::TempDir;

use crate::tls::{get, self_signed, serve_once};

fn write(folder: &TempDir, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, content).expect("a folder of one's own can be written to");
    path
}

fn read(content: impl AsRef<[u8]>) -> Result<usize, CaFileError> {
    let folder = tempfile::tempdir().expect("a folder can be made");
    add_ca_file(&mut RootCertStore::empty(), &write(&folder, content))
}

#[tokio::test]
async fn what_a_file_vouches_for_is_trusted_beside_the_rest() {
    let identities = ["127.0.0.1", "localhost", "app.example.com"].map(|name| self_signed(name, true));
    let [address, name, other] = &identities;
    let folder = tempfile::tempdir().unwrap();
    let key = address.signing_key.serialize_pem();
    let path = write(&folder, format!("# ours\n{}{key}\r\n{}", address.cert.pem(), name.cert.pem()));
    let mut roots = RootCertStore::empty();
    roots.add(other.cert.der().clone()).unwrap();
    assert_eq!(add_ca_file(&mut roots, &path).unwrap(), 2);
    assert_eq!(roots.len(), 3, "added, not put in place of the others");
    for (identity, host) in [(address, "127.0.0.1"), (name, "localhost")] {
        let port = serve_once(identity, rustls::ALL_VERSIONS);
        assert_eq!(get(roots.clone(), host, port).await.unwrap().body_start, "safe");
        let port = serve_once(identity, rustls::ALL_VERSIONS);
        assert!(get(RootCertStore::empty(), host, port).await.is_err(), "without the file it is not");
    }
}

#[test]
fn what_is_no_such_file_is_refused_with_the_reason() {
    let good = self_signed("localhost", true).cert.pem();
    let broken = good.replacen("MII", "M!I", 1);
    let truncated = good.replace("-----END CERTIFICATE-----", "");
    let not_x509 = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let key = self_signed("localhost", true).signing_key.serialize_pem();
    let large = vec![b'#'; 8 * 1024 * 1024 + 1];
    let none = "it holds no certificate in PEM (a block from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----)";
    for (content, expected) in [
        (Vec::new(), none),
        (b"not PEM at all".to_vec(), none),
        (self_signed("localhost", true).cert.der().to_vec(), none),
        (key.into_bytes(), none),
        (format!("{good}{broken}").into_bytes(), "block 2 of it is broken PEM"),
        (truncated.into_bytes(), "block 1 of it is broken PEM"),
        (format!("{good}{not_x509}").into_bytes(), "certificate 2 of it cannot be used as an authority"),
        (large, "it is larger than 8388608 bytes"),
    ] {
        assert_eq!(read(content).unwrap_err().to_string(), expected);
    }
}

#[test]
fn a_file_that_is_not_there_or_no_file_says_so() {
    let folder = tempfile::tempdir().unwrap();
    for path in [folder.path().join("missing.pem"), folder.path().to_owned()] {
        let error = add_ca_file(&mut RootCertStore::empty(), &path).unwrap_err();
        assert_eq!(error.to_string(), "it cannot be read");
        assert!(error.source().is_some());
    }
}

//! The keys that secrets at rest are encrypted under, as the operator gives them.

use std::fs;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ringback_store::keyring::KEY_LEN;
use ringback_store::{EncryptionKey, Keyring};
use zeroize::Zeroizing;

use crate::exit::CliError;
use crate::settings::Settings;

/// The operator's keys; `None` when none is given and the data folder keeps its own.
pub(crate) fn keyring(settings: &Settings) -> Result<Option<Keyring>, CliError> {
    let mut keys = Vec::new();
    for (index, reference) in settings.encryption_keys().iter().enumerate() {
        keys.push(key(reference.reveal()).map_err(|why| {
            CliError::Usage(format!("encryption_key, key {} of the list: {why}", index + 1))
        })?);
    }
    let mut keys = keys.into_iter();
    Ok(keys.next().map(|first| Keyring::new(first, keys)))
}

/// What is said when a database of many nodes is to be used without one.
pub(crate) fn missing() -> CliError {
    CliError::Usage(
        "a PostgreSQL database needs an encryption key, the same for all nodes: make one with `openssl rand -base64 32`, keep it safe, and \
         give it to every node as RINGBACK_ENCRYPTION_KEY (or the setting encryption_key, which may name a file: file:/path)"
            .to_owned(),
    )
}

/// One key: base64 of 32 bytes, or `file:` and the path of a file that holds that.
fn key(reference: &str) -> Result<EncryptionKey, String> {
    let text = match reference.trim().strip_prefix("file:") {
        Some(path) => {
            Zeroizing::new(fs::read_to_string(path).map_err(|e| format!("cannot read {path}: {e}"))?)
        }
        None => Zeroizing::new(reference.to_owned()),
    };
    let bytes = Zeroizing::new(
        STANDARD
            .decode(text.trim())
            .map_err(|_| "it is not base64; make one with `openssl rand -base64 32`".to_owned())?,
    );
    let bytes: &[u8; KEY_LEN] = bytes.as_slice().try_into().map_err(|_| {
        format!("it holds {} bytes, not {KEY_LEN}; make one with `openssl rand -base64 32`", bytes.len())
    })?;
    Ok(EncryptionKey::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_32_bytes_of_base64_or_a_file_of_that() {
        let good = STANDARD.encode([7; 32]);
        assert!(key(&good).is_ok());
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), format!("{good}\n")).unwrap();
        assert!(key(&format!("file:{}", file.path().display())).is_ok());
        assert!(key(&STANDARD.encode([7; 31])).unwrap_err().contains("31 bytes"));
        assert!(key("???").unwrap_err().contains("not base64"));
        assert!(key("file:/does/not/exist").unwrap_err().contains("cannot read"));
    }
}

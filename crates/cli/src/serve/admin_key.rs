//! The admin key: given by the operator, or made at the first start and left in the data folder for this machine's commands.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringback_store::Store;
use zeroize::Zeroizing;

use crate::exit::CliError;
use crate::random;
use crate::settings::Settings;

/// The key's file in the data folder, mode 0600.
const FILE: &str = "admin-key";
/// The shortest key that is taken from the operator, in bytes: shorter ones can be guessed.
const MIN_BYTES: usize = 16;

/// Where the admin key in force comes from.
pub(crate) enum AdminKey {
    /// The setting `admin_key`.
    Given,
    /// A former start left it in this file.
    Found(PathBuf),
    /// This start made it.
    Made { key: Zeroizing<String>, file: PathBuf },
}

/// Puts the admin key in force: the given one, else the one in the data folder, else a new one.
pub(crate) async fn establish(settings: &Settings, store: &dyn Store) -> Result<AdminKey, CliError> {
    let (key, origin) = choose(settings)?;
    let sha256 = sha256(key.as_bytes());
    if store.config().admin_key_sha256() != Some(&sha256) {
        store.set_admin_key(sha256).await.map_err(CliError::cannot_start)?;
    }
    Ok(origin)
}

/// The key that a former start left in this data folder.
pub(crate) fn read(data_dir: &Path) -> io::Result<Zeroizing<String>> {
    fs::read_to_string(data_dir.join(FILE)).map(|text| Zeroizing::new(text.trim().to_owned()))
}

fn choose(settings: &Settings) -> Result<(Zeroizing<String>, AdminKey), CliError> {
    if let Some(given) = &settings.admin_key {
        let key = Zeroizing::new(given.reveal().trim().to_owned());
        let usable = key.len() >= MIN_BYTES && key.bytes().all(|b| b.is_ascii_graphic());
        return if usable {
            Ok((key, AdminKey::Given))
        } else {
            Err(CliError::Usage(format!(
                "RINGBACK_ADMIN_KEY must be at least {MIN_BYTES} visible ASCII characters without blanks"
            )))
        };
    }
    let file = settings.data_dir.join(FILE);
    match read(&settings.data_dir) {
        Ok(key) if !key.is_empty() => Ok((key, AdminKey::Found(file))),
        Ok(_) => make(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(file),
        Err(error) => Err(file_error(&file, &error)),
    }
}

fn make(file: PathBuf) -> Result<(Zeroizing<String>, AdminKey), CliError> {
    let key = Zeroizing::new(format!("sk-ringback-{}", URL_SAFE_NO_PAD.encode(random::bytes::<32>())));
    write(&file, &key).map_err(|error| file_error(&file, &error))?;
    Ok((key.clone(), AdminKey::Made { key, file }))
}

fn write(file: &Path, key: &str) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    // Written aside and renamed, so that a crash leaves either no key or a whole one.
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let aside = file.with_extension("new");
    let mut handle = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&aside)?;
    writeln!(handle, "{key}")?;
    handle.sync_all()?;
    fs::rename(aside, file)
}

fn file_error(file: &Path, error: &io::Error) -> CliError {
    CliError::CannotStart {
        message: format!("cannot use the admin key's file {}: {error}", file.display()),
        source: None,
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().try_into().expect("SHA-256 is 32 bytes long")
}

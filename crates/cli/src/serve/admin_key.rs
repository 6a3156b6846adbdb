//! The admin key: given by the operator, or made at the first start and left in the data folder for this
//! machine's commands.
//!
//! A database of one's own has the key that this node says. A database that nodes share has one key for all
//! of them: it is made by the first of them to start, and the others leave it in force, whether they know it
//! or not. Nodes that are given different keys by the setting revoke each other's at each start.

use std::fs::{self, DirBuilder};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ringback_store::Store;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

use crate::exit::CliError;
use crate::random;
use crate::settings::{Database, SecretText, Settings};

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
    /// From another node of the same database: this one has its hash alone.
    Unknown,
}

impl AdminKey {
    /// One word for it.
    pub(crate) fn origin(&self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Found(_) => "found",
            Self::Made { .. } => "made",
            Self::Unknown => "unknown",
        }
    }
}

/// Refuses a setting that is no key, and a file, before anything is begun.
pub(crate) fn check(settings: &Settings) -> Result<(), CliError> {
    match &settings.admin_key {
        Some(given) => usable(given).map(drop),
        // What else is wrong with the file, or its folder, is found when they are used.
        None => read(&settings.data_dir).map_or(Ok(()), |key| kept(key, &settings.data_dir).map(drop)),
    }
}

/// Puts an admin key in force: the given one, else the one in the data folder, else a new one; in a database
/// that nodes share, the latter two only if there is none.
pub(crate) async fn establish(
    settings: &Settings,
    database: &Database,
    store: &dyn Store,
) -> Result<AdminKey, CliError> {
    if let Some(given) = &settings.admin_key {
        let key = usable(given)?;
        replace(store, &key, database.is_shared()).await?;
        return Ok(AdminKey::Given);
    }
    let in_force = store.config().admin_key_sha256().copied();
    let own = find(&settings.data_dir)?;
    if let (true, Some(in_force)) = (database.is_shared(), in_force) {
        let is_known = own.is_some_and(|key| sha256(key.as_bytes()) == in_force);
        return Ok(if is_known { AdminKey::Found(file_in(settings)) } else { AdminKey::Unknown });
    }
    let (key, origin) = match own {
        Some(key) => (key, AdminKey::Found(file_in(settings))),
        None => make(&settings.data_dir)?,
    };
    if database.is_shared() {
        return offer(store, &key, origin).await;
    }
    replace(store, &key, false).await?;
    Ok(origin)
}

/// The key that a former start left in this data folder.
pub(crate) fn read(data_dir: &Path) -> io::Result<Zeroizing<String>> {
    fs::read_to_string(data_dir.join(FILE)).map(|text| Zeroizing::new(text.trim().to_owned()))
}

fn file_in(settings: &Settings) -> PathBuf {
    settings.data_dir.join(FILE)
}

fn usable(given: &SecretText) -> Result<Zeroizing<String>, CliError> {
    let key = Zeroizing::new(given.reveal().trim().to_owned());
    match is_key(&key) {
        true => Ok(key),
        false => Err(CliError::Usage(format!(
            "the setting `admin_key` (RINGBACK_ADMIN_KEY) must be at least {MIN_BYTES} visible ASCII characters without blanks"
        ))),
    }
}

fn is_key(text: &str) -> bool {
    text.len() >= MIN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Makes this the key, whatever was in force.
async fn replace(store: &dyn Store, key: &str, is_shared: bool) -> Result<(), CliError> {
    let (sha256, former) = (sha256(key.as_bytes()), store.config().admin_key_sha256().copied());
    if former == Some(sha256) {
        return Ok(());
    }
    store.set_admin_key(sha256).await.map_err(CliError::cannot_start)?;
    if is_shared && former.is_some() {
        tracing::warn!(
            "the setting `admin_key` is another than before: the former admin key is void, on every node"
        );
    }
    Ok(())
}

/// Makes this the key of all nodes, if no other node was first.
async fn offer(store: &dyn Store, key: &str, origin: AdminKey) -> Result<AdminKey, CliError> {
    if store.offer_admin_key(sha256(key.as_bytes())).await.map_err(CliError::cannot_start)? {
        return Ok(origin);
    }
    if let AdminKey::Made { file, .. } = origin {
        // It opens nothing, and would only mislead this machine's commands.
        fs::remove_file(&file).map_err(|error| file_error(&file, &error))?;
    }
    Ok(AdminKey::Unknown)
}

/// The key that a former start left, if one did.
fn find(data_dir: &Path) -> Result<Option<Zeroizing<String>>, CliError> {
    match read(data_dir) {
        Ok(key) => kept(key, data_dir).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file_error(&data_dir.join(FILE), &error)),
    }
}

/// What the file in this data folder holds, if it can be a key.
fn kept(key: Zeroizing<String>, data_dir: &Path) -> Result<Zeroizing<String>, CliError> {
    if is_key(&key) {
        return Ok(key);
    }
    let message = format!(
        "what the file {} holds is no admin key, which is at least {MIN_BYTES} visible ASCII characters without blanks: remove the file, and a \
         start makes another key",
        data_dir.join(FILE).display()
    );
    Err(CliError::CannotStart { message, source: None })
}

/// Makes a key, unless another node that has the same folder was faster: then it is theirs.
fn make(data_dir: &Path) -> Result<(Zeroizing<String>, AdminKey), CliError> {
    let file = data_dir.join(FILE);
    let key = Zeroizing::new(format!("sk-ringback-{}", URL_SAFE_NO_PAD.encode(random::bytes::<32>())));
    match write(data_dir, &key) {
        Ok(()) => Ok((key.clone(), AdminKey::Made { key, file })),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match find(data_dir)? {
            Some(theirs) => Ok((theirs, AdminKey::Found(file))),
            None => Err(file_error(&file, &io::Error::other("another start made it and took it away"))),
        },
        Err(error) => Err(file_error(&file, &error)),
    }
}

/// Writes it aside and puts it in place only then, so that a crash leaves either no key or a whole one, and
/// only if there is none.
fn write(data_dir: &Path, key: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    let mut aside = NamedTempFile::with_prefix_in(FILE, data_dir)?;
    writeln!(aside, "{key}")?;
    aside.as_file().sync_all()?;
    aside.persist_noclobber(data_dir.join(FILE))?;
    Ok(())
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

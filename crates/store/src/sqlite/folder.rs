//! The data folder: who may use it, and the encryption key it keeps when the operator gives none.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use rusqlite::Connection;
use zeroize::Zeroizing;

use crate::error::OpenError;
use crate::keyring::{EncryptionKey, KEY_LEN, Keyring, show_key_id};
use crate::sqlite::secrets;

/// The database's file name.
pub(super) const DATABASE_FILE: &str = "ringback.db";
const LOCK_FILE: &str = "lock";
const KEY_FILE: &str = "encryption-key";

/// Holds the folder for this process; the system lets go of it when the process ends, however it ends.
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(super) fn take(folder: &Path) -> Result<Self, OpenError> {
        make_private_folder(folder).map_err(|e| folder_error(folder, e))?;
        let path = folder.join(LOCK_FILE);
        let file = make_private_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: folder.to_owned() }),
            Err(TryLockError::Error(e)) => Err(folder_error(&path, e)),
        }
    }
}

/// Opens a file that nobody else may read, making it if it does not exist. SQLite gives the files that it
/// puts beside a database the database's own mode.
pub(super) fn make_private_file(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    private(&mut options).open(path).map_err(|e| folder_error(path, e))
}

/// The key in the data folder. Made only while the database holds no ciphertext: a lost key must not be
/// papered over by a new one that opens nothing.
pub(super) fn own_keyring(folder: &Path, db: &Connection) -> Result<Keyring, OpenError> {
    let path = folder.join(KEY_FILE);
    match fs::read(&path).map(Zeroizing::new) {
        Ok(bytes) => {
            let key: &[u8; KEY_LEN] = bytes.as_slice().try_into().map_err(|_| {
                folder_error(
                    &path,
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        "the key file is not 32 bytes long; put back the one that was there",
                    ),
                )
            })?;
            Ok(Keyring::new(EncryptionKey::new(key), []))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            if let Some(key_id) = secrets::any_key_id(db).map_err(|e| OpenError::Config(e.into()))? {
                return Err(OpenError::missing_key_of_folder(show_key_id(key_id)));
            }
            make_key(&path).map_err(|e| folder_error(&path, e))
        }
        Err(e) => Err(folder_error(&path, e)),
    }
}

fn make_key(path: &Path) -> io::Result<Keyring> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    SystemRandom::new()
        .fill(key.as_mut_slice())
        .map_err(|_| io::Error::other("no random numbers to be had"))?;
    // Written aside and renamed, so that a crash leaves either no key or a whole one.
    let aside = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    let mut file = private(&mut options).open(&aside)?;
    file.write_all(key.as_slice())?;
    file.sync_all()?;
    fs::rename(&aside, path)?;
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(Keyring::new(EncryptionKey::new(&key), []))
}

fn folder_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Folder { path: PathBuf::from(path), source }
}

#[cfg(unix)]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(not(unix))]
fn make_private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(unix)]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    options.mode(0o600)
}

#[cfg(not(unix))]
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    options
}

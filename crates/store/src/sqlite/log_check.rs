//! Is the write-ahead log as long as it was?
//!
//! At its opening the database reads the log up to the first page that is not right and takes that for the
//! end, as it is after a loss of power. When the log was damaged, what comes after the damage was committed
//! and acknowledged all the same, and would be gone without a word. But beside the log is its index, and in
//! the head of that stands how many pages were committed, which is written only once they are on the disk. So
//! the log is read here as the database will read it, and if fewer pages are found, the start is refused.
//!
//! Not guaranteed: anything without the index, which is not there after a clean stop, and is not relied upon
//! after a loss of power (its own sum or its salt then fails, or it is older than the log, which does no
//! harm).
//!
//! Both formats: <https://www.sqlite.org/walformat.html>, and section 4 of
//! <https://www.sqlite.org/fileformat2.html>.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// Of the log and of each page's entry in it, in bytes.
const LOG_HEAD: usize = 32;
const PAGE_HEAD: usize = 24;
/// Of one copy of the index's head, which is there twice, in bytes; the last eight are its sum.
const INDEX_HEAD: usize = 48;
/// The log's first word, but for the lowest bit, which says how its sums are made: 1 with words of the higher
/// byte first.
const MAGIC: u32 = 0x377f_0682;
/// The form of the index that is known here.
const INDEX_VERSION: u32 = 3_007_000;

/// What the index says.
struct Committed {
    salt: [u8; 8],
    /// Pages in the log.
    pages: u32,
    /// How many of them are in the database too.
    copied: u32,
}

/// Refuses a database whose log has lost what was committed.
///
/// To be called before the database is opened, by the one who has the folder.
pub(super) fn check(database: &Path) -> Result<(), OpenError> {
    let (log, index) = (beside(database, "-wal"), beside(database, "-shm"));
    let Some(committed) = read_index(&index) else { return Ok(()) };
    if committed.pages == 0 || committed.copied >= committed.pages {
        return Ok(());
    }
    let found = match readable_pages(&log, &committed) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(source) => return Err(OpenError::Folder { path: log, source }),
    };
    if found < committed.pages {
        return Err(OpenError::LogDamaged { path: log, index, found, committed: committed.pages });
    }
    Ok(())
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = OsString::from(database);
    path.push(suffix);
    path.into()
}

/// The index's head; `None` if there is none that can be relied upon.
fn read_index(path: &Path) -> Option<Committed> {
    let mut head = [0; 2 * INDEX_HEAD + 4];
    File::open(path).ok()?.read_exact(&mut head).ok()?;
    let (copies, rest) = head.split_at(2 * INDEX_HEAD);
    // A crash may have met the writing of one copy. What either says was on the disk before.
    let copy = copies.chunks_exact(INDEX_HEAD).find(|copy| is_index_head(copy))?;
    Some(Committed {
        salt: copy[32..40].try_into().expect("the slice is 8 bytes long"),
        pages: native(copy, 16),
        copied: native(rest, 0),
    })
}

fn is_index_head(copy: &[u8]) -> bool {
    let mut sum = Sum { high_byte_first: cfg!(target_endian = "big"), words: [0; 2] };
    sum.add(&copy[..INDEX_HEAD - 8]);
    // The byte at 12 says whether it is in use.
    native(copy, 0) == INDEX_VERSION && copy[12] != 0 && sum.words == [native(copy, 40), native(copy, 44)]
}

/// A word of the index, which is never moved to another machine while it is of use.
fn native(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(four(&bytes[at..]))
}

/// How many pages of the log are right, up to the first that is not. A log of another salt was begun after
/// what the index speaks of was copied, so it lacks nothing.
fn readable_pages(path: &Path, committed: &Committed) -> io::Result<u32> {
    let mut log = BufReader::with_capacity(64 * 1024, File::open(path)?);
    let mut head = [0; LOG_HEAD];
    if !read_whole(&mut log, &mut head)? {
        return Ok(0);
    }
    let word = |at: usize| u32::from_be_bytes(four(&head[at..]));
    let mut sum = Sum { high_byte_first: word(0) == MAGIC | 1, words: [0; 2] };
    sum.add(&head[..24]);
    if word(0) & !1 != MAGIC || sum.words != [word(24), word(28)] {
        return Ok(0);
    }
    if head[16..24] != committed.salt {
        return Ok(committed.pages);
    }
    let page_size = usize::try_from(word(8)).unwrap_or(0).min(65_536);
    let mut page = vec![0; PAGE_HEAD + page_size];
    let mut found = 0;
    while found < committed.pages && read_whole(&mut log, &mut page)? {
        sum.add(&page[..8]);
        sum.add(&page[PAGE_HEAD..]);
        let stored = [16, 20].map(|at| u32::from_be_bytes(four(&page[at..])));
        if page[..4] == [0; 4] || page[8..16] != committed.salt || sum.words != stored {
            break;
        }
        found += 1;
    }
    Ok(found)
}

/// Fills the buffer; `false` at the end of the file.
fn read_whole(file: &mut impl Read, buffer: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn four(bytes: &[u8]) -> [u8; 4] {
    [bytes[0], bytes[1], bytes[2], bytes[3]]
}

/// The database's running sum over words of four bytes, two at a time.
struct Sum {
    high_byte_first: bool,
    words: [u32; 2],
}

impl Sum {
    fn add(&mut self, bytes: &[u8]) {
        let word = if self.high_byte_first { u32::from_be_bytes } else { u32::from_le_bytes };
        for pair in bytes.chunks_exact(8) {
            self.words[0] = self.words[0].wrapping_add(word(four(pair))).wrapping_add(self.words[1]);
            self.words[1] = self.words[1].wrapping_add(word(four(&pair[4..]))).wrapping_add(self.words[0]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::*;

    const DATABASE: &str = "x.db";
    const LOG: &str = "x.db-wal";
    const INDEX: &str = "x.db-shm";

    /// A database with so many commits in its log.
    fn open(folder: &Path, commits: usize) -> Connection {
        let db = Connection::open(folder.join(DATABASE)).unwrap();
        db.execute_batch("PRAGMA journal_mode = wal; CREATE TABLE IF NOT EXISTS t (x TEXT)").unwrap();
        for _ in 0..commits {
            db.execute("INSERT INTO t (x) VALUES (hex(zeroblob(3000)))", []).unwrap();
        }
        db
    }

    /// What a process that is killed leaves behind.
    fn killed(folder: &Path) -> TempDir {
        let left = tempfile::tempdir().unwrap();
        for file in [DATABASE, LOG, INDEX] {
            fs::copy(folder.join(file), left.path().join(file)).unwrap();
        }
        left
    }

    fn refused(folder: &TempDir) -> Option<(u32, u32)> {
        match check(&folder.path().join(DATABASE)) {
            Ok(()) => None,
            Err(OpenError::LogDamaged { found, committed, .. }) => Some((found, committed)),
            Err(other) => panic!("{other}"),
        }
    }

    #[test]
    fn what_a_kill_leaves_behind_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path(), 20);
        assert_eq!(refused(&killed(folder.path())), None);
        db.execute_batch("PRAGMA wal_checkpoint(truncate)").unwrap();
        assert_eq!(refused(&killed(folder.path())), None, "a log that was copied and cut");
        drop(db);
        assert_eq!(refused(&folder), None, "nothing but a database");
    }

    #[test]
    fn a_log_that_lacks_what_was_committed_is_refused_with_how_much() {
        let folder = tempfile::tempdir().unwrap();
        let _db = open(folder.path(), 20);
        let whole = fs::read(folder.path().join(LOG)).unwrap();
        let page = |n: usize| LOG_HEAD + n * (PAGE_HEAD + 4096);
        let pages = u32::try_from((whole.len() - LOG_HEAD) / (PAGE_HEAD + 4096)).unwrap();

        let with = |log: &[u8]| {
            let left = killed(folder.path());
            fs::write(left.path().join(LOG), log).unwrap();
            refused(&left)
        };
        let changed_at = |at: usize| {
            let mut log = whole.clone();
            log[at] ^= 1;
            with(&log)
        };
        assert_eq!(with(&whole), None);
        assert_eq!(changed_at(page(7) + 1000), Some((7, pages)), "content");
        assert_eq!(changed_at(page(3)), Some((3, pages)), "a page's number");
        assert_eq!(changed_at(page(3) + 9), Some((3, pages)), "a page's salt");
        assert_eq!(changed_at(16), Some((0, pages)), "the log's salt");
        assert_eq!(with(&whole[..page(5) + 100]), Some((5, pages)), "cut off");
        assert_eq!(with(&[]), Some((0, pages)), "empty");
        let left = killed(folder.path());
        fs::remove_file(left.path().join(LOG)).unwrap();
        assert_eq!(refused(&left), Some((0, pages)), "gone");
    }

    #[test]
    fn what_was_copied_to_the_database_is_not_missed() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path(), 20);
        db.execute_batch("PRAGMA wal_checkpoint(passive)").unwrap();
        let left = killed(folder.path());
        fs::write(left.path().join(LOG), "").unwrap();
        assert_eq!(refused(&left), None);
    }

    #[test]
    fn an_index_that_is_older_or_broken_refuses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let db = open(folder.path(), 20);
        let older = fs::read(folder.path().join(INDEX)).unwrap();
        db.execute_batch("PRAGMA wal_checkpoint(restart)").unwrap();
        drop(open(folder.path(), 5));
        let left = killed(folder.path());
        assert_eq!(refused(&left), None, "a log that was begun anew");
        let mut broken = older.clone();
        (broken[20], broken[INDEX_HEAD + 20]) = (0xff, 0xff);
        for index in [&older[..], &broken[..], &older[..50], &[]] {
            fs::write(left.path().join(INDEX), index).unwrap();
            assert_eq!(refused(&left), None, "{} bytes", index.len());
        }
    }

    #[test]
    fn one_whole_copy_of_the_index_is_enough() {
        let folder = tempfile::tempdir().unwrap();
        let _db = open(folder.path(), 20);
        let left = killed(folder.path());
        let mut index = fs::read(left.path().join(INDEX)).unwrap();
        index[20] ^= 1;
        fs::write(left.path().join(INDEX), &index).unwrap();
        fs::write(left.path().join(LOG), "").unwrap();
        assert!(refused(&left).is_some());
    }
}

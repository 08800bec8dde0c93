//! Reserves disk space for the archive. `SQLite` must write to the write-ahead log before it can remove a release. On a
//! full disk this write fails, so nothing could be removed. Therefore a file next to the archive takes up the space
//! that a removal needs. Greenroom deletes this file before a removal and creates it again afterwards.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::private_files;

/// The size of the reserve in bytes. It is enough for the largest write-ahead log and for one transaction that removes
/// records.
const SIZE: usize = 4 * 1024 * 1024;

/// Creates the reserve file, unless it already exists with the right size. A failure is only logged, because the
/// archive needs the reserve only on a full disk.
pub(super) fn create(archive: &Path) {
    let path = path(archive);
    let exists =
        fs::symlink_metadata(&path).is_ok_and(|file| file.is_file() && file.len() == SIZE as u64);
    if exists && private_files::remove_access_of_others(&path).is_ok() {
        return;
    }
    if let Err(error) = write(&path) {
        tracing::debug!("cannot reserve disk space for the archive: {error}");
        delete(archive);
    }
}

/// Deletes the reserve file, so that the next write can use the space.
pub(super) fn delete(archive: &Path) {
    // The file may have been deleted already.
    let _ = fs::remove_file(path(archive));
}

fn write(path: &Path) -> std::io::Result<()> {
    let mut file = private_files::options().truncate(true).open(path)?;
    // Every byte is written, because a sparse file takes up no disk space.
    file.write_all(&vec![b'-'; SIZE])?;
    file.sync_all()
}

fn path(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push("-reserve");
    name.into()
}

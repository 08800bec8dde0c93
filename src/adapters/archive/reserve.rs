//! Reserves disk space for the archive. Removing a release first writes to the write-ahead log, so nothing could be
//! removed on a full disk. A file next to the archive therefore takes up the space that a removal needs. Greenroom
//! deletes that file before a removal and creates it again afterwards.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::private_files;

/// The size of the reserve in bytes: the largest write-ahead log, plus what one transaction that removes records
/// writes.
const SIZE: usize = 4 * 1024 * 1024;

/// Creates the reserve file, unless a file of the right size exists. A failure is only logged: the archive works
/// without a reserve until the disk is full.
pub(super) fn make(archive: &Path) {
    let path = path(archive);
    let is_there = fs::symlink_metadata(&path)
        .is_ok_and(|there| there.is_file() && there.len() == SIZE as u64);
    if is_there && private_files::close(&path).is_ok() {
        return;
    }
    if let Err(error) = write(&path) {
        tracing::debug!("cannot reserve disk space for the archive: {error}");
        give(archive);
    }
}

/// Deletes the reserve file, so that the next write can use the space.
pub(super) fn give(archive: &Path) {
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

//! Disk space reserved for a full disk. Removing a release writes before it frees, so on a disk without a free byte
//! nothing could be removed. A file next to the archive takes that space until it is needed.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::private_files;

/// In bytes: the pages in the write-ahead log, plus what one removing transaction adds.
const SIZE: usize = 4 * 1024 * 1024;

/// Creates the file unless it exists. If this fails, everything works as long as the disk is not full.
pub(super) fn make(archive: &Path) {
    let path = path(archive);
    let is_there = fs::symlink_metadata(&path)
        .is_ok_and(|there| there.is_file() && there.len() == SIZE as u64);
    if is_there && private_files::close(&path).is_ok() {
        return;
    }
    if let Err(error) = write(&path) {
        tracing::debug!("no disk space is reserved for the archive: {error}");
        give(archive);
    }
}

/// Removes the file, so that the next write has the space.
pub(super) fn give(archive: &Path) {
    // A missing file was removed earlier.
    let _ = fs::remove_file(path(archive));
}

fn write(path: &Path) -> std::io::Result<()> {
    let mut file = private_files::options().truncate(true).open(path)?;
    // The bytes are written: a sparse file takes no space.
    file.write_all(&vec![b'-'; SIZE])?;
    file.sync_all()
}

fn path(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push("-reserve");
    name.into()
}

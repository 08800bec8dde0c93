//! Room that is kept for a full disk: forgetting something writes before it frees, and on a disk without a free byte
//! nothing could be forgotten. A file beside the archive takes that room until then.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::private_files;

/// How many bytes: what waits in the write-ahead log, and what one transaction of forgetting adds.
const SIZE: usize = 4 * 1024 * 1024;

/// Takes the room, unless it is taken. Without it all works as long as the disk is not full.
pub(super) fn make(archive: &Path) {
    let path = path(archive);
    let is_there = fs::symlink_metadata(&path)
        .is_ok_and(|there| there.is_file() && there.len() == SIZE as u64);
    if is_there && private_files::close(&path).is_ok() {
        return;
    }
    if let Err(error) = write(&path) {
        tracing::debug!("no room is reserved for the archive: {error}");
        give(archive);
    }
}

/// Gives the room to whoever writes next.
pub(super) fn give(archive: &Path) {
    // Not there: given already.
    let _ = fs::remove_file(path(archive));
}

fn write(path: &Path) -> std::io::Result<()> {
    let mut file = private_files::options().truncate(true).open(path)?;
    // Written, not only claimed: a file with holes takes no room.
    file.write_all(&vec![b'-'; SIZE])?;
    file.sync_all()
}

fn path(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push("-reserve");
    name.into()
}

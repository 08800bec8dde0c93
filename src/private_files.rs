//! Files that other users may not read: the archive, the store, logs and the records of processes. These files contain
//! reasons, names and the output of applications.
//!
//! A file gets its mode when it is created, so that there is no moment in which another user could open it. If the last
//! part of a path is a symbolic link, the link is not followed: another user who may write to the directory could have
//! made the link, and Greenroom would overwrite the file to which the link points.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// The mode of a file: read and write for its owner only.
const FILE: u32 = 0o600;
/// The mode of a file that is not private, before the umask.
const FOR_ALL: u32 = 0o666;
/// The mode of a directory: for its owner only.
const DIRECTORY: u32 = 0o700;
/// The permission bits of users who are neither the owner nor in the group.
const OTHERS: u32 = 0o007;

/// Creates a directory and its parents, each for this user only. Directories that exist keep their modes.
pub(crate) fn create_directory(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY)
        .create(path)
}

/// The options to open a file, which is created if it does not exist. `truncate` and `append` can be added.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create(true)
        .mode(FILE)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed());
    options
}

/// Writes a file that every user may read, such as a manual page. Refuses a symbolic link, as [`create`] does.
pub(crate) fn write_for_all(path: &Path, text: &[u8]) -> io::Result<()> {
    let file = options().mode(FOR_ALL).truncate(true).open(path);
    let mut file = file.map_err(|error| explained(error, path))?;
    file.write_all(text)
}

/// Creates a file for this user only, for a library that opens the file by its path. An existing file stays as it is
/// and is not opened: see [`remove_access_of_others`].
pub(crate) fn create(path: &Path) -> io::Result<()> {
    match options().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !is_link(path) => Ok(()),
        created => created.map(drop).map_err(|error| explained(error, path)),
    }
}

/// Removes the access of other users from a file or directory that this user owns, because an earlier version of
/// Greenroom may have created it with such access. The group keeps its access, because a store can be shared with the
/// group. Refuses a symbolic link. A file that does not exist or cannot be reached is no error: opening the file later
/// reports the problem.
///
/// The file is only named (`O_PATH`) and never opened. A process that closes a file loses all its POSIX locks on that
/// file, including the locks of an open database. Another process could then reset the database's write-ahead log.
pub(crate) fn remove_access_of_others(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .custom_flags((OFlags::NOFOLLOW | OFlags::PATH).bits().cast_signed());
    let Ok(named) = options.open(path) else {
        return Ok(());
    };
    let found = named.metadata()?;
    if found.is_symlink() {
        return Err(io::Error::other(LINK));
    }
    let is_shared = found.mode() & OTHERS != 0;
    if is_shared && found.uid() == rustix::process::geteuid().as_raw() {
        // Only this path changes the mode of a file opened with O_PATH. By now, the original path could lead to another
        // file.
        let itself = format!("/proc/self/fd/{}", named.as_raw_fd());
        let mode = Permissions::from_mode(found.mode() & !OTHERS & 0o7777);
        if let Err(error) = fs::set_permissions(itself, mode) {
            // Some file systems have no modes. The file can be used anyway.
            tracing::warn!(
                "the access of other users to {} cannot be removed: {error}",
                path.display()
            );
        }
    }
    Ok(())
}

/// The path with the links in its directory resolved, for a library that refuses any link in a path.
pub(crate) fn resolved(path: &Path) -> io::Result<PathBuf> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok(path.to_owned());
    };
    let directory = if directory.as_os_str().is_empty() {
        Path::new(".")
    } else {
        directory
    };
    Ok(directory.canonicalize()?.join(name))
}

const LINK: &str =
    "symbolic links are not followed: use the path that the link points to, or remove the link";

/// Replaces the system's error for a link ("too many levels of symbolic links"), which does not name the cause.
fn explained(error: io::Error, path: &Path) -> io::Error {
    if is_link(path) {
        return io::Error::other(LINK);
    }
    error
}

fn is_link(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|found| found.is_symlink())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn files_and_directories_are_created_for_their_owner() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("a/b");
        create_directory(&directory).unwrap();
        assert_eq!(mode(&place.path().join("a")), 0o700);
        assert_eq!(mode(&directory), 0o700);
        let file = directory.join("store.db");
        create(&file).unwrap();
        assert_eq!(mode(&file), 0o600);
        let log = directory.join("log");
        options().append(true).open(&log).unwrap();
        assert_eq!(mode(&log), 0o600);
    }

    #[test]
    fn others_lose_their_access_and_the_group_keeps_its_own() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store.db");
        fs::write(&path, "kept").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o664)).unwrap();
        remove_access_of_others(&path).unwrap();
        assert_eq!(mode(&path), 0o660);
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        remove_access_of_others(&path).unwrap();
        assert_eq!(mode(&path), 0o640);
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        remove_access_of_others(&place.path().join("missing")).unwrap();
    }

    /// The locks that this process has on a file, as the kernel lists them.
    fn locks(path: &Path) -> usize {
        let inode = format!(":{} ", fs::metadata(path).unwrap().ino());
        let process = format!(" {} ", std::process::id());
        let kernel_locks = fs::read_to_string("/proc/locks").unwrap();
        let ours = |line: &&str| line.contains(&inode) && line.contains(&process);
        kernel_locks.lines().filter(ours).count()
    }

    #[test]
    fn the_locks_of_an_open_database_are_kept() {
        use rustix::fs::{FlockOperation, fcntl_lock};

        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("store.db");
        let open = fs::File::create(&path).unwrap();
        fcntl_lock(&open, FlockOperation::LockExclusive).unwrap();
        assert_eq!(locks(&path), 1);
        create(&path).unwrap();
        remove_access_of_others(&path).unwrap();
        assert_eq!(locks(&path), 1);
        // Opening and closing the file drops its locks, so `remove_access_of_others` must not open it.
        drop(fs::File::open(&path).unwrap());
        assert_eq!(locks(&path), 0);
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let place = tempfile::tempdir().unwrap();
        let precious = place.path().join("precious");
        fs::write(&precious, "precious").unwrap();
        let link = place.path().join("link");
        std::os::unix::fs::symlink(&precious, &link).unwrap();
        let mut truncating = options();
        assert!(truncating.truncate(true).open(&link).is_err());
        let error = create(&link).unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert!(remove_access_of_others(&link).is_err());
        let error = write_for_all(&link, b"page").unwrap_err().to_string();
        assert!(error.contains("symbolic link"), "{error}");
        assert_eq!(fs::read_to_string(&precious).unwrap(), "precious");
        let mut file = options()
            .append(true)
            .open(place.path().join("log"))
            .unwrap();
        file.write_all(b"line").unwrap();
    }

    #[test]
    fn links_in_the_directory_of_a_path_are_resolved() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        fs::create_dir(place.join("real")).unwrap();
        std::os::unix::fs::symlink(place.join("real"), place.join("alias")).unwrap();
        let path = resolved(&place.join("alias/store.db")).unwrap();
        assert_eq!(path, place.join("real/store.db"));
    }
}

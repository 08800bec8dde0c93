//! Atomic and durable changes to a local file system: replacing a file, replacing a link by a rename, and syncing the
//! directories. The functions block the thread, and know nothing about proxies.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;
use ulid::Ulid;

use crate::ports::{FilePart, STAGED};

/// The largest file that is read, in bytes. The files of a proxy are much smaller.
pub(super) const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads a file. Returns None if the file does not exist.
pub(super) fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = absent_is_none(File::open(path))? else {
        return Ok(None);
    };
    let mut content = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut content)?;
    if content.len() as u64 > LARGEST {
        return Err(io::Error::new(
            ErrorKind::FileTooLarge,
            "the file is larger than 16 MiB",
        ));
    }
    Ok(Some(content))
}

/// Whether the directory exists. Anything else at the path is an error.
pub(super) fn is_directory(path: &Path) -> io::Result<bool> {
    match absent_is_none(fs::metadata(path))? {
        Some(metadata) if metadata.is_dir() => Ok(true),
        Some(_) => Err(io::Error::new(
            ErrorKind::NotADirectory,
            "the path is not a directory",
        )),
        None => Ok(false),
    }
}

/// Reads at most `most` bytes of a file from the offset `from`. Returns None if the file does not exist.
pub(super) fn read_part(path: &Path, from: u64, most: usize) -> io::Result<Option<FilePart>> {
    let Some(mut file) = absent_is_none(File::open(path))? else {
        return Ok(None);
    };
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the path is not a regular file",
        ));
    }
    let mut bytes = Vec::new();
    if from < metadata.len() {
        file.seek(SeekFrom::Start(from))?;
        let length = (metadata.len() - from).min(most as u64);
        file.take(length).read_to_end(&mut bytes)?;
    }
    Ok(Some(FilePart {
        file: metadata.ino(),
        length: metadata.len(),
        bytes,
    }))
}

/// The sorted names in a directory. Empty if the directory does not exist.
pub(super) fn list(directory: &Path) -> io::Result<Vec<String>> {
    let Some(entries) = absent_is_none(fs::read_dir(directory))? else {
        return Ok(Vec::new());
    };
    let mut names = entries
        .map(|entry| entry.map(|e| e.file_name().to_string_lossy().into_owned()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Replaces a file in one step. A new file is readable by all users, because the workers of a proxy run as another
/// user. A link is followed, because operators link the files of their proxy.
pub(super) fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = &through_link(path)?;
    let directory = parent(path)?;
    make_directory(directory)?;
    let is_new = absent_is_none(fs::metadata(path))?.is_none();
    let mut file = AtomicWriteFile::open(path)?;
    file.write_all(content)?;
    if is_new {
        file.as_file()
            .set_permissions(Permissions::from_mode(0o644))?;
    }
    file.as_file().sync_all()?;
    file.commit()?;
    sync_directory(directory)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    if absent_is_none(fs::remove_file(path))?.is_none() {
        return Ok(());
    }
    sync_directory(parent(path)?)
}

/// The target of a link. None if the path does not exist or is not a link.
pub(super) fn read_link(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::read_link(path) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(None),
        other => absent_is_none(other),
    }
}

/// Creates a link next to `link`, and removes all links that were staged earlier.
pub(super) fn stage(link: &Path, to: &Path) -> io::Result<PathBuf> {
    let directory = parent(link)?;
    make_directory(directory)?;
    for entry in fs::read_dir(directory)? {
        let name = entry?.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(STAGED)) {
            remove(&directory.join(name))?;
        }
    }
    // The name is unique, so that no switch renames the link of a concurrent switch.
    let staged = directory.join(format!("{STAGED}{}", Ulid::generate()));
    symlink(to, &staged)?;
    Ok(staged)
}

/// Replaces `link` by the staged link with one rename.
pub(super) fn put(staged: &Path, link: &Path) -> io::Result<()> {
    fs::rename(staged, link)?;
    sync_directory(parent(link)?)
}

fn through_link(path: &Path) -> io::Result<PathBuf> {
    let is_link = absent_is_none(fs::symlink_metadata(path))?.is_some_and(|m| m.is_symlink());
    if is_link {
        fs::canonicalize(path)
    } else {
        Ok(path.to_owned())
    }
}

fn make_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let above = parent(directory)?;
    make_directory(above)?;
    match DirBuilder::new().mode(0o755).create(directory) {
        Ok(()) => fs::set_permissions(directory, Permissions::from_mode(0o755))?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists && directory.is_dir() => {}
        Err(error) => return Err(error),
    }
    sync_directory(above)
}

fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn parent(path: &Path) -> io::Result<&Path> {
    match path.parent() {
        Some(above) if !above.as_os_str().is_empty() => Ok(above),
        _ => Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the path has no parent directory, or is not absolute",
        )),
    }
}

fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

//! The directory of a sandbox. It is temporary or kept. A mark file identifies it, and only one sandbox uses it at a
//! time.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::SandboxError;
use super::configuration::data_directory;
use super::fixtures::PAST_RELEASES;
use crate::private_files;

/// The file that makes a directory a sandbox. It says where the sandbox was made, and whether all of its sample
/// releases were made.
const MARK: &str = ".greenroom-sandbox";
const CONFIGURATION: &str = "greenroom.toml";
const CATALOGUE: &str = "catalogue.json";
/// The key with which pushes are reported to the agent of the sandbox.
const INBOX_SECRET: &str = "inbox-secret";
/// A link to this program. The path of the link stays the same when the program moves. This matters because versions
/// are identified by their command lines, which contain the path of the link.
const PROGRAM: &str = "greenroom";
/// Everything that a sandbox creates except the mark.
const CREATED: [&str; 13] = [
    CONFIGURATION,
    CATALOGUE,
    INBOX_SECRET,
    PROGRAM,
    "processes",
    "proxy",
    "data",
    "archive.sqlite",
    "archive.sqlite-wal",
    "archive.sqlite-shm",
    "store.sqlite",
    "store.sqlite-wal",
    "store.sqlite-shm",
];
/// How long a failed removal is tried again, while the last writers end.
const REMOVAL_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of the sandbox's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    New,
    /// The sandbox ended before all of its sample releases were made, so its remains must be removed.
    Unfinished,
    /// All sample releases were made, by an earlier run or by this run.
    Kept,
}

/// What happens to the directory when the sandbox ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Removed,
    Kept,
}

/// A sandbox's directory. It stays locked until this value is dropped.
#[derive(Debug)]
pub struct Place {
    directory: PathBuf,
    mark: File,
    fate: Fate,
    state: State,
}

impl Place {
    /// Creates a directory that only this user can read, and that is removed at the end.
    pub fn temporary() -> Result<Self, SandboxError> {
        let name = format!("greenroom-{}", ulid::Ulid::generate());
        let directory = std::env::temp_dir().join(name.to_lowercase());
        DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(SandboxError::file("making", &directory))?;
        Self::lock(&directory, Fate::Removed).inspect_err(|_| {
            // The first error is reported, not an error of this removal.
            let _ = fs::remove_dir_all(&directory);
        })
    }

    /// Opens a directory that is kept at the end. It must be new, empty, or already a sandbox.
    pub fn kept(directory: &Path) -> Result<Self, SandboxError> {
        private_files::create_directory(directory)
            .map_err(SandboxError::file("making", directory))?;
        let found = fs::metadata(directory).map_err(SandboxError::file("reading", directory))?;
        if is_foreign(&found) {
            return Err(foreign(directory));
        }
        let mut entries =
            fs::read_dir(directory).map_err(SandboxError::file("reading", directory))?;
        if entries.next().is_some() && !directory.join(MARK).exists() {
            let why = "is not empty and is not a sandbox. Name another directory".to_owned();
            return Err(unsuitable(directory, why));
        }
        Self::lock(directory, Fate::Kept)
    }

    fn lock(directory: &Path, fate: Fate) -> Result<Self, SandboxError> {
        let directory =
            fs::canonicalize(directory).map_err(SandboxError::file("looking for", directory))?;
        if directory.to_str().is_none() {
            let why = "is not valid UTF-8, but the configuration needs a path in UTF-8. Name another directory";
            return Err(unsuitable(&directory, why.to_owned()));
        }
        let path = directory.join(MARK);
        let mut mark = private_files::options()
            .read(true)
            .open(&path)
            .map_err(SandboxError::file("opening", &path))?;
        match mark.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let why = "is open in another `greenroom sandbox`. End that sandbox first";
                return Err(unsuitable(&directory, why.to_owned()));
            }
            Err(TryLockError::Error(error)) => {
                return Err(SandboxError::file("locking", &path)(error));
            }
        }
        let mut text = String::new();
        mark.read_to_string(&mut text)
            .map_err(SandboxError::file("reading", &path))?;
        let state = match text.split_once('\n') {
            None if text.is_empty() => State::New,
            Some((_, made_at)) if Path::new(made_at.trim_end()) != directory => {
                let why = format!(
                    "was created at {}, and a sandbox cannot be moved. Move it back, or name another directory",
                    made_at.trim_end()
                );
                return Err(unsuitable(&directory, why));
            }
            Some(("kept", _)) => State::Kept,
            _ => State::Unfinished,
        };
        let mut place = Self {
            directory,
            mark,
            fate,
            state,
        };
        if state == State::New {
            place.write_mark("unfinished")?;
        }
        Ok(place)
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the files are kept at the end.
    pub fn is_kept(&self) -> bool {
        self.fate == Fate::Kept
    }

    /// The absolute path, without links.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn configuration(&self) -> PathBuf {
        self.directory.join(CONFIGURATION)
    }

    /// The link to this program that the versions use.
    pub fn program(&self) -> PathBuf {
        Self::program_in(&self.directory)
    }

    /// The configuration of the sandbox in a directory.
    pub fn configuration_in(directory: &Path) -> PathBuf {
        directory.join(CONFIGURATION)
    }

    /// The link of [`Place::program`] in a directory.
    pub fn program_in(directory: &Path) -> PathBuf {
        directory.join(PROGRAM)
    }

    /// The catalogue of the sandbox in a directory.
    pub fn catalogue_in(directory: &Path) -> PathBuf {
        directory.join(CATALOGUE)
    }

    /// Checks that an existing directory is a sandbox of this user, which no other user may write to: its configuration
    /// can run commands.
    pub fn check(directory: &Path) -> Result<PathBuf, SandboxError> {
        let directory =
            fs::canonicalize(directory).map_err(SandboxError::file("looking for", directory))?;
        let found = fs::metadata(&directory).map_err(SandboxError::file("reading", &directory))?;
        if is_foreign(&found) {
            return Err(foreign(&directory));
        }
        if !directory.join(MARK).exists() {
            let why = "is not a sandbox. Name the directory of one with --directory".to_owned();
            return Err(unsuitable(&directory, why));
        }
        Ok(directory)
    }

    /// The directory of the only open temporary sandbox of this user.
    pub fn only_open() -> Result<PathBuf, SandboxError> {
        let place = std::env::temp_dir();
        let entries = fs::read_dir(&place).map_err(SandboxError::file("reading", &place))?;
        let open = entries.flatten().map(|entry| entry.path());
        let mut open = open.filter(|path| is_open_sandbox(path));
        match (open.next(), open.next()) {
            (Some(only), None) => Ok(only),
            (None, _) => Err(SandboxError::NoneOpen { place }),
            (Some(_), Some(_)) => Err(SandboxError::SeveralOpen { place }),
        }
    }

    /// Writes everything that the first release needs.
    pub fn write_files(&self, configuration: &str, catalogue: &str) -> Result<(), SandboxError> {
        for (service, environment, _) in PAST_RELEASES {
            let path = self.directory.join(data_directory(service, environment));
            fs::create_dir_all(&path).map_err(SandboxError::file("making", &path))?;
        }
        for (name, text) in [(CATALOGUE, catalogue), (CONFIGURATION, configuration)] {
            let path = self.directory.join(name);
            fs::write(&path, text).map_err(SandboxError::file("writing", &path))?;
        }
        let path = self.directory.join(INBOX_SECRET);
        let secret = format!("{}{}", ulid::Ulid::generate(), ulid::Ulid::generate());
        private_files::options()
            .open(&path)
            .and_then(|mut file| file.write_all(secret.as_bytes()))
            .map_err(SandboxError::file("writing", &path))
    }

    /// Points [`Place::program`] at the program that runs now, which may have moved since the directory was created.
    pub fn link_this_program(&self) -> Result<(), SandboxError> {
        let link = self.program();
        let program = std::env::current_exe()
            .map_err(SandboxError::file("finding the program for", &link))?;
        match fs::remove_file(&link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(SandboxError::file("replacing", &link)(error));
            }
            _ => {}
        }
        symlink(&program, &link).map_err(SandboxError::file("linking", &link))
    }

    /// Notes in the mark that all sample releases were made, so that the directory can be opened again.
    pub fn finished(&mut self) -> Result<(), SandboxError> {
        self.write_mark("kept")?;
        self.state = State::Kept;
        Ok(())
    }

    fn write_mark(&mut self, state: &str) -> Result<(), SandboxError> {
        let path = self.directory.join(MARK);
        let text = format!("{state}\n{}\n", self.directory.display());
        // The mark is written in place, because the lock belongs to the file.
        self.mark
            .set_len(0)
            .and_then(|()| self.mark.rewind())
            .and_then(|()| self.mark.write_all(text.as_bytes()))
            .map_err(SandboxError::file("writing", &path))
    }

    /// Whether the directory can be opened again. If it can, the next run must find the instances of this run.
    pub fn will_be_opened_again(&self) -> bool {
        self.is_kept() && self.state == State::Kept
    }

    /// Removes everything that a sandbox has created in the directory, except the mark.
    pub async fn clear(&mut self) -> Result<(), SandboxError> {
        for name in CREATED {
            remove(&self.directory.join(name)).await?;
        }
        self.state = State::New;
        Ok(())
    }

    /// Removes a temporary directory. In a directory that is kept, removes what the sandbox has created if the next run
    /// cannot use it.
    pub async fn leave(mut self) -> Result<(), SandboxError> {
        if self.will_be_opened_again() {
            return Ok(());
        }
        if !self.is_kept() {
            return remove(&self.directory).await;
        }
        self.clear().await?;
        remove(&self.directory.join(MARK)).await
    }
}

fn is_foreign(found: &fs::Metadata) -> bool {
    found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o002 != 0
}

fn foreign(directory: &Path) -> SandboxError {
    let why = "belongs to another user, or every user may write to it, and a configuration there can run commands as you. Name a directory of your own";
    unsuitable(directory, why.to_owned())
}

/// Whether the directory belongs to this user and is a sandbox that a running process has locked.
fn is_open_sandbox(path: &Path) -> bool {
    let is_named = path
        .file_name()
        .is_some_and(|name| name.to_string_lossy().starts_with("greenroom-"));
    let own = rustix::process::geteuid().as_raw();
    let is_own = fs::symlink_metadata(path).is_ok_and(|it| it.is_dir() && it.uid() == own);
    let is_locked = || {
        let mark = File::open(path.join(MARK)).ok();
        mark.is_some_and(|mark| matches!(mark.try_lock(), Err(TryLockError::WouldBlock)))
    };
    is_named && is_own && is_locked()
}

/// Removes a file or a tree. Processes that are still ending may write to it, so a failed removal is tried again for up
/// to [`REMOVAL_TIMEOUT`].
async fn remove(path: &Path) -> Result<(), SandboxError> {
    let until = Instant::now() + REMOVAL_TIMEOUT;
    loop {
        let result = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
            Ok(_) => fs::remove_file(path),
            Err(error) => Err(error),
        };
        match result {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) if Instant::now() >= until => {
                return Err(SandboxError::file("removing", path)(error));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn unsuitable(path: &Path, why: String) -> SandboxError {
    SandboxError::Unsuitable {
        path: path.to_owned(),
        why,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, chown};

    use super::*;

    #[test]
    fn a_directory_of_another_user_is_refused() {
        assert!(
            rustix::process::geteuid().is_root(),
            "this test changes the owner of a directory: run the tests with tests/run, as root"
        );
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("sandbox");
        fs::create_dir(&directory).unwrap();
        chown(&directory, Some(4711), None).unwrap();
        let refused = Place::kept(&directory).unwrap_err().to_string();
        assert!(refused.contains("belongs to another user"), "{refused}");
        chown(&directory, Some(0), None).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o777)).unwrap();
        let refused = Place::kept(&directory).unwrap_err().to_string();
        assert!(refused.contains("every user may write to it"), "{refused}");
        assert!(!directory.join(MARK).exists());
    }

    #[test]
    fn created_files_are_for_this_user_only() {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("sandbox");
        let _place = Place::kept(&directory).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        assert_eq!(mode(&directory.join(MARK)), 0o600);
    }
}

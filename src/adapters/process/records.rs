//! The files: one record a slot, replaced in one step, and one log an instance.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atomic_write_file::OpenOptions as AtomicOptions;

use super::record::{FORMAT, Record};
use crate::inventory::InstanceId;
use crate::ports::{Failure, FailureKind, Result};
use crate::private_files;
use crate::sanitize::sanitize;

/// How long another Greenroom may be in the middle of a change.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The state directory.
#[derive(Debug, Clone)]
pub(super) struct Records {
    directory: PathBuf,
}

impl Records {
    /// Those in `directory`, which need not be there before something is written.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Makes the directories, for a start and for watching. Nothing else makes them: a process that is noticed to have
    /// ended must not bring back the directory of a sandbox that was removed.
    pub(super) fn prepare(&self) -> Result<()> {
        for part in ["records", "locks", "logs"] {
            private_files::create_directory(&self.directory.join(part))
                .map_err(|error| self.failed("preparing the state directory", error))?;
        }
        Ok(())
    }

    /// Where the records are, for watching.
    pub(super) fn watched(&self) -> PathBuf {
        self.directory.join("records")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.watched().join(format!("{name}.json"))
    }

    /// Where an instance's output goes. Ids are ours: no path can be hidden in one that has a record.
    pub(super) fn log(&self, id: &InstanceId) -> PathBuf {
        self.directory.join("logs").join(format!("{id}.log"))
    }

    /// Keeps other Greenrooms away from one name until it is dropped.
    pub(super) fn alone(&self, name: &str) -> Result<File> {
        let doing = format!("locking the record of {name}");
        let path = self.directory.join("locks").join(name);
        let file = private_files::options()
            .open(path)
            .map_err(|error| self.failed(&doing, error))?;
        let until = Instant::now() + TIMEOUT;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => return Err(self.failed(&doing, error)),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(TryLockError::WouldBlock) => {
                    let said = "another Greenroom is changing it";
                    return Err(self.failure(FailureKind::Unreachable, doing, said));
                }
            }
        }
    }

    /// The record of a name.
    pub(super) fn load(&self, name: &str) -> Result<Option<Record>> {
        let path = self.file(name);
        let doing = || format!("reading {}", path.display());
        let content = match fs::read(&path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(&doing(), error)),
        };
        let garbled = |said: String| {
            self.failure(FailureKind::Garbled, doing(), sanitize(&said))
                .hint("end the process it is about by hand, then remove the file")
        };
        let record: Record =
            serde_json::from_slice(&content).map_err(|error| garbled(error.to_string()))?;
        if record.format != FORMAT {
            return Err(garbled(format!("its format is {}", record.format)));
        }
        if record.name() != name {
            let said = format!(
                "it is the record of {} of {}, so it was left as it is",
                record.slot, record.target
            );
            return Err(self
                .failure(FailureKind::Garbled, doing(), said)
                .hint(format!(
                    "see who copied or renamed it; its own name is {}.json",
                    record.name()
                )));
        }
        Ok(Some(record))
    }

    /// Every record that can be read.
    pub(super) fn all(&self) -> Result<Vec<Record>> {
        let listed = match fs::read_dir(self.watched()) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("listing the records", error)),
        };
        let mut records = Vec::new();
        for entry in listed.flatten() {
            let path = entry.path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
                continue;
            };
            match self.load(name) {
                Ok(record) => records.extend(record),
                Err(failure) => tracing::warn!(%failure, "a record is left out"),
            }
        }
        Ok(records)
    }

    /// The record of an instance.
    pub(super) fn of(&self, id: &InstanceId) -> Result<Option<Record>> {
        Ok(self.all()?.into_iter().find(|record| record.id == *id))
    }

    /// Replaces a record in one step, durable when it returns.
    pub(super) fn save(&self, record: &Record) -> Result<()> {
        let path = self.file(&record.name());
        let doing = format!("writing {}", path.display());
        let text = serde_json::to_vec_pretty(record)
            .map_err(|error| self.failed(&doing, io::Error::other(error)))?;
        let write = || -> io::Result<()> {
            let mut file = AtomicOptions::new().mode(0o600).open(&path)?;
            file.write_all(&text)?;
            file.commit()?;
            File::open(self.watched())?.sync_all()
        };
        write().map_err(|error| self.failed(&doing, error))
    }

    /// Forgets an instance and its output.
    pub(super) fn remove(&self, record: &Record) -> Result<()> {
        for path in [self.file(&record.name()), self.log(&record.id)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(self.failed(&format!("removing {}", path.display()), error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The log, to append to.
    pub(super) fn open_log(&self, id: &InstanceId) -> Result<File> {
        let path = self.log(id);
        private_files::options()
            .append(true)
            .open(&path)
            .map_err(|error| self.failed(&format!("opening {}", path.display()), error))
    }

    /// A failure of this runtime.
    pub(super) fn failure(
        &self,
        kind: FailureKind,
        doing: impl Into<String>,
        said: impl Into<String>,
    ) -> Failure {
        Failure::new(kind, place(&self.directory), doing, said)
    }

    /// What an error of the operating system means.
    pub(super) fn failed(&self, doing: &str, error: io::Error) -> Failure {
        let kind = match error.kind() {
            ErrorKind::NotFound => FailureKind::Missing,
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => FailureKind::Denied,
            _ => FailureKind::Rejected,
        };
        self.failure(kind, sanitize(doing), sanitize(&error.to_string()))
            .caused_by(error)
    }
}

fn place(directory: &Path) -> String {
    sanitize(&format!("processes in {}", directory.display()))
}

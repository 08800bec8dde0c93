//! The files of the runtime: one record for each slot, which is replaced in one step, and one log for each instance.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atomic_write_file::OpenOptions as AtomicOptions;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::{FORMAT, Process, Record};
use crate::inventory::{InstanceId, Slot, Target, is_instance_name};
use crate::ports::{Failure, FailureKind, Result};
use crate::private_files;
use crate::sanitize::sanitize;

/// How long to wait while another task, command or console changes a record.
const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, Clone)]
pub(super) struct Records {
    directory: PathBuf,
}

impl Records {
    /// Makes the records of `directory`, which need not exist before the first write.
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Creates the directories, before a start and before watching. No other call creates them: when a process of a
    /// removed sandbox exits, recording the exit must not create the sandbox's directory again.
    pub(super) fn prepare(&self) -> Result<()> {
        for part in ["records", "tasks", "locks", "logs"] {
            private_files::create_directory(&self.directory.join(part))
                .map_err(|error| self.failed("preparing the state directory", error))?;
        }
        Ok(())
    }

    /// The directory of the record files, which is watched for changes.
    pub(super) fn watched(&self) -> PathBuf {
        self.part("records")
    }

    /// A directory in the state directory.
    pub(super) fn part(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.watched().join(format!("{name}.json"))
    }

    /// The path of the output of an instance. Greenroom generates the ids, so an id cannot contain another path.
    pub(super) fn log(&self, id: &InstanceId) -> PathBuf {
        self.directory.join("logs").join(format!("{id}.log"))
    }

    /// Locks the record of one name until the returned file is dropped. Other tasks, commands and consoles that lock
    /// the same record wait.
    pub(super) fn lock(&self, name: &str) -> Result<File> {
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
                    let message = "the record stayed locked for too long, because another command or console is changing it: try again";
                    return Err(self.failure(FailureKind::Unreachable, doing, message));
                }
            }
        }
    }

    /// Whether another task, command or console holds this lock now.
    pub(super) fn is_locked(&self, name: &str) -> bool {
        let file = private_files::options().open(self.part("locks").join(name));
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Reads the record of a name. None if the file does not exist.
    pub(super) fn load(&self, name: &str) -> Result<Option<Record>> {
        let path = self.file(name);
        let doing = || format!("reading {}", path.display());
        let hint = "find the process that listens on the address of the slot (`ss -ltnp`, for a unix socket `ss -lxp`), stop it, then remove the file";
        let record: Option<Record> = self.read_json(&path).map_err(|failure| {
            if failure.kind == FailureKind::Garbled {
                failure.hint(hint)
            } else {
                failure
            }
        })?;
        let Some(record) = record else {
            return Ok(None);
        };
        if record.format != FORMAT {
            let message = format!(
                "the record has format {}, which this Greenroom cannot read",
                record.format
            );
            return Err(self
            .failure(FailureKind::Garbled, doing(), message)
            .hint("use the Greenroom that wrote it, or stop the process of this record and remove the file"));
        }
        if record.name() != name {
            let message = format!(
                "the file is the record of {} of {}. Greenroom did not change it",
                record.slot, record.target
            );
            return Err(self
                .failure(FailureKind::Garbled, doing(), message)
                .hint(format!(
                    "find out who copied or renamed the file; its correct name is {}.json",
                    record.name()
                )));
        }
        Ok(Some(record))
    }

    /// The records of a slot, in the order of its members. Fails if one of them cannot be read.
    pub(super) fn of_slot(&self, target: &Target, slot: Slot) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for name in self.names_in(&self.watched())? {
            if is_instance_name(&name, target, slot) {
                records.extend(self.load(&name)?);
            }
        }
        records.sort_by_key(|record| record.number);
        Ok(records)
    }

    /// All records that can be read. Other records are skipped.
    pub(super) fn all(&self) -> Result<Vec<Record>> {
        let mut records = Vec::new();
        for name in self.names_in(&self.watched())? {
            match self.load(&name) {
                Ok(record) => records.extend(record),
                Err(failure) => {
                    tracing::warn!(%failure, "an unreadable record of a process was skipped");
                }
            }
        }
        Ok(records)
    }

    /// The process of an instance or of a task.
    pub(super) fn process(&self, id: &InstanceId) -> Result<Option<Process>> {
        if let Some(record) = self.of(id)? {
            return Ok(Some(record.process()));
        }
        let mut tasks = self.all_tasks()?.into_iter();
        Ok(tasks.find(|task| task.id == *id).map(|task| task.process()))
    }

    pub(super) fn of(&self, id: &InstanceId) -> Result<Option<Record>> {
        Ok(self.all()?.into_iter().find(|record| record.id == *id))
    }

    /// Replaces a record in one step. The change is durable when this returns.
    pub(super) fn save(&self, record: &Record) -> Result<()> {
        self.write_json(&self.file(&record.name()), record)
    }

    /// Replaces a file in one step. The change is durable when this returns.
    pub(super) fn write_json(&self, path: &Path, content: &impl Serialize) -> Result<()> {
        let doing = format!("writing {}", path.display());
        let text = serde_json::to_vec_pretty(content)
            .map_err(|error| self.failed(&doing, io::Error::other(error)))?;
        let write = || -> io::Result<()> {
            let mut file = AtomicOptions::new().mode(0o600).open(path)?;
            file.write_all(&text)?;
            file.commit()?;
            path.parent()
                .map_or(Ok(()), |it| File::open(it)?.sync_all())
        };
        write().map_err(|error| self.failed(&doing, error))
    }

    /// Reads a file. None if it does not exist.
    pub(super) fn read_json<T: DeserializeOwned>(&self, path: &Path) -> Result<Option<T>> {
        let doing = format!("reading {}", path.display());
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.failed(&doing, error)),
        };
        serde_json::from_slice(&content).map(Some).map_err(|error| {
            let message = sanitize(&error.to_string());
            self.failure(FailureKind::Garbled, doing, message)
        })
    }

    /// The names of the JSON files in a directory, without their ending. Empty if the directory does not exist.
    pub(super) fn names_in(&self, directory: &Path) -> Result<Vec<String>> {
        let listed = match fs::read_dir(directory) {
            Ok(listed) => listed,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed("listing the records", error)),
        };
        let name_of = |path: PathBuf| {
            let is_json = path.extension().is_some_and(|ending| ending == "json");
            let name = path.file_stem()?.to_str()?.to_owned();
            is_json.then_some(name)
        };
        let paths = listed.flatten().map(|entry| entry.path());
        Ok(paths.filter_map(name_of).collect())
    }

    /// Removes the record and the log of an instance.
    pub(super) fn remove(&self, record: &Record) -> Result<()> {
        self.remove_files(&[self.file(&record.name()), self.log(&record.id)])
    }

    /// Removes these files. A missing file is no error.
    pub(super) fn remove_files(&self, paths: &[PathBuf]) -> Result<()> {
        for path in paths {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(self.failed(&format!("removing {}", path.display()), error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    pub(super) fn open_log(&self, id: &InstanceId) -> Result<File> {
        let path = self.log(id);
        private_files::options()
            .append(true)
            .open(&path)
            .map_err(|error| self.failed(&format!("opening {}", path.display()), error))
    }

    pub(super) fn failure(
        &self,
        kind: FailureKind,
        doing: impl Into<String>,
        message: impl Into<String>,
    ) -> Failure {
        Failure::new(kind, place(&self.directory), doing, message)
    }

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

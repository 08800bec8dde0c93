//! The records of the commands of tasks: one file for each command.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::identity::Run;
use super::record::Process;
use super::records::Records;
use crate::inventory::{
    EnvironmentValue, Exit, FencingToken, InstanceId, InstanceState, ReleaseId, Target, TaskCall,
    TaskRun,
};
use crate::ports::{FailureKind, Result};

/// The format number of the record file.
pub(super) const FORMAT: u32 = 1;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskRecord {
    pub(super) format: u32,
    pub(super) id: InstanceId,
    pub(super) target: Target,
    pub(super) call: TaskCall,
    pub(super) release: ReleaseId,
    pub(super) token: FencingToken,
    pub(super) is_withdrawn: bool,
    pub(super) argv: Vec<String>,
    pub(super) environment: BTreeMap<String, EnvironmentValue>,
    pub(super) version: String,
    /// Whether the start was begun. Then the command is never started again.
    pub(super) was_started: bool,
    pub(super) run: Option<Run>,
}

impl TaskRecord {
    fn name(&self) -> String {
        self.call.container_name(&self.target, self.release)
    }

    pub(super) fn process(&self) -> Process {
        Process {
            id: self.id.clone(),
            name: self.name(),
            run: self.run.clone(),
            stops_as_group: true,
        }
    }

    /// The state of the command. None if its start was begun, but there is neither a process nor an exit code: it is
    /// not known whether it has run, as if its container were gone.
    fn state(&self, records: &Records) -> Option<InstanceState> {
        if !self.was_started {
            return Some(InstanceState::Created);
        }
        if self.process().running().is_some() {
            return Some(InstanceState::Running);
        }
        let code = fs::read_to_string(records.exit_code(&self.id)).ok();
        let code = code.and_then(|code| code.trim().parse().ok());
        if code.is_none() && self.run.is_none() {
            // While the record is locked, the start is under way, and nothing has run yet.
            let is_starting = records.is_locked(&lock_name(&self.target));
            return is_starting.then_some(InstanceState::Created);
        }
        Some(InstanceState::Exited { code })
    }

    pub(super) fn observe(&self, records: &Records) -> Option<TaskRun> {
        let state = self.state(records)?;
        let exit = match state {
            InstanceState::Exited { code } => Some(Exit {
                code,
                out_of_memory: false,
            }),
            _ => None,
        };
        Some(TaskRun {
            id: self.id.clone(),
            call: self.call.clone(),
            release: self.release,
            token: self.token,
            is_withdrawn: self.is_withdrawn,
            state,
            exit,
            output: None,
        })
    }
}

/// The name of the lock of all tasks of a target.
pub(super) fn lock_name(target: &Target) -> String {
    format!("tasks-{}.{}", target.service, target.environment)
}

impl Records {
    /// The directory of the records of tasks, which is watched for changes.
    pub(super) fn watched_tasks(&self) -> PathBuf {
        self.part("tasks")
    }

    /// The file with the exit code of a command.
    pub(super) fn exit_code(&self, id: &InstanceId) -> PathBuf {
        self.part("logs").join(format!("{id}.exit"))
    }

    fn task_file(&self, name: &str) -> PathBuf {
        self.watched_tasks().join(format!("{name}.json"))
    }

    pub(super) fn task(&self, name: &str) -> Result<Option<TaskRecord>> {
        let path = self.task_file(name);
        let Some(record) = self.read_json::<TaskRecord>(&path)? else {
            return Ok(None);
        };
        if record.format == FORMAT && record.name() == name {
            return Ok(Some(record));
        }
        let doing = format!("reading {}", path.display());
        let message = "the file is not the record of this task, or has a format that this Greenroom cannot read";
        let failure = self.failure(FailureKind::Garbled, doing, message);
        Err(failure.hint("find out who changed the file, then remove it"))
    }

    /// The records of all tasks that can be read. Other records are skipped.
    pub(super) fn all_tasks(&self) -> Result<Vec<TaskRecord>> {
        let names = self.names_in(&self.watched_tasks())?;
        let read = names.iter().filter_map(|name| match self.task(name) {
            Ok(record) => record,
            Err(failure) => {
                tracing::warn!(%failure, "an unreadable record of a task was skipped");
                None
            }
        });
        Ok(read.collect())
    }

    pub(super) fn save_task(&self, record: &TaskRecord) -> Result<()> {
        self.write_json(&self.task_file(&record.name()), record)
    }

    pub(super) fn remove_task(&self, record: &TaskRecord) -> Result<()> {
        let id = &record.id;
        self.remove_files(&[
            self.task_file(&record.name()),
            self.log(id),
            self.exit_code(id),
        ])
    }
}

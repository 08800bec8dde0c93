//! The commands of tasks as processes. Each command has a record and a log of its own, with a name that no other release
//! uses. That it was started is written before its process exists, so a command runs at most once.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use ulid::Ulid;

use super::identity::Run;
use super::reader::Processes;
use super::record::Process;
use super::records::Records;
use super::spawn::{Program, spawn_command};
use super::writer::check_supported;
use crate::inventory::{
    EnvironmentValue, Exit, FencingToken, InstanceId, InstanceState, ReleaseId, Target, TaskCall,
    TaskRun, Unstarted,
};
use crate::ports::{FailureKind, Result, TaskSpec};

/// The format number of the record file.
const FORMAT: u32 = 1;

/// Runs the command and writes its exit code to the file `$0`, because Greenroom may have ended by then. A stop signals
/// the whole process group. The shell ignores it and waits for the command.
const WRAPPER: &str =
    r#"trap : TERM; "$@"; code=$?; echo "$code" > "$0.new" && mv "$0.new" "$0"; exit "$code""#;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TaskRecord {
    format: u32,
    pub(super) id: InstanceId,
    target: Target,
    call: TaskCall,
    release: ReleaseId,
    token: FencingToken,
    is_withdrawn: bool,
    argv: Vec<String>,
    environment: BTreeMap<String, EnvironmentValue>,
    version: String,
    /// Whether the start was begun. Then the command is never started again.
    was_started: bool,
    run: Option<Run>,
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

    fn state(&self, records: &Records) -> InstanceState {
        if !self.was_started {
            InstanceState::Created
        } else if self.process().running().is_some() {
            InstanceState::Running
        } else {
            let code = fs::read_to_string(records.exit_code(&self.id));
            InstanceState::Exited {
                code: code.ok().and_then(|code| code.trim().parse().ok()),
            }
        }
    }

    fn observe(&self, records: &Records) -> TaskRun {
        let state = self.state(records);
        let exit = match state {
            InstanceState::Exited { code } => Some(Exit {
                code,
                out_of_memory: false,
            }),
            _ => None,
        };
        TaskRun {
            id: self.id.clone(),
            call: self.call.clone(),
            release: self.release,
            token: self.token,
            is_withdrawn: self.is_withdrawn,
            state,
            exit,
            output: None,
        }
    }
}

impl Records {
    /// The directory of the records of tasks, which is watched for changes.
    pub(super) fn watched_tasks(&self) -> PathBuf {
        self.part("tasks")
    }

    /// The file with the exit code of a command.
    fn exit_code(&self, id: &InstanceId) -> PathBuf {
        self.part("logs").join(format!("{id}.exit"))
    }

    fn task_file(&self, name: &str) -> PathBuf {
        self.watched_tasks().join(format!("{name}.json"))
    }

    fn task(&self, name: &str) -> Result<Option<TaskRecord>> {
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

    fn save_task(&self, record: &TaskRecord) -> Result<()> {
        self.write_json(&self.task_file(&record.name()), record)
    }

    fn remove_task(&self, record: &TaskRecord) -> Result<()> {
        let id = &record.id;
        self.remove_files(&[
            self.task_file(&record.name()),
            self.log(id),
            self.exit_code(id),
        ])
    }
}

/// The tasks of a release.
pub(super) fn list(own: &Processes, target: &Target, release: ReleaseId) -> Result<Vec<TaskRun>> {
    let all = own.records.all_tasks()?.into_iter();
    let of_release = all.filter(|task| task.target == *target && task.release == release);
    let runs = of_release.map(|task| task.observe(&own.records));
    Ok(runs.collect())
}

pub(super) fn create(own: &Processes, spec: &TaskSpec) -> Result<()> {
    let records = &own.records;
    let (name, doing) = (spec.name(), format!("creating the record of {}", spec.call));
    records.prepare()?;
    let _lock = records.lock(&name)?;
    if let Some(found) = records.task(&name)? {
        if found.was_started {
            return Ok(());
        }
        if found.token > spec.token {
            let reason = format!("a later driver created its record {name}");
            return Err(records.failure(FailureKind::Conflict, doing, reason));
        }
        let is_kept = match spec.unstarted {
            Unstarted::Kept => found.token == spec.token,
            Unstarted::Replaced => false,
            Unstarted::Withdrawn => found.is_withdrawn,
        };
        if is_kept {
            return Ok(());
        }
    }
    clear_earlier(records, spec, &doing)?;
    check_supported(records, &spec.shape, &doing)?;
    let Some(program) = own.catalogue.program_of(&spec.version)? else {
        let message = format!("{} is not in the catalogue", spec.version.pinned());
        return Err(records.failure(FailureKind::Missing, doing, message));
    };
    if let Some(reason) = program.obstacle() {
        return Err(records.failure(FailureKind::Missing, doing, reason));
    }
    // The program takes the place of the entry point, as in an image.
    let program = program.argv.first().cloned().into_iter();
    let arguments = spec.shape.command.iter().flatten().cloned();
    records.save_task(&TaskRecord {
        format: FORMAT,
        id: InstanceId(Ulid::generate().to_string().to_lowercase()),
        target: spec.target.clone(),
        call: spec.call.clone(),
        release: spec.release,
        token: spec.token,
        is_withdrawn: spec.unstarted == Unstarted::Withdrawn,
        argv: program.chain(arguments).collect(),
        environment: spec.shape.environment.clone(),
        version: spec.version.name().to_owned(),
        was_started: false,
        run: None,
    })
}

/// Removes the records of the tasks of earlier releases. It is a conflict if one of them still runs.
fn clear_earlier(records: &Records, spec: &TaskSpec, doing: &str) -> Result<()> {
    for task in records.all_tasks()? {
        if task.target != spec.target || task.release == spec.release {
            continue;
        }
        if let Some(run) = task.process().running() {
            let reason = format!(
                "the task {} of an earlier release is still running (process id {}): wait for its end, or stop it",
                task.call, run.pid
            );
            return Err(records.failure(FailureKind::Conflict, doing, reason));
        }
        records.remove_task(&task)?;
    }
    Ok(())
}

pub(super) fn start(own: &Processes, spec: &TaskSpec) -> Result<()> {
    let records = &own.records;
    let (name, doing) = (spec.name(), format!("starting {}", spec.call));
    records.prepare()?;
    let _lock = records.lock(&name)?;
    let Some(mut record) = records.task(&name)? else {
        let reason = format!("its record {name} does not exist");
        return Err(records.failure(FailureKind::Missing, doing, reason));
    };
    if record.was_started {
        return Ok(());
    }
    if record.is_withdrawn {
        let reason = format!("its record {name} is never started: the release backs out");
        return Err(records.failure(FailureKind::Conflict, doing, reason));
    }
    if record.token != spec.token {
        let reason = format!("another driver created its record {name}");
        return Err(records.failure(FailureKind::Conflict, doing, reason));
    }
    let exit_code = records.exit_code(&record.id).display().to_string();
    let wrapper = ["/bin/sh", "-c", WRAPPER, &exit_code].map(str::to_owned);
    let argv: Vec<String> = wrapper.into_iter().chain(record.argv.clone()).collect();
    let program = Program {
        doing: &doing,
        id: &record.id,
        argv: &argv,
        environment: &record.environment,
        variables: vec![
            ("GREENROOM_SERVICE", record.target.service.to_string()),
            (
                "GREENROOM_ENVIRONMENT",
                record.target.environment.to_string(),
            ),
            ("GREENROOM_VERSION", record.version.clone()),
            ("GREENROOM_RELEASE", record.release.to_string()),
            ("GREENROOM_TASK", record.call.task.to_string()),
        ],
    };
    // Secrets are read before: if one cannot be read, the command has not been started.
    let mut command = spawn_command(own, &program)?;
    record.was_started = true;
    records.save_task(&record)?;
    let mut child = command
        .spawn()
        .map_err(|error| records.failed(&doing, error))?;
    // If the run is not recorded, the process is found by the id in its environment.
    record.run = Run::of(child.id()).ok();
    let saved = records.save_task(&record);
    // The exit code is in the file. The child is only awaited so that it leaves no zombie process.
    std::thread::spawn(move || drop(child.wait()));
    saved
}

//! The commands of tasks as processes. Each command has a record and a log of its own, with a name that no other release
//! uses. That it was started is written before its process exists, so a command runs at most once.

use ulid::Ulid;

use super::identity::Run;
use super::reader::Processes;
use super::records::Records;
use super::spawn::{Program, check_supported, spawn_command};
use super::task_records::{FORMAT, TaskRecord, lock_name};
use crate::inventory::{InstanceId, Unstarted};
use crate::ports::{FailureKind, Result, TaskSpec};

/// Runs the command and writes its exit code to the file `$0`, because Greenroom may have ended by then. A stop signals
/// the whole process group. The shell ignores it and waits for the command.
const WRAPPER: &str =
    r#"trap : TERM; "$@"; code=$?; echo "$code" > "$0.new" && mv "$0.new" "$0"; exit "$code""#;

pub(super) fn create(own: &Processes, spec: &TaskSpec) -> Result<()> {
    let records = &own.records;
    let (name, doing) = (spec.name(), format!("creating the record of {}", spec.call));
    records.prepare()?;
    let _lock = records.lock(&lock_name(&spec.target))?;
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
    let _lock = records.lock(&lock_name(&spec.target))?;
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
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            // Nothing has run.
            record.was_started = false;
            records.save_task(&record)?;
            return Err(records.failed(&doing, error));
        }
    };
    // If the run is not recorded, the process is found by the id in its environment.
    record.run = Run::of(child.id()).ok();
    let saved = records.save_task(&record);
    // The exit code is in the file. The child is only awaited so that it leaves no zombie process.
    std::thread::spawn(move || drop(child.wait()));
    saved
}

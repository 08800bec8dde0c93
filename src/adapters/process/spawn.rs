//! Starts a process that continues after the console has exited. Records the exit code of the process if the console is
//! still running then.

use std::collections::BTreeMap;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use secrecy::ExposeSecret;
use tokio::runtime::Handle;

use super::address;
use super::identity::Run;
use super::reader::Processes;
use super::record::Record;
use super::records::Records;
use crate::inventory::{EnvironmentValue, InstanceId, InstanceShape};
use crate::ports::{FailureKind, Result};

/// The variables of the environment of Greenroom that a program receives.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// Starts the program of the record and records the run. The caller holds the lock on the name of the record.
pub(super) fn spawn(own: &Processes, mut record: Record) -> Result<()> {
    let records = &own.records;
    let doing = format!("starting {}", record.name());
    if let Some(endpoint) = &record.endpoint {
        if let Some(reason) = address::taken(endpoint) {
            return Err(records.failure(FailureKind::Conflict, doing, reason));
        }
        address::prepare_socket(endpoint).map_err(|error| records.failed(&doing, error))?;
    }
    let mut command = command_of(own, &record)?;
    record.run = None;
    record.code = None;
    // The record is saved before the process exists. After a crash, the process can be found by the instance id in
    // its environment.
    records.save(&record)?;
    let mut child = command
        .spawn()
        .map_err(|error| records.failed(&doing, error))?;
    let written = Run::of(child.id())
        .map_err(|error| records.failed(&doing, error))
        .and_then(|run| {
            record.run = Some(run);
            records.save(&record)
        });
    if let Err(failure) = written {
        let _ = child.kill();
        let _ = child.wait();
        return Err(failure);
    }
    reap(records.clone(), record, child);
    Ok(())
}

fn command_of(own: &Processes, record: &Record) -> Result<Command> {
    let version = record.tag.as_deref().unwrap_or(record.digest.as_str());
    let mut variables = vec![
        ("GREENROOM_SERVICE", record.target.service.to_string()),
        (
            "GREENROOM_ENVIRONMENT",
            record.target.environment.to_string(),
        ),
        ("GREENROOM_SLOT", record.slot.to_string()),
        ("GREENROOM_VERSION", version.to_owned()),
        ("GREENROOM_RELEASE", record.release.to_string()),
    ];
    if let Some(address) = &record.endpoint {
        variables.push(("GREENROOM_ADDRESS", address.to_string()));
    }
    let program = Program {
        doing: &format!("starting {}", record.name()),
        id: &record.id,
        argv: &record.argv,
        environment: &record.environment,
        variables,
    };
    spawn_command(own, &program)
}

/// A program to start.
pub(super) struct Program<'a> {
    /// What is being done, for errors.
    pub(super) doing: &'a str,
    pub(super) id: &'a InstanceId,
    pub(super) argv: &'a [String],
    /// The configured variables.
    pub(super) environment: &'a BTreeMap<String, EnvironmentValue>,
    /// The variables that Greenroom sets.
    pub(super) variables: Vec<(&'static str, String)>,
}

/// Makes the command that starts a program with its output in its log. Reads its secrets.
pub(super) fn spawn_command(own: &Processes, program: &Program<'_>) -> Result<Command> {
    let records = &own.records;
    let Some((file, arguments)) = program.argv.split_first() else {
        let message = "the command line of the program is empty";
        return Err(records.failure(FailureKind::Rejected, program.doing, message));
    };
    let mut command = Command::new(file);
    command
        .args(arguments)
        // The program gets a new process group, so that a Ctrl-C in the console does not reach it.
        .process_group(0)
        .stdin(Stdio::null())
        // The environment of Greenroom contains credentials that are not for the programs.
        .env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in program.environment {
        match value {
            EnvironmentValue::Plain(text) => command.env(name, text),
            EnvironmentValue::Secret(source) => {
                // Blocking is allowed because starting never runs on an async thread.
                let secret = Handle::current().block_on(own.secrets.read(source))?;
                command.env(name, secret.expose_secret())
            }
        };
    }
    command
        .envs(program.variables.iter().map(|(name, value)| (name, value)))
        .env("GREENROOM_INSTANCE", &program.id.0);
    let log = records.open_log(program.id)?;
    let errors = log
        .try_clone()
        .map_err(|error| records.failed(program.doing, error))?;
    command.stdout(log).stderr(errors);
    Ok(command)
}

/// Waits for a child to exit, in a thread of its own, so that the console can exit before the child. Records the exit
/// code if the record still belongs to this run.
fn reap(records: Records, record: Record, mut child: Child) {
    std::thread::spawn(move || {
        let Ok(status) = child.wait() else { return };
        // A process that a signal ended gets the code that a shell reports: 128 plus the number of the signal.
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        let name = record.name();
        let noted = records
            .lock(&name)
            .and_then(|_lock| match records.load(&name)? {
                Some(now) if now.id == record.id && is_same_run(&now, &record) => {
                    records.save(&Record {
                        code: code.map(i64::from),
                        ..now
                    })
                }
                _ => Ok(()),
            });
        if let Err(failure) = noted {
            tracing::warn!(%failure, "the exit code of {name} was not recorded");
        }
    });
}

/// Whether two records belong to the same run. `started_at` is not compared, because it changes when a run is found
/// again.
fn is_same_run(one: &Record, other: &Record) -> bool {
    match (&one.run, &other.run) {
        (Some(one), Some(other)) => one.is_same_as(other),
        _ => false,
    }
}

/// Refuses options that only containers have, instead of ignoring them silently.
pub(super) fn check_supported(records: &Records, shape: &InstanceShape, doing: &str) -> Result<()> {
    let options = [
        ("mounts", !shape.mounts.is_empty()),
        ("a memory limit", shape.memory.is_some()),
        ("a network", shape.network.is_some()),
    ];
    let options = options.into_iter().filter(|(_, is_set)| *is_set);
    let options = options.map(|(option, _)| option.to_owned());
    let of_containers = shape.container.without_secrets().into_iter();
    let of_containers = of_containers.map(|(key, _)| format!("`{key}`"));
    let Some(option) = options.chain(of_containers).next() else {
        return Ok(());
    };
    let message = format!("plain processes do not support {option}");
    Err(records.failure(FailureKind::Unsupported, doing, message))
}

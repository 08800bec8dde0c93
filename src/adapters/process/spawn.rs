//! Starts a process that outlives the console, and notices its exit.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};

use secrecy::ExposeSecret;
use tokio::runtime::Handle;

use super::address;
use super::identity::Run;
use super::reader::Processes;
use super::record::Record;
use super::records::Records;
use crate::inventory::EnvironmentValue;
use crate::ports::{FailureKind, Result};

/// The variables of Greenroom's own environment that a program receives.
const PASSED_ON: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];

/// Starts the record's program and records its run. The caller holds the lock on the name.
pub(super) fn spawn(own: &Processes, mut record: Record) -> Result<()> {
    let records = &own.records;
    let doing = format!("starting {}", record.name());
    if let Some(said) = address::taken(&record.endpoint) {
        return Err(records.failure(FailureKind::Conflict, doing, said));
    }
    address::make_room(&record.endpoint).map_err(|error| records.failed(&doing, error))?;
    let mut command = command(own, &record)?;
    record.run = None;
    record.code = None;
    // Saved before the process exists: after a crash, it can be found by its mark.
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

fn command(own: &Processes, record: &Record) -> Result<Command> {
    let records = &own.records;
    let doing = || format!("starting {}", record.name());
    let Some((program, arguments)) = record.argv.split_first() else {
        let said = "its command line is empty";
        return Err(records.failure(FailureKind::Rejected, doing(), said));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        // Its own process group: a Ctrl-C in the console must not reach it.
        .process_group(0)
        .stdin(Stdio::null())
        // Greenroom's environment, with its credentials, is not for the programs.
        .env_clear();
    for name in PASSED_ON {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    for (name, value) in &record.environment {
        match value {
            EnvironmentValue::Plain(text) => command.env(name, text),
            EnvironmentValue::Secret(source) => {
                // This is never an async thread: starting is one blocking call.
                let secret = Handle::current().block_on(own.secrets.read(source))?;
                command.env(name, secret.expose_secret())
            }
        };
    }
    let version = record.tag.as_deref().unwrap_or(record.digest.as_str());
    command
        .env("GREENROOM_ADDRESS", record.endpoint.to_string())
        .env("GREENROOM_SERVICE", record.target.service.as_str())
        .env("GREENROOM_ENVIRONMENT", record.target.environment.as_str())
        .env("GREENROOM_SLOT", record.slot.as_str())
        .env("GREENROOM_VERSION", version)
        .env("GREENROOM_RELEASE", record.release.to_string())
        .env("GREENROOM_INSTANCE", &record.id.0);
    let log = records.open_log(&record.id)?;
    let errors = log
        .try_clone()
        .map_err(|error| records.failed(&doing(), error))?;
    command.stdout(log).stderr(errors);
    Ok(command)
}

/// Waits in its own thread for a child to exit; no runtime waits for that thread. Records the exit
/// code if the record is still about that run.
fn reap(records: Records, record: Record, mut child: Child) {
    std::thread::spawn(move || {
        let Ok(status) = child.wait() else { return };
        // As in a shell: 128 and the signal's number.
        let code = status.code().or(status.signal().map(|signal| 128 + signal));
        let name = record.name();
        let noted = records
            .alone(&name)
            .and_then(|_alone| match records.load(&name)? {
                Some(now) if now.id == record.id && same(&now, &record) => records.save(&Record {
                    code: code.map(i64::from),
                    ..now
                }),
                _ => Ok(()),
            });
        if let Err(failure) = noted {
            tracing::warn!(%failure, "an exit code was not recorded");
        }
    });
}

/// Whether two records are about the same run. A run that was found again has another `started_at`.
fn same(one: &Record, other: &Record) -> bool {
    match (&one.run, &other.run) {
        (Some(one), Some(other)) => one.is(other),
        _ => false,
    }
}

//! Implements [`RuntimeWriter`] for processes.

use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Signal, kill_process_group, pidfd_send_signal};
use tokio::sync::mpsc;
use tokio::time::timeout;
use ulid::Ulid;

use super::identity::{Run, awaited};
use super::reader::Processes;
use super::record::{FORMAT, Process, Record};
use super::spawn::{check_supported, spawn};
use super::tasks;
use crate::inventory::{Address, EngineImage, InstanceId, Quiet, QuietBy, QuietSignal, Version};
use crate::ports::{
    Failure, FailureKind, InstanceSpec, PullProgress, Result, RuntimeWriter, TaskSpec,
};

/// How long a process may take to exit after it was killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

#[async_trait]
impl RuntimeWriter for Processes {
    /// Programs are not pulled. This call only checks that the program can be run, and reports no bytes as progress.
    async fn pull(&self, version: &Version, progress: mpsc::Sender<PullProgress>) -> Result<()> {
        let (doing, version) = (format!("checking {}", version.pinned()), version.clone());
        let action = doing.clone();
        self.blocking(&doing, FailureKind::Unreachable, move |own| {
            let missing = |why: &str| own.records.failure(FailureKind::Missing, &action, why);
            let Some(program) = own.catalogue.program_of(&version)? else {
                return Err(missing("the version is not in the catalogue"));
            };
            program.obstacle().map_or(Ok(()), |why| Err(missing(&why)))
        })
        .await?;
        let _ = progress.try_send(PullProgress::default());
        Ok(())
    }

    async fn start(&self, spec: &InstanceSpec) -> Result<InstanceId> {
        let (doing, spec) = (format!("starting {}", spec.name()), spec.clone());
        self.blocking(&doing, FailureKind::Ambiguous, move |own| start(own, &spec))
            .await
    }

    async fn restart(&self, instance: &InstanceId) -> Result<()> {
        let (doing, id) = (format!("restarting {}", instance.short()), instance.clone());
        let action = doing.clone();
        self.blocking(&doing, FailureKind::Ambiguous, move |own| {
            let missing = || {
                own.records.failure(
                    FailureKind::Missing,
                    &action,
                    "the process no longer exists",
                )
            };
            let name = own.records.of(&id)?.ok_or_else(missing)?.name();
            let _lock = own.records.lock(&name)?;
            let record = own.records.of(&id)?.ok_or_else(missing)?;
            start_again(own, record)
        })
        .await
    }

    async fn quiet(&self, instance: &InstanceId, quiet: &Quiet) -> Result<()> {
        let doing = format!("quieting {}", instance.short());
        let QuietBy::Signal(by) = quiet.by else {
            let message = "only a signal can quiet a process";
            let kind = FailureKind::Unsupported;
            return Err(self.records.failure(kind, &doing, message));
        };
        let Some((_, run)) = self.running(instance, &doing).await? else {
            return Ok(());
        };
        let failed = |error: std::io::Error| self.records.failed(&doing, error);
        match run.handle().map_err(failed)? {
            Some(handle) => signal(pidfd_send_signal(&handle, unix_signal(by))).map_err(failed),
            None => Ok(()),
        }
    }

    async fn stop(&self, instance: &InstanceId, grace: Duration) -> Result<()> {
        let doing = format!("stopping {}", instance.short());
        let Some((process, run)) = self.running(instance, &doing).await? else {
            return Ok(());
        };
        let failed = |error: std::io::Error| self.records.failed(&doing, error);
        let Some(handle) = run.handle().map_err(failed)? else {
            return Ok(());
        };
        let handle = awaited(handle).map_err(failed)?;
        // The process is still running, so no other process group can have its id.
        let sent = match run.raw().filter(|_| process.stops_as_group) {
            Some(group) => kill_process_group(group, Signal::TERM),
            None => pidfd_send_signal(&handle, Signal::TERM),
        };
        signal(sent).map_err(failed)?;
        if timeout(grace, handle.readable()).await.is_ok() {
            return Ok(());
        }
        if let Some(group) = run.raw() {
            signal(kill_process_group(group, Signal::KILL)).map_err(failed)?;
        }
        match timeout(KILL_TIMEOUT, handle.readable()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.records.failure(
                FailureKind::Ambiguous,
                &doing,
                format!("process {} was killed, but is still running", run.pid),
            )),
        }
    }

    async fn create_task(&self, spec: &TaskSpec) -> Result<()> {
        let (doing, spec) = (format!("creating {}", spec.call), spec.clone());
        self.blocking(&doing, FailureKind::Ambiguous, move |own| {
            tasks::create(own, &spec)
        })
        .await
    }

    async fn start_task(&self, spec: &TaskSpec) -> Result<()> {
        let (doing, spec) = (format!("starting {}", spec.call), spec.clone());
        self.blocking(&doing, FailureKind::Ambiguous, move |own| {
            tasks::start(own, &spec)
        })
        .await
    }

    async fn remove_image(&self, image: &EngineImage) -> Result<()> {
        Err(Failure::new(
            FailureKind::Unsupported,
            "the catalogue of programs",
            format!("removing the image {}", image.digest.short()),
            "processes have no images",
        ))
    }

    async fn remove(&self, instance: &InstanceId) -> Result<()> {
        let (doing, id) = (format!("removing {}", instance.short()), instance.clone());
        let action = doing.clone();
        self.blocking(&doing, FailureKind::Ambiguous, move |own| {
            let Some(name) = own.records.of(&id)?.map(|record| record.name()) else {
                return Ok(());
            };
            let _lock = own.records.lock(&name)?;
            let Some(record) = own.records.of(&id)? else {
                return Ok(());
            };
            if let Some(run) = record.running() {
                let running = format!("the process is still running (process id {})", run.pid);
                return Err(own.records.failure(FailureKind::Conflict, &action, running));
            }
            own.records.remove(&record)
        })
        .await
    }
}

impl Processes {
    /// The process of an instance, and its run; none if it is not running.
    async fn running(&self, instance: &InstanceId, doing: &str) -> Result<Option<(Process, Run)>> {
        let id = instance.clone();
        let process = self
            .blocking(doing, FailureKind::Unreachable, move |own| {
                own.records.process(&id)
            })
            .await?;
        Ok(process.and_then(|process| {
            let run = process.running()?;
            Some((process, run))
        }))
    }
}

fn unix_signal(signal: QuietSignal) -> Signal {
    match signal {
        QuietSignal::Hangup => Signal::HUP,
        QuietSignal::Interrupt => Signal::INT,
        QuietSignal::Quit => Signal::QUIT,
        QuietSignal::User1 => Signal::USR1,
        QuietSignal::User2 => Signal::USR2,
        QuietSignal::Terminate => Signal::TERM,
        QuietSignal::TerminalStop => Signal::TSTP,
        QuietSignal::TerminalInput => Signal::TTIN,
        QuietSignal::WindowChange => Signal::WINCH,
    }
}

/// `ESRCH` means that the process has already exited. Then no signal is needed, so this is not an error.
fn signal(sent: rustix::io::Result<()>) -> std::io::Result<()> {
    match sent {
        Err(error) if error != rustix::io::Errno::SRCH => Err(error.into()),
        _ => Ok(()),
    }
}

fn start(own: &Processes, spec: &InstanceSpec) -> Result<InstanceId> {
    let records = &own.records;
    let doing = format!("starting {}", spec.name());
    let Some(program) = own.catalogue.program_of(&spec.version)? else {
        let message = format!("{} is not in the catalogue", spec.version.pinned());
        return Err(records.failure(FailureKind::Missing, doing, message));
    };
    if let Some(reason) = program.obstacle() {
        return Err(records.failure(FailureKind::Missing, doing, reason));
    }
    let endpoint = spec.endpoint.as_ref().map(Address::endpoint).transpose();
    let endpoint = endpoint
        .map_err(|error| records.failure(FailureKind::Rejected, &doing, error.to_string()))?;
    check_supported(records, &spec.shape, &doing)?;
    if spec.shape.command.is_some() {
        let message = "plain processes do not support a configured command";
        return Err(records.failure(FailureKind::Unsupported, doing, message));
    }
    records.prepare()?;
    let _lock = records.lock(&spec.name())?;
    if let Some(existing) = records.load(&spec.name())? {
        if existing.release == spec.release && existing.digest == spec.version.digest {
            let id = existing.id.clone();
            return start_again(own, existing).map(|()| id);
        }
        let message = if existing.release == spec.release {
            format!(
                "the process in the slot has another digest, {}",
                existing.digest.short()
            )
        } else {
            format!("a process of release {} is in the slot", existing.release)
        };
        return Err(records.failure(FailureKind::Conflict, doing, message));
    }
    let record = Record {
        format: FORMAT,
        id: InstanceId(Ulid::generate().to_string().to_lowercase()),
        target: spec.target.clone(),
        slot: spec.slot,
        number: spec.number,
        of: spec.of,
        digest: program.digest.clone(),
        tag: spec.version.tag.clone(),
        release: spec.release,
        endpoint,
        argv: program.argv.clone(),
        environment: spec.shape.environment.clone(),
        labels: program.labels.clone(),
        run: None,
        code: None,
    };
    let id = record.id.clone();
    spawn(own, record).map(|()| id)
}

/// Starts the program of an existing record unless a process of the record is running.
fn start_again(own: &Processes, mut record: Record) -> Result<()> {
    match (record.running(), &record.run) {
        (Some(_), Some(_)) => Ok(()),
        // An earlier start ended before it recorded its process. The process was found by the instance id.
        (Some(found), None) => {
            record.run = Some(found);
            own.records.save(&record)
        }
        (None, _) => spawn(own, record),
    }
}

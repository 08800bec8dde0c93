//! Changes the processes.

use std::time::Duration;

use async_trait::async_trait;
use rustix::process::{Signal, kill_process_group, pidfd_send_signal};
use tokio::sync::mpsc;
use tokio::time::timeout;
use ulid::Ulid;

use super::identity::awaited;
use super::reader::Processes;
use super::record::{FORMAT, Record};
use super::records::Records;
use super::spawn::spawn;
use crate::inventory::{EngineImage, InstanceId, Version};
use crate::ports::{Failure, FailureKind, InstanceSpec, PullProgress, Result, RuntimeWriter};

/// How long a killed process may take to exit.
const LAST: Duration = Duration::from_secs(5);

#[async_trait]
impl RuntimeWriter for Processes {
    /// Programs are not pulled: this only checks that the program can be run, and reports no bytes.
    async fn pull(&self, version: &Version, progress: mpsc::Sender<PullProgress>) -> Result<()> {
        let (doing, version) = (format!("looking for {}", version.pinned()), version.clone());
        let said = doing.clone();
        self.blocking(&doing, FailureKind::Unreachable, move |own| {
            let missing = |why: &str| own.records.failure(FailureKind::Missing, &said, why);
            let Some(program) = own.catalogue.of(&version)? else {
                return Err(missing("it is not in the catalogue"));
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
        let said = doing.clone();
        self.blocking(&doing, FailureKind::Ambiguous, move |own| {
            let missing = || {
                own.records
                    .failure(FailureKind::Missing, &said, "it no longer exists")
            };
            let name = own.records.of(&id)?.ok_or_else(missing)?.name();
            let _alone = own.records.alone(&name)?;
            let record = own.records.of(&id)?.ok_or_else(missing)?;
            start_again(own, record)
        })
        .await
    }

    async fn stop(&self, instance: &InstanceId, grace: Duration) -> Result<()> {
        let (doing, id) = (format!("stopping {}", instance.short()), instance.clone());
        let record = self
            .blocking(&doing, FailureKind::Unreachable, move |own| {
                own.records.of(&id)
            })
            .await?;
        let Some(run) = record.and_then(|record| record.running()) else {
            return Ok(());
        };
        let failed = |error: std::io::Error| self.records.failed(&doing, error);
        let Some(handle) = run.handle().map_err(failed)? else {
            return Ok(());
        };
        let handle = awaited(handle).map_err(failed)?;
        signal(pidfd_send_signal(&handle, Signal::TERM)).map_err(failed)?;
        if timeout(grace, handle.readable()).await.is_ok() {
            return Ok(());
        }
        // The leader is still running, so the group id is still its own.
        if let Some(group) = run.raw() {
            signal(kill_process_group(group, Signal::KILL)).map_err(failed)?;
        }
        match timeout(LAST, handle.readable()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.records.failure(
                FailureKind::Ambiguous,
                &doing,
                format!("process {} was killed, but is still running", run.pid),
            )),
        }
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
        let said = doing.clone();
        self.blocking(&doing, FailureKind::Ambiguous, move |own| {
            let Some(name) = own.records.of(&id)?.map(|record| record.name()) else {
                return Ok(());
            };
            let _alone = own.records.alone(&name)?;
            let Some(record) = own.records.of(&id)? else {
                return Ok(());
            };
            if let Some(run) = record.running() {
                let running = format!("it is running as process {}", run.pid);
                return Err(own.records.failure(FailureKind::Conflict, &said, running));
            }
            own.records.remove(&record)
        })
        .await
    }
}

/// A process that has exited needs no signal.
fn signal(sent: rustix::io::Result<()>) -> std::io::Result<()> {
    match sent {
        Err(error) if error != rustix::io::Errno::SRCH => Err(error.into()),
        _ => Ok(()),
    }
}

fn start(own: &Processes, spec: &InstanceSpec) -> Result<InstanceId> {
    let records = &own.records;
    let doing = format!("starting {}", spec.name());
    let Some(program) = own.catalogue.of(&spec.version)? else {
        let said = format!("{} is not in the catalogue", spec.version.pinned());
        return Err(records.failure(FailureKind::Missing, doing, said));
    };
    if let Some(said) = program.obstacle() {
        return Err(records.failure(FailureKind::Missing, doing, said));
    }
    check_supported(records, spec)?;
    records.prepare()?;
    let _alone = records.alone(&spec.name())?;
    if let Some(existing) = records.load(&spec.name())? {
        if existing.release == spec.release && existing.digest == spec.version.digest {
            let id = existing.id.clone();
            return start_again(own, existing).map(|()| id);
        }
        let said = format!("release {} has a process in the slot", existing.release);
        return Err(records.failure(FailureKind::Conflict, doing, said));
    }
    let record = Record {
        format: FORMAT,
        id: InstanceId(Ulid::generate().to_string().to_lowercase()),
        target: spec.target.clone(),
        slot: spec.slot,
        digest: program.digest.clone(),
        tag: spec.version.tag.clone(),
        release: spec.release,
        endpoint: spec.endpoint.clone(),
        argv: program.argv.clone(),
        environment: spec.shape.environment.clone(),
        labels: program.labels.clone(),
        run: None,
        code: None,
    };
    let id = record.id.clone();
    spawn(own, record).map(|()| id)
}

/// Starts the program of an existing record unless it is running.
fn start_again(own: &Processes, mut record: Record) -> Result<()> {
    match (record.running(), &record.run) {
        (Some(_), Some(_)) => Ok(()),
        (Some(found), None) => {
            record.run = Some(found);
            own.records.save(&record)
        }
        (None, _) => spawn(own, record),
    }
}

/// Refuses options that only containers have, instead of ignoring them silently.
fn check_supported(records: &Records, spec: &InstanceSpec) -> Result<()> {
    let shape = &spec.shape;
    let asked = [
        ("a command of its own", shape.command.is_some()),
        ("mounts", !shape.mounts.is_empty()),
        ("a memory limit", shape.memory.is_some()),
        ("a network", shape.network.is_some()),
    ];
    let Some((what, _)) = asked.into_iter().find(|(_, asked)| *asked) else {
        return Ok(());
    };
    let said = format!("plain processes do not support {what}");
    let doing = format!("starting {}", spec.name());
    Err(records.failure(FailureKind::Unsupported, doing, said))
}

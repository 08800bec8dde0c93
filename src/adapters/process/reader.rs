//! Implements [`RuntimeReader`] for processes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use jiff::Timestamp;

use super::catalogue::Catalogue;
use super::records::Records;
use super::{address, changes, follow};
use crate::inventory::{
    Address, Addresses, EngineImage, FingerprintKey, Instance, InstanceId, Slot, SlotMembers,
    Target, TaskRun, Version,
};
use crate::ports::{EngineInfo, FailureKind, LogChunk, Occupancy, Result, RuntimeReader, Secrets};

/// The time limit of a call. If the disk hangs, the caller gets a failure after this time.
const DEADLINE: Duration = Duration::from_secs(10);

/// The processes of one state directory. Several consoles may use the directory at the same time.
#[derive(Clone)]
pub struct Processes {
    pub(super) records: Records,
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) secrets: Arc<dyn Secrets>,
    pub(super) fingerprints: FingerprintKey,
}

impl Processes {
    /// Makes the runtime with records and logs below `state`. The directory is created when a process is started or
    /// changes are followed for the first time. Secrets in the environment of an instance are read through `secrets` at
    /// each start.
    pub fn new(state: impl Into<PathBuf>, catalogue: Catalogue, secrets: Arc<dyn Secrets>) -> Self {
        Self {
            records: Records::new(state.into()),
            catalogue: Arc::new(catalogue),
            secrets,
            fingerprints: FingerprintKey::default(),
        }
    }

    /// Runs a blocking call with a time limit. `unsure` is the kind of failure when the limit is exceeded.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        doing: &str,
        unsure: FailureKind,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let own = self.clone();
        let task = tokio::task::spawn_blocking(move || work(&own));
        match tokio::time::timeout(DEADLINE, task).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => {
                let message = format!("the call failed: {error}");
                Err(self.records.failure(unsure, doing, message))
            }
            Err(_) => {
                let message = format!("no answer within {DEADLINE:?}");
                Err(self.records.failure(unsure, doing, message))
            }
        }
    }

    async fn read_blocking<T: Send + 'static>(
        &self,
        doing: &str,
        work: impl FnOnce(&Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.blocking(doing, FailureKind::Unreachable, work).await
    }
}

#[async_trait]
impl RuntimeReader for Processes {
    async fn engine(&self) -> Result<EngineInfo> {
        self.read_blocking("reading the state directory", |own| {
            own.records.all().map(drop)
        })
        .await?;
        Ok(EngineInfo {
            name: "processes of this machine".to_owned(),
            api: "1".to_owned(),
        })
    }

    async fn instances(&self, target: &Target) -> Result<Vec<Instance>> {
        let of = target.clone();
        self.read_blocking(&format!("listing the processes of {target}"), move |own| {
            let mut found = Vec::new();
            for slot in Slot::BOTH {
                for record in own.records.of_slot(&of, slot)? {
                    found.push(record.observe(&own.fingerprints));
                }
            }
            Ok(found)
        })
        .await
    }

    async fn all_instances(&self) -> Result<BTreeMap<Target, Vec<Instance>>> {
        self.read_blocking("listing all processes", |own| {
            let mut by_target: BTreeMap<Target, Vec<Instance>> = BTreeMap::new();
            for record in own.records.all()? {
                by_target
                    .entry(record.target.clone())
                    .or_default()
                    .push(record.observe(&own.fingerprints));
            }
            for instances in by_target.values_mut() {
                instances.sort_by_key(|instance| (instance.slot, instance.number));
            }
            Ok(by_target)
        })
        .await
    }

    async fn occupancy(
        &self,
        target: &Target,
        slot: Slot,
        addresses: &Addresses,
    ) -> Result<Occupancy> {
        let of = target.clone();
        let doing = format!("reading {slot} of {target}");
        let endpoints = addresses.iter().map(Address::endpoint);
        let endpoints = endpoints.collect::<std::result::Result<Vec<_>, _>>();
        let endpoints = endpoints.map_err(|error| {
            self.records
                .failure(FailureKind::Rejected, &doing, error.to_string())
        })?;
        self.read_blocking(&doing, move |own| {
            let records = match own.records.of_slot(&of, slot) {
                Ok(records) => records.into_iter(),
                Err(failure) if failure.kind == FailureKind::Garbled => {
                    return Ok(Occupancy::Foreign(failure.to_string()));
                }
                Err(failure) => return Err(failure),
            };
            let members = records.map(|record| record.observe(&own.fingerprints));
            let members = SlotMembers::new(members);
            for (endpoint, number) in endpoints.iter().zip(1..) {
                let mut running = members.iter().filter(|member| member.is_running());
                if running.any(|member| member.number == number) {
                    continue;
                }
                if let Some(reason) = address::taken(endpoint) {
                    return Ok(Occupancy::Foreign(reason));
                }
            }
            Ok(if members.is_empty() {
                Occupancy::Free
            } else {
                Occupancy::Ours(members)
            })
        })
        .await
    }

    async fn all_tasks(&self, target: &Target) -> Result<Vec<TaskRun>> {
        let of = target.clone();
        self.read_blocking(&format!("listing the tasks of {target}"), move |own| {
            let all = own.records.all_tasks()?.into_iter();
            let of_target = all.filter(|task| task.target == of);
            Ok(of_target
                .filter_map(|task| task.observe(&own.records))
                .collect())
        })
        .await
    }

    async fn has_image(&self, version: &Version) -> Result<bool> {
        let version = version.clone();
        self.read_blocking("checking a program", move |own| {
            let program = own.catalogue.program_of(&version)?;
            Ok(program.is_some_and(|program| program.obstacle().is_none()))
        })
        .await
    }

    async fn images(&self, _repository: &str) -> Result<Vec<EngineImage>> {
        // Programs are not pulled or removed.
        Ok(Vec::new())
    }

    async fn changes(&self) -> Result<BoxStream<'static, Result<()>>> {
        changes::stream(&self.records)
    }

    async fn logs(
        &self,
        instance: &InstanceId,
        since: Option<Timestamp>,
        tail: usize,
    ) -> Result<BoxStream<'static, Result<LogChunk>>> {
        follow::stream(&self.records, instance, since, tail).await
    }
}

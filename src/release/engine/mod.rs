//! The engine plans and starts releases and repairs, resumes releases that lost their driver, and keeps the handles of
//! the releases that this console drives. The user interfaces call the engine.

mod holding;
mod overtaking;
mod peer_approving;
mod presence;
mod pruning;
mod queueing;
mod repairing;
mod resuming;
mod undriven;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, watch};

pub use holding::UnreadableHold;
pub use peer_approving::PeerApprovable;
pub use pruning::Pruned;
pub use queueing::{Notification, Notified};
pub use repairing::{RepairHandle, RepairNews};
pub use resuming::{Resume, TakeoverRequest};
pub use undriven::{NewestReleases, Undriven};

use super::driver::{Driver, World};
use super::gather::{behind_the_proxy, clocks, gather, past_and_unreadable};
use super::{
    Approvable, Approval, Command, Definition, Draft, Handle, Machine, OnFailure, Plan,
    PlanRequest, ProxyWords, Reading, Refusal, Refused, Scope, Site, Writing, decide,
};
use crate::history::Chain;
use crate::inventory::{
    Clocks, LockPurpose, LockRecord, Operator, QueueEntry, ReleaseId, Target, Tier,
};
use crate::ports::{Acquired, CheckLines, CheckOutput, Clock, Lease, RouterReader};

/// How many commands may wait for a driver.
const COMMANDS: usize = 16;
/// How many results and progress reports of effects may wait for a driver.
const EVENTS: usize = 64;
/// How many announcements a slow subscriber may lag behind.
const ANNOUNCEMENTS: usize = 1024;

/// Plans, starts and resumes the releases of this console.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Engine {
    sites: BTreeMap<Target, Site>,
    operator: Operator,
    console: String,
    clock: Arc<dyn Clock>,
    active: Mutex<BTreeMap<Target, Handle>>,
    observers: Vec<Arc<dyn ReleaseObserver>>,
}

/// How this console came to drive a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// This console opened the release.
    Started,
    /// This console resumed the release.
    Resumed,
}

/// Receives each release that this console starts to drive, and each entry of a queue that this agent changes. The
/// calls must not block. An observer that has to wait starts a separate task.
pub trait ReleaseObserver: Send + Sync {
    fn driven(&self, site: &Site, handle: &Handle, how: Driven);

    /// The entry has a new state.
    fn entry_changed(&self, site: &Site, entry: &QueueEntry) {
        let _ = (site, entry);
    }
}

impl Engine {
    /// An engine for these targets. `console` is the unique name of this process.
    pub fn new(
        sites: BTreeMap<Target, Site>,
        operator: Operator,
        console: String,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            sites,
            operator,
            console,
            clock,
            active: Mutex::default(),
            observers: Vec::new(),
        }
    }

    /// Adds observers of the releases that this console drives.
    #[must_use]
    pub fn observed_by(self, observers: Vec<Arc<dyn ReleaseObserver>>) -> Self {
        Self { observers, ..self }
    }

    /// Reports to the observers that an agent has changed the state of an entry.
    pub fn report_entry(&self, entry: &QueueEntry) {
        if let Some(site) = self.sites.get(&entry.target) {
            for observer in &self.observers {
                observer.entry_changed(site, entry);
            }
        }
    }

    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The clock that sets the times of approvals.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    pub fn definition(&self, target: &Target) -> Option<&Definition> {
        self.sites.get(target).map(|site| &site.definition)
    }

    pub fn site(&self, target: &Target) -> Option<&Site> {
        self.sites.get(target)
    }

    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values()
    }

    /// The release of a target that this engine drives now. None if the release has ended or its driver has stopped.
    pub fn active(&self, target: &Target) -> Option<Handle> {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active
            .get(target)
            .filter(|handle| !handle.status.borrow().is_over())
            .cloned()
    }

    /// The output of the checks of a release that this engine drives or drove to its end. None if another engine drives
    /// it, or if this engine has driven a later release of the target.
    pub fn check_lines(&self, target: &Target, release: ReleaseId) -> Option<CheckLines> {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        let of_release = |handle: &&Handle| handle.status.borrow().plan.release == release;
        active
            .get(target)
            .filter(of_release)
            .map(Handle::check_lines)
    }

    /// Stops the drivers of this engine, as if an operator had interrupted them. Each driver observes the result of the
    /// act that is running, records that it has stopped, and releases its lock. Then another operator can resume the
    /// release without waiting for the lease to end. Waits no longer than `time_limit`.
    pub async fn release_locks(&self, reason: &str, time_limit: Duration) {
        let handles = self.sites.keys().filter_map(|target| self.active(target));
        let each = handles.map(|handle| async move {
            let reason = reason.to_owned();
            // Sending fails only if the driver has ended.
            let _ = handle.command(Command::Interrupt { reason }).await;
            handle.ended().await;
        });
        if tokio::time::timeout(time_limit, join_all(each))
            .await
            .is_err()
        {
            tracing::warn!(
                "a driver did not stop within {time_limit:?}. The lock of its release expires with its lease"
            );
        }
    }

    /// Plans the requested release from the current state of the target. The error lists every reason against the
    /// release. Changes nothing.
    pub async fn plan(&self, request: &PlanRequest) -> Result<Plan, Refused> {
        let Some(site) = self.sites.get(&request.target) else {
            return Err(Refusal::UnknownTarget(request.target.clone()).into());
        };
        let mut facts = gather(request, site, &self.sites, self.clock.as_ref()).await;
        facts.standby = self.standby_of(site, facts.record.as_ref().ok()).await;
        let draft = decide(request, &site.definition, &facts)?;
        let proxy_words = match &site.read.router {
            Some(router) => self.proxy_words(router.as_ref(), &draft).await,
            None => ProxyWords::default(),
        };
        let plan = draft.into_plan(&proxy_words);
        self.check_name(Approvable::planned(&plan))?;
        Ok(plan)
    }

    /// What the proxy does in a release, and what it warns of.
    async fn proxy_words(&self, router: &dyn RouterReader, draft: &Draft) -> ProxyWords {
        let mut warnings = router.warnings(draft.target());
        if draft.installs() {
            let of_install = router.install_warnings(draft.target()).await;
            warnings.extend(of_install.unwrap_or_else(|failure| {
                vec![format!(
                    "it is not known what installing the proxy's configuration may disturb: {failure}"
                )]
            }));
        }
        ProxyWords {
            install: router.describe_install(draft.target()),
            switch: router.describe_switch(draft.target(), &draft.order()),
            warnings,
            touched: self.touched(draft.target(), true, draft.installs()),
        }
    }

    /// The protected targets of other environments whose connections a switch or an installation may cut.
    fn touched(&self, target: &Target, switches: bool, installs: bool) -> Vec<Target> {
        let site = self.sites.get(target);
        let Some(router) = site.and_then(|site| site.read.router.as_ref()) else {
            return Vec::new();
        };
        let mut touched = Vec::new();
        if switches {
            touched.extend(router.touched_by_switch(target));
        }
        if installs {
            touched.extend(router.touched_by_install(target));
        }
        touched.retain(|other| {
            let tier = self.sites.get(other).map(|site| site.definition.tier);
            other.environment != target.environment && tier.is_some_and(Tier::is_protected)
        });
        touched.sort();
        touched.dedup();
        touched
    }

    /// The same service in the environment of `rules.only_from`. None if the plan has no such rule, or if that target
    /// is not configured.
    fn only_from_site(&self, plan: &Plan) -> Option<Site> {
        let environment = plan.only_from()?.clone();
        let target = Target::new(plan.target().service.clone(), environment);
        self.sites.get(&target).cloned()
    }

    /// Starts a planned and approved release: takes the lock, verifies that the state is still as the plan needs it,
    /// and drives the release in a separate task.
    pub async fn open(
        &self,
        plan: Plan,
        approval: &Approval,
        on_failure: OnFailure,
    ) -> Result<Handle, Refused> {
        let target = plan.target().clone();
        let Some(site) = self.sites.get(&target) else {
            return Err(Refusal::UnknownTarget(target).into());
        };
        let Some(write) = site.write.clone() else {
            return Err(Refusal::ReadOnly.into());
        };
        self.check_name(Approvable::planned(&plan))?;
        let now = self.clock.now();
        if approval.scope() != Scope::Plan || approval.check(&plan, now).is_err() {
            return Err(Refusal::PlanExpired {
                made_at: plan.made_at,
            }
            .into());
        }
        self.end_own_standby(&plan).await?;
        let lease = self.lock(&plan, site, &write).await?;
        let clocks = clocks(site, self.clock.as_ref()).await;
        let unchanged = still_as_planned(&plan, site, (self.clock.now(), &clocks)).await;
        if let Err(refused) = unchanged {
            release_lock(&write, &target, &lease).await;
            return Err(refused);
        }
        let plan = Arc::new(plan);
        let machine = Machine::new(Arc::clone(&plan), on_failure);
        let chain = Chain::of(&plan.record());
        let ports = (site.read.clone(), write, clocks);
        Ok(self.drive(&plan, machine, chain, ports, lease, Driven::Started))
    }

    async fn lock(&self, plan: &Plan, site: &Site, write: &Writing) -> Result<Lease, Refused> {
        let message = format!("{} to {}", plan.kind, plan.version.name());
        let record = self.lock_record(plan, plan.operator.clone(), message);
        match write.store.locks.acquire(plan.target(), &record).await {
            Ok(Acquired::Held(lease)) => Ok(lease),
            Ok(Acquired::Taken(holder)) => {
                self.take_from_standby((plan, site, write), &record, holder)
                    .await
            }
            Err(failure) => Err(unknown("whether the lock is free", &failure)),
        }
    }

    fn lock_record(&self, plan: &Plan, operator: Operator, message: String) -> LockRecord {
        LockRecord {
            purpose: LockPurpose::Release,
            operator,
            console: self.console.clone(),
            release: plan.release,
            since: self.clock.now(),
            message,
        }
    }

    fn drive(
        &self,
        plan: &Arc<Plan>,
        machine: Machine,
        chain: Chain,
        (read, write, clocks): (Reading, Writing, Clocks),
        lease: Lease,
        how: Driven,
    ) -> Handle {
        let (command_sender, commands) = mpsc::channel(COMMANDS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let (status, status_receiver) = watch::channel(Arc::new(machine.status()));
        // A warm rollback does not start its candidate: the candidate is already running.
        let (candidate, candidate_receiver) = watch::channel(plan.warm.listed());
        let check_output = CheckOutput::default();
        let (announcements, first_receiver) = broadcast::channel(ANNOUNCEMENTS);
        let handle = Handle {
            commands: command_sender,
            status: status_receiver,
            candidate: candidate_receiver,
            check_lines: check_output.lines(),
            announcements: announcements.clone(),
            first_receiver: Arc::new(Mutex::new(Some(first_receiver))),
        };
        let driver = Driver {
            machine,
            world: World {
                read,
                write,
                plan: Arc::clone(plan),
                only_from: self.only_from_site(plan),
                fence: lease.fence.clone(),
                operator: self.operator.clone(),
                clock: Arc::clone(&self.clock),
                clocks,
                stop_checks: watch::Sender::new(0),
                checks_running: Arc::default(),
                check_output,
                events: event_sender,
                candidate,
                chain: Arc::new(Mutex::new(chain)),
            },
            lease,
            commands,
            events,
            status,
            announcements,
        };
        let mut active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active.insert(plan.target().clone(), handle.clone());
        drop(active);
        for observer in &self.observers {
            if let Some(site) = self.sites.get(plan.target()) {
                observer.driven(site, &handle, how);
            }
        }
        // A steady clock keeps the waits of the release correct if the machine's clock is set.
        let steady = self.clock.steady();
        tokio::spawn(async move {
            driver.run().await;
            drop(steady);
        });
        handle
    }
}

async fn release_lock(write: &Writing, target: &Target, lease: &Lease) {
    if let Err(failure) = write.store.locks.release(target, &lease.fence).await {
        tracing::warn!(
            "the lock of {target} was not released: {failure}. It expires with its lease"
        );
    }
}

async fn still_as_planned(
    plan: &Plan,
    site: &Site,
    (now, clocks): (Timestamp, &Clocks),
) -> Result<(), Refused> {
    let target = plan.target();
    let addresses = plan.addresses();
    let (record, occupancy) = tokio::join!(
        site.read.registry.read(target),
        site.read.runtime.occupancy(target, plan.slot, &addresses)
    );
    let record =
        record.map_err(|failure| unknown("what the store says about the target", &failure))?;
    let occupancy = occupancy.map_err(|failure| unknown("what is in the slot", &failure))?;
    if let Some(refusal) = plan.held(record.hold.as_ref(), now, clocks) {
        return Err(refusal.into());
    }
    plan.unchanged(&record, &occupancy)?;
    no_release_since(plan, site).await
}

/// Refuses if another release was started since the plan was made, even if that release has already ended. Compares
/// the ids, not the times: a new id is greater than every id that its planner has read, even if the clock of another
/// machine is ahead. The other release may have been planned before this one, so its id may be smaller than the id of
/// this one.
async fn no_release_since(plan: &Plan, site: &Site) -> Result<(), Refused> {
    let newest = past_and_unreadable(site.read.journal.as_ref(), plan.target(), 1).await;
    let (newest, unreadable) =
        newest.map_err(|failure| unknown("which release of the target is the newest", &failure))?;
    let newest = newest.first().map(|newest| newest.id);
    match newest.max(unreadable.first().map(|(id, _)| *id)) {
        Some(newest) if Some(newest) > plan.newest => Err(Refusal::WorldChanged {
            change: format!("release {} was started", newest.short()),
        }
        .into()),
        _ => Ok(()),
    }
}

/// The refusal if a fact could not be read. `fact` is an indirect question: `whether the lock is free`.
pub(super) fn unknown(fact: &str, failure: &crate::ports::Failure) -> Refused {
    Refusal::Unknown {
        fact: fact.into(),
        why: failure.to_string(),
    }
    .into()
}

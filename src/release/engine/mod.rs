//! The engine of the user interfaces: plans and starts releases, resumes those that lost their driver, and keeps the
//! ones that it drives.

mod holding;
mod overtaking;
mod peer_approving;
mod presence;
mod pruning;
mod repairing;
mod resuming;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::sync::{broadcast, mpsc, watch};

pub use holding::UnreadableHold;
pub use peer_approving::PeerApprovable;
pub use pruning::Pruned;
pub use repairing::{RepairHandle, RepairNews};
pub use resuming::{Force, Resume};

use super::driver::{Driver, Reading, World, Writing};
use super::gather::{behind_the_proxy, clocks, gather, past_and_unreadable};
use super::{
    Approval, Command, Definition, Handle, Machine, OnFailure, Plan, PlanRequest, ProxyWords,
    Refusal, Refused, Scope, decide,
};
use crate::history::Chain;
use crate::inventory::{Clocks, LockPurpose, LockRecord, Operator, Target, Tier};
use crate::ports::{Acquired, Clock, Lease};

/// The capacity for commands. Each is small and is taken at once.
const COMMANDS: usize = 16;
/// The capacity for progress and answers.
const EVENTS: usize = 64;
/// How many announcements a slow listener may lag behind.
const ANNOUNCEMENTS: usize = 1024;

/// A target with its ports.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Site {
    /// Its configuration.
    pub definition: Definition,
    /// Its readers.
    pub read: Reading,
    /// Its writers; none if only reading is allowed.
    pub write: Option<Writing>,
}

/// Plans and starts releases.
#[expect(missing_debug_implementations, reason = "trait objects")]
pub struct Engine {
    sites: BTreeMap<Target, Site>,
    operator: Operator,
    console: String,
    clock: Arc<dyn Clock>,
    active: Mutex<BTreeMap<Target, Handle>>,
    observers: Vec<Arc<dyn ReleaseObserver>>,
}

/// How a release came to be driven here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Driven {
    /// This console opened it.
    Begun,
    /// Another driver opened it.
    Resumed,
}

/// Is told of each release when this console starts to drive it.
pub trait ReleaseObserver: Send + Sync {
    /// This console starts to drive the release. Must not block: wait in a separate task.
    fn driven(&self, site: &Site, handle: &Handle, how: Driven);
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

    /// Adds observers of the releases that are driven here.
    #[must_use]
    pub fn observed_by(self, observers: Vec<Arc<dyn ReleaseObserver>>) -> Self {
        Self { observers, ..self }
    }

    /// The operator of this console.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The clock that approvals are given by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The configuration of a target.
    pub fn definition(&self, target: &Target) -> Option<&Definition> {
        self.sites.get(target).map(|site| &site.definition)
    }

    /// A target with its ports.
    pub fn site(&self, target: &Target) -> Option<&Site> {
        self.sites.get(target)
    }

    /// Every target.
    pub fn sites(&self) -> impl Iterator<Item = &Site> {
        self.sites.values()
    }

    /// The release of a target that this engine drives, if it has not ended.
    pub fn active(&self, target: &Target) -> Option<Handle> {
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner);
        active
            .get(target)
            .filter(|handle| !handle.status.borrow().is_over())
            .cloned()
    }

    /// Stops driving every release that this engine drives, as if each operator had asked for it: the current act is
    /// observed, the journal records that the driver left, and the lock is given back. Another operator can resume at
    /// once, without waiting for the lease. Waits no longer than `within`.
    pub async fn let_go(&self, reason: &str, within: Duration) {
        let handles = self.sites.keys().filter_map(|target| self.active(target));
        let each = handles.map(|handle| async move {
            let reason = reason.to_owned();
            // A driver that does not listen has ended.
            let _ = handle.command(Command::Interrupt { reason }).await;
            handle.ended().await;
        });
        if tokio::time::timeout(within, join_all(each)).await.is_err() {
            tracing::warn!(
                "not every release was given back within {within:?}: its lease ends by itself"
            );
        }
    }

    /// Observes everything that a release would touch and returns its plan, or every reason against it. Changes
    /// nothing.
    pub async fn plan(&self, request: &PlanRequest) -> Result<Plan, Refused> {
        let Some(site) = self.sites.get(&request.target) else {
            return Err(Refusal::UnknownTarget(request.target.clone()).into());
        };
        let mut facts = gather(request, site, &self.sites, self.clock.as_ref()).await;
        facts.standby = self.standby_of(site, facts.record.as_ref().ok()).await;
        let draft = decide(request, &site.definition, &facts)?;
        let router = &site.read.router;
        let mut warnings = router.warnings(draft.target());
        warnings.extend(if draft.installs() {
            let warnings = router.install_warnings(draft.target()).await;
            warnings.unwrap_or_else(|failure| vec![format!("not everything is known: {failure}")])
        } else {
            Vec::new()
        });
        let words = ProxyWords {
            install: router.describe_install(draft.target()),
            switch: router.describe_switch(draft.target(), &draft.order()),
            warnings,
            touched: self.touched(draft.target(), true, draft.installs()),
        };
        let plan = draft.into_plan(&words);
        self.check_name(&plan)?;
        Ok(plan)
    }

    /// The protected targets of other environments whose connections a switch or an installation of this target may cut.
    fn touched(&self, target: &Target, switches: bool, installs: bool) -> Vec<Target> {
        let Some(router) = self.sites.get(target).map(|site| &site.read.router) else {
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

    /// The environment where the version of a plan must be live first.
    fn first_of(&self, plan: &Plan) -> Option<Site> {
        let environment = plan.only_from()?.clone();
        let first = Target::new(plan.target().service.clone(), environment);
        self.sites.get(&first).cloned()
    }

    /// Starts a planned and approved release: takes the lock, verifies that the plan's baseline is unchanged, and
    /// drives the release in its own task.
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
        self.check_name(&plan)?;
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
            give_back(&write, &target, &lease).await;
            return Err(refused);
        }
        let plan = Arc::new(plan);
        let machine = Machine::new(Arc::clone(&plan), on_failure);
        let chain = Chain::of(&plan.record());
        let ports = (site.read.clone(), write, clocks);
        Ok(self.drive(&plan, machine, chain, ports, lease, Driven::Begun))
    }

    async fn lock(&self, plan: &Plan, site: &Site, write: &Writing) -> Result<Lease, Refused> {
        let message = format!("{} to {}", plan.kind, plan.version.name());
        let record = self.lock_record(plan, plan.operator.clone(), message);
        match write.locks.acquire(plan.target(), &record).await {
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
        // A resumed release may have started it long ago.
        let known = plan.warm.as_ref().map(|instance| instance.id.clone());
        let (candidate, candidate_receiver) = watch::channel(known);
        let (announcements, first) = broadcast::channel(ANNOUNCEMENTS);
        let handle = Handle {
            commands: command_sender,
            status: status_receiver,
            candidate: candidate_receiver,
            announcements: announcements.clone(),
            first: Arc::new(Mutex::new(Some(first))),
        };
        let driver = Driver {
            machine,
            world: World {
                read,
                write,
                plan: Arc::clone(plan),
                first: self.first_of(plan),
                fence: lease.fence.clone(),
                operator: self.operator.clone(),
                clock: Arc::clone(&self.clock),
                clocks,
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
        // If the machine's clock is set, it must neither hurry nor delay a release.
        let steady = self.clock.steady();
        tokio::spawn(async move {
            driver.run().await;
            drop(steady);
        });
        handle
    }
}

async fn give_back(write: &Writing, target: &Target, lease: &Lease) {
    if let Err(failure) = write.locks.release(target, &lease.fence).await {
        tracing::warn!("the lock was not given back: {failure}");
    }
}

async fn still_as_planned(
    plan: &Plan,
    site: &Site,
    (now, clocks): (Timestamp, &Clocks),
) -> Result<(), Refused> {
    let target = plan.target();
    let (record, occupancy) = tokio::join!(
        site.read.registry.read(target),
        site.read
            .runtime
            .occupancy(target, plan.slot, plan.endpoint())
    );
    let record = record.map_err(|failure| unknown("the store's record", &failure))?;
    let occupancy = occupancy.map_err(|failure| unknown("what is in the slot", &failure))?;
    if let Some(refusal) = plan.held(record.hold.as_ref(), now, clocks) {
        return Err(refusal.into());
    }
    plan.unchanged(&record, &occupancy)?;
    comes_last(plan, site).await
}

/// Another release may have started and ended since the plan was made, by another clock.
async fn comes_last(plan: &Plan, site: &Site) -> Result<(), Refused> {
    let newest = past_and_unreadable(site.read.journal.as_ref(), plan.target(), 1).await;
    let (newest, unreadable) =
        newest.map_err(|failure| unknown("what was released here last", &failure))?;
    let newest = newest.first().map(|newest| newest.id);
    match newest.max(unreadable.first().map(|(id, _)| *id)) {
        Some(newest) if newest >= plan.release => Err(Refusal::WorldChanged {
            what: format!("release {} was started", newest.short()),
        }
        .into()),
        _ => Ok(()),
    }
}

pub(super) fn unknown(what: &str, failure: &crate::ports::Failure) -> Refused {
    Refusal::Unknown {
        what: what.into(),
        why: failure.to_string(),
    }
    .into()
}

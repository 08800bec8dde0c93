//! Repairs drift. The engine observes the target and plans the repair. After an approval, the engine takes the lock,
//! verifies that the same actions are still needed, and performs them in a separate task. A target with a release that
//! has not ended is not repaired: an operator must first resume, back out or leave that release. A release in its
//! standby is an exception.

mod drive;
mod look;

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use ulid::Ulid;

use super::{Engine, behind_the_proxy, release_lock, unknown};
use crate::history::{ReleaseRecord, RepairRecord};
use crate::inventory::{
    FencingToken, LockPurpose, LockRecord, RebaseOrder, ReleaseId, Snapshot, StoredKey,
    SwitchOrder, Target,
};
use crate::ports::{Acquired, FailureKind, Lease, RouterReader};
use crate::release::background;
use crate::release::repair::{RepairMachine, RouteProof, all_answered, plan};
use crate::release::{
    Action, Known, ProxyCalls, Refusal, Refused, RepairApproval, RepairPlan, RepairRequest, Site,
    Writing, standby_entry,
};
use drive::Drive;
use look::look;

/// How many messages of a repair may wait for a slow user interface. If there are more, the repair waits.
const NEWS: usize = 64;

/// A message from a running repair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RepairNews {
    /// A message for the operator, for example that an action was started or done.
    Message(String),
    /// The repair has ended. This is its record.
    Ended(Box<RepairRecord>),
}

/// A running repair. The repair continues if this handle is dropped.
#[derive(Debug)]
pub struct RepairHandle {
    /// The messages of the repair. [`RepairNews::Ended`] is the last one.
    pub news: mpsc::Receiver<RepairNews>,
    stop: watch::Sender<bool>,
}

impl RepairHandle {
    /// Requests that the repair stops after its current action.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// The proxy of one target, which describes its calls for the plan. A target without a proxy has no calls.
struct TargetProxy<'a> {
    router: Option<&'a dyn RouterReader>,
    target: &'a Target,
}

impl ProxyCalls for TargetProxy<'_> {
    fn install(&self) -> Vec<String> {
        let calls = self.router.map(|it| it.describe_install(self.target));
        calls.unwrap_or_default()
    }

    fn switch(&self, order: &SwitchOrder) -> Vec<String> {
        let calls = self.router.map(|it| it.describe_switch(self.target, order));
        calls.unwrap_or_default()
    }

    fn rebase(&self, order: &RebaseOrder) -> Vec<String> {
        let calls = self.router.map(|it| it.describe_rebase(self.target, order));
        calls.unwrap_or_default()
    }
}

impl Engine {
    /// Observes everything and plans the repair of each difference that `request` includes. The error says why nothing
    /// can be planned. Changes nothing.
    pub async fn plan_repair(&self, request: &RepairRequest) -> Result<RepairPlan, Refused> {
        let Some(site) = self.sites.get(&request.target) else {
            return Err(Refusal::UnknownTarget(request.target.clone()).into());
        };
        let snapshot = look(site, self.clock.now(), None).await;
        all_answered(&snapshot)?;
        if let Some(holder) = snapshot.lock {
            return Err(Refusal::locked(&request.target, Box::new(holder)).into());
        }
        may_be_repaired(site, &snapshot).await?;
        let released = released_by_route(site, &snapshot).await?;
        let id = ReleaseId(Ulid::generate());
        let planned = self.planned(site, (&snapshot, &released), request, id);
        if planned.items.is_empty() {
            return Err(Refusal::NothingDiffers {
                name: request.only.map(|name| name.to_string()),
            }
            .into());
        }
        Ok(planned)
    }

    fn planned(
        &self,
        site: &Site,
        (snapshot, released): (&Snapshot, &Known<()>),
        request: &RepairRequest,
        id: ReleaseId,
    ) -> RepairPlan {
        let proxy = TargetProxy {
            router: site.read.router.as_deref(),
            target: &request.target,
        };
        let (items, repair_actions) =
            plan((snapshot, released), &site.definition, request.only, &proxy);
        let includes = |which: fn(&Action) -> bool| {
            repair_actions
                .iter()
                .any(|planned| which(&planned.repair_action))
        };
        let installs = includes(|repair_action| matches!(repair_action, Action::Install));
        let moves_pointer = includes(|repair_action| {
            matches!(repair_action, Action::Switch(_) | Action::Rebase { .. })
        });
        RepairPlan {
            id,
            definition: site.definition.clone(),
            only: request.only,
            operator: self.operator.clone(),
            made_at: self.clock.now(),
            touched: self.touched(&request.target, moves_pointer, installs),
            items,
            repair_actions,
            holds: snapshot.holds(snapshot.at),
        }
    }

    /// Starts a planned and approved repair.
    pub async fn repair(
        &self,
        plan: RepairPlan,
        approval: &RepairApproval,
    ) -> Result<RepairHandle, Refused> {
        let target = plan.target().clone();
        let Some(site) = self.sites.get(&target).cloned() else {
            return Err(Refusal::UnknownTarget(target).into());
        };
        let Some(write) = site.write.clone() else {
            return Err(Refusal::ReadOnly.into());
        };
        let Ok(approved) = approval.approve(&plan, self.clock.now()) else {
            return Err(Refusal::PlanExpired {
                made_at: plan.made_at,
            }
            .into());
        };
        let lease = self.lock_to_repair(&plan, approval, &write).await?;
        if let Err(refused) = self.needs_same_actions(&plan, &site, &lease).await {
            release_lock(&write, &target, &lease).await;
            return Err(refused);
        }
        let record = plan.record(approval.by(), self.clock.now());
        let (sender, news) = mpsc::channel(NEWS);
        let (stop, stops) = watch::channel(false);
        let drive = Drive {
            machine: RepairMachine::new(Arc::new(plan), record),
            approved,
            site,
            write,
            lease,
            clock: Arc::clone(&self.clock),
            news: sender,
            stops,
        };
        tokio::spawn(drive.run());
        Ok(RepairHandle { news, stop })
    }

    async fn lock_to_repair(
        &self,
        plan: &RepairPlan,
        approval: &RepairApproval,
        write: &Writing,
    ) -> Result<Lease, Refused> {
        let record = LockRecord {
            purpose: LockPurpose::Upkeep,
            operator: approval.by().clone(),
            console: self.console.clone(),
            release: plan.id,
            since: self.clock.now(),
            message: format!(
                "repair: {}",
                plan.record(approval.by(), plan.made_at).names()
            ),
        };
        match write.store.locks.acquire(plan.target(), &record).await {
            Ok(Acquired::Held(lease)) => Ok(lease),
            Ok(Acquired::Taken(holder)) => Err(Refusal::locked(plan.target(), holder).into()),
            Err(failure) => Err(unknown("whether the lock is free", &failure)),
        }
    }

    /// Plans the repair again under the lock, and refuses if the plan has other actions now: the state may have changed
    /// while the operator read the plan.
    async fn needs_same_actions(
        &self,
        plan: &RepairPlan,
        site: &Site,
        lease: &Lease,
    ) -> Result<(), Refused> {
        let token = lease.fence.token;
        let mut now = look(site, self.clock.now(), Some(token)).await;
        // Taking the lock raised the store's revision to `token`. In a restored store this may just reach the token of
        // the proxy and hide `StoreWentBack`. So the revision before the lock is used.
        now.store_revision = Some(token.0.saturating_sub(1));
        all_answered(&now)?;
        may_be_repaired(site, &now).await?;
        let request = RepairRequest {
            target: plan.target().clone(),
            only: plan.only,
        };
        let released = released_by_route(site, &now).await?;
        let again = self.planned(site, (&now, &released), &request, plan.id);
        if again.only_actions() == plan.only_actions() {
            return Ok(());
        }
        Err(Refusal::WorldChanged {
            change: "the actions that the repair needs have changed".into(),
        }
        .into())
    }
}

/// Whether the journal proves that the version in the route's live slot was released there. An unreachable store is an
/// error, because then nothing is known.
async fn released_by_route(site: &Site, snapshot: &Snapshot) -> Result<Known<()>, Refused> {
    let proof = match RouteProof::of(snapshot) {
        Ok(proof) => proof,
        Err(why) => return Ok(Err(why)),
    };
    let mut missing = None;
    for release in &proof.releases {
        let read = site.read.journal.release(&snapshot.target, *release).await;
        let proven = match read {
            Ok(recorded) => proof.by(recorded.as_ref()),
            Err(failure) if failure.kind == FailureKind::Unreachable => {
                return Err(unknown(&format!("what release {release} did"), &failure));
            }
            Err(failure) => Err(failure.to_string()),
        };
        match proven {
            Ok(()) => return Ok(Ok(())),
            Err(why) => missing = missing.or(Some(why)),
        }
    }
    Ok(Err(missing.unwrap_or_default()))
}

/// Refuses a repair that the releases of the target do not allow.
async fn may_be_repaired(site: &Site, snapshot: &Snapshot) -> Result<(), Refused> {
    let newest = newest_release(site).await?;
    nothing_unfinished(site, newest.as_ref()).await?;
    live_is_known(site, snapshot, newest.map(|newest| newest.id))
}

/// The newest release of the target; none if there is none. An unreadable release may be running, so it is an error.
async fn newest_release(site: &Site) -> Result<Option<ReleaseRecord>, Refused> {
    let target = &site.definition.target;
    let no_newest = |failure| unknown("which release of the target is the newest", &failure);
    let current = site
        .read
        .journal
        .current(std::slice::from_ref(target))
        .await;
    let current = current.map_err(no_newest)?.remove(target).transpose();
    current.map_err(no_newest)
}

/// Refuses if the live version was released as another kind of service, or if the live version of a background service is not known.
fn live_is_known(
    site: &Site,
    snapshot: &Snapshot,
    newest: Option<ReleaseId>,
) -> Result<(), Refused> {
    let definition = &site.definition;
    let route = snapshot.route.as_ref().map(|route| &route.value);
    let mut problems = snapshot.problems.keys();
    let store = background::Store {
        route,
        is_route_unreadable: problems
            .any(|key| StoredKey::is_named(&definition.target, key, "route")),
        newest,
        // `nothing_unfinished` has refused a release that has not ended.
        open: None,
    };
    let slots = snapshot.slots.iter();
    let slots = slots.map(|(slot, snapshot)| (slot, &snapshot.members));
    let changed = background::kind_changed(definition, route).into_iter();
    let refusals: Vec<Refusal> = changed
        .chain(background::live_unknown(definition, &store, slots))
        .collect();
    if refusals.is_empty() {
        Ok(())
    } else {
        Err(Refused(refusals))
    }
}

/// Refuses if the newest release of the target has not ended and is not in its standby. An operator must first resume,
/// back out or leave that release, because its unfinished steps are not drift.
async fn nothing_unfinished(site: &Site, newest: Option<&ReleaseRecord>) -> Result<(), Refused> {
    let target = &site.definition.target;
    let Some(record) = newest.filter(|record| record.closed.is_none()) else {
        return Ok(());
    };
    // In a standby nothing is unfinished: the new version is live, and the old version is still running.
    let release = record.id;
    let recorded = site.read.journal.release(target, release).await;
    let recorded = recorded.map_err(|failure| {
        unknown(
            &format!("whether release {release} is in its standby"),
            &failure,
        )
    })?;
    if recorded.is_some_and(|recorded| standby_entry(&recorded, &site.definition).is_some()) {
        return Ok(());
    }
    let stored = site.read.registry.read(target).await.map_err(|failure| {
        unknown(
            "whether the store was wiped, restored or replaced",
            &failure,
        )
    })?;
    Err(match behind_the_proxy(site, &stored).await {
        Some(_) => Refusal::OnlyToLeave {
            target: target.clone(),
            release,
        },
        None => Refusal::Unfinished { release },
    }
    .into())
}

/// Whether a lock belongs to this repair.
fn is_own(token: FencingToken, own: Option<FencingToken>) -> bool {
    own == Some(token)
}

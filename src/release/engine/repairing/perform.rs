//! Performs one action of a repair through the write ports. Each action can be repeated safely. The store compares the
//! lock's token at each write of a registration or route.

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::inventory::{
    HoldChange, OthersKeys, RebaseOrder, Registration, Route, RouteChange, Slot, Snapshot,
    SwitchOrder, Version,
};
use crate::ports::{Failure, FailureKind, Fence, InstanceSpec, PullProgress, Result};
use crate::release::driver::Writing;
use crate::release::engine::Site;
use crate::release::repair::{RepairAction, Rewrite, RouteBefore};

/// The ports of one target and the fence of the repair's lock, with which actions are performed.
pub(super) struct Performer<'a> {
    pub(super) site: &'a Site,
    pub(super) write: &'a Writing,
    pub(super) fence: &'a Fence,
    pub(super) now: Timestamp,
}

impl Performer<'_> {
    async fn still_ours(&self) -> Result<()> {
        let target = &self.site.definition.target;
        if self.write.locks.holds(target, self.fence).await? {
            return Ok(());
        }
        let message = format!("this console no longer holds the lock of {target}");
        let doing = "creating the container or process";
        Err(Failure::new(
            FailureKind::Fenced,
            "the lock",
            doing,
            message,
        ))
    }

    /// Performs an action. `seen` is the observation for which the guard allowed the action.
    pub(super) async fn perform(
        &self,
        repair_action: &RepairAction,
        seen: &Snapshot,
    ) -> Result<()> {
        let definition = &self.site.definition;
        let target = &definition.target;
        match repair_action {
            RepairAction::Create {
                slot,
                version,
                release,
            } => {
                self.pull(version).await?;
                // The pull may take minutes, in which the lock may be lost.
                self.still_ours().await?;
                let spec = InstanceSpec {
                    target: target.clone(),
                    slot: *slot,
                    version: version.clone(),
                    release: *release,
                    endpoint: definition.endpoints.get(*slot).clone(),
                    shape: definition.instance.clone(),
                };
                self.write.runtime.start(&spec).await.map(|_| ())
            }
            RepairAction::Start { instance, .. } => self.write.runtime.restart(instance).await,
            RepairAction::Install => self.write.router.install(target).await,
            RepairAction::Register { slot, release, .. } => {
                let entry = self.entry(*slot, *release, seen)?;
                let registry = &self.write.registry;
                registry.register(target, &entry, self.fence).await
            }
            RepairAction::Route(rewrite) => self.route(rewrite).await,
            RepairAction::Rebase { from, generation } => {
                let order = RebaseOrder {
                    from: *from,
                    generation: *generation,
                    token: self.fence.token,
                };
                self.write.router.rebase(target, &order).await
            }
            RepairAction::Point {
                from,
                to,
                generation,
            } => {
                let order = SwitchOrder {
                    from: *from,
                    to: *to,
                    generation: *generation,
                    token: self.fence.token,
                };
                self.write.router.switch(target, &order).await
            }
            RepairAction::Deregister(slot) => {
                let registry = &self.write.registry;
                registry.deregister(target, *slot, self.fence).await
            }
            RepairAction::Stop { instance, .. } => {
                let grace = definition.timing.stop_grace;
                self.write.runtime.stop(instance, grace).await
            }
        }
    }

    async fn pull(&self, version: &Version) -> Result<()> {
        if self.site.read.runtime.has_image(version).await? {
            return Ok(());
        }
        let (progress, mut reports) = mpsc::channel::<PullProgress>(16);
        let pulling = self.write.runtime.pull(version, progress);
        let (done, ()) = tokio::join!(pulling, async { while reports.recv().await.is_some() {} });
        done
    }

    /// The registration of the observed instance, with the configured address of the slot.
    fn entry(
        &self,
        slot: Slot,
        release: crate::inventory::ReleaseId,
        seen: &Snapshot,
    ) -> Result<Registration> {
        let Some(instance) = &seen.slots.get(slot).instance else {
            return Err(Failure::new(
                FailureKind::Missing,
                self.site.read.runtime.address(),
                format!("registering {slot}"),
                format!("{slot} is empty"),
            ));
        };
        let registration = seen.slots.get(slot).registration.as_ref();
        let tag = registration.and_then(|entry| entry.value.tag.clone());
        Ok(Registration {
            slot,
            endpoint: self.site.definition.endpoints.get(slot).clone(),
            tag: instance.tag.clone().or(tag),
            digest: instance.digest.clone(),
            instance: instance.id.clone(),
            release,
            registered_at: self.now,
            token: self.fence.token,
        })
    }

    async fn route(&self, rewrite: &Rewrite) -> Result<()> {
        let definition = &self.site.definition;
        let to = Route {
            generation: rewrite.generation,
            live: rewrite.live,
            endpoint: definition.endpoints.get(rewrite.live).clone(),
            digest: rewrite.digest.clone(),
            release: rewrite.release,
            token: self.fence.token,
        };
        let registry = &self.write.registry;
        let from = match rewrite.from {
            RouteBefore::Unreadable => {
                return registry
                    .replace_route(&definition.target, &to, self.fence)
                    .await;
            }
            RouteBefore::Missing => None,
            RouteBefore::Contains(generation, live) => Some((generation, live)),
        };
        let change = RouteChange {
            from,
            to,
            hold: HoldChange::Keep,
            peer_approvals: Vec::new(),
            others_keys: OthersKeys::Leave,
        };
        registry
            .swap_route(&definition.target, &change, self.fence)
            .await
    }
}

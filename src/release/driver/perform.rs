//! Performs one act of a release. Each act can be repeated safely, because it leads to a fixed state.

use tokio::sync::mpsc;

use super::{Reading, World, Writing, lock, lost};
use crate::history::ReleaseKind;
use crate::inventory::{
    Cleared, Digest, HoldChange, Instance, InstanceId, Occupancy, Operator, OthersKeys,
    RebaseOrder, Registration, ReleaseId, Route, RouteChange, Slot, SwitchOrder, Target, Version,
};
use crate::ports::{Clock, Failure, FailureKind, Fence, InstanceSpec, PullProgress, Result};
use crate::release::act::{Act, Before, Move as Movement, Stage};
use crate::release::action::{
    Action, ActionError, ActionErrorKind, Move, Purpose, Rewrite, RouteBefore,
};
use crate::release::event::Event;
use crate::release::{Approved, Definition, Plan};

/// How many progress reports of a pull may wait. The adapter drops the rest.
const PROGRESS: usize = 16;

pub(super) async fn perform(
    world: &World,
    act: &Act,
    stage: Stage,
    approved: &Approved,
) -> std::result::Result<(), ActionError> {
    let plan = &world.plan;
    if !approved.covers(plan, stage.step, stage.direction) {
        return Err(ActionError {
            kind: ActionErrorKind::Final,
            text: format!("no approval covers the step {}", stage.step),
        });
    }
    let done = match act {
        Act::Pull => pull(world).await,
        Act::Install => install(world).await,
        Act::Start => start(world).await,
        Act::Register => register(world, plan.slot).await,
        Act::Switch(movement) => switch(world, movement).await,
        Act::Deregister(slot) => deregister(world, *slot).await,
        Act::Retire(slot, instance) => retire(world, *slot, instance.as_ref()).await,
        Act::Reinstate(slot, before) => reinstate(world, *slot, *before).await,
        Act::Remove(_, instance) => remove(world, instance).await,
    };
    match done {
        Ok(()) => Ok(()),
        Err(failure) => Err(action_error(world, &failure).await),
    }
}

async fn action_error(world: &World, failure: &Failure) -> ActionError {
    ActionError {
        kind: match failure.kind {
            FailureKind::Fenced => ActionErrorKind::Fenced,
            kind if kind.may_be_temporary() => ActionErrorKind::Passing,
            _ => ActionErrorKind::Final,
        },
        text: lost::message(world, failure).await,
    }
}

async fn pull(world: &World) -> Result<()> {
    let (progress, mut reports) = mpsc::channel::<PullProgress>(PROGRESS);
    let events = world.events.clone();
    let forward = async move {
        while let Some(PullProgress { done, total }) = reports.recv().await {
            // If the channel is full, this report is lost. A later report has newer numbers.
            let _ = events.try_send(Event::Pulled { done, total });
        }
    };
    let pulling = world.write.runtime.pull(&world.plan.version, progress);
    let (done, ()) = tokio::join!(pulling, forward);
    done
}

async fn start(world: &World) -> Result<()> {
    let plan = &world.plan;
    let target = plan.target();
    let occupancy = world
        .read
        .runtime
        .occupancy(target, plan.slot, plan.endpoint())
        .await?;
    if let Occupancy::Ours(instance) = occupancy
        && instance.release != Some(plan.release)
    {
        replace(world, &instance).await?;
    }
    let spec = InstanceSpec {
        target: target.clone(),
        slot: plan.slot,
        version: plan.version.clone(),
        release: plan.release,
        endpoint: plan.endpoint().clone(),
        shape: plan.definition.instance.clone(),
    };
    lock::still_ours(world, "starting the candidate").await?;
    let candidate = world.write.runtime.start(&spec).await?;
    world.candidate.send_replace(Some(candidate));
    Ok(())
}

/// Removes the instance in the candidate's slot, if it is the leftover that the plan names. Otherwise fails.
async fn replace(world: &World, instance: &Instance) -> Result<()> {
    let plan = &world.plan;
    let is_planned = plan
        .leftover
        .as_ref()
        .is_some_and(|leftover| leftover.id == instance.id);
    if !is_planned {
        return Err(Failure::new(
            FailureKind::Conflict,
            world.read.runtime.address(),
            format!("making room in {}", plan.slot),
            format!(
                "{} ({}) is in the slot, but was not there when the plan was made",
                instance.version_name(),
                instance.id.short()
            ),
        )
        .hint("back out, then plan again"));
    }
    world
        .write
        .registry
        .deregister(plan.target(), plan.slot, &world.fence)
        .await?;
    remove(world, &instance.id).await
}

async fn install(world: &World) -> Result<()> {
    lock::still_ours(world, "installing the proxy's configuration").await?;
    world.write.router.install(world.plan.target()).await
}

async fn stop(world: &World, instance: &InstanceId) -> Result<()> {
    let grace = world.plan.definition.timing.stop_grace;
    lock::still_ours(world, &format!("stopping {}", instance.short())).await?;
    world.write.runtime.stop(instance, grace).await
}

async fn remove(world: &World, instance: &InstanceId) -> Result<()> {
    stop(world, instance).await?;
    lock::still_ours(world, &format!("removing {}", instance.short())).await?;
    world.write.runtime.remove(instance).await
}

/// The instance that the runtime has in a slot now.
async fn instance_in(world: &World, slot: Slot) -> Result<Option<Instance>> {
    let instances = world.read.runtime.instances(world.plan.target()).await?;
    Ok(instances.into_iter().find(|instance| instance.slot == slot))
}

async fn register(world: &World, slot: Slot) -> Result<()> {
    let plan = &world.plan;
    let Some(instance) = instance_in(world, slot).await? else {
        return Err(Failure::new(
            FailureKind::Missing,
            world.read.runtime.address(),
            format!("registering {slot}"),
            format!("{slot} is empty"),
        ));
    };
    let entry = Registration {
        slot,
        endpoint: plan.definition.endpoints.get(slot).clone(),
        tag: tag_of(plan, &instance),
        digest: instance.digest,
        instance: instance.id,
        release: plan.release,
        registered_at: world.clock.now(),
        token: world.fence.token,
    };
    world
        .write
        .registry
        .register(plan.target(), &entry, &world.fence)
        .await
}

fn tag_of(plan: &Plan, instance: &Instance) -> Option<String> {
    if instance.digest == plan.version.digest {
        plan.version.tag.clone().or_else(|| instance.tag.clone())
    } else {
        instance.tag.clone()
    }
}

/// Moves the traffic. First the proxy prepares the switch. Then the driver writes the route to the store. Last, the
/// proxy makes the switch. If the proxy cannot prepare the switch, the route stays unchanged.
async fn switch(world: &World, movement: &Movement) -> Result<()> {
    let plan = &world.plan;
    let digest = if movement.to == plan.slot {
        plan.version.digest.clone()
    } else {
        plan.from.as_ref().map_or_else(
            || plan.version.digest.clone(),
            |from| from.version.digest.clone(),
        )
    };
    let hold = if movement.to == plan.slot {
        let same = || HoldChange::Same(movement.hold.clone());
        plan.hold_left().map_or_else(same, HoldChange::Leave)
    } else {
        // This clears only a hold that this release placed.
        HoldChange::Clear(Cleared {
            by: world.operator.clone(),
            at: world.clock.now(),
            why: Some("the rollback that left this hold was backed out".to_owned()),
        })
    };
    let change = RouteChange {
        from: movement.route_from,
        to: Route {
            generation: movement.generation,
            live: movement.to,
            endpoint: plan.definition.endpoints.get(movement.to).clone(),
            digest,
            release: plan.release,
            token: world.fence.token,
        },
        hold,
        peer_approvals: movement.peer_approvals.clone(),
        others_keys: match plan.kind {
            ReleaseKind::Promote if movement.to == plan.slot => OthersKeys::Refuse,
            _ => OthersKeys::Leave,
        },
    };
    let order = SwitchOrder {
        from: movement.proxy_from,
        to: movement.to,
        generation: movement.generation,
        token: world.fence.token,
    };
    let router = &world.write.router;
    router.make_ready(plan.target(), &order).await?;
    world
        .write
        .registry
        .swap_route(plan.target(), &change, &world.fence)
        .await?;
    router.switch(plan.target(), &order).await
}

async fn deregister(world: &World, slot: Slot) -> Result<()> {
    world
        .write
        .registry
        .deregister(world.plan.target(), slot, &world.fence)
        .await
}

/// Deregisters a slot. Then stops the instance that the guard observed in the slot; a rollback also removes that
/// instance. If another instance is in the slot now, that instance is not stopped, because it may have traffic.
async fn retire(world: &World, slot: Slot, instance: Option<&InstanceId>) -> Result<()> {
    deregister(world, slot).await?;
    match instance {
        // The version that a rollback replaced is not kept for a cold start, because an operator went back from it.
        Some(instance) if world.plan.kind == ReleaseKind::Promote => stop(world, instance).await,
        Some(instance) => remove(world, instance).await,
        None => Ok(()),
    }
}

async fn reinstate(world: &World, slot: Slot, before: Before) -> Result<()> {
    let Some(instance) = instance_in(world, slot).await? else {
        return Err(Failure::new(
            FailureKind::Missing,
            world.read.runtime.address(),
            format!("starting {slot} again"),
            format!("{slot} is empty"),
        )
        .hint("promote the version that should run"));
    };
    if before == Before::Stop {
        stop(world, &instance.id).await?;
    }
    if before == Before::Stop || !instance.is_running() {
        lock::still_ours(world, &format!("starting {slot} again")).await?;
        world.write.runtime.restart(&instance.id).await?;
    }
    register(world, slot).await
}

/// What happens while an action is performed.
pub(in crate::release) enum Progress {
    Pulled(PullProgress),
    Started(InstanceId),
}

/// The ports of one target, and the lock under which its actions are performed.
pub(in crate::release) struct Performer<'a> {
    pub(in crate::release) definition: &'a Definition,
    pub(in crate::release) read: &'a Reading,
    pub(in crate::release) write: &'a Writing,
    pub(in crate::release) fence: &'a Fence,
    pub(in crate::release) clock: &'a dyn Clock,
    /// The operator who drives the release or the repair.
    pub(in crate::release) operator: &'a Operator,
    pub(in crate::release) progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl Performer<'_> {
    pub(in crate::release) async fn perform(&self, action: &Action) -> Result<()> {
        let target = self.target();
        let Writing {
            runtime,
            registry,
            router,
            ..
        } = self.write;
        match action {
            Action::Pull(version) => self.pull(version).await,
            Action::Install => {
                self.still_ours("installing the proxy's configuration")
                    .await?;
                router.install(target).await
            }
            Action::Create {
                slot,
                version,
                release,
            } => self.create(*slot, version, *release).await,
            Action::Start { slot, instance } => {
                self.still_ours(&format!("starting {slot} again")).await?;
                runtime.restart(instance).await
            }
            Action::Register {
                slot,
                digest,
                tag,
                release,
            } => self.register(*slot, digest, tag.as_ref(), *release).await,
            Action::Route(rewrite) => self.route(rewrite).await,
            Action::Switch(movement) => self.switch(movement).await,
            Action::Rebase { from, generation } => {
                // The order lowers the token of the pointer, so the proxy cannot refuse an earlier driver.
                self.still_ours("writing the token of the current lock to the pointer")
                    .await?;
                let order = RebaseOrder {
                    from: *from,
                    generation: *generation,
                    token: self.fence.token,
                };
                router.rebase(target, &order).await
            }
            Action::Deregister(slot) => registry.deregister(target, *slot, self.fence).await,
            Action::Stop { instance, .. } => {
                self.still_ours(&format!("stopping {}", instance.short()))
                    .await?;
                runtime
                    .stop(instance, self.definition.timing.stop_grace)
                    .await
            }
            Action::Remove { instance, .. } => {
                self.still_ours(&format!("removing {}", instance.short()))
                    .await?;
                runtime.remove(instance).await
            }
        }
    }

    fn target(&self) -> &Target {
        &self.definition.target
    }

    /// Checks that this driver still holds the lock (interlock 4). The store compares the lock's token in every write,
    /// and the proxy refuses a switch with a lower token. All other changes are made after this check. If this machine
    /// slept for longer than the lease, the check finds the lost lock before the next heartbeat does.
    async fn still_ours(&self, doing: &str) -> Result<()> {
        let target = self.target();
        if self.write.locks.holds(target, self.fence).await? {
            return Ok(());
        }
        let message = format!("this driver no longer holds the lock of {target}");
        Err(Failure::new(
            FailureKind::Fenced,
            "the lock",
            doing,
            message,
        ))
    }

    async fn pull(&self, version: &Version) -> Result<()> {
        let (progress, mut reports) = mpsc::channel::<PullProgress>(PROGRESS);
        let forward = async {
            while let Some(pulled) = reports.recv().await {
                (self.progress)(Progress::Pulled(pulled));
            }
        };
        let pulling = self.write.runtime.pull(version, progress);
        let (done, ()) = tokio::join!(pulling, forward);
        done
    }

    async fn create(&self, slot: Slot, version: &Version, release: ReleaseId) -> Result<()> {
        if !self.read.runtime.has_image(version).await? {
            self.pull(version).await?;
        }
        let spec = InstanceSpec {
            target: self.target().clone(),
            slot,
            version: version.clone(),
            release,
            endpoint: self.definition.endpoints.get(slot).clone(),
            shape: self.definition.instance.clone(),
        };
        // The pull may take minutes, in which the lock may be lost.
        self.still_ours(&format!("starting {} in {slot}", version.name()))
            .await?;
        let instance = self.write.runtime.start(&spec).await?;
        (self.progress)(Progress::Started(instance));
        Ok(())
    }

    async fn register(
        &self,
        slot: Slot,
        digest: &Digest,
        tag: Option<&String>,
        release: ReleaseId,
    ) -> Result<()> {
        let failed = |kind, why: String| {
            let runtime = self.read.runtime.address();
            Failure::new(kind, runtime, format!("registering {slot}"), why)
        };
        let instances = self.read.runtime.instances(self.target()).await?;
        let Some(instance) = instances.into_iter().find(|it| it.slot == slot) else {
            return Err(failed(FailureKind::Missing, format!("{slot} is empty")));
        };
        if instance.digest != *digest {
            let why = format!(
                "{slot} runs {} instead of {}",
                instance.digest.short(),
                digest.short()
            );
            return Err(failed(FailureKind::Changed, why));
        }
        let entry = Registration {
            slot,
            endpoint: self.definition.endpoints.get(slot).clone(),
            tag: instance.tag.or_else(|| tag.cloned()),
            digest: instance.digest,
            instance: instance.id,
            release,
            registered_at: self.clock.now(),
            token: self.fence.token,
        };
        let registry = &self.write.registry;
        registry.register(self.target(), &entry, self.fence).await
    }

    async fn switch(&self, movement: &Move) -> Result<()> {
        let order = movement.order(self.fence.token);
        let router = &self.write.router;
        router.make_ready(self.target(), &order).await?;
        if let Some(rewrite) = &movement.route {
            self.route(rewrite).await?;
        }
        router.switch(self.target(), &order).await
    }

    async fn route(&self, rewrite: &Rewrite) -> Result<()> {
        let (target, registry) = (self.target(), &self.write.registry);
        let to = Route {
            generation: rewrite.generation,
            live: rewrite.live,
            endpoint: self.definition.endpoints.get(rewrite.live).clone(),
            digest: rewrite.digest.clone(),
            release: rewrite.release,
            token: self.fence.token,
        };
        let from = match rewrite.from {
            RouteBefore::Unreadable => {
                return registry.replace_route(target, &to, self.fence).await;
            }
            RouteBefore::Missing => None,
            RouteBefore::Contains(generation, live) => Some((generation, live)),
        };
        let change = RouteChange {
            from,
            to,
            hold: self.hold_change(&rewrite.purpose),
            peer_approvals: match &rewrite.purpose {
                Purpose::Promote { peer_approvals, .. } => peer_approvals.clone(),
                _ => Vec::new(),
            },
            others_keys: match rewrite.purpose {
                Purpose::Promote { .. } => OthersKeys::Refuse,
                _ => OthersKeys::Leave,
            },
        };
        registry.swap_route(target, &change, self.fence).await
    }

    fn hold_change(&self, purpose: &Purpose) -> HoldChange {
        match purpose {
            Purpose::Promote { hold, .. } => HoldChange::Same(hold.clone()),
            Purpose::Rollback(Some(hold)) => HoldChange::Leave(hold.clone()),
            Purpose::Rollback(None) | Purpose::Repair => HoldChange::Keep,
            // This clears only a hold that this release placed.
            Purpose::BackOut => HoldChange::Clear(Cleared {
                by: self.operator.clone(),
                at: self.clock.now(),
                why: Some("the rollback that left this hold was backed out".to_owned()),
            }),
        }
    }
}

/// What a driver does about a failure.
pub(in crate::release) fn error_kind(failure: &Failure) -> ActionErrorKind {
    match failure.kind {
        FailureKind::Fenced => ActionErrorKind::Fenced,
        kind if kind.may_be_temporary() => ActionErrorKind::Passing,
        _ => ActionErrorKind::Final,
    }
}

//! Performs one act of a release. Each act can be repeated safely, because it leads to a fixed state.

use tokio::sync::mpsc;

use super::{World, lock, lost};
use crate::history::ReleaseKind;
use crate::inventory::{
    Cleared, HoldChange, Instance, InstanceId, Occupancy, OthersKeys, Registration, Route,
    RouteChange, Slot, SwitchOrder,
};
use crate::ports::{Failure, FailureKind, InstanceSpec, PullProgress};
use crate::release::act::{Act, ActionError, ActionErrorKind, Before, Move, Stage};
use crate::release::event::Event;
use crate::release::{Approved, Plan};

/// How many progress reports of a pull may wait. The adapter drops the rest.
const PROGRESS: usize = 16;

pub(super) async fn perform(
    world: &World,
    act: &Act,
    stage: Stage,
    approved: &Approved,
) -> Result<(), ActionError> {
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

async fn pull(world: &World) -> Result<(), Failure> {
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

async fn start(world: &World) -> Result<(), Failure> {
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
async fn replace(world: &World, instance: &Instance) -> Result<(), Failure> {
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

async fn install(world: &World) -> Result<(), Failure> {
    lock::still_ours(world, "installing the proxy's configuration").await?;
    world.write.router.install(world.plan.target()).await
}

async fn stop(world: &World, instance: &InstanceId) -> Result<(), Failure> {
    let grace = world.plan.definition.timing.stop_grace;
    lock::still_ours(world, &format!("stopping {}", instance.short())).await?;
    world.write.runtime.stop(instance, grace).await
}

async fn remove(world: &World, instance: &InstanceId) -> Result<(), Failure> {
    stop(world, instance).await?;
    lock::still_ours(world, &format!("removing {}", instance.short())).await?;
    world.write.runtime.remove(instance).await
}

/// The instance that the runtime has in a slot now.
async fn instance_in(world: &World, slot: Slot) -> Result<Option<Instance>, Failure> {
    let instances = world.read.runtime.instances(world.plan.target()).await?;
    Ok(instances.into_iter().find(|instance| instance.slot == slot))
}

async fn register(world: &World, slot: Slot) -> Result<(), Failure> {
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
async fn switch(world: &World, movement: &Move) -> Result<(), Failure> {
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

async fn deregister(world: &World, slot: Slot) -> Result<(), Failure> {
    world
        .write
        .registry
        .deregister(world.plan.target(), slot, &world.fence)
        .await
}

/// Deregisters a slot. Then stops the instance that the guard observed in the slot; a rollback also removes that
/// instance. If another instance is in the slot now, that instance is not stopped, because it may have traffic.
async fn retire(world: &World, slot: Slot, instance: Option<&InstanceId>) -> Result<(), Failure> {
    deregister(world, slot).await?;
    match instance {
        // The version that a rollback replaced is not kept for a cold start, because an operator went back from it.
        Some(instance) if world.plan.kind == ReleaseKind::Promote => stop(world, instance).await,
        Some(instance) => remove(world, instance).await,
        None => Ok(()),
    }
}

async fn reinstate(world: &World, slot: Slot, before: Before) -> Result<(), Failure> {
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

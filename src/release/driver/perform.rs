//! Performs the actions of releases and repairs. Each action can be repeated safely, because it leads to a fixed state.

use futures_util::future::OptionFuture;
use tokio::sync::mpsc;

use super::{Reading, World, Writing, lost};
use crate::inventory::{
    Addresses, Cleared, Digest, EdgeName, HoldChange, Member, Operator, OthersKeys, RebaseOrder,
    RegisteredMember, Registration, ReleaseId, RestartPolicy, Route, RouteChange, Slot,
    SlotMembers, SwitchOrder, Target, Version,
};
use crate::ports::{
    Clock, Failure, FailureKind, Fence, InstanceSpec, PullProgress, Result, RouterWriter, TaskSpec,
};
use crate::release::action::{
    Action, ActionError, ActionErrorKind, Move, Purpose, Rewrite, RouteBefore, TaskOrder,
};
use crate::release::event::Event;
use crate::release::observation::Stage;
use crate::release::{Approved, Definition};

/// How many progress reports of a pull may wait. The adapter drops further reports.
const PROGRESS: usize = 16;

/// Performs the actions of a stage of a release in order, up to the first failure.
pub(super) async fn perform(
    world: &World,
    actions: &[Action],
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
    let progress = |progress| match progress {
        // If the channel is full, this report is lost. A later report has newer numbers.
        Progress::Pulled(PullProgress { done, total }) => {
            let _ = world.events.try_send(Event::Pulled { done, total });
        }
        Progress::Started(candidate) => {
            world.candidate.send_replace(candidate);
        }
    };
    let performer = Performer {
        definition: &plan.definition,
        read: &world.read,
        write: &world.write,
        fence: &world.fence,
        clock: world.clock.as_ref(),
        operator: &world.operator,
        progress: &progress,
    };
    for action in actions {
        if let Err(failure) = performer.perform(action).await {
            return Err(ActionError {
                kind: error_kind(&failure),
                text: lost::message(world, &failure).await,
            });
        }
    }
    Ok(())
}

/// What happens while an action is performed.
pub(in crate::release) enum Progress {
    Pulled(PullProgress),
    /// These members of the candidate are started.
    Started(Vec<Member>),
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
        let Writing { runtime, store, .. } = self.write;
        match action {
            Action::Pull(version) => self.pull(version).await,
            Action::Install => {
                self.still_ours("installing the proxy's configuration")
                    .await?;
                self.router()?.install(target).await
            }
            Action::Create {
                slot,
                addresses,
                version,
                release,
            } => self.create(*slot, addresses, version, *release).await,
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
                self.router()?.rebase(target, &order).await
            }
            Action::Deregister(slot) => store.registry.deregister(target, *slot, self.fence).await,
            Action::Quiet { instance, .. } => {
                self.still_ours(&format!("quieting {}", instance.short()))
                    .await?;
                let Some(quiet) = &self.definition.quiet else {
                    let doing = format!("quieting {}", instance.short());
                    let message = "the configuration no longer has `quiet`: skip the step, or leave the release";
                    let (kind, runtime) = (FailureKind::Rejected, self.read.runtime.address());
                    return Err(Failure::new(kind, runtime, doing, message));
                };
                runtime.quiet(instance, quiet).await
            }
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
            Action::CreateTask(order) => self.create_task(order).await,
            Action::StartTask(order) => {
                let spec = self.task_spec(order)?;
                self.still_ours(&format!("starting {}", order.call)).await?;
                runtime.start_task(&spec).await
            }
            Action::StopTask(id) => {
                self.still_ours(&format!("stopping the task {}", id.short()))
                    .await?;
                runtime.stop(id, self.definition.timing.stop_grace).await
            }
        }
    }

    fn target(&self) -> &Target {
        &self.definition.target
    }

    /// The proxy of the target. No plan for a background service has an action of the proxy.
    fn router(&self) -> Result<&dyn RouterWriter> {
        self.write.router.as_deref().ok_or_else(|| {
            let message = format!("{} has no proxy: plan the release again", self.target());
            let doing = "changing the proxy";
            Failure::new(FailureKind::Unsupported, "the proxy", doing, message)
        })
    }

    async fn still_ours(&self, doing: &str) -> Result<()> {
        still_ours(self.write, self.target(), self.fence, doing).await
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

    async fn create(
        &self,
        slot: Slot,
        addresses: &Addresses,
        version: &Version,
        release: ReleaseId,
    ) -> Result<()> {
        if !self.read.runtime.has_image(version).await? {
            self.pull(version).await?;
        }
        let of = addresses.members();
        let mut started = Vec::with_capacity(of);
        for number in 1..=of {
            let spec = InstanceSpec {
                target: self.target().clone(),
                slot,
                number,
                of,
                version: version.clone(),
                release,
                endpoint: addresses.of_member(number).cloned(),
                shape: self.definition.instance.clone(),
            };
            // The pull, and each start, may take minutes, in which the lock may be lost.
            let doing = format!("starting {} in {slot}", version.name());
            self.still_ours(&doing).await?;
            // Only what exists can be seen and removed by a later driver. So a driver that has lost its lock while it
            // created the container does not start it (interlock 12).
            if self.definition.is_exclusive() {
                self.write.runtime.create(&spec).await?;
                self.still_ours(&doing).await?;
            }
            let id = self.write.runtime.start(&spec).await?;
            started.push(Member { id, number, of });
            (self.progress)(Progress::Started(started.clone()));
        }
        Ok(())
    }

    async fn create_task(&self, order: &TaskOrder) -> Result<()> {
        let spec = self.task_spec(order)?;
        if !self.read.runtime.has_image(&order.version).await? {
            self.pull(&order.version).await?;
        }
        self.still_ours(&format!("creating the container of {}", order.call))
            .await?;
        self.write.runtime.create_task(&spec).await
    }

    fn task_spec(&self, order: &TaskOrder) -> Result<TaskSpec> {
        let tasks = self.definition.tasks.iter();
        let mut tasks = tasks.filter(|task| task.name == order.call.task);
        let found = tasks.next().and_then(|task| {
            let command = task.command_of(order.call.is_undo)?;
            Some((task, command.clone()))
        });
        let Some((task, command)) = found else {
            let runtime = self.read.runtime.address();
            let doing = format!("running {}", order.call);
            let message = "the configuration no longer has this task: back out, then plan again";
            return Err(Failure::new(FailureKind::Rejected, runtime, doing, message));
        };
        let mut shape = self.definition.instance.clone();
        shape.command = Some(command);
        shape.restart = RestartPolicy::No;
        shape.environment.extend(task.environment.clone());
        Ok(TaskSpec {
            target: self.target().clone(),
            call: order.call.clone(),
            version: order.version.clone(),
            release: order.release,
            token: self.fence.token,
            unstarted: order.unstarted,
            shape,
        })
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
        let slots = SlotMembers::by_slot(instances);
        let members = slots.get(slot);
        if let Some(difference) = members.difference() {
            return Err(failed(FailureKind::Changed, format!("{slot} {difference}")));
        }
        let Some(instance) = members.representative() else {
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
        let addresses = self.definition.endpoints.get(slot);
        // The order of a set differs if a member was renamed.
        let mut in_order: Vec<_> = members.iter().collect();
        in_order.sort_by_key(|member| member.number);
        let registered = in_order.into_iter().map(|member| {
            let has_addresses = !addresses.is_empty();
            let endpoint = member.address(addresses).filter(|_| has_addresses);
            if endpoint.is_none() && has_addresses {
                let why = format!(
                    "{} has no address: configure {} addresses for {slot}",
                    member.name, member.number
                );
                return Err(failed(FailureKind::Rejected, why));
            }
            Ok(RegisteredMember {
                endpoint,
                instance: member.id.clone(),
            })
        });
        let entry = Registration {
            slot,
            members: registered.collect::<Result<_>>()?,
            tag: instance.tag.clone().or_else(|| tag.cloned()),
            digest: instance.digest.clone(),
            release,
            registered_at: self.clock.now(),
            token: self.fence.token,
        };
        let registry = &self.write.store.registry;
        registry.register(self.target(), &entry, self.fence).await
    }

    async fn switch(&self, movement: &Move) -> Result<()> {
        let order = movement.order(&EdgeName::default(), self.fence.token);
        let route = movement.route.as_ref().map(|rewrite| self.route(rewrite));
        let router = self.write.router.as_deref();
        move_proxy(router, self.target(), &order, route).await
    }

    async fn route(&self, rewrite: &Rewrite) -> Result<()> {
        let (target, registry) = (self.target(), &self.write.store.registry);
        let to = Route {
            generation: rewrite.generation,
            live: rewrite.live,
            addresses: rewrite.addresses.clone(),
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

/// Checks that this driver still holds the lock (interlock 4). The store compares the lock's token in every write, and
/// the proxy refuses a switch with a lower token. All other changes except a pull are made after this check. If this
/// machine slept for longer than the lease, the check finds the lost lock before the next heartbeat does.
pub(super) async fn still_ours(
    write: &Writing,
    target: &Target,
    fence: &Fence,
    doing: &str,
) -> Result<()> {
    if write.store.locks.holds(target, fence).await? {
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

/// Moves the proxy's pointer. First the proxy prepares the switch. Then the route is written, if it changes. If the
/// proxy cannot prepare the switch, the route stays unchanged. Without a proxy, only the route is written.
async fn move_proxy(
    router: Option<&dyn RouterWriter>,
    target: &Target,
    order: &SwitchOrder,
    route: Option<impl Future<Output = Result<()>>>,
) -> Result<()> {
    if let Some(router) = router {
        router.make_ready(target, order).await?;
    }
    if let Some(written) = OptionFuture::from(route).await {
        written?;
    }
    match router {
        Some(router) => router.switch(target, order).await,
        None => Ok(()),
    }
}

/// What a driver does about a failure.
pub(in crate::release) fn error_kind(failure: &Failure) -> ActionErrorKind {
    match failure.kind {
        FailureKind::Fenced => ActionErrorKind::Fenced,
        kind if kind.may_be_temporary() => ActionErrorKind::Temporary,
        _ => ActionErrorKind::Final,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::*;
    use crate::inventory::FencingToken;
    use crate::inventory::drift::world_tests::target;

    /// A proxy that notes its calls and those of the store.
    #[derive(Default)]
    struct Calls {
        made: Mutex<Vec<&'static str>>,
        is_full: bool,
    }

    impl Calls {
        fn note(&self, call: &'static str) {
            self.made.lock().expect("whole").push(call);
        }
    }

    #[async_trait]
    impl RouterWriter for Calls {
        async fn install(&self, _: &Target) -> Result<()> {
            self.note("install");
            Ok(())
        }

        async fn make_ready(&self, _: &Target, _: &SwitchOrder) -> Result<()> {
            self.note("make ready");
            if self.is_full {
                let kind = FailureKind::Rejected;
                return Err(Failure::new(
                    kind,
                    "the proxy",
                    "preparing",
                    "the disk is full",
                ));
            }
            Ok(())
        }

        async fn switch(&self, _: &Target, _: &SwitchOrder) -> Result<()> {
            self.note("switch");
            Ok(())
        }
    }

    /// The calls of a movement, with or without a new route.
    async fn calls(has_route: bool, is_full: bool) -> Vec<&'static str> {
        let calls = Calls {
            is_full,
            ..Calls::default()
        };
        let order = SwitchOrder {
            from: Some(Slot::Blue),
            to: Slot::Green,
            generation: 42,
            token: FencingToken(7),
        };
        let route = has_route.then_some(async {
            calls.note("route");
            Ok(())
        });
        let moved = move_proxy(Some(&calls), &target(), &order, route).await;
        assert_eq!(moved.is_err(), is_full);
        calls.made.into_inner().expect("whole")
    }

    #[tokio::test]
    async fn the_proxy_is_prepared_before_every_change_of_its_pointer() {
        assert_eq!(calls(true, false).await, ["make ready", "route", "switch"]);
        // A repair whose route is right changes only the pointer.
        assert_eq!(calls(false, false).await, ["make ready", "switch"]);
    }

    #[tokio::test]
    async fn a_proxy_that_cannot_be_prepared_leaves_the_route_unchanged() {
        assert_eq!(calls(true, true).await, ["make ready"]);
    }
}

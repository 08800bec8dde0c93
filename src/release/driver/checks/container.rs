//! Runs a check in a container next to the candidate. Creating a container is a change, so this driver must hold the
//! lock. Whatever happens to the check, its container is removed. If the driver dies, the next driver removes it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::super::World;
use super::super::perform::still_ours;
use super::{Running, Stopped};
use crate::checks::{
    Case, CaseReport, CommandEnd, CommandOutcome, ContainerCase, TestReport, judge_command,
    no_report, read_report,
};
use crate::inventory::{Address, InstanceId, InstanceShape, Listen, Mask, RestartPolicy};
use crate::ports::{CheckContainers, CheckSpec, CheckedCandidate, Failure, FailureKind};

/// How long the removal of the containers may take at the end of a release.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the check. None if it was cancelled.
pub(super) async fn run(
    world: &World,
    (case, container): (&Case, &ContainerCase),
    running: &Running,
    stopped: &mut Stopped,
) -> Option<CaseReport> {
    let mask = world.read.checker.mask().await;
    let began = Instant::now();
    let outcome = match containers(world) {
        Ok(containers) => {
            let check = ContainerCheck {
                world,
                case,
                container,
                containers: containers.as_ref(),
                until: began + case.timeout,
            };
            check.outcome(running, stopped, &mask).await?
        }
        Err(failure) => Err(failure.to_string()),
    };
    let took = began.elapsed();
    let outcome = match outcome {
        Ok(outcome) => CommandOutcome { took, ..outcome },
        Err(why) => CommandOutcome::not_started(&why, took, &mask),
    };
    let report = judge_command(case, outcome);
    Some(CaseReport {
        request: mask.hide(&report.request),
        ..report
    })
}

struct ContainerCheck<'a> {
    world: &'a World,
    case: &'a Case,
    container: &'a ContainerCase,
    containers: &'a dyn CheckContainers,
    /// When the timeout of the check has passed.
    until: Instant,
}

impl ContainerCheck<'_> {
    /// How the command ended, or why it was not started. None if it was cancelled.
    async fn outcome(
        &self,
        running: &Running,
        stopped: &mut Stopped,
        mask: &Mask,
    ) -> Option<Result<CommandOutcome, String>> {
        tokio::select! {
            prepared = self.prepare() => if let Err(why) = prepared {
                return Some(Err(why));
            },
            Ok(()) = stopped.changed() => return None,
        }
        // A container whose creation was cancelled might be left behind, so this is not cancelled.
        let id = match self.start(running).await {
            Ok(id) => id,
            Err(failure) => return Some(Err(failure.to_string())),
        };
        let mut output = self.world.check_output.recorder(&self.case.name);
        let end = tokio::select! {
            end = timeout_at(self.until, self.containers.wait(&id, &mut output)) => Some(end),
            Ok(()) = stopped.changed() => None,
        };
        let report = match &end {
            Some(Ok(Ok(_))) if self.container.junit => Some(self.report(&id, mask).await),
            _ => None,
        };
        if let Err(failure) = self.containers.remove(&id).await {
            tracing::warn!(
                "the container of the check {} remains: {failure}",
                self.case.name
            );
        }
        let end = match end? {
            Err(_) => CommandEnd::TimedOut,
            Ok(Err(failure)) => CommandEnd::NotStarted(mask.hide(&failure.to_string())),
            Ok(Ok(exit)) if exit.out_of_memory => CommandEnd::OutOfMemory,
            Ok(Ok(exit)) => match exit.code.and_then(|code| i32::try_from(code).ok()) {
                Some(code) => CommandEnd::Exited(code),
                None => CommandEnd::NotStarted("Docker reports no exit code".to_owned()),
            },
        };
        Some(Ok(CommandOutcome {
            end,
            took: Duration::ZERO,
            output: output.end(mask),
            report,
        }))
    }

    /// Makes sure that the runtime has the image, within the timeout of the check.
    async fn prepare(&self) -> Result<(), String> {
        let Some(image) = &self.container.image else {
            return Ok(());
        };
        match timeout_at(self.until, self.containers.prepare(image)).await {
            Ok(prepared) => prepared.map_err(|failure| failure.to_string()),
            Err(_) => Err(format!(
                "pulling the image {image} took longer than the timeout of the check: pull it before the release, or configure a longer `timeout`"
            )),
        }
    }

    async fn start(&self, running: &Running) -> Result<InstanceId, Failure> {
        let spec = self.spec(running);
        let doing = format!("creating the container of the check {}", self.case.name);
        let world = self.world;
        still_ours(&world.write, world.plan.target(), &world.fence, &doing).await?;
        self.containers.start(&spec).await
    }

    fn spec(&self, running: &Running) -> CheckSpec {
        let plan = &self.world.plan;
        let instance = &plan.definition.instance;
        let mut shape = match &self.container.image {
            None => instance.clone(),
            Some(_) => InstanceShape::listening(instance.listen.clone()),
        };
        shape.command.clone_from(&self.container.command);
        shape.restart = RestartPolicy::No;
        shape.environment.extend(self.container.environment.clone());
        CheckSpec {
            check: self.case.name.clone(),
            candidate: CheckedCandidate {
                target: plan.target().clone(),
                slot: plan.slot,
                version: plan.version.clone(),
                release: plan.release,
                address: inner_address(&instance.listen),
            },
            network_of: running.first.clone(),
            endpoint: plan.addresses().first().clone(),
            token: self.world.fence.token,
            image: self.container.image.clone(),
            shape,
            has_report: self.container.junit,
        }
    }

    async fn report(&self, id: &InstanceId, mask: &Mask) -> Result<Vec<TestReport>, String> {
        let written = self.containers.report(id).await;
        let bytes = written.map_err(no_report)?.map_err(no_report)?;
        let mask = mask.clone();
        let parsing = move || read_report(&bytes, &mask);
        let parsed = tokio::task::spawn_blocking(parsing).await;
        parsed.unwrap_or_else(|error| Err(format!("its JUnit report cannot be read: {error}")))
    }
}

/// Where the candidate answers, as a container sees it that shares its network.
fn inner_address(listen: &Listen) -> Address {
    match listen {
        Listen::Port(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, *port)).into(),
        Listen::Socket(path) => Address::Unix(path.clone()),
    }
}

fn containers(world: &World) -> Result<&Arc<dyn CheckContainers>, Failure> {
    let containers = world.write.check_containers.as_ref();
    containers.ok_or_else(|| {
        let message =
            "this runtime has no containers: use a `command` without `container` and `image`";
        let runtime = world.read.runtime.address();
        Failure::new(
            FailureKind::Unsupported,
            runtime,
            "running a check",
            message,
        )
    })
}

/// Removes the containers of all checks of the target, if this driver holds the lock. Another driver may have started
/// its own.
pub(super) async fn remove_all(world: &World, doing: &str) -> Result<(), String> {
    let Some(containers) = &world.write.check_containers else {
        return Ok(());
    };
    let target = world.plan.target();
    let removing = async {
        still_ours(&world.write, target, &world.fence, doing).await?;
        containers.remove_all(target).await
    };
    removing.await.map_err(|failure| failure.to_string())
}

/// Removes what checks may have left, when the release has ended.
pub(in crate::release::driver) async fn clear(world: &World) {
    if !world.plan.definition.suite.has_containers() {
        return;
    }
    let doing = "removing the containers of checks";
    let cleared = timeout(REMOVE_TIMEOUT, remove_all(world, doing)).await;
    if let Err(why) = cleared.unwrap_or_else(|_| Err("it took too long".to_owned())) {
        let target = world.plan.target();
        tracing::warn!("containers of checks of {target} may remain: {why}");
    }
}

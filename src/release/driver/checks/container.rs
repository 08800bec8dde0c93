//! Runs a check in a container next to the candidate. Creating a container is a change, so this driver must hold the
//! lock. Whatever happens to the check, its container is removed. If the driver dies, the next driver removes it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::super::World;
use super::super::perform::still_ours;
use super::{Attempt, Running, Stopped, output_mask};
use crate::checks::{
    Case, CommandEnd, CommandOutcome, ContainerCase, OutputMask, TestReport, Verdict,
    judge_command, no_report, read_report,
};
use crate::inventory::{Address, InstanceId, InstanceShape, Listen, Mask, RestartPolicy};
use crate::ports::{
    CheckContainer, CheckContainers, CheckNotStarted, CheckSpec, CheckedCandidate, Failure,
    FailureKind, OutputRecorder, RemainingContainer,
};
use crate::release::describe::duration;

/// How long the removal of the containers may take at the end of a release.
const REMOVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs the check. None if it was cancelled.
pub(super) async fn run(
    world: &World,
    (case, container): (&Case, &ContainerCase),
    running: &Running,
    stopped: &mut Stopped,
) -> Option<Attempt> {
    let began = Instant::now();
    let ended = match containers(world) {
        Ok(containers) => {
            let check = ContainerCheck {
                world,
                case,
                container,
                containers: containers.as_ref(),
            };
            check.run_to_end(running, stopped).await?
        }
        Err(failure) => Ended::not_started(failure.to_string()),
    };
    let took = began.elapsed();
    let mask = output_mask(world).await;
    Some(ended.attempt(case, took, &mask).await)
}

/// A check that has ended. Its texts are not masked yet.
struct Ended {
    end: CommandEnd,
    output: Option<OutputRecorder>,
    report: Option<Result<Vec<u8>, String>>,
    /// The name of its container, if that was not removed.
    remains: Option<String>,
}

impl Ended {
    fn not_started(why: String) -> Self {
        Self {
            end: CommandEnd::NotStarted(why),
            output: None,
            report: None,
            remains: None,
        }
    }

    /// Judges the check. If its container was not removed, the check is an error, whatever its command said.
    async fn attempt(self, case: &Case, took: Duration, mask: &OutputMask) -> Attempt {
        let unmasked = CommandOutcome {
            end: self.end,
            took,
            output: match self.output {
                Some(output) => output.end(mask),
                None => Some(String::new()),
            },
            report: match self.report {
                Some(Ok(bytes)) => Some(parse(bytes, &mask.mask).await),
                Some(Err(why)) => Some(Err(mask.mask.hide(&why))),
                None => None,
            },
        };
        let outcome = match &unmasked.end {
            CommandEnd::NotStarted(why) => CommandOutcome {
                end: CommandOutcome::not_started(why, took, &mask.mask).end,
                ..unmasked
            },
            _ => unmasked,
        };
        let mut report = judge_command(case, outcome);
        report.request = mask.mask.hide(&report.request);
        let may_be_repeated = self.remains.is_none();
        if let Some(name) = self.remains {
            report.verdict = Verdict::Errored;
            let remains = format!("its container {name} may still be running: remove it");
            report.detail = match report.detail.as_str() {
                "" => remains,
                detail => format!("{remains}; {detail}"),
            };
        }
        Attempt {
            report,
            may_be_repeated,
        }
    }
}

async fn parse(bytes: Vec<u8>, mask: &Mask) -> Result<Vec<TestReport>, String> {
    let mask = mask.clone();
    let parsing = move || read_report(&bytes, &mask);
    let parsed = tokio::task::spawn_blocking(parsing).await;
    parsed.unwrap_or_else(|error| Err(format!("its JUnit report cannot be read: {error}")))
}

struct ContainerCheck<'a> {
    world: &'a World,
    case: &'a Case,
    container: &'a ContainerCase,
    containers: &'a dyn CheckContainers,
}

impl ContainerCheck<'_> {
    /// Runs the command until it ends or its timeout has passed, and removes its container. The timeout counts from the
    /// start of the command. None if the check was cancelled.
    async fn run_to_end(&self, running: &Running, stopped: &mut Stopped) -> Option<Ended> {
        tokio::select! {
            prepared = self.prepare() => if let Err(why) = prepared {
                return Some(Ended::not_started(why));
            },
            Ok(()) = stopped.changed() => return None,
        }
        // A container whose creation was cancelled might be left behind, so this is not cancelled.
        let started = match self.start(running).await {
            Ok(started) => started,
            Err(not_started) => {
                return Some(Ended {
                    remains: not_started.remains,
                    ..Ended::not_started(not_started.why.to_string())
                });
            }
        };
        let mut output = self.world.check_output.recorder(&self.case.name);
        let waiting = self.containers.wait(&started.id, &mut output);
        let end = tokio::select! {
            end = timeout(self.case.timeout, waiting) => Some(end),
            Ok(()) = stopped.changed() => None,
        };
        let report = match &end {
            Some(Ok(Ok(_))) if self.container.junit => Some(self.report(&started.id).await),
            _ => None,
        };
        let removed = self.containers.remove(&started.id).await;
        if let Err(failure) = &removed {
            tracing::warn!(
                "the container {} of the check {} may remain: {failure}",
                started.name,
                self.case.name
            );
        }
        Some(Ended {
            end: match end? {
                Err(_) => CommandEnd::TimedOut,
                Ok(Err(failure)) => CommandEnd::NotStarted(failure.to_string()),
                Ok(Ok(exit)) if exit.out_of_memory => CommandEnd::OutOfMemory,
                Ok(Ok(exit)) => match exit.code.and_then(|code| i32::try_from(code).ok()) {
                    Some(code) => CommandEnd::Exited(code),
                    None => CommandEnd::NotStarted("Docker reports no exit code".to_owned()),
                },
            },
            output: Some(output),
            report,
            remains: removed.is_err().then_some(started.name),
        })
    }

    /// Makes sure that the runtime has the image, within the time limit of the step `pull`.
    async fn prepare(&self) -> Result<(), String> {
        let Some(image) = &self.container.image else {
            return Ok(());
        };
        let limit = self.world.plan.definition.timing.progress_deadline;
        match timeout(limit, self.containers.prepare(image)).await {
            Ok(prepared) => prepared.map_err(|failure| failure.to_string()),
            Err(_) => Err(format!(
                "pulling the image {image} took longer than {}: pull it before the release, or configure a longer `progress_deadline`",
                duration(limit)
            )),
        }
    }

    async fn start(&self, running: &Running) -> Result<CheckContainer, CheckNotStarted> {
        let spec = self.spec(running);
        let doing = format!("creating the container of the check {}", self.case.name);
        let world = self.world;
        let ours = still_ours(&world.write, world.plan.target(), &world.fence, &doing);
        ours.await
            .map_err(|why| CheckNotStarted { why, remains: None })?;
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
            endpoint: plan.addresses().first().cloned(),
            token: self.world.fence.token,
            image: self.container.image.clone(),
            shape,
            has_report: self.container.junit,
        }
    }

    async fn report(&self, id: &InstanceId) -> Result<Vec<u8>, String> {
        let written = self.containers.report(id).await;
        let written =
            written.map_err(|failure| format!("its report could not be read: {failure}"))?;
        written.map_err(no_report)
    }
}

/// Where the candidate answers, as a container sees it that shares its network; none for a background service.
fn inner_address(listen: &Listen) -> Option<Address> {
    match listen {
        Listen::Port(port) => Some(SocketAddr::from((Ipv4Addr::LOCALHOST, *port)).into()),
        Listen::Socket(path) => Some(Address::Unix(path.clone())),
        Listen::None => None,
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

/// Removes the containers that checks of the target left, if this driver holds the lock. Another driver may have started
/// its own. The error says that this driver lost the lock, or which container is still running.
pub(super) async fn remove_all(world: &World, doing: &str) -> Result<(), String> {
    let Some(containers) = &world.write.check_containers else {
        return Ok(());
    };
    let target = world.plan.target();
    let removing = async {
        still_ours(&world.write, target, &world.fence, doing).await?;
        containers.remove_all(target, world.fence.token).await
    };
    let remaining = match removing.await {
        Ok(remaining) => remaining,
        Err(failure) if failure.kind == FailureKind::Fenced => return Err(failure.to_string()),
        Err(failure) => {
            tracing::warn!("containers of checks of {target} may remain: {failure}");
            return Ok(());
        }
    };
    for container in remaining.iter().filter(|container| !container.is_running) {
        let (name, why) = (&container.name, &container.why);
        tracing::warn!("the container {name} of a check of {target} remains: {why}");
    }
    why_blocked(&remaining).map_or(Ok(()), Err)
}

/// Names the containers of earlier checks that are still running; none if no such container remains.
fn why_blocked(remaining: &[RemainingContainer]) -> Option<String> {
    let running = remaining.iter().filter(|container| container.is_running);
    let named = running.map(|container| {
        format!(
            "the container {} of an earlier check is still running: remove it ({})",
            container.name, container.why
        )
    });
    let named: Vec<String> = named.collect();
    (!named.is_empty()).then(|| named.join("; "))
}

/// Removes what checks may have left, when the release has ended.
pub(in crate::release::driver) async fn clear(world: &World) {
    let doing = "removing the containers of checks";
    let cleared = timeout(REMOVE_TIMEOUT, remove_all(world, doing)).await;
    if let Err(why) = cleared.unwrap_or_else(|_| Err("it took too long".to_owned())) {
        let target = world.plan.target();
        tracing::warn!("containers of checks of {target} may remain: {why}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::CaseKind;

    fn failure(text: &str) -> Failure {
        Failure::new(FailureKind::Conflict, "docker", "removing", text)
    }

    #[test]
    fn only_a_running_container_blocks_the_checks() {
        let remaining = |name: &str, is_running| RemainingContainer {
            name: name.to_owned(),
            is_running,
            why: failure("no permission"),
        };
        assert_eq!(why_blocked(&[remaining("web.check.1", false)]), None);
        let both = [
            remaining("web.check.1", false),
            remaining("web.check.2", true),
        ];
        let why = why_blocked(&both).expect("one is running");
        assert!(why.contains("web.check.2") && why.contains("remove it"));
        assert!(!why.contains("web.check.1"), "{why}");
    }

    #[tokio::test]
    async fn a_check_whose_container_may_be_running_is_an_error_without_a_retry() {
        let case = Case {
            name: "smoke".into(),
            kind: CaseKind::Container(ContainerCase {
                image: None,
                command: None,
                environment: std::collections::BTreeMap::new(),
                junit: false,
            }),
            timeout: Duration::from_secs(1),
            required: true,
            retries: 2,
        };
        let ended = |remains: Option<&str>| Ended {
            end: CommandEnd::Exited(0),
            output: None,
            report: None,
            remains: remains.map(str::to_owned),
        };
        let mask = OutputMask {
            is_complete: true,
            ..OutputMask::default()
        };
        let took = Duration::ZERO;
        let removed = ended(None).attempt(&case, took, &mask).await;
        assert!(removed.may_be_repeated && removed.report.verdict == Verdict::Passed);
        let remains = ended(Some("web.check.1")).attempt(&case, took, &mask).await;
        assert!(!remains.may_be_repeated);
        assert_eq!(remains.report.verdict, Verdict::Errored);
        assert_eq!(
            remains.report.detail,
            "its container web.check.1 may still be running: remove it"
        );
    }
}

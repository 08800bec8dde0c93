//! Runs the checks of a candidate, one after the other, until all have run or an operator's request cancels them.

mod container;

pub(in crate::release::driver) use container::clear;

use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::timeout;

use super::World;
use crate::checks::{Case, CaseKind, CaseReport, OutputMask, RETRY_PAUSE, Report, Verdict};
use crate::inventory::{Digest, Instance, InstanceId, InstanceRun, SlotMembers};
use crate::ports::CheckedCandidate;
use crate::release::event::Event;

/// How long the driver waits at its end until checks that it has cancelled have removed their containers.
const CANCEL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the secrets of the target may be read after a command has ended. Without them, its output is left out.
const MASK_TIMEOUT: Duration = Duration::from_secs(5);

/// The candidate that is checked.
struct Running {
    /// The member that the checks ask. Any of them would do, because all run the same digest.
    first: InstanceId,
    digest: Digest,
    /// The runs of all members.
    runs: Vec<InstanceRun>,
}

/// Changes when the running checks must end.
pub(super) type Stopped = watch::Receiver<u64>;

/// One attempt of a check.
struct Attempt {
    report: CaseReport,
    /// False if its container may still be running. A second one must not run beside it.
    may_be_repeated: bool,
}

impl From<CaseReport> for Attempt {
    fn from(report: CaseReport) -> Self {
        Self {
            report,
            may_be_repeated: true,
        }
    }
}

/// Runs the checks. `stopped` is subscribed before this is called, so that no cancellation is lost. The error says that
/// the instance changed or was restarted during the checks, was not running, or could not be observed, that a container
/// of an earlier check is still running, or that the checks were cancelled.
pub(super) async fn run(world: &World, mut stopped: Stopped) -> Result<Report, String> {
    let _running = world.checks_running.lock().await;
    let before = running(world).await?;
    let suite = &world.plan.definition.suite;
    // A driver that died may have left some, also of checks that are no longer configured.
    container::remove_all(world, "removing containers of earlier checks").await?;
    let mut cases = Vec::with_capacity(suite.cases.len());
    for case in &suite.cases {
        let settled = match stopped.has_changed() {
            Ok(false) => attempts(world, case, &before, &mut stopped).await,
            _ => None,
        };
        let Some(settled) = settled else {
            return Err("a request of an operator cancelled them".to_owned());
        };
        // The report contains every case; this event only shows it early.
        let _ = world.events.try_send(Event::CaseSettled(settled.clone()));
        cases.push(settled);
    }
    let after = running(world).await?;
    if before.digest != after.digest {
        return Err(format!(
            "{} was running when the checks started and {} when they ended",
            before.digest.short(),
            after.digest.short()
        ));
    }
    if before.runs != after.runs {
        return Err(format!(
            "{} was restarted while it was checked",
            world.plan.slot
        ));
    }
    Ok(Report {
        digest: after.digest,
        runs: after.runs,
        at: world.clock.now(),
        cases,
    })
}

/// Runs one check until it passes or has no more retries. None if it was cancelled.
async fn attempts(
    world: &World,
    case: &Case,
    running: &Running,
    stopped: &mut Stopped,
) -> Option<CaseReport> {
    let most = case.retries as usize + 1;
    let mut earlier = Vec::new();
    loop {
        let attempt = run_case(world, case, running, stopped).await?;
        let report = attempt.report;
        let is_last = earlier.len() + 1 >= most || !attempt.may_be_repeated;
        if report.verdict == Verdict::Passed || is_last {
            return Some(report.after(&earlier, most));
        }
        earlier.push(report);
        if timeout(RETRY_PAUSE, stopped.changed()).await.is_ok() {
            return None;
        }
    }
}

/// Runs one check once. None if it was cancelled.
async fn run_case(
    world: &World,
    case: &Case,
    running: &Running,
    stopped: &mut Stopped,
) -> Option<Attempt> {
    let plan = &world.plan;
    match &case.kind {
        CaseKind::Request(_) => {
            let preview = plan.definition.preview.as_ref();
            let checker = &world.read.checker;
            let addresses = plan.addresses();
            let Some(at) = addresses.first() else {
                return Some(request_without_address(case).into());
            };
            Some(checker.run(case, at, preview).await.into())
        }
        CaseKind::Command(command) => {
            let mask = output_mask(world).boxed();
            let commands = &world.read.command_checks;
            let candidate = CheckedCandidate {
                target: plan.target().clone(),
                slot: plan.slot,
                version: plan.version.clone(),
                release: plan.release,
                address: plan.addresses().first().cloned(),
            };
            let running = commands.run(case, command, &candidate, mask, &world.check_output);
            tokio::select! {
                report = running => Some(report.into()),
                Ok(()) = stopped.changed() => None,
            }
        }
        CaseKind::Container(container) => {
            container::run(world, (case, container), running, stopped).await
        }
    }
}

/// The report of a request to a background service. The configuration refuses such a check.
fn request_without_address(case: &Case) -> CaseReport {
    CaseReport {
        name: case.name.clone(),
        required: case.required,
        verdict: Verdict::Errored,
        detail: "this service has no address, so no request can be sent to it".to_owned(),
        took: Duration::ZERO,
        request: String::new(),
        response: String::new(),
        tests: Vec::new(),
        overridden: None,
    }
}

/// The mask for the output of a command that has ended. Starting a command may read secrets, so a mask that was made
/// before would not hide them.
async fn output_mask(world: &World) -> OutputMask {
    let checker = &world.read.checker;
    match timeout(MASK_TIMEOUT, checker.mask()).await {
        Ok(mask) => OutputMask {
            mask,
            is_complete: checker.knows_secrets(),
        },
        Err(_) => OutputMask {
            mask: checker.known_mask(),
            is_complete: false,
        },
    }
}

/// Waits until the checks that this driver has cancelled have ended.
pub(super) async fn cancelled(world: &World) {
    if timeout(CANCEL_TIMEOUT, world.checks_running.lock())
        .await
        .is_err()
    {
        tracing::warn!(
            "the checks of {} have not ended in time",
            world.plan.target()
        );
    }
}

async fn running(world: &World) -> Result<Running, String> {
    let plan = &world.plan;
    let instances = world
        .read
        .runtime
        .instances(plan.target())
        .await
        .map_err(|failure| failure.to_string())?;
    let by_slot = SlotMembers::by_slot(instances);
    let members = by_slot.get(plan.slot);
    if let Some(difference) = members.difference() {
        return Err(format!("{} {difference}", plan.slot));
    }
    if let Some(stopped) = members.iter().find(|member| !member.is_running()) {
        let name = members.name_of_member(plan.slot, stopped);
        return Err(format!("{name} is not running"));
    }
    let first = members.representative();
    let first = first.ok_or_else(|| format!("{} is empty", plan.slot))?;
    Ok(Running {
        first: first.id.clone(),
        digest: first.digest.clone(),
        runs: members.iter().map(Instance::run).collect(),
    })
}

//! Gives a new sandbox its sample history. The release engine runs the past releases of all targets at the same time,
//! and this module approves every step in the name of the operator.

use futures_util::future::try_join_all;

use super::SandboxError;
use super::fixtures::PAST_RELEASES;
use crate::history::Outcome;
use crate::inventory::{Target, VersionRef};
use crate::release::{
    Approval, Command, Engine, Handle, OnFailure, PlanRequest, Progress, Scope, Status, Wanted,
};

/// Runs the past releases that `fixtures` lists. Calls `report` with the number of finished releases and the
/// number of all releases.
pub async fn seed(engine: &Engine, report: impl Fn(usize, usize)) -> Result<(), SandboxError> {
    let total: usize = PAST_RELEASES.iter().map(|(_, _, tags)| tags.len()).sum();
    let done = std::cell::Cell::new(0);
    report(0, total);
    let targets = PAST_RELEASES.iter().map(|(service, environment, tags)| {
        let (done, report) = (&done, &report);
        async move {
            for tag in *tags {
                release(engine, service, environment, tag).await?;
                done.set(done.get() + 1);
                report(done.get(), total);
            }
            Ok::<(), SandboxError>(())
        }
    });
    try_join_all(targets).await.map(drop)
}

async fn release(
    engine: &Engine,
    service: &str,
    environment: &str,
    tag: &str,
) -> Result<(), SandboxError> {
    let error = |why: String| SandboxError::Seed {
        what: format!("{tag} in {service}/{environment}"),
        why,
    };
    let target = Target::new(
        service
            .parse()
            .map_err(|_| error("the service name is not valid".into()))?,
        environment
            .parse()
            .map_err(|_| error("the environment name is not valid".into()))?,
    );
    let request = PlanRequest {
        target,
        wanted: Wanted::Version(VersionRef::Tag(tag.to_owned())),
        reason: Some("the past of the sandbox".to_owned()),
        override_holds: None,
        operator: engine.operator().clone(),
        trigger: None,
        skipped_tasks: Vec::new(),
        overridden_checks: Vec::new(),
    };
    let plan = engine
        .plan(&request)
        .await
        .map_err(|refused| error(refused.to_string()))?;
    let by = engine.operator().clone();
    let approval = Approval::give(&plan, Scope::Plan, by, None, engine.clock().now())
        .map_err(|refused| error(refused.to_string()))?;
    let handle = engine
        .open(plan, &approval, OnFailure::BackOut)
        .await
        .map_err(|refused| error(refused.to_string()))?;
    let status = approve_until_end(engine, &handle).await.map_err(error)?;
    handle.ended().await;
    match &status.progress {
        Progress::Closed(Outcome::Done) => Ok(()),
        Progress::Closed(outcome) => {
            let why = outcome.reason().unwrap_or("no reason given");
            Err(error(format!(
                "the release ended as `{}`: {why}",
                outcome.word()
            )))
        }
        Progress::Parked { why } => Err(error(format!(
            "the driver of the release stopped before the end: {why}"
        ))),
        _ => Err(error(
            "the driver of the release stopped before the end".to_owned(),
        )),
    }
}

/// Approves every step until the release has ended or its driver has stopped. Fails if a step needs another decision.
async fn approve_until_end(
    engine: &Engine,
    handle: &Handle,
) -> Result<std::sync::Arc<Status>, String> {
    let mut watched = handle.status();
    loop {
        let status = watched.borrow_and_update().clone();
        if status.is_over() {
            return Ok(status);
        }
        if let Some(command) = next_command(engine, &status)? {
            // A release that has ended takes no commands. Then its last status arrives next.
            let _ = handle.command(command).await;
        }
        if watched.changed().await.is_err() {
            return Ok(watched.borrow().clone());
        }
    }
}

fn next_command(engine: &Engine, status: &Status) -> Result<Option<Command>, String> {
    match &status.progress {
        Progress::Asking { step, .. } => {
            let plan = &status.plan;
            let by = engine.operator().clone();
            let typed = plan.target().environment.as_str();
            let now = engine.clock().now();
            Approval::give(plan, Scope::Step(*step), by, Some(typed), now)
                .map(|approval| Some(Command::Approve(approval)))
                .map_err(|refused| refused.to_string())
        }
        Progress::Standby { .. } => Ok(Some(Command::EndStandby)),
        Progress::Choosing { step, why, .. } => Err(format!("{step}: {why}")),
        _ => Ok(None),
    }
}

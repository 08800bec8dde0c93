//! Drives a release without a person: approves each step that waits, until the release has ended or its driver has
//! stopped.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::history::Step;
use crate::release::{Approval, Command, Engine, Handle, Plan, Progress, Scope, Status};

/// The time between two reads of the approvals by other operators.
const APPROVALS_INTERVAL: Duration = Duration::from_secs(5);

/// Drives the release to its end. Wakes the follower of the target when the standby begins and when the release has
/// ended.
pub(super) async fn drive(engine: Arc<Engine>, handle: Handle, wake: Arc<Notify>) {
    let mut status = handle.status();
    let mut approved: Option<(Step, Timestamp)> = None;
    loop {
        let now = status.borrow_and_update().clone();
        if now.progress.is_standby() || now.is_over() {
            wake.notify_one();
        }
        if now.is_over() {
            break;
        }
        let question = question(&now).filter(|question| approved != Some(*question));
        let mut waits_for_others = false;
        if let Some((step, since)) = question {
            waits_for_others =
                now.progress.may_need_approvers() && lacks_approvals(&engine, &now).await;
            if !waits_for_others {
                approve(&engine, &handle, &now.plan, step).await;
                approved = Some((step, since));
            }
        }
        let changed = status.changed();
        let has_ended = if waits_for_others {
            matches!(timeout(APPROVALS_INTERVAL, changed).await, Ok(Err(_)))
        } else {
            changed.await.is_err()
        };
        if has_ended {
            break;
        }
    }
    handle.ended().await;
    wake.notify_one();
}

/// The step that waits for an approval. If the same step waits again later, the time differs.
fn question(status: &Status) -> Option<(Step, Timestamp)> {
    match &status.progress {
        Progress::Asking { step, since, .. } => Some((*step, *since)),
        _ => None,
    }
}

async fn approve(engine: &Engine, handle: &Handle, plan: &Plan, step: Step) {
    let (by, now) = (engine.operator().clone(), engine.clock().now());
    match Approval::in_advance(plan, Scope::Step(step), by, now) {
        // Sending fails only if the driver has ended.
        Ok(approval) => drop(handle.command(Command::Approve(approval)).await),
        Err(refused) => tracing::warn!("{}: {step} waits for a person: {refused}", plan.target()),
    }
}

/// Whether the release still needs approvals by operators. True also if the approvals cannot be read.
async fn lacks_approvals(engine: &Engine, status: &Status) -> bool {
    let needed = status.approvable().approvers_needed();
    if needed == 0 {
        return false;
    }
    let given = engine
        .counted_approvals(status, Some(engine.operator()))
        .await;
    !given.is_ok_and(|given| given.len() >= needed)
}

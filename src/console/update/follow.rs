//! Which log is shown, and which sources are followed for it.

use std::collections::BTreeSet;

use super::logs;
use crate::checks::Case;
use crate::console::effect::Effect;
use crate::console::model::{LogFeed, LogKind, LogSource, Model};
use crate::history::{Outcome, Step};
use crate::inventory::{Role, Slot};
use crate::release::{Progress, Status};

/// Shows the log that the operator chose, otherwise the most relevant log. Follows the current sources of this log, and
/// the current sources of all feeds that were followed before.
pub(super) fn follow(model: &mut Model) -> Vec<Effect> {
    let mut effects = Vec::new();
    if model.log.target != model.open {
        if !model.log.followed.is_empty() {
            effects.push(Effect::LeaveLogs);
        }
        model.log.turn_to(model.open.clone());
    }
    let kind = match model.log.chosen {
        Some(kind) => kind,
        None => of_step(model).unwrap_or_else(|| {
            relevant_slot(model)
                .filter(|slot| !keeps_candidate_log(model, *slot))
                .map_or(model.log.kind, LogKind::Slot)
        }),
    };
    logs::show(model, kind);
    let mut feeds: BTreeSet<LogFeed> = model.log.followed.keys().copied().collect();
    feeds.extend(kind.feeds());
    for feed in feeds {
        // If an instance has disappeared, its last lines stay on the screen until another instance runs.
        let Some((source, name)) = source(model, feed) else {
            continue;
        };
        if model.log.followed.get(&feed) != Some(&source) {
            model.log.follow(source.clone(), &name);
            effects.push(Effect::FollowLog(source));
        }
    }
    effects
}

/// The output of tasks or of checks, if it is the most relevant log: while a step runs them, and after one of them has
/// failed.
fn of_step(model: &Model) -> Option<LogKind> {
    let of = |step: Step| match step {
        _ if step.runs_tasks() => Some(LogKind::Tasks),
        Step::Verify if checks_of(model).is_some() => Some(LogKind::Checks),
        _ => None,
    };
    let is_of_step = matches!(model.log.kind, LogKind::Tasks | LogKind::Checks);
    let shown = is_of_step.then_some(model.log.kind);
    match &model.release()?.progress {
        Progress::Forward(step) | Progress::Choosing { step, .. } => of(*step),
        Progress::Back(step) => of(*step).or(shown),
        Progress::Asking { .. }
        | Progress::Standby { .. }
        | Progress::Closed(Outcome::Done | Outcome::Superseded { .. }) => None,
        Progress::Closed(_)
        | Progress::Parked { .. }
        | Progress::Interrupted { .. }
        | Progress::Unrecorded { .. } => shown,
    }
}

/// The newest release, if this console drives or drove it and has checks that write output.
fn checks_of(model: &Model) -> Option<&Status> {
    let status = model.release().filter(|_| model.elsewhere().is_none())?;
    let mut cases = status.plan.definition.suite.cases.iter();
    cases.any(Case::has_output).then_some(status)
}

/// Whether the shown log belongs to an instance that has disappeared, and `other` is the live slot. The instance was
/// probably a candidate. Its last lines stay, because they may explain a failure, and another candidate may start soon.
fn keeps_candidate_log(model: &Model, other: Slot) -> bool {
    let Some(snapshot) = model.snapshot() else {
        return false;
    };
    let has_disappeared = model.log.slot().is_some_and(|slot| {
        slot != other
            && model.log.followed.contains_key(&LogFeed::Slot(slot))
            && snapshot.slots.get(slot).members.is_empty()
    });
    has_disappeared && snapshot.live() == Some(other)
}

/// The source that a feed should follow now, and the source's name. `None` if nothing runs in the slot, or if the
/// newest release has no such log.
fn source(model: &Model, feed: LogFeed) -> Option<(LogSource, String)> {
    let target = model.open.clone()?;
    let slot = match feed {
        LogFeed::Slot(slot) => slot,
        LogFeed::Tasks => {
            let status = model.release().filter(|status| has_tasks(status))?;
            let release = status.plan.release;
            let name = format!("the tasks of {}", status.plan.version.name());
            return Some((LogSource::Tasks { target, release }, name));
        }
        LogFeed::Checks => {
            let plan = &checks_of(model)?.plan;
            let release = plan.release;
            let name = format!("the checks of {}", plan.version.name());
            return Some((LogSource::Checks { target, release }, name));
        }
        // A background service has no proxy.
        LogFeed::Proxy if model.snapshot()?.edges.is_empty() => return None,
        LogFeed::Proxy => return Some((LogSource::Proxy { target }, "the proxy".into())),
    };
    let in_slot = &model.snapshot()?.slots.get(slot).members;
    let first = in_slot.iter().next()?;
    let mut members = in_slot.listed();
    let which = if in_slot.is_whole() && members.len() > 1 {
        format!("{} members", members.len())
    } else {
        // Others are still being started, or do not belong to the slot.
        members.truncate(1);
        first.id.short().to_owned()
    };
    let name = format!(
        "{slot} {}:{}, {which}",
        target.service,
        first.version_name()
    );
    let source = LogSource::Members {
        target,
        slot,
        members,
    };
    Some((source, name))
}

fn has_tasks(status: &Status) -> bool {
    status.steps.iter().any(|status| status.step.runs_tasks())
}

/// The slot with the most relevant log: the slot of a release that has a driver, if the slot has an instance; otherwise
/// the slot of the candidate; otherwise the live slot; otherwise any slot with an instance.
fn relevant_slot(model: &Model) -> Option<Slot> {
    let snapshot = model.snapshot()?;
    let has_instance = |slot: &Slot| !snapshot.slots.get(*slot).members.is_empty();
    let running = model.release().filter(|status| !status.is_over());
    let of_release = running.map(|status| status.plan.slot);
    let candidate = Slot::BOTH
        .into_iter()
        .find(|slot| snapshot.role(*slot) == Role::Candidate);
    of_release
        .filter(has_instance)
        .or(candidate)
        .or(snapshot.live())
        .filter(has_instance)
        .or_else(|| Slot::BOTH.into_iter().find(has_instance))
}

pub(super) fn next_log(model: &mut Model) -> Vec<Effect> {
    let Some(snapshot) = model.snapshot() else {
        let text = "there is no log: no target is open, or the open target was not observed yet";
        return model.refused(text);
    };
    let mut kind = model.log.kind.next();
    // Skips a slot that is empty, and the tasks or checks if there are none. The other logs say why they are empty.
    loop {
        let is_empty = match kind {
            LogKind::Slot(slot) => snapshot.slots.get(slot).members.is_empty(),
            LogKind::Tasks => !model.release().is_some_and(|status| has_tasks(status)),
            LogKind::Checks => checks_of(model).is_none(),
            _ => false,
        };
        if !is_empty || model.log.followed.contains_key(&kind.feeds()[0]) {
            break;
        }
        kind = kind.next();
    }
    model.log.chosen = Some(kind);
    let mut effects = follow(model);
    effects.extend(logs::close_diagnostics(model));
    effects
}

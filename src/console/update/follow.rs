//! Which log is shown, and which sources are followed for it.

use std::collections::BTreeSet;

use super::logs;
use crate::console::effect::Effect;
use crate::console::model::{LogFeed, LogKind, LogSource, Model};
use crate::inventory::{Role, Slot};

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
        None => relevant_slot(model)
            .filter(|slot| !keeps_candidate_log(model, *slot))
            .map_or(model.log.kind, LogKind::Slot),
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

/// Whether the shown log belongs to an instance that has disappeared, and `other` is the live slot. The instance was
/// probably a candidate. Its last lines stay, because they may explain a failure, and another candidate may start soon.
fn keeps_candidate_log(model: &Model, other: Slot) -> bool {
    let Some(snapshot) = model.snapshot() else {
        return false;
    };
    let has_disappeared = model.log.slot().is_some_and(|slot| {
        slot != other
            && model.log.followed.contains_key(&LogFeed::Slot(slot))
            && snapshot.slots.get(slot).instance.is_none()
    });
    has_disappeared && snapshot.live() == Some(other)
}

/// The source that a feed should follow now, and the source's name. `None` if nothing runs in the slot.
fn source(model: &Model, feed: LogFeed) -> Option<(LogSource, String)> {
    let target = model.open.clone()?;
    let slot = match feed {
        LogFeed::Slot(slot) => slot,
        LogFeed::Proxy => return Some((LogSource::Proxy { target }, "the proxy".into())),
    };
    let instance = model.snapshot()?.slots.get(slot).instance.as_ref()?;
    let name = format!(
        "{slot} {}:{}, {}",
        target.service,
        instance.version_name(),
        instance.id.short()
    );
    let source = LogSource::Instance {
        target,
        slot,
        instance: instance.id.clone(),
    };
    Some((source, name))
}

/// The slot with the most relevant log: the slot of a release that has a driver, if the slot has an instance; otherwise
/// the slot of the candidate; otherwise the live slot; otherwise any slot with an instance.
fn relevant_slot(model: &Model) -> Option<Slot> {
    let snapshot = model.snapshot()?;
    let has_instance = |slot: &Slot| snapshot.slots.get(*slot).instance.is_some();
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
    // Skips a slot that is empty and has no log. The other logs say why they are empty.
    while let LogKind::Slot(slot) = kind {
        let is_empty = snapshot.slots.get(slot).instance.is_none()
            && !model.log.followed.contains_key(&kind.feeds()[0]);
        if !is_empty {
            break;
        }
        kind = kind.next();
    }
    model.log.chosen = Some(kind);
    let mut effects = follow(model);
    effects.extend(logs::close_diagnostics(model));
    effects
}

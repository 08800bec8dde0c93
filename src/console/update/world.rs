//! The sources were observed: places the cursor for the first time, and follows the right log.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::logs;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::{LogFeed, LogKind, LogSource, Model, Pane};
use crate::inventory::{Role, Slot, Target, World};

pub(super) fn observed(model: &mut Model, world: Arc<World>) -> Vec<Effect> {
    let mut effects = super::reload::come_back(model, &world);
    model.world = world;
    super::matrix::list(model);
    if super::matrix::settle_cursor(model) && model.open.is_none() {
        model.open = under_cursor(model);
        effects.extend(model.open.clone().map(Effect::LookAt));
    }
    effects.extend(follow(model));
    effects
}

/// On a screen that shows one pane at a time, a release is best seen in its slots: focuses them if the
/// environments have the focus.
pub(super) fn show_release(model: &mut Model) {
    let is_idle = model.dialog.is_none() && model.prompt.is_none();
    let may_turn = is_idle && model.focus == Pane::Environments && layout::is_narrow(model);
    if may_turn && !model.is_at_rest() {
        model.focus = Pane::Slots;
    }
}

/// The target under the cursor, if the matrix shows it.
pub(super) fn under_cursor(model: &Model) -> Option<Target> {
    let cursor = model.cursor.as_ref()?;
    model.services.row(&cursor.service)?;
    Some(cursor.clone())
}

/// Shows the log that should be shown now. Follows its sources again, and those that were followed
/// before, with whichever instance runs there now.
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
        None => candidate_else_live(model)
            .filter(|slot| !last_words_matter_more(model, *slot))
            .map_or(model.log.kind, LogKind::Slot),
    };
    logs::show(model, kind);
    let mut feeds: BTreeSet<LogFeed> = model.log.followed.keys().copied().collect();
    feeds.extend(kind.feeds());
    for feed in feeds {
        // The last lines of an instance that has gone stay on the screen until there is another.
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

/// Whether the shown log belongs to a candidate that has gone, and the other slot is only the one that was
/// live all the time: the candidate's last lines are worth more, and there may soon be another candidate.
fn last_words_matter_more(model: &Model, other: Slot) -> bool {
    let Some(snapshot) = model.snapshot() else {
        return false;
    };
    let is_gone = model.log.slot().is_some_and(|slot| {
        slot != other
            && model.log.followed.contains_key(&LogFeed::Slot(slot))
            && snapshot.slots.get(slot).instance.is_none()
    });
    is_gone && snapshot.live() == Some(other)
}

/// The current source of a feed, and its name.
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

/// The slot whose log matters most: the one that a release works on, else the candidate's, else the
/// live one.
fn candidate_else_live(model: &Model) -> Option<Slot> {
    let snapshot = model.snapshot()?;
    let has_instance = |slot: &Slot| snapshot.slots.get(*slot).instance.is_some();
    let goes_on = model.release().filter(|status| !status.is_over());
    let of_release = goes_on.map(|status| status.plan.slot);
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

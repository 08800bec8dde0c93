//! Handles changes of releases: announces ends and failures, closes outdated questions, and opens the question about
//! a failed step.

use std::sync::Arc;

use crate::console::action::Action;
use crate::console::dialogs::Failure;
use crate::console::effect::{Effect, ExitReason};
use crate::console::model::{Model, Weight};
use crate::history::Outcome;
use crate::inventory::{ReleaseId, Target};
use crate::release::{Progress, Releases, Status};

pub(super) fn moved(model: &mut Model, status: &Arc<Status>) -> Vec<Effect> {
    let target = status.plan.target().clone();
    // A status of an older release that arrives late does not replace the status of a newer release.
    let is_older = model
        .releases
        .get(&target)
        .is_some_and(|newest| newest.plan.release > status.plan.release);
    if is_older {
        return Vec::new();
    }
    // This console drives the release, perhaps again, so it is not one of the releases that this console has left.
    model.left.remove(&status.plan.release);
    let before = model.releases.insert(target.clone(), Arc::clone(status));
    super::steps::moved(model, before.as_deref(), status);
    let is_new = before
        .as_ref()
        .is_none_or(|before| before.plan.release != status.plan.release);
    if is_new && model.open.as_ref() == Some(&target) {
        super::world::show_release(model);
    }
    if let Some(outcome) = status.outcome()
        && before
            .as_ref()
            .is_none_or(|before| before.outcome().is_none())
    {
        let text = end_text(&target, outcome);
        let weight = if outcome.is_success() {
            Weight::Normal
        } else {
            Weight::Prominent
        };
        model.say(weight, &text);
    }
    if let Progress::Parked { why } = &status.progress
        && !before.as_ref().is_some_and(|before| {
            before.plan.release == status.plan.release
                && matches!(before.progress, Progress::Parked { .. })
        })
    {
        let resume_key = model.keymap.shown(Action::Resume);
        let text = format!(
            "this console no longer drives the release of {target}: {why}; \
             {resume_key} resumes the release, or shows what to wait for"
        );
        model.say(Weight::Prominent, &text);
    }
    close_outdated_question(model, status);
    // Asks when the step fails. After the answer "decide later", later statuses do not ask again.
    let was_asked = before
        .as_ref()
        .is_some_and(|before| Failure::of(before).is_some());
    if !was_asked && let Some(failure) = Failure::of(status) {
        if model.dialog.is_none() && model.open.as_ref() == Some(&target) {
            model.show(failure);
        } else {
            let approve = model.keymap.shown(Action::Approve);
            let step = failure.step;
            let is_open = model.open.as_ref() == Some(&target);
            let first = if is_open {
                "close this dialog"
            } else {
                "open the target"
            };
            let text = format!(
                "{target}: {step} failed; {first}, then press {approve} to choose what to do"
            );
            model.say(Weight::Prominent, &text);
        }
    }
    if model.leaving && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    super::follow::follow(model)
}

/// Stores the releases that were read from the journals. If a release that this console did not drive has ended,
/// announces its end. If several have ended, announces only the first of them, because the screen shows one notice at a
/// time.
pub(super) fn observed(model: &mut Model, releases: Arc<Releases>) -> Vec<Effect> {
    let before = std::mem::replace(&mut model.releases_observed, releases);
    if before.is_empty() {
        // These are the first journals that were read since the console opened.
        super::world::show_release(model);
    }
    super::steps::observed(model, &before);
    let ended = model.releases_observed.iter().filter_map(|(target, now)| {
        let outcome = now.status.outcome()?;
        let old = before.get(target)?;
        let has_just_ended = old.status.plan.release == now.status.plan.release
            && old.status.outcome().is_none()
            && model.elsewhere_in(target).is_some();
        has_just_ended.then(|| (outcome.is_success(), end_text(target, outcome)))
    });
    let mut ended: Vec<(bool, String)> = ended.collect();
    // The notice may be cut, so it starts with the releases that did not succeed.
    ended.sort_by_key(|(is_success, _)| *is_success);
    if let Some((is_success, _)) = ended.first() {
        let weight = if *is_success {
            Weight::Normal
        } else {
            Weight::Prominent
        };
        let texts: Vec<&str> = ended.iter().map(|(_, text)| text.as_str()).collect();
        model.say(weight, &texts.join("; "));
    }
    super::follow::follow(model)
}

fn end_text(target: &Target, outcome: &Outcome) -> String {
    match outcome.reason() {
        Some(reason) => format!("{target} {}: {reason}", outcome.word()),
        None => format!("{target} {}", outcome.word()),
    }
}

pub(super) fn driver_gone(model: &mut Model, release: ReleaseId) -> Vec<Effect> {
    let left = model
        .releases
        .values()
        .find(|status| status.plan.release == release && !status.is_over());
    if let Some(status) = left {
        let text = format!(
            "release {} of {} was left as it is: {} resumes it",
            release.short(),
            status.plan.target(),
            model.keymap.shown(Action::Resume)
        );
        model.say(Weight::Prominent, &text);
        model.left.insert(release);
    }
    if model.leaving && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    Vec::new()
}

/// Closes a question that does not fit the new status of its release.
fn close_outdated_question(model: &mut Model, status: &Status) {
    let dialog = model.dialog.as_ref();
    if dialog.is_some_and(|dialog| dialog.is_outdated(status)) {
        model.dialog = None;
        model.leaving = false;
        let text = "the question was closed because the release has moved on: no answer was sent";
        model.say(Weight::Prominent, text);
    }
}

//! A release changed: its open question is updated, and a failure opens one.

use std::sync::Arc;

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Failure, Model, Question, TextLine, Weight};
use crate::console::run::ExitReason;
use crate::history::Outcome;
use crate::inventory::{ReleaseId, Target};
use crate::release::{Progress, Releases, Status};

pub(super) fn moved(model: &mut Model, status: &Arc<Status>) -> Vec<Effect> {
    let target = status.plan.target().clone();
    // A late status of an older release does not replace that of a newer one.
    let older = model
        .releases
        .get(&target)
        .is_some_and(|known| known.plan.release > status.plan.release);
    if older {
        return Vec::new();
    }
    // This console left it, and has resumed it.
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
        let text = ended(&target, outcome);
        let weight = if outcome.is_success() {
            Weight::Told
        } else {
            Weight::Refused
        };
        super::say(model, weight, &text);
    }
    if let Progress::Parked { why } = &status.progress
        && !before.as_ref().is_some_and(|before| {
            before.plan.release == status.plan.release
                && matches!(before.progress, Progress::Parked { .. })
        })
    {
        let resume_key = model.keymap.shown(Action::Resume);
        let text = format!(
            "this console no longer drives {target}: {why}; {resume_key} resumes it, or says what to wait for"
        );
        super::say(model, Weight::Refused, &text);
    }
    void_stale_question(model, status);
    // Ask when the step fails, but not again with every later status after "decide later".
    let asked_before = before
        .as_ref()
        .is_some_and(|before| failure(before).is_some());
    if !asked_before && let Some(failure) = failure(status) {
        if model.dialog.is_none() && model.open.as_ref() == Some(&target) {
            model.dialog = Some(Dialog::Failure(failure));
        } else {
            let approve = model.keymap.shown(Action::Approve);
            let step = failure.step;
            let text = format!("{target}: {step} failed, {approve} asks what to do there");
            super::say(model, Weight::Refused, &text);
        }
    }
    if model.leaving && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    super::world::follow(model)
}

/// The journals were read. The end of another operator's release is announced like that of an own one.
pub(super) fn observed(model: &mut Model, releases: Arc<Releases>) -> Vec<Effect> {
    let before = std::mem::replace(&mut model.told, releases);
    if before.is_empty() {
        // The console has just opened.
        super::world::show_release(model);
    }
    super::steps::observed(model, &before);
    let ended = model.told.iter().find_map(|(target, now)| {
        let outcome = now.status.outcome()?;
        let known = before.get(target)?;
        let watched = known.status.plan.release == now.status.plan.release
            && known.status.outcome().is_none()
            && model.elsewhere_in(target).is_some();
        watched.then(|| (ended(target, outcome), outcome.is_success()))
    });
    if let Some((text, is_success)) = ended {
        let weight = if is_success {
            Weight::Told
        } else {
            Weight::Refused
        };
        super::say(model, weight, &text);
    }
    super::world::follow(model)
}

fn ended(target: &Target, outcome: &Outcome) -> String {
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
        super::say(model, Weight::Refused, &text);
        model.left.insert(release);
    }
    if model.leaving && !model.is_busy() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    Vec::new()
}

/// The question about a failed step, if a step has failed.
pub(super) fn failure(status: &Arc<Status>) -> Option<Failure> {
    let Progress::Choosing {
        step,
        direction,
        why,
        choices,
    } = &status.progress
    else {
        return None;
    };
    Some(Failure {
        status: Arc::clone(status),
        step: *step,
        direction: *direction,
        why: crate::sanitize::sanitize(why),
        choices: choices.clone(),
        row: 0,
        note: TextLine::default(),
        is_noting: false,
    })
}

/// Closes a question that is outdated because the release has moved on.
fn void_stale_question(model: &mut Model, status: &Status) {
    let same = |asked: &Status| asked.plan.release == status.plan.release;
    let outdated = match &model.dialog {
        Some(Dialog::Confirm(confirm)) => match &confirm.question {
            Question::Begin(_)
            | Question::Resume(..)
            | Question::Ask(_)
            | Question::Repair(_)
            | Question::PeerApprove(_) => false,
            Question::Step(asked, step) => {
                same(asked)
                    && !matches!(&status.progress, Progress::Asking { step: now, .. } if now == step)
            }
            // After the traffic has moved, undoing has other effects: ask again.
            Question::BackOut(asked) => {
                same(asked)
                    && (status.is_over()
                        || matches!(status.progress, Progress::Back(_))
                        || asked.may_have_switched != status.may_have_switched)
            }
            Question::EndStandby(asked) => {
                same(asked) && !matches!(status.progress, Progress::Standby { .. })
            }
        },
        Some(Dialog::Failure(failure)) => {
            same(&failure.status)
                && !matches!(&status.progress, Progress::Choosing { step, .. } if *step == failure.step)
        }
        _ => false,
    };
    if outdated {
        model.dialog = None;
        model.leaving = false;
        let text = "the release moved on during the question: nothing was answered";
        super::say(model, Weight::Refused, text);
    }
}

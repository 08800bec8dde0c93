//! A release moved: what is asked about it is brought up to date, and a failure asks.

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
    // A late word of an older release does not cover what a newer one shows.
    let older = model
        .releases
        .get(&target)
        .is_some_and(|known| known.plan.release > status.plan.release);
    if older {
        return Vec::new();
    }
    // Left by this console once, and taken up by it again.
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
            "{target} is not driven from here any more: {why}; {resume_key} resumes it, or says what to wait for"
        );
        super::say(model, Weight::Refused, &text);
    }
    void_stale_question(model, status);
    // Asked when it fails; not again with every word of the release after "decide later".
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

/// The journals were read. The end of a release that somebody else drove is told, as an own one's is.
pub(super) fn observed(model: &mut Model, releases: Arc<Releases>) -> Vec<Effect> {
    let before = std::mem::replace(&mut model.told, releases);
    if before.is_empty() {
        // The console opens.
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
            "release {} of {} is left as it stands: {} goes on with it",
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

/// The question about a failed step, if there is one.
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

/// Closes a question that the release has answered by moving on.
fn void_stale_question(model: &mut Model, status: &Status) {
    let same = |asked: &Status| asked.plan.release == status.plan.release;
    let void = match &model.dialog {
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
            // What undoing takes changes once traffic has moved: ask again.
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
    if void {
        model.dialog = None;
        model.leaving = false;
        let text = "the release moved on while that was asked: nothing was answered";
        super::say(model, Weight::Refused, text);
    }
}

//! Decides which actions are available now, and says why the others are not. The footer shows only available actions. The
//! key of an unavailable action shows the reason, and so does the palette.

use super::{Mode, Model};
use crate::console::action::{Action, When};
use crate::inventory::drift::compare;
use crate::release::{Observed, Progress};

/// Whether the action is available now.
pub fn is_available(model: &Model, action: Action) -> bool {
    let progress = model.release_in_flight().map(|status| &status.progress);
    let elsewhere = model.elsewhere().is_some_and(Observed::is_driven);
    let is_undriven = progress.is_none() && !elsewhere;
    let may_begin = is_undriven
        || model
            .open
            .as_ref()
            .is_some_and(|open| model.is_in_standby(open));
    match action.binding().when {
        When::AnswerNeeded => {
            let asks = matches!(
                progress,
                Some(Progress::Asking { .. } | Progress::Choosing { .. })
            );
            // The driver cannot give an approval that has to come from another operator.
            let own = model.release_in_flight();
            let lacks = own.is_some_and(|status| model.lacks_approvals(status));
            let open = model.open.as_ref();
            let may_approve = open.is_some_and(|open| model.peer_approvable(open).is_some());
            asks && !lacks || model.mode != Mode::ReadOnly && may_approve
        }
        When::HasPushes => model.snapshot().is_some_and(|it| !it.queue.is_empty()),
        When::SomethingWaits => !model.waiting().is_empty(),
        When::CanBackOut => !matches!(progress, None | Some(Progress::Back(_))),
        When::CanResume => {
            let is_open = |observed: &Observed| observed.is_driven() || observed.is_interrupted();
            let is_elsewhere = model.elsewhere().is_some_and(is_open);
            let has_request = model
                .open
                .as_ref()
                .is_some_and(|open| model.request_to_us(open).is_some());
            let is_lost = model
                .open
                .as_ref()
                .is_some_and(|open| model.is_lost_here(open));
            has_request || (is_elsewhere || is_lost) && model.mode != Mode::ReadOnly
        }
        When::CanCheckAgain => progress.is_some_and(Progress::may_check_again),
        When::InStandby => matches!(progress, Some(Progress::Standby { .. })),
        When::CanBegin => model.mode != Mode::ReadOnly && model.open.is_some() && may_begin,
        When::CanRepair => {
            let differs = |snapshot| !compare(snapshot).agrees();
            model.mode != Mode::ReadOnly
                && is_undriven
                && !model.elsewhere().is_some_and(Observed::prevents_repair)
                && model.snapshot().is_some_and(differs)
        }
        When::CanChange => model.mode != Mode::ReadOnly && model.open.is_some(),
        When::NotArmed => model.mode != Mode::ReadOnly && model.open.is_some() && !model.is_armed(),
        When::OnRelease => model.history.is_open && model.history.under_cursor().is_some(),
        When::InHistory => model.history.is_open,
        When::TwoMarked => model.history.is_open && model.history.marked.len() == 2,
        When::Reloadable => model.configuration.is_some(),
        When::NotZoomed => !model.looks.zoomed,
        When::Zoomed => model.looks.zoomed,
        When::CanSuspend => model.has_shell && !model.is_busy(),
        When::InSandbox => model.is_sandbox && model.mode != Mode::ReadOnly,
        When::Always => true,
    }
}

/// The reason, and what to do if that is possible. `None` if the action is available.
pub fn why_not(model: &Model, action: Action) -> Option<String> {
    if is_available(model, action) {
        return None;
    }
    let progress = model.release_in_flight().map(|status| &status.progress);
    let is_running = progress.is_some_and(|progress| !progress.is_standby());
    let reason = match (action.binding().when, progress) {
        _ if action.changes() && model.mode == Mode::ReadOnly => {
            format!("this console is read-only: {}", model.read_only)
        }
        _ if action.changes() && model.open.is_none() => {
            let open = model.keymap.shown(Action::Open);
            format!("no target is open: {open} opens the target under the cursor")
        }
        (When::NotArmed, _) => "the target is armed already".into(),
        _ if action.changes() && model.elsewhere().is_some_and(Observed::is_driven) => {
            let resume_key = model.keymap.shown(Action::Resume);
            format!(
                "another console or command drives a release of this target: {resume_key} requests the handover, or takes the release over"
            )
        }
        (When::CanRepair, Some(_)) => {
            "this console drives a release of this target: repair when the release has ended".into()
        }
        (When::CanRepair, None) if model.elsewhere().is_some_and(Observed::prevents_repair) => {
            let resume_key = model.keymap.shown(Action::Resume);
            format!("a release of this target was interrupted: {resume_key} resumes it")
        }
        (When::CanRepair, None) => "no drift of this target was observed".into(),
        (When::CanBegin, _) if is_running => {
            let back_out = model.keymap.shown(Action::BackOut);
            format!(
                "a release of this target is running: wait until it ends, or back it out with {back_out}"
            )
        }
        (When::CanBackOut, Some(Progress::Back(_))) => {
            "the release is already being backed out".into()
        }
        (When::CanCheckAgain, Some(_)) => {
            "the checks run again only while register or switch waits for approval".into()
        }
        (When::CanResume, _) => "there is no release to resume, take over or hand over".into(),
        (When::InStandby, _) => "this console drives no release that keeps a version warm".into(),
        (When::OnRelease | When::TwoMarked | When::InHistory, _) if !model.history.is_open => {
            let history = model.keymap.shown(Action::History);
            format!("the history is not open: {history} opens it")
        }
        (When::TwoMarked, _) => {
            let mark = model.keymap.shown(Action::Mark);
            format!("mark two releases with {mark} first")
        }
        (When::OnRelease, _) => "no release is under the cursor".into(),
        (When::Reloadable, _) if model.read_once.is_some() => {
            "the configuration cannot be read again: restart Greenroom to change it".into()
        }
        (When::Reloadable, _) => "no change of the configuration on disk was observed".into(),
        (When::NotZoomed, _) => "one pane fills the screen already".into(),
        (When::Zoomed, _) => "all panes that fit on the screen are shown".into(),
        (When::CanSuspend, _) if !model.has_shell => {
            "this console was not started from a shell".into()
        }
        (When::CanSuspend, _) => {
            "this console drives a release or a repair, and suspending would stop it".into()
        }
        (When::AnswerNeeded, Some(_))
            if model
                .release_in_flight()
                .is_some_and(|status| model.lacks_approvals(status)) =>
        {
            "the switch waits for the approval of another operator".into()
        }
        (When::InSandbox, _) if !model.is_sandbox => {
            "this console does not show a sandbox: greenroom sandbox opens one".into()
        }
        (When::InSandbox, _) => format!("this console is read-only: {}", model.read_only),
        (When::HasPushes, _) if model.open.is_none() => {
            let open = model.keymap.shown(Action::Open);
            format!("no target is open: {open} opens the target under the cursor")
        }
        (When::HasPushes, _) => "no push for this target is known".into(),
        (When::SomethingWaits, _) if model.mode == Mode::ReadOnly => {
            "this console is read-only, so it does not list what waits for you".into()
        }
        (When::SomethingWaits, _) => "nothing waits for you".into(),
        (When::AnswerNeeded, Some(_)) => "no step waits for an answer".into(),
        _ => "this console drives no release of this target".into(),
    };
    Some(reason)
}

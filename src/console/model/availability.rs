//! Which actions are available now: the footer names these. A key that is not available still answers
//! with the reason.

use super::{Mode, Model};
use crate::console::action::Action;
use crate::history::Step;
use crate::inventory::drift::compare;
use crate::release::{Observed, Progress};

/// Whether the version is live and the release waits for an operator or for a time. Another release
/// can take over then.
pub fn rests_after_switch(progress: &Progress) -> bool {
    matches!(
        progress,
        Progress::Standby { .. }
            | Progress::Asking {
                step: Step::Stop,
                ..
            }
    )
}

/// Whether the version is checked, has no traffic, and its release waits for approval.
pub fn rests_before_switch(progress: &Progress) -> bool {
    matches!(
        progress,
        Progress::Asking {
            step: Step::Register | Step::Switch,
            ..
        }
    )
}

/// See the module.
pub fn is_available(model: &Model, action: Action) -> bool {
    let progress = model.release_in_flight().map(|status| &status.progress);
    let elsewhere = model.elsewhere().is_some_and(Observed::is_driven);
    let unused = progress.is_none() && !elsewhere;
    let may_begin = unused
        || model
            .open
            .as_ref()
            .is_some_and(|it| model.is_in_standby(it));
    match action {
        Action::Approve => {
            let asks = matches!(
                progress,
                Some(Progress::Asking { .. } | Progress::Choosing { .. })
            );
            // The driver is not offered approvals that only other operators can give.
            let own = model.release_in_flight();
            let lacks = own.is_some_and(|status| model.lacks_approvals(status));
            let open = model.open.as_ref();
            let may_approve = open.is_some_and(|open| model.peer_approvable(open).is_some());
            asks && !lacks || model.mode != Mode::ReadOnly && may_approve
        }
        Action::Waiting => !model.waiting().is_empty(),
        Action::BackOut => !matches!(progress, None | Some(Progress::Back(_))),
        Action::Resume => {
            let is_open = |told: &Observed| told.is_driven() || told.is_interrupted();
            let is_elsewhere = model.elsewhere().is_some_and(is_open);
            let is_asked = model
                .open
                .as_ref()
                .is_some_and(|open| model.asked_here(open).is_some());
            let is_lost = model
                .open
                .as_ref()
                .is_some_and(|open| model.is_lost_here(open));
            is_asked || (is_elsewhere || is_lost) && model.mode != Mode::ReadOnly
        }
        Action::CheckAgain => progress.is_some_and(rests_before_switch),
        Action::EndStandby => matches!(progress, Some(Progress::Standby { .. })),
        Action::Promote | Action::RollBack => {
            model.mode != Mode::ReadOnly && model.open.is_some() && may_begin
        }
        Action::Repair => {
            let differs = |snapshot| !compare(snapshot).holds();
            model.mode != Mode::ReadOnly
                && unused
                && !model.elsewhere().is_some_and(Observed::is_interrupted)
                && model.snapshot().is_some_and(differs)
        }
        Action::Freeze => model.mode != Mode::ReadOnly && model.open.is_some(),
        Action::Arm => model.mode != Mode::ReadOnly && model.open.is_some() && !model.is_armed(),
        Action::Mark | Action::Timeline => {
            model.history.is_open && model.history.under_cursor().is_some()
        }
        Action::Prove => model.history.is_open,
        Action::Compare => model.history.is_open && model.history.marked.len() == 2,
        Action::Reload => model.configuration.is_some(),
        Action::Zoom => !model.looks.zoomed,
        Action::Unzoom => model.looks.zoomed,
        Action::Suspend => model.has_shell && !model.is_busy(),
        _ => true,
    }
}

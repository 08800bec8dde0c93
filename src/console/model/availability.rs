//! Decides which actions are available now. The footer shows only available actions. The key of an unavailable action
//! shows the reason.

use super::{Mode, Model};
use crate::console::action::Action;
use crate::inventory::drift::compare;
use crate::release::{Observed, Progress};

/// Whether the action is available now. Actions without their own line below are always available.
pub fn is_available(model: &Model, action: Action) -> bool {
    let progress = model.release_in_flight().map(|status| &status.progress);
    let elsewhere = model.elsewhere().is_some_and(Observed::is_driven);
    let is_undriven = progress.is_none() && !elsewhere;
    let may_begin = is_undriven
        || model
            .open
            .as_ref()
            .is_some_and(|open| model.is_in_standby(open));
    match action {
        Action::Approve => {
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
        Action::Waiting => !model.waiting().is_empty(),
        Action::BackOut => !matches!(progress, None | Some(Progress::Back(_))),
        Action::Resume => {
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
        Action::CheckAgain => progress.is_some_and(Progress::may_check_again),
        Action::EndStandby => matches!(progress, Some(Progress::Standby { .. })),
        Action::Promote | Action::RollBack => {
            model.mode != Mode::ReadOnly && model.open.is_some() && may_begin
        }
        Action::Repair => {
            let differs = |snapshot| !compare(snapshot).agrees();
            model.mode != Mode::ReadOnly
                && is_undriven
                && !model.elsewhere().is_some_and(Observed::prevents_repair)
                && model.snapshot().is_some_and(differs)
        }
        Action::Hold => model.mode != Mode::ReadOnly && model.open.is_some(),
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

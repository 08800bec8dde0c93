//! Which actions would do something now: what the footer names. A key that is not offered still
//! answers, with the reason.

use super::{Mode, Model};
use crate::console::action::Action;
use crate::history::Step;
use crate::inventory::{Role, Slot};
use crate::release::Progress;

/// Whether the version is live and nothing is done until somebody or some time says so: another
/// release may take over then.
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

/// See the module.
pub fn offers(model: &Model, action: Action) -> bool {
    let progress = model.release_in_flight().map(|status| &status.progress);
    let idle = progress.is_none_or(rests_after_switch);
    match action {
        Action::Approve => matches!(
            progress,
            Some(Progress::Asking { .. } | Progress::Choosing { .. })
        ),
        Action::BackOut => !matches!(progress, None | Some(Progress::Back(_))),
        Action::EndStandby => matches!(progress, Some(Progress::Standby { .. })),
        Action::Promote => model.mode != Mode::ReadOnly && model.open.is_some() && idle,
        Action::RollBack => {
            idle && model.snapshot().is_some_and(|snapshot| {
                Slot::BOTH
                    .into_iter()
                    .any(|slot| snapshot.role(slot) == Role::Standby)
            })
        }
        Action::Arm => model.mode != Mode::ReadOnly && model.open.is_some() && !model.is_armed(),
        _ => true,
    }
}

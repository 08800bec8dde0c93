//! Which actions would do something now: what the footer names. A key that is not offered still
//! answers, with the reason.

use super::{Mode, Model};
use crate::console::action::Action;
use crate::inventory::{Role, Slot};
use crate::release::Progress;

/// See the module.
pub fn offers(model: &Model, action: Action) -> bool {
    let progress = model.release_in_flight().map(|status| &status.progress);
    let idle = matches!(progress, None | Some(Progress::Standby { .. }));
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

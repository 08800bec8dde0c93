//! Decides directly before an action of a repair whether it is still needed and allowed.

use crate::release::action::Action;
use crate::release::interlocks::{Obstacle, allow};
use crate::release::reached::reached;
use crate::release::view::View;

/// The result of a guard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Act,
    /// The result of the action is already observed, so there is nothing to do.
    Already,
    /// The action is not safe yet, for this reason. Observe again.
    Wait(String),
    /// The action is not safe, for this reason. Waiting does not help.
    Refuse(String),
}

pub(super) fn guard(action: &Action, view: &View<'_>) -> Verdict {
    if reached(action, view).is_ok() {
        return Verdict::Already;
    }
    match allow(action, view) {
        Ok(()) => Verdict::Act,
        Err(Obstacle::Wait(why)) => Verdict::Wait(why),
        Err(Obstacle::Refuse(why)) => Verdict::Refuse(why),
        Err(Obstacle::Changed(why)) => {
            Verdict::Refuse(format!("{why}. Repair again to make a new plan"))
        }
    }
}

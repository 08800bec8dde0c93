//! What the operator can do with a release that this console does not drive.

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Model, Weight};
use crate::release::ResumeAction;

/// What the operator can do with a release that this console does not drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeChoice {
    Later,
    /// Request the handover from the driver.
    Ask,
    /// Withdraw the request for the handover.
    WithdrawRequest,
    /// Continue the release, back it out, or end it and keep everything as it is. If another console or command holds
    /// the lock, take over the lock.
    Resume(ResumeAction),
}

pub(super) fn later(model: &mut Model) -> Vec<Effect> {
    let resume_key = model.keymap.shown(Action::Resume);
    let text = format!("nothing was decided: {resume_key} asks again");
    model.say(Weight::Normal, &text);
    Vec::new()
}

//! Handles new observations: updates the matrix and its cursor, and follows the log of the open target.

use std::sync::Arc;

use super::follow;
use crate::console::effect::Effect;
use crate::console::layout;
use crate::console::model::{Model, Pane};
use crate::inventory::{Target, World};

pub(super) fn observed(model: &mut Model, world: Arc<World>) -> Vec<Effect> {
    let mut effects = Vec::new();
    model.world = world;
    super::matrix::list(model);
    if super::matrix::settle_cursor(model) && model.open.is_none() {
        model.open = under_cursor(model);
        effects.extend(model.open.clone().map(Effect::LookAt));
    }
    effects.extend(follow::follow(model));
    effects
}

/// On a screen that shows one pane at a time, changes the focus from the environments to the slots if a release of the
/// open target has not ended. Does nothing while a dialog or a prompt is open.
pub(super) fn show_release(model: &mut Model) {
    let is_idle = model.dialog.is_none() && model.prompt.is_none();
    let may_turn = is_idle && model.focus == Pane::Environments && layout::is_narrow(model);
    if may_turn && !model.is_at_rest() {
        model.focus = Pane::Slots;
    }
}

/// The target under the cursor, if the matrix shows it.
pub(super) fn under_cursor(model: &Model) -> Option<Target> {
    let cursor = model.cursor.as_ref()?;
    model.services.row(&cursor.service)?;
    Some(cursor.clone())
}

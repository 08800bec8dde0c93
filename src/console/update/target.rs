//! Opens a target.

use super::{follow, world};
use crate::console::effect::Effect;
use crate::console::model::Model;
use crate::inventory::Target;

/// Opens a target, so that all panes show it.
pub(in crate::console) fn open(model: &mut Model, target: Target) -> Vec<Effect> {
    model.history.is_open = false;
    model.log.chosen = None;
    model.rows.clear();
    model.open = Some(target.clone());
    model.cursor = Some(target.clone());
    world::show_release(model);
    let mut effects = vec![Effect::LookAt(target)];
    effects.extend(follow::follow(model));
    effects
}

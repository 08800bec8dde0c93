//! Announces a changed configuration on disk, and returns to the operator's place after a reload.

use std::sync::Arc;

use crate::console::action::Action;
use crate::console::dialogs::ReloadDialog;
use crate::console::effect::Effect;
use crate::console::model::{FoundConfiguration, Model, NewConfiguration, Weight};
use crate::inventory::World;
use crate::inventory::local_time;

/// Handles the result of comparing the configuration on disk with the configuration in use. `found` is `None` if the
/// two are equal.
pub(super) fn observed(model: &mut Model, found: Option<Arc<NewConfiguration>>) -> Vec<Effect> {
    if model.configuration == found {
        return Vec::new();
    }
    model.configuration = found;
    let is_open = model.shown::<ReloadDialog>().is_some();
    match &model.configuration {
        Some(new) => {
            let key = model.keymap.shown(Action::Reload);
            let (file, at) = (&new.file, local_time::clock(new.changed_at));
            let (weight, text) = match &new.found {
                FoundConfiguration::Differs { .. } => (
                    Weight::Normal,
                    format!(
                        "{file} changed on disk at {at}: {key} shows the differences and reloads"
                    ),
                ),
                FoundConfiguration::Broken(_) => (
                    Weight::Prominent,
                    format!(
                        "{file} changed on disk at {at} and has errors: {key} lists them; the previous configuration stays in use"
                    ),
                ),
            };
            if is_open {
                // The dialog now shows another configuration, so the cursor goes back to the answer that changes
                // nothing.
                model.show(ReloadDialog::default());
            }
            model.say(weight, &text);
        }
        None if is_open => {
            model.dialog = None;
            let text = "the configuration on disk was changed back to the one in use: there is nothing to reload";
            model.say(Weight::Normal, text);
        }
        None => {}
    }
    Vec::new()
}

/// Returns to the operator's place from before a reload, as soon as the targets are known.
pub(super) fn come_back(model: &mut Model, world: &World) -> Vec<Effect> {
    if world.snapshots.is_empty() {
        return Vec::new();
    }
    let Some(view) = model.come_back_to.take() else {
        return Vec::new();
    };
    model.cursor = view.cursor;
    match view.open {
        Some(target) if world.get(&target).is_some() => {
            let effects = super::target::open(model, target);
            model.focus = view.focus;
            effects
        }
        Some(target) => {
            let text = format!("{target} is not in the new configuration: open another target");
            model.refused(&text)
        }
        None => {
            model.focus = view.focus;
            Vec::new()
        }
    }
}

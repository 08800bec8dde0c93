//! Announces a changed configuration on disk, shows the differences, and reloads the configuration.

use std::sync::Arc;

use crossterm::event::KeyCode;

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{
    Dialog, FoundConfiguration, Model, NewConfiguration, ReloadAnswer, ReloadDialog, ViewState,
    Weight,
};
use crate::console::run::ExitReason;
use crate::inventory::World;
use crate::inventory::local_time;

/// Handles the result of comparing the configuration on disk with the configuration in use. `found` is `None` if the
/// two are equal.
pub(super) fn observed(model: &mut Model, found: Option<Arc<NewConfiguration>>) -> Vec<Effect> {
    if model.configuration == found {
        return Vec::new();
    }
    model.configuration = found;
    let is_open = matches!(model.dialog, Some(Dialog::Reload(_)));
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
                model.dialog = Some(Dialog::Reload(ReloadDialog::default()));
                model.scrolled = 0;
            }
            super::say(model, weight, &text);
        }
        None if is_open => {
            model.dialog = None;
            let text =
                "the configuration on disk equals the one in use again: there is nothing to reload";
            super::say(model, Weight::Normal, text);
        }
        None => {}
    }
    Vec::new()
}

/// Shows the differences and asks whether to reload.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    if let Some(file) = &model.read_once {
        let text = format!(
            "the configuration was read from {file}, which cannot be read again: restart Greenroom to change it"
        );
        return super::refused(model, &text);
    }
    if model.configuration.is_none() {
        let text =
            "no change of the configuration on disk was observed: there is nothing to reload";
        return super::refused(model, text);
    }
    model.scrolled = 0;
    model.dialog = Some(Dialog::Reload(ReloadDialog::default()));
    Vec::new()
}

pub(super) fn pressed(model: &mut Model, dialog: ReloadDialog, key: KeyCode) -> Vec<Effect> {
    let is_usable = model
        .configuration
        .as_ref()
        .is_some_and(|new| new.is_usable());
    match key {
        KeyCode::Enter if is_usable => match ReloadAnswer::ALL.get(dialog.row) {
            Some(ReloadAnswer::Reload) => reload(model),
            Some(ReloadAnswer::Keep) | None => Vec::new(),
        },
        KeyCode::Enter | KeyCode::Esc => Vec::new(),
        _ => {
            let row = super::dialog::moved(dialog.row, ReloadAnswer::ALL.len(), key);
            let row = if is_usable { row } else { 0 };
            model.dialog = Some(Dialog::Reload(ReloadDialog { row }));
            Vec::new()
        }
    }
}

fn reload(model: &mut Model) -> Vec<Effect> {
    if let Some(why) = model.keeps_configuration() {
        return super::refused(model, &why);
    }
    vec![Effect::Leave(ExitReason::Reload(Box::new(ViewState {
        open: model.open.clone(),
        cursor: model.cursor.clone(),
        focus: model.focus,
    })))]
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
            let effects = super::keys::open_target(model, target);
            model.focus = view.focus;
            effects
        }
        Some(target) => {
            let text = format!("{target} is not in the new configuration: open another target");
            super::refused(model, &text)
        }
        None => {
            model.focus = view.focus;
            Vec::new()
        }
    }
}

//! The configuration changed on disk: announces it, shows the differences, and reloads on a key.

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

/// The file was compared with the configuration in use. None if they are the same.
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
                    Weight::Told,
                    format!("{file} changed on disk at {at}: {key} shows what differs and reloads"),
                ),
                FoundConfiguration::Broken(_) => (
                    Weight::Refused,
                    format!(
                        "{file} changed on disk at {at} and has errors: {key} lists them; the configuration in use stays"
                    ),
                ),
            };
            if is_open {
                // The dialog shows another configuration than before: its answer starts at the first row.
                model.dialog = Some(Dialog::Reload(ReloadDialog::default()));
                model.scrolled = 0;
            }
            super::say(model, weight, &text);
        }
        None if is_open => {
            model.dialog = None;
            let text = "the configuration on disk is the one in use again: nothing to reload";
            super::say(model, Weight::Told, text);
        }
        None => {}
    }
    Vec::new()
}

/// The key: shows the differences.
pub(super) fn ask(model: &mut Model) -> Vec<Effect> {
    if let Some(file) = &model.read_once {
        let text = format!("the configuration was read from {file}, and cannot be read again");
        return super::refused(model, &text);
    }
    if model.configuration.is_none() {
        let text = "the configuration on disk is the one in use: nothing to reload";
        return super::refused(model, text);
    }
    model.scrolled = 0;
    model.dialog = Some(Dialog::Reload(ReloadDialog::default()));
    Vec::new()
}

pub(super) fn pressed(model: &mut Model, asked: ReloadDialog, key: KeyCode) -> Vec<Effect> {
    let is_usable = model
        .configuration
        .as_ref()
        .is_some_and(|new| new.is_usable());
    match key {
        KeyCode::Enter if is_usable => match ReloadAnswer::ALL.get(asked.row) {
            Some(ReloadAnswer::Reload) => reload(model),
            Some(ReloadAnswer::Keep) | None => Vec::new(),
        },
        KeyCode::Enter | KeyCode::Esc => Vec::new(),
        _ => {
            let row = super::dialog::moved(asked.row, ReloadAnswer::ALL.len(), key);
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

/// After a reload: returns to the operator's place as soon as the targets are known.
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
            let text = format!("{target} is not in the new configuration");
            super::refused(model, &text)
        }
        None => {
            model.focus = view.focus;
            Vec::new()
        }
    }
}

//! The actions of the main screen: finds the action of a key, and runs it.

use crossterm::event::KeyEvent;

use super::{
    approving, change, details, follow, history, logs, look, matrix, sample_push, target, world,
};
use crate::console::action::Action;
use crate::console::dialogs::{Help, Leaving, palette, queue, reload, themes, waiting};
use crate::console::effect::{Effect, ExitReason};
use crate::console::layout;
use crate::console::model::{Model, Pane, Weight};
use crate::inventory::Target;

pub(super) fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let action = if model.history.is_open {
        model.keymap.action_in_history(key)
    } else {
        model.keymap.action(key, model.focus)
    };
    let Some(action) = action else {
        let help = model.keymap.shown(Action::Help);
        let text = format!("this key does nothing now: {help} shows all keys");
        return model.refused(&text);
    };
    run(model, action)
}

/// Runs the action of a key or of the palette. In the environments, some actions first open the target under the
/// cursor.
pub(super) fn run(model: &mut Model, action: Action) -> Vec<Effect> {
    // All other actions on a release are for the open target, because the footer and the ladder show the release of the
    // open target.
    let may_open_row = matches!(
        action,
        Action::Promote
            | Action::RollBack
            | Action::Hold
            | Action::Repair
            | Action::Arm
            | Action::Queue
    );
    let is_for_row = may_open_row && model.focus == Pane::Environments;
    if !is_for_row || model.history.is_open {
        return act(model, action);
    }
    // While the environments have the focus, these actions are for the target under the cursor.
    let mut effects = match world::under_cursor(model) {
        Some(target) if model.open.as_ref() != Some(&target) => {
            if let Some(absent) = absent(model, &target) {
                return model.refused(&absent);
            }
            target::open(model, target)
        }
        _ => Vec::new(),
    };
    effects.extend(act(model, action));
    effects
}

/// Why a cell cannot be opened. `None` if the cell has a target.
fn absent(model: &Model, target: &Target) -> Option<String> {
    let exists = model.world.get(target).is_some();
    (!exists).then(|| {
        format!(
            "{} has no target in {}: move to another row or column",
            target.service, target.environment
        )
    })
}

pub(super) fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    if model.history.is_open
        && let Some(effects) = history::act(model, action)
    {
        return effects;
    }
    match action {
        Action::Promote => return change::promote(model),
        Action::Approve => return approving::approve(model),
        Action::BackOut => return change::back_out(model),
        Action::RollBack => return change::roll_back(model),
        Action::EndStandby => return change::end_standby(model),
        Action::CheckAgain => return change::check_again(model),
        Action::Resume => return change::resume(model),
        Action::Repair => return change::repair(model),
        Action::Waiting => return waiting::open(model),
        Action::Queue => return queue::open(model),
        Action::PushSample => return sample_push::push(model),
        Action::Hold => return change::hold(model),
        Action::Arm => return change::arm(model),
        Action::Open => return open(model),
        Action::Back => {
            model.notice = None;
            if model.focus == Pane::Logs
                && let Some(effects) = logs::back(model)
            {
                return effects;
            }
            // If a pane is zoomed, the key only ends the zoom.
            if std::mem::take(&mut model.looks.zoomed) {
                return Vec::new();
            }
            if model.focus == Pane::Environments && !model.services.filter.is_empty() {
                matrix::filter_typed(model, "");
            }
            model.focus = Pane::Environments;
        }
        Action::FocusEnvironments => look::focus(model, Pane::Environments),
        Action::FocusSlots => look::focus(model, Pane::Slots),
        Action::FocusChecks => look::focus(model, Pane::Checks),
        Action::FocusRegistrations => look::focus(model, Pane::Registrations),
        Action::FocusLogs => look::focus(model, Pane::Logs),
        Action::NextPane => look::step(model, 1),
        Action::PreviousPane => look::step(model, 4),
        Action::Up => move_by(model, -1),
        Action::Down => move_by(model, 1),
        Action::HalfUp => move_by(model, -half(model)),
        Action::HalfDown => move_by(model, half(model)),
        Action::Left => sideways(model, -1),
        Action::Right => sideways(model, 1),
        Action::First => edge(model, Edge::First),
        Action::Last => edge(model, Edge::Last),
        Action::Follow => logs::follow(model),
        Action::NextLog => return follow::next_log(model),
        Action::Search if model.focus == Pane::Environments => return matrix::filter(model),
        Action::Search => return logs::search(model),
        Action::SearchNext => return logs::go_to_match(model, 1),
        Action::SearchPrevious => return logs::go_to_match(model, -1),
        Action::Filter => return logs::filter(model),
        Action::Wrap => return logs::wrap(model),
        Action::Timestamps => return logs::timestamps(model),
        Action::Since => return logs::since(model),
        Action::SaveLog => return logs::save(model),
        Action::HideLog => return look::hide_log(model),
        Action::Diagnostics => return logs::diagnostics(model),
        Action::Sort => return matrix::sort(model),
        Action::Zoom => return look::zoom(model),
        Action::Unzoom => return look::unzoom(model),
        Action::Palette => palette::open(model),
        Action::Themes => return themes::open(model),
        Action::Mouse => return look::mouse(model),
        Action::Suspend => return look::suspend(model),
        Action::History => return history::open(model),
        Action::Mark | Action::Compare | Action::Timeline | Action::Prove => {
            return history::not_open(model);
        }
        Action::Copy => return copy(model),
        Action::Repaint => return vec![Effect::Repaint],
        Action::Help => model.show(Help::default()),
        Action::Reload => return reload::open(model),
        Action::Quit => return quit(model),
    }
    Vec::new()
}

pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    if let Some(target) = model.repairing.first() {
        let quit = model.keymap.shown(Action::Quit);
        let text = format!(
            "{target} is being repaired: wait until the repair has ended, then {quit} quits"
        );
        return model.refused(&text);
    }
    if model.in_flight().next().is_none() {
        return vec![Effect::Leave(ExitReason::Quit)];
    }
    model.show(Leaving::default());
    Vec::new()
}

fn open(model: &mut Model) -> Vec<Effect> {
    if model.focus != Pane::Environments {
        model.show(details::page(model));
        return Vec::new();
    }
    let Some(target) = world::under_cursor(model) else {
        let back = model.keymap.shown(Action::Back);
        let text = format!(
            "no target is under the cursor: move the cursor with the arrow keys, \
             or clear the filter with {back}"
        );
        return model.refused(&text);
    };
    if let Some(absent) = absent(model, &target) {
        return model.refused(&absent);
    }
    target::open(model, target)
}

fn half(model: &Model) -> isize {
    let rows = layout::rows(model, model.focus);
    isize::try_from(rows / 2).unwrap_or(1).max(1)
}

pub(super) fn move_by(model: &mut Model, by: isize) {
    match model.focus {
        Pane::Environments => matrix::down(model, by),
        Pane::Checks | Pane::Registrations => {
            let last = details::row_count(model, model.focus).saturating_sub(1);
            let row = model.row(model.focus).saturating_add_signed(by).min(last);
            model.rows.insert(model.focus, row);
        }
        Pane::Logs => logs::scroll(model, by),
        Pane::Slots => {}
    }
}

pub(super) fn sideways(model: &mut Model, by: i16) {
    match model.focus {
        Pane::Environments => matrix::right(model, by.into()),
        Pane::Logs => model.log.log_mut().slide(isize::from(by) * 8),
        Pane::Slots | Pane::Checks | Pane::Registrations => {}
    }
}

#[derive(Clone, Copy)]
enum Edge {
    First,
    Last,
}

fn edge(model: &mut Model, edge: Edge) {
    match (model.focus, edge) {
        (Pane::Logs, Edge::First) => logs::to_start(model),
        (Pane::Logs, Edge::Last) => logs::to_end(model),
        (_, Edge::First) => move_by(model, isize::MIN),
        (_, Edge::Last) => move_by(model, isize::MAX),
    }
}

/// The largest text, in bytes, that is copied. Many terminals ignore a longer text for the clipboard.
const COPY_MOST: usize = 64 * 1024;

fn copy(model: &mut Model) -> Vec<Effect> {
    let Some((label, text)) = details::copied(model) else {
        return model.refused("there is nothing to copy here: move to another row or pane");
    };
    if text.len() > COPY_MOST {
        let text =
            format!("cannot copy {label}: more than 64 KiB, which many terminals do not accept");
        return model.refused(&text);
    }
    model.say(Weight::Normal, &format!("copied {label}: {text}"));
    vec![Effect::Copy(text)]
}

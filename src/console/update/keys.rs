//! A key on the main screen.

use crossterm::event::KeyEvent;

use super::{change, details, world};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::keymap;
use crate::console::layout;
use crate::console::model::{Dialog, Leaving, Model, Pane, Weight};
use crate::console::run::Farewell;
use crate::inventory::Slot;

pub(super) fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    let Some(action) = keymap::action(key, model.focus) else {
        return super::refused(model, "that key does nothing here: ? shows all keys");
    };
    act(model, action)
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    match action {
        Action::Promote => return change::promote(model),
        Action::Approve => return change::approve(model),
        Action::BackOut => return change::back_out(model),
        Action::RollBack => return change::roll_back(model),
        Action::EndStandby => return change::end_standby(model),
        Action::Arm => return change::arm(model),
        Action::Open => return open(model),
        Action::Back => {
            model.notice = None;
            model.focus = Pane::Environments;
        }
        Action::Focus(pane) => model.focus = pane,
        Action::NextPane => model.focus = model.focus.step(1),
        Action::PreviousPane => model.focus = model.focus.step(4),
        Action::Up => go(model, -1),
        Action::Down => go(model, 1),
        Action::HalfUp => go(model, -half(model)),
        Action::HalfDown => go(model, half(model)),
        Action::Left => sideways(model, -1),
        Action::Right => sideways(model, 1),
        Action::First => edge(model, Edge::First),
        Action::Last => edge(model, Edge::Last),
        Action::Follow => follow(model),
        Action::OtherLog => return other_log(model),
        Action::Copy => return copy(model),
        Action::Repaint => return vec![Effect::Repaint],
        Action::Help => model.dialog = Some(Dialog::Help(0)),
        Action::Quit => return quit(model),
    }
    Vec::new()
}

pub(super) fn quit(model: &mut Model) -> Vec<Effect> {
    if model.in_flight().next().is_none() {
        return vec![Effect::Leave(Farewell::Quit)];
    }
    model.dialog = Some(Dialog::Leaving(Leaving::default()));
    Vec::new()
}

fn open(model: &mut Model) -> Vec<Effect> {
    if model.focus != Pane::Environments {
        model.dialog = Some(Dialog::Page(details::page(model)));
        return Vec::new();
    }
    let Some(target) = world::under_cursor(model) else {
        return super::refused(model, "nothing is under the cursor: arrows move it");
    };
    model.log.chosen = None;
    model.rows.clear();
    model.open = Some(target.clone());
    let mut effects = vec![Effect::LookAt(target)];
    effects.extend(world::follow(model));
    effects
}

fn half(model: &Model) -> isize {
    let rows = layout::rows(model.size, model.focus, model.focus);
    isize::try_from(rows / 2).unwrap_or(1).max(1)
}

fn log_rows(model: &Model) -> usize {
    layout::rows(model.size, model.focus, Pane::Logs)
}

fn go(model: &mut Model, by: isize) {
    match model.focus {
        Pane::Environments => {
            let rows = model.world.services.len();
            let (row, column) = model.cursor.unwrap_or((0, 0));
            if rows > 0 {
                let row = row.saturating_add_signed(by).min(rows - 1);
                model.cursor = Some((row, column));
            }
        }
        Pane::Checks | Pane::Registrations => {
            let last = details::row_count(model, model.focus).saturating_sub(1);
            let row = model.row(model.focus).saturating_add_signed(by).min(last);
            model.rows.insert(model.focus, row);
        }
        Pane::Logs => {
            let rows = log_rows(model);
            model.log.view.scroll(&model.log.ring, rows, by);
        }
        Pane::Slots => {}
    }
}

fn sideways(model: &mut Model, by: i16) {
    match model.focus {
        Pane::Environments => {
            let columns = model.world.environments.len();
            let (row, column) = model.cursor.unwrap_or((0, 0));
            if columns > 0 {
                let column = column.saturating_add_signed(by.into()).min(columns - 1);
                model.cursor = Some((row, column));
            }
        }
        Pane::Logs => model.log.view.slide(by.saturating_mul(8)),
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
        (Pane::Logs, Edge::First) => model.log.view.to_start(&model.log.ring),
        (Pane::Logs, Edge::Last) => model.log.view.follow(),
        (_, Edge::First) => go(model, isize::MIN),
        (_, Edge::Last) => go(model, isize::MAX),
    }
}

fn follow(model: &mut Model) {
    if model.log.view.follows() {
        let rows = log_rows(model);
        model.log.view.stay(&model.log.ring, rows);
    } else {
        model.log.view.follow();
    }
}

fn other_log(model: &mut Model) -> Vec<Effect> {
    let shown = model.log.source.as_ref().map(|source| source.slot);
    let other = shown.map_or(Slot::Blue, Slot::other);
    let runs = model
        .snapshot()
        .is_some_and(|snapshot| snapshot.slots.get(other).instance.is_some());
    if !runs {
        let text = format!("{other} has no instance, so it has no log");
        return super::refused(model, &text);
    }
    model.log.chosen = Some(other);
    world::follow(model)
}

fn copy(model: &mut Model) -> Vec<Effect> {
    let Some((what, text)) = details::copied(model) else {
        return super::refused(model, "there is nothing to copy here");
    };
    super::say(model, Weight::Told, &format!("copied {what}"));
    vec![Effect::Copy(text)]
}

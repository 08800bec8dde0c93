//! Clicks and wheel turns, if the console receives them. A click focuses a pane and moves its cursor to the clicked
//! row. A click on the row that already has the focus and the cursor opens the row. A click never answers a dialog, so
//! it cannot approve anything.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::{details, dialog, history, keys, look};
use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::grid::{grid, list_rows};
use crate::console::layout::{self, Hit};
use crate::console::model::{Model, Pane};

/// How many lines one notch of the wheel scrolls.
const NOTCH: isize = 3;

pub(super) fn handle(model: &mut Model, event: MouseEvent) -> Vec<Effect> {
    if !model.looks.mouse {
        // The terminal sent this event before the console stopped receiving the mouse.
        return Vec::new();
    }
    let by = match event.kind {
        MouseEventKind::ScrollUp => -NOTCH,
        MouseEventKind::ScrollDown => NOTCH,
        MouseEventKind::Down(MouseButton::Left) => 0,
        _ => return Vec::new(),
    };
    if model.dialog.is_some() {
        return over_dialog(model, by);
    }
    if model.history.is_open {
        history::scroll(model, by);
        return history::read_more(model);
    }
    let Some(hit) = layout::hit(model, (event.column, event.row)) else {
        return Vec::new();
    };
    if by != 0 {
        // The pane under the pointer scrolls, and the focus does not change.
        let focus = std::mem::replace(&mut model.focus, hit.pane);
        keys::move_by(model, by);
        model.focus = focus;
        return Vec::new();
    }
    clicked(model, hit)
}

/// The wheel moves the cursor of a dialog or scrolls the dialog, but only keys answer a dialog.
fn over_dialog(model: &mut Model, by: isize) -> Vec<Effect> {
    let code = match by {
        ..0 => KeyCode::Up,
        0 => {
            return model.refused("a dialog is answered with keys: its last line names them");
        }
        1.. => KeyCode::Down,
    };
    dialog::pressed(model, KeyEvent::new(code, KeyModifiers::NONE))
}

fn clicked(model: &mut Model, hit: Hit) -> Vec<Effect> {
    let before = (model.focus, position(model, hit.pane));
    let clicked_cell = cell_under(model, hit);
    look::focus(model, hit.pane);
    let Some((row, column)) = clicked_cell else {
        return Vec::new();
    };
    let at = position(model, hit.pane);
    keys::move_by(model, distance(at.0, row));
    if let Ok(by) = i16::try_from(distance(at.1, column)) {
        keys::sideways(model, by);
    }
    let is_same = before == (hit.pane, position(model, hit.pane));
    if is_same {
        return keys::act(model, Action::Open);
    }
    Vec::new()
}

fn distance(from: usize, to: usize) -> isize {
    let count = |number: usize| isize::try_from(number).unwrap_or(0);
    count(to) - count(from)
}

/// The row and the column of a pane's cursor.
fn position(model: &Model, pane: Pane) -> (usize, usize) {
    if pane != Pane::Environments {
        return (model.row(pane), 0);
    }
    let Some(cursor) = &model.cursor else {
        return (0, 0);
    };
    let mut names = model.world.environments.iter().map(|(name, _)| name);
    let column = names.position(|name| *name == cursor.environment);
    let row = model.services.row(&cursor.service);
    (row.unwrap_or(0), column.unwrap_or(0))
}

/// The row and the column under the pointer. `None` if no row of a list is there.
fn cell_under(model: &Model, hit: Hit) -> Option<(usize, usize)> {
    // Some lists have a line with column names above them.
    let (above, count, height) = match hit.pane {
        Pane::Environments => (1, model.services.shown.len(), list_rows(hit.rows)),
        Pane::Checks => (0, details::row_count(model, hit.pane), hit.rows),
        Pane::Registrations => {
            let count = details::row_count(model, hit.pane);
            (1, count, hit.rows.saturating_sub(1))
        }
        Pane::Slots | Pane::Logs => return None,
    };
    let at = position(model, hit.pane);
    let line = hit.line.checked_sub(above).filter(|line| *line < height)?;
    let row = layout::window(at.0, count, height).start + line;
    let column = match hit.pane {
        Pane::Environments => grid(model, hit.columns).environment_at(hit.column),
        _ => Some(0),
    };
    (row < count).then_some((row, column.unwrap_or(at.1)))
}

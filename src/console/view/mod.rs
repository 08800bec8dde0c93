//! Draws the screen from the model. Views read no clock and no channel, and do not change the model. They name
//! meanings and glyphs; the theme decides the colours.

mod at_rest;
mod card;
mod checks;
mod diagnostics;
mod dialog;
mod footer;
pub(super) mod header;
mod history;
mod ladder;
mod logs;
mod matrix;
pub(super) mod pane;
pub(super) mod progress;
pub(super) mod progress_words;
pub(super) mod queue_words;
mod registrations;
mod slots;
mod stale;
pub(super) mod text;
pub(super) mod together;
mod traffic;
mod truth;

use ratatui::Frame;
use ratatui::buffer::Buffer;

use super::layout::{Arrangement, Places, Shape, arrange};
use super::model::{Model, Pane};
use super::theme::{Charset, Meaning, Theme};

pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    diagnostics::collect();
    let area = frame.area();
    // A theme may set a background colour; most themes keep the background of the terminal.
    let ground = theme.style(Meaning::Text);
    frame.buffer_mut().set_style(area, ground);
    let shape = Shape {
        size: (area.width, area.height),
        ..Shape::of(model)
    };
    match arrange(shape) {
        Arrangement::Card(place) => card::draw(model, theme, frame, place),
        Arrangement::Panes(places) => {
            if model.history.is_open {
                history(model, theme, frame, shape);
            } else {
                panes(model, theme, frame, &places);
            }
            if let Some(open) = &model.dialog {
                dialog::draw(model, theme, frame, &**open);
            }
        }
    }
    if theme.charset() == Charset::Ascii {
        only_ascii(frame.buffer_mut());
    }
}

/// Draws the history in place of the panes. The ladder (the pane with the steps of a release) stays in view, because a
/// release may be running.
fn history(model: &Model, theme: &Theme, frame: &mut Frame<'_>, shape: Shape) {
    let zoomed_shape = Shape {
        zoomed: true,
        ..shape
    };
    let Arrangement::Panes(places) = arrange(zoomed_shape) else {
        return;
    };
    header::draw(model, theme, frame, places.header);
    if let Some((_, place)) = places.panes.first() {
        history::draw(model, theme, frame, *place);
    }
    ladder::draw(model, theme, frame, places.ladder);
    footer::draw(model, theme, frame, places.footer);
}

/// Replaces each character that is not ASCII by a similar one or by `?`, for terminals that show only ASCII.
fn only_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let mark = match cell.symbol() {
                "·" => "-",
                "→" => ">",
                "…" => "~",
                _ => "?",
            };
            cell.set_symbol(mark);
        }
    }
}

fn panes(model: &Model, theme: &Theme, frame: &mut Frame<'_>, places: &Places) {
    header::draw(model, theme, frame, places.header);
    if let Some(tabs) = places.tabs {
        header::tabs(model, theme, frame, tabs);
    }
    for (pane, place) in &places.panes {
        match pane {
            Pane::Environments => matrix::draw(model, theme, frame, *place),
            Pane::Slots => slots::draw(model, theme, frame, *place, places.slots),
            Pane::Checks => checks::draw(model, theme, frame, *place),
            Pane::Registrations => registrations::draw(model, theme, frame, *place),
            Pane::Logs => logs::draw(model, theme, frame, *place),
        }
    }
    ladder::draw(model, theme, frame, places.ladder);
    footer::draw(model, theme, frame, places.footer);
}

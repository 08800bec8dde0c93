//! From the model to the screen, and nothing else: no clock, no channel, no change. Views name
//! meanings and glyphs; colours are the theme's.

mod card;
mod checks;
mod confirm;
mod dialog;
mod footer;
mod header;
mod ladder;
mod logs;
mod matrix;
mod pane;
mod picker;
mod progress;
mod registrations;
mod slots;
mod text;
mod truth;

use ratatui::Frame;
use ratatui::buffer::Buffer;

use super::layout::{Arrangement, Places, arrange};
use super::model::{Model, Pane};
use super::theme::{Charset, Theme};

/// Draws the whole screen.
pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    let area = frame.area();
    match arrange((area.width, area.height), model.focus) {
        Arrangement::Card(place) => card::draw(model, theme, frame, place),
        Arrangement::Panes(places) => {
            panes(model, theme, frame, &places);
            if let Some(open) = &model.dialog {
                dialog::draw(model, theme, frame, open);
            }
        }
    }
    if theme.charset() == Charset::Ascii {
        only_ascii(frame.buffer_mut());
    }
}

/// Foreign text may hold any character; a terminal without them gets a mark instead.
fn only_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() {
            let mark = if cell.symbol() == "·" { "-" } else { "?" };
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

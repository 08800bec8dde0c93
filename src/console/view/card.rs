//! The card on a screen that is too small for panes: the size that the console needs, what a running release does, and
//! how to quit.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{pane, progress_words, text};
use crate::console::action::Action;
use crate::console::layout::LEAST;
use crate::console::model::Model;
use crate::console::theme::{Meaning, Theme};

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let columns = usize::from(place.width);
    let mut lines = vec![
        ("greenroom".to_owned(), Meaning::Title),
        (format!("needs {}x{}", LEAST.0, LEAST.1), Meaning::Text),
        (
            format!("has {}x{}", place.width, place.height),
            Meaning::Text,
        ),
    ];
    if let Some(status) = model.in_flight().next() {
        lines.push((progress_words::in_a_word(theme, status), Meaning::Busy));
    }
    let way_out = if model.is_busy() {
        "enlarge to quit".to_owned()
    } else {
        format!("{} quits", model.keymap.shown(Action::Quit))
    };
    lines.push((way_out, Meaning::Key));
    // On very few rows the current size is left out first, then the title, then the needed size.
    for index in [2, 0, 0] {
        if lines.len() > usize::from(place.height) && lines.len() > 1 {
            lines.remove(index.min(lines.len() - 2));
        }
    }
    let lines = lines
        .into_iter()
        .map(|(line, meaning)| Line::from(theme.span(text::cut(&line, columns, theme), meaning)));
    pane::lines(frame, place, lines);
}

//! What a screen too small for panes shows: how large it has to be, what the release does, and the
//! way out.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{pane, progress, text};
use crate::console::action::Action;
use crate::console::layout::LEAST;
use crate::console::model::Model;
use crate::console::theme::{Meaning, Theme};

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let columns = usize::from(place.width);
    let mut words = vec![
        ("greenroom".to_owned(), Meaning::Title),
        (format!("needs {}x{}", LEAST.0, LEAST.1), Meaning::Text),
        (
            format!("has {}x{}", place.width, place.height),
            Meaning::Text,
        ),
    ];
    if let Some(status) = model.in_flight().next() {
        words.push((progress::in_a_word(theme, status), Meaning::Busy));
    }
    let way_out = if model.is_busy() {
        "enlarge to quit".to_owned()
    } else {
        format!("{} quits", model.keymap.shown(Action::Quit))
    };
    words.push((way_out, Meaning::Key));
    // What it has can be seen; the way out, and what a release does, cannot.
    for least in [2, 0, 0] {
        if words.len() > usize::from(place.height) && words.len() > 1 {
            words.remove(least.min(words.len() - 2));
        }
    }
    let lines = words
        .into_iter()
        .map(|(words, meaning)| Line::from(theme.span(text::cut(&words, columns, theme), meaning)));
    pane::lines(frame, place, lines);
}

//! What a screen that is too small for panes shows: the size it needs, what the release does, and how to
//! quit.

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
    // The operator sees the size anyway, but not the way out or what a release does.
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

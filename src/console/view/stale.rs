//! The note on a pane whose source does not answer: for how long, and when the console tries again. The pane keeps
//! its last content, dimmed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text;
use crate::console::model::Model;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::SourceState;

/// Writes on the lower border of a pane which of its sources do not answer. Writes nothing if all sources answer.
pub(super) fn note(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    sources: &[(&str, &SourceState)],
) {
    let notes: Vec<String> = sources
        .iter()
        .filter_map(|(name, state)| source_note(model, theme, name, state))
        .collect();
    if notes.is_empty() || place.width < 4 || place.height < 2 {
        return;
    }
    let room = usize::from(place.width.saturating_sub(4));
    let notes = text::cut(&format!(" {} ", notes.join("  ")), room, theme);
    let line = Line::from(theme.span(notes, Meaning::Bad));
    let (x, y) = (place.x + 2, place.bottom() - 1);
    frame.buffer_mut().set_line(x, y, &line, place.width - 4);
}

/// `✗ runtime stale 12s, retry in 3s`, or `✗ runtime no answer` if the source has never answered. `None` if the
/// source answers. Also `None` while the console connects to the source for the first time, because the header shows
/// that.
fn source_note(model: &Model, theme: &Theme, name: &str, state: &SourceState) -> Option<String> {
    let (label, retry_at) = match state {
        SourceState::Stale {
            since, retry_at, ..
        } => {
            let age = text::age(text::seconds(*since, model.now));
            (format!("stale {age}"), retry_at)
        }
        SourceState::Unreachable { retry_at, .. } => ("no answer".to_owned(), retry_at),
        SourceState::Live | SourceState::Connecting => return None,
    };
    let retry = match retry_at.map(|at| text::seconds(model.now, at)) {
        None => String::new(),
        Some(0) => ", retrying".to_owned(),
        Some(left) => format!(", retry in {left}s"),
    };
    let glyph = theme.glyph(Glyph::Cross);
    Some(format!("{glyph} {name} {label}{retry}"))
}

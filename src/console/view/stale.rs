//! What a pane says if its source does not answer: since when, and when the next attempt is. The pane keeps
//! its last content, dimmed.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::text;
use crate::console::model::Model;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::SourceState;

/// Writes on the lower border of a pane which of its sources do not answer. Nothing if all answer.
pub(super) fn note(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    sources: &[(&str, &SourceState)],
) {
    let words: Vec<String> = sources
        .iter()
        .filter_map(|(name, state)| said(model, theme, name, state))
        .collect();
    if words.is_empty() || place.width < 4 || place.height < 2 {
        return;
    }
    let room = usize::from(place.width.saturating_sub(4));
    let words = text::cut(&format!(" {} ", words.join("  ")), room, theme);
    let line = Line::from(theme.span(words, Meaning::Bad));
    let (x, y) = (place.x + 2, place.bottom() - 1);
    frame.buffer_mut().set_line(x, y, &line, place.width - 4);
}

/// `✗ runtime stale 12s, retry in 3s`, or `no answer` if it has never answered; none if it answers. Before the first
/// answer, the header says that it is connecting.
fn said(model: &Model, theme: &Theme, name: &str, state: &SourceState) -> Option<String> {
    let (words, retry_at) = match state {
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
    Some(format!("{glyph} {name} {words}{retry}"))
}

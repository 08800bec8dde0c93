//! The frame of a pane, with number and name in the title. The frame of the focused pane has another style and a mark
//! in its title.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Block;

use super::text;
use crate::console::layout;
use crate::console::model::{Model, Pane};
use crate::console::theme::{Meaning, Theme};
use crate::inventory::SourceState;

/// Draws the frame and returns the area inside it. `about` is the text after the name in the title. It starts with a
/// separator, and may be empty.
pub(super) fn frame(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    pane: Pane,
    about: &str,
) -> Rect {
    let focused = model.focus == pane;
    let (meaning, cursor) = if focused {
        (
            Meaning::Focus,
            theme.glyph(crate::console::theme::Glyph::Cursor),
        )
    } else {
        (Meaning::Border, " ")
    };
    let title = format!("{cursor}{} {}{about} ", pane.number(), pane.name());
    let columns = usize::from(place.width.saturating_sub(2));
    let title_meaning = if focused {
        Meaning::Focus
    } else {
        Meaning::Title
    };
    let block = Block::bordered()
        .border_set(theme.charset().border())
        .border_style(theme.style(meaning))
        .title(theme.span(text::cut(&title, columns, theme), title_meaning));
    let inner = block.inner(place);
    frame.render_widget(block, place);
    inner
}

/// Dims the content of a pane if its source does not answer, because the content may be out of date.
pub(super) fn dim_if_stale(
    theme: &Theme,
    frame: &mut Frame<'_>,
    inner: Rect,
    source: &SourceState,
) {
    if !source.is_live() {
        frame
            .buffer_mut()
            .set_style(inner, theme.style(Meaning::Stale));
    }
}

/// Draws lines from the top, each cut at the right edge.
pub(super) fn lines<'a>(
    frame: &mut Frame<'_>,
    inner: Rect,
    lines: impl IntoIterator<Item = Line<'a>>,
) {
    for (line, row) in lines.into_iter().zip(inner.rows()) {
        frame.buffer_mut().set_line(row.x, row.y, &line, row.width);
    }
}

/// The index of the first row in view, for a list of `count` rows in which `row` stays in view.
pub(in crate::console) fn top(row: usize, count: usize, height: usize) -> usize {
    layout::window(row, count, height).start
}

//! Draws the open dialog: its frame, its title, and as many lines of its text as fit. Measures how far the text can be
//! scrolled.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};

use super::{pane, text};
use crate::console::layout::dialog_rows;
use crate::console::model::{Dialog, Model, Scrolling};
use crate::console::sheet::{Sheet, Top};
use crate::console::theme::{Meaning, Theme};

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, dialog: &dyn Dialog) {
    let area = frame.area();
    let width = area.width.min(dialog.widest());
    let scrolling = dialog.scrolling();
    // On each side of the text, the frame takes one column and the space next to the frame takes two.
    let columns = usize::from(width.saturating_sub(6));
    let mut sheet = dialog.sheet(model, theme, columns);
    sheet.grows |= scrolling == Scrolling::Pages;
    let Fit {
        padding,
        gap,
        shown,
    } = fit(&mut sheet, (area.width, area.height));
    let lines = sheet.head.len() + shown + gap + sheet.foot.len() + 2;
    let height = u16::try_from(lines)
        .unwrap_or(area.height)
        .saturating_add(2 * padding)
        .min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let last = sheet.body.len().saturating_sub(shown);
    let (top, last) = match sheet.top {
        Top::Scrolled => (model.scroll.top().min(last), last),
        Top::At(top) => (top.min(last), 0),
        Top::LeftOut(last) => (0, last),
    };
    model.scroll.measured(last);
    let below = sheet.body.len().saturating_sub(top + shown);
    let title = text::cut(
        &format!(" {} ", sheet.title),
        usize::from(width.saturating_sub(4)),
        theme,
    );
    frame.render_widget(Clear, place);
    frame
        .buffer_mut()
        .set_style(place, theme.style(Meaning::Text));
    let mut block = Block::bordered()
        .border_set(theme.charset().strong_border())
        .border_style(theme.style(sheet.frame))
        .title(theme.span(title, sheet.frame));
    if below > 0 || top > 0 {
        let keys = scrolling.hint();
        let more = match (top, below) {
            (0, _) => format!(" {below} more lines below, {keys} "),
            (_, 0) => format!(" {top} more lines above, {keys} "),
            _ => format!(" more lines: {top} above, {below} below, {keys} "),
        };
        block = block.title_bottom(theme.span(more, Meaning::Key));
    }
    let inner = block.inner(place);
    frame.render_widget(block, place);
    let inner = Rect {
        x: inner.x + 2,
        y: inner.y + padding,
        width: inner.width.saturating_sub(4),
        height: inner.height.saturating_sub(2 * padding),
    };
    let mut lines = sheet.head;
    lines.extend(sheet.body.drain(..).skip(top).take(shown));
    lines.extend(std::iter::repeat_n(Line::default(), gap));
    lines.append(&mut sheet.foot);
    pane::lines(frame, inner, lines);
}

/// How a sheet uses the rows of the screen.
struct Fit {
    /// The number of blank rows above and below the text.
    padding: u16,
    /// The number of blank lines between body and foot.
    gap: usize,
    /// How many lines of the body are in view.
    shown: usize,
}

/// Fits a sheet into the screen. If a sheet that may grow does not fit, the sheet loses the blank lines around its
/// text, and then the blank lines in its foot. If its head still does not fit, the last lines of the head scroll with
/// the body.
fn fit(sheet: &mut Sheet, size: (u16, u16)) -> Fit {
    let rows = usize::from(size.1);
    let usual = dialog_rows(size);
    let lines = sheet.head.len() + sheet.body.len() + 1 + sheet.foot.len();
    if lines <= usual || !sheet.grows {
        let fixed = sheet.head.len() + sheet.foot.len() + 1;
        let shown = sheet.body.len().min(usual.saturating_sub(fixed).max(1));
        return Fit {
            padding: 1,
            gap: 1,
            shown,
        };
    }
    let (padding, room) = match rows.saturating_sub(4) {
        padded if lines <= padded => (1, padded),
        _ => (0, rows.saturating_sub(2)),
    };
    let mut gap = 1;
    if lines > room {
        gap = 0;
        sheet.foot.retain(|line| line.width() > 0);
    }
    // Keeps at least one scrolled line in view, so that the operator sees that the text continues.
    let most = room.saturating_sub(sheet.foot.len() + gap + 1);
    if sheet.head.len() > most {
        let rest = sheet.head.split_off(most);
        sheet.body.splice(0..0, rest);
    }
    let fixed = sheet.head.len() + sheet.foot.len() + gap;
    Fit {
        padding,
        gap,
        shown: sheet.body.len().min(room.saturating_sub(fixed)),
    }
}

//! What stands over the screen: pages, lists and questions, in one kind of frame.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};

use super::{
    confirm, failure, help, holding, leaving, palette, pane, picker, reason, taking_up, text,
    themes, together,
};
use crate::console::model::{Dialog, Model, Page};
use crate::console::theme::{Glyph, Meaning, Theme};

/// The widest a dialog gets: longer lines are hard to read.
const WIDEST: u16 = 92;

/// A dialog ready to be framed.
pub(super) struct Sheet<'a> {
    pub(super) title: String,
    pub(super) body: Vec<Line<'a>>,
    /// How many lines of the body are scrolled away.
    pub(super) top: usize,
    /// What stands below the body, always in view.
    pub(super) foot: Vec<Line<'a>>,
    /// What the frame means.
    pub(super) frame: Meaning,
}

impl Sheet<'_> {
    pub(super) fn new(title: String) -> Self {
        Self {
            title,
            body: Vec::new(),
            top: 0,
            foot: Vec::new(),
            frame: Meaning::Focus,
        }
    }
}

/// The widest a list of versions gets: each row has much to say.
const WIDEST_LIST: u16 = 112;

/// The columns a dialog has for text on this screen.
fn columns(area: Rect, widest: u16) -> usize {
    usize::from(area.width.min(widest).saturating_sub(6))
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, dialog: &Dialog) {
    let widest = match dialog {
        Dialog::Picker(_) => WIDEST_LIST,
        _ => WIDEST,
    };
    let columns = columns(frame.area(), widest);
    let sheet = match dialog {
        Dialog::Help(help) => help::sheet(model, theme, help, columns),
        Dialog::Palette(palette) => palette::sheet(model, theme, palette, frame.area(), columns),
        Dialog::Themes(choice) => themes::sheet(model, theme, *choice, columns),
        Dialog::Page(page) => self::page(theme, page, columns),
        Dialog::Picker(picker) => picker::sheet(model, theme, picker, columns),
        Dialog::Reason(reason) => reason::sheet(theme, reason, columns),
        Dialog::Thinking(thinking) => {
            let mut sheet = Sheet::new(format!("{} to {}", thinking.name, thinking.target));
            let words = format!(
                "{} planning: nothing is changed by this",
                theme.glyph(Glyph::Half)
            );
            sheet
                .body
                .push(Line::from(theme.span(words, Meaning::Busy)));
            sheet.foot = vec![keys(theme, &[("Esc", "forget it")])];
            sheet
        }
        Dialog::Refusal(refusal) => {
            let mut sheet = Sheet::new(format!("Refused: {}", refusal.title));
            sheet.frame = Meaning::Warn;
            sheet.top = refusal.top;
            for reason in &refusal.reasons {
                let words = format!("{} {reason}", theme.glyph(Glyph::Cross));
                sheet
                    .body
                    .extend(wrapped(theme, &words, columns, Meaning::Text));
            }
            sheet.foot = vec![keys(theme, &[("Esc", "close"), ("j k", "scroll")])];
            sheet
        }
        Dialog::Confirm(asked) => confirm::sheet(model, theme, asked, columns),
        Dialog::Failure(failure) => failure::sheet(model, theme, failure, columns),
        Dialog::Leaving(leaving) => leaving::sheet(model, theme, *leaving, columns),
        Dialog::TakeUp(asked) => taking_up::sheet(model, theme, asked, columns),
        Dialog::Holding(holding) => holding::sheet(theme, holding, columns),
        Dialog::Words(asked) => taking_up::words(theme, asked, columns),
        Dialog::Handing(handing) => together::sheet(model, theme, handing, columns),
    };
    draw_sheet(theme, frame, sheet, widest);
}

fn draw_sheet(theme: &Theme, frame: &mut Frame<'_>, mut sheet: Sheet<'_>, widest: u16) {
    let area = frame.area();
    let width = area.width.min(widest);
    // What does not fit has all the height there is before a line is cut.
    let most = usize::from(area.height.saturating_sub(4)).max(1);
    let foot = sheet.foot.len() + 1;
    let shown = sheet.body.len().min(most.saturating_sub(foot).max(1));
    let height = u16::try_from(shown + foot + 4)
        .unwrap_or(area.height)
        .min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    let top = sheet.top.min(sheet.body.len().saturating_sub(shown));
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
        let more = match (top, below) {
            (0, _) => format!(" {below} more lines below, arrows scroll "),
            (_, 0) => format!(" {top} more lines above, arrows scroll "),
            _ => format!(" more lines: {top} above, {below} below, arrows scroll "),
        };
        block = block.title_bottom(theme.span(more, Meaning::Key));
    }
    let inner = block.inner(place);
    frame.render_widget(block, place);
    let inner = Rect {
        x: inner.x + 2,
        y: inner.y + 1,
        width: inner.width.saturating_sub(4),
        height: inner.height.saturating_sub(2),
    };
    let mut lines: Vec<Line<'_>> = sheet.body.drain(..).skip(top).take(shown).collect();
    lines.push(Line::default());
    lines.append(&mut sheet.foot);
    pane::lines(frame, inner, lines);
}

/// A text as lines of a body.
pub(super) fn wrapped<'a>(
    theme: &Theme,
    words: &str,
    columns: usize,
    meaning: Meaning,
) -> Vec<Line<'a>> {
    text::wrap(words, columns, 2)
        .into_iter()
        .map(|line| Line::from(theme.span(line, meaning)))
        .collect()
}

/// A line that names keys.
pub(super) fn keys<'a>(theme: &Theme, keys: &[(&'a str, &'a str)]) -> Line<'a> {
    let mut line = Line::default();
    for (key, label) in keys {
        line.push_span(theme.span(*key, Meaning::Key));
        line.push_span(theme.span(format!(" {label}  "), Meaning::Muted));
    }
    line
}

fn page<'a>(theme: &Theme, page: &Page, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new(page.title.clone());
    for line in page.lines.iter().skip(page.top) {
        sheet
            .body
            .extend(wrapped(theme, line, columns, Meaning::Text));
    }
    sheet.foot = vec![keys(theme, &[("Esc", "close"), ("j k", "scroll")])];
    sheet
}

/// A row of a list, marked when the cursor is on it.
pub(super) fn row<'a>(theme: &Theme, selected: bool, words: String) -> Line<'a> {
    let (mark, meaning) = if selected {
        (theme.glyph(Glyph::Cursor), Meaning::Selection)
    } else {
        (" ", Meaning::Text)
    };
    Line::from(vec![
        theme.span(format!("{mark} "), Meaning::Key),
        theme.span(words, meaning),
    ])
}

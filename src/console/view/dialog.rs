//! Dialogs: pages, lists and questions over the screen, all in the same kind of frame.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear};

use super::{
    approving, confirm, failure, help, holding, leaving, palette, pane, picker, reason, reload,
    resuming, text, themes, together, waits,
};
use crate::console::layout::dialog_rows;
use crate::console::model::{Dialog, Model, Page};
use crate::console::theme::{Glyph, Meaning, Theme};

/// The most columns of a dialog: longer lines are hard to read.
const WIDEST: u16 = 92;

/// The content of a dialog.
pub(super) struct Sheet<'a> {
    pub(super) title: String,
    /// The lines above the body that stay in view: what the answer depends on.
    pub(super) head: Vec<Line<'a>>,
    pub(super) body: Vec<Line<'a>>,
    /// How many lines of the body are scrolled out of view at the top.
    pub(super) top: usize,
    /// The lines below the body that are always in view.
    pub(super) foot: Vec<Line<'a>>,
    /// The meaning that decides the colour of the frame.
    pub(super) frame: Meaning,
    /// The hint about the keys that scroll the body.
    pub(super) scrolls_by: &'static str,
    /// Whether the dialog may take the whole screen, so that as many lines as possible stay in view.
    pub(super) grows: bool,
}

impl Sheet<'_> {
    pub(super) fn new(title: String) -> Self {
        Self {
            title,
            head: Vec::new(),
            body: Vec::new(),
            top: 0,
            foot: Vec::new(),
            frame: Meaning::Focus,
            scrolls_by: "arrows scroll",
            grows: false,
        }
    }
}

/// The most columns of a list of versions. Its rows are long.
const WIDEST_LIST: u16 = 112;

/// The columns for the text of a dialog on this screen.
fn columns(area: Rect, widest: u16) -> usize {
    usize::from(area.width.min(widest).saturating_sub(6))
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, dialog: &Dialog) {
    let widest = match dialog {
        Dialog::Picker(_) => WIDEST_LIST,
        _ => WIDEST,
    };
    let columns = columns(frame.area(), widest);
    let mut sheet = match dialog {
        Dialog::Help(help) => help::sheet(model, theme, help, columns),
        Dialog::Palette(palette) => palette::sheet(model, theme, palette, frame.area(), columns),
        Dialog::Themes(choice) => themes::sheet(model, theme, *choice, columns),
        Dialog::Page(page) => self::page(theme, page, columns),
        Dialog::Picker(picker) => picker::sheet(model, theme, picker, columns),
        Dialog::Reason(reason) => reason::sheet(theme, reason, columns),
        Dialog::Thinking(thinking) => {
            let mut sheet = Sheet::new(format!("{} · {}", thinking.name, thinking.target));
            let message = format!(
                "{} reading and planning: this changes nothing",
                theme.glyph(Glyph::Half)
            );
            sheet
                .body
                .push(Line::from(theme.span(message, Meaning::Busy)));
            sheet.foot = vec![keys(theme, &[("Esc", "cancel")])];
            sheet
        }
        Dialog::Refusal(refusal) => {
            let mut sheet = Sheet::new(format!("Refused: {}", refusal.title));
            sheet.frame = Meaning::Warn;
            sheet.top = refusal.top;
            for reason in &refusal.reasons {
                let message = format!("{} {reason}", theme.glyph(Glyph::Cross));
                sheet
                    .body
                    .extend(wrapped(theme, &message, columns, Meaning::Text));
            }
            sheet.foot = vec![keys(theme, &[("Esc", "close"), ("j k", "scroll")])];
            sheet
        }
        Dialog::Confirm(confirm) => confirm::sheet(model, theme, confirm, columns),
        Dialog::Failure(failure) => failure::sheet(model, theme, failure, columns),
        Dialog::Leaving(leaving) => leaving::sheet(model, theme, *leaving, columns),
        Dialog::Reload(reload) => reload::sheet(model, theme, *reload, columns),
        Dialog::OpenReleases(list) => resuming::open_releases(model, theme, list, columns),
        Dialog::Resume(resume) => resuming::sheet(model, theme, resume, columns),
        Dialog::Holding(holding) => holding::sheet(theme, holding, columns),
        Dialog::Message(message) => resuming::message(theme, message, columns),
        Dialog::Handover(handover) => together::sheet(model, theme, handover, columns),
        Dialog::Lacking(target) => approving::lacking(model, theme, target, columns),
        Dialog::Waiting(list) => waits::sheet(model, theme, *list, columns),
    };
    sheet.grows = dialog.asks() || matches!(dialog, Dialog::Refusal(_) | Dialog::Lacking(_));
    if dialog.asks_in_rows() {
        sheet.top = model.scrolled;
        sheet.scrolls_by = "PgUp PgDn scroll";
    }
    draw_sheet(theme, frame, sheet, widest);
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
fn fit(sheet: &mut Sheet<'_>, size: (u16, u16)) -> Fit {
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
    // At least one line of the part that scrolls is in view, to show that there is more.
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

fn draw_sheet(theme: &Theme, frame: &mut Frame<'_>, mut sheet: Sheet<'_>, widest: u16) {
    let area = frame.area();
    let width = area.width.min(widest);
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
        let keys = sheet.scrolls_by;
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

/// A text wrapped into lines.
pub(super) fn wrapped<'a>(
    theme: &Theme,
    text: &str,
    columns: usize,
    meaning: Meaning,
) -> Vec<Line<'a>> {
    text::wrap(text, columns, 2)
        .into_iter()
        .map(|line| Line::from(theme.span(line, meaning)))
        .collect()
}

/// The foot of a dialog with a line to type in.
pub(super) fn typed_over<'a>(typed: Line<'a>, keys: Line<'a>) -> Vec<Line<'a>> {
    vec![typed, Line::default(), keys]
}

/// A line of key names with their labels.
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

/// An answer to a question.
pub(super) struct Answer {
    pub(super) name: String,
    /// The consequence of the answer.
    pub(super) does: String,
}

impl Answer {
    pub(super) fn new(name: impl Into<String>, does: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            does: does.into(),
        }
    }
}

/// How many rows of the screen stay free for the other parts of the question.
const ROWS_WITHOUT_ANSWERS: u16 = 9;

/// Answers as rows with their whole text. On a screen with too few rows, only the answer under the cursor shows
/// its consequence.
pub(super) fn answers<'a>(
    theme: &Theme,
    answers: &[Answer],
    chosen: usize,
    (columns, screen_rows): (usize, u16),
) -> Vec<Line<'a>> {
    let names = answers.iter().map(|answer| text::width(&answer.name)).max();
    let names = names.unwrap_or(0) + 2;
    let room = usize::from(screen_rows.saturating_sub(ROWS_WITHOUT_ANSWERS));
    let lines = |is_short: bool| -> Vec<Line<'a>> {
        let rows = answers.iter().enumerate();
        rows.flat_map(|(index, answer)| {
            let is_chosen = index == chosen;
            let does = if is_short && !is_chosen {
                ""
            } else {
                answer.does.as_str()
            };
            let name = text::pad(&answer.name, names, theme);
            let text = format!("{name}{does}");
            let wrapped = text::wrap(text.trim_end(), columns.saturating_sub(2), names);
            let lines = wrapped.into_iter().enumerate();
            let lines = lines.map(move |(number, text)| match number {
                0 => row(theme, is_chosen, text),
                _ => below(theme, is_chosen, text),
            });
            lines.collect::<Vec<_>>()
        })
        .collect()
    };
    let whole = lines(false);
    if whole.len() <= room {
        whole
    } else {
        lines(true)
    }
}

/// A continuation line of a row.
fn below<'a>(theme: &Theme, selected: bool, text: String) -> Line<'a> {
    let meaning = if selected {
        Meaning::Selection
    } else {
        Meaning::Text
    };
    Line::from(vec![
        theme.span("  ", Meaning::Text),
        theme.span(text, meaning),
    ])
}

/// A row of a list. The row under the cursor has a mark.
pub(super) fn row<'a>(theme: &Theme, selected: bool, text: String) -> Line<'a> {
    let (mark, meaning) = if selected {
        (theme.glyph(Glyph::Cursor), Meaning::Selection)
    } else {
        (" ", Meaning::Text)
    };
    Line::from(vec![
        theme.span(format!("{mark} "), Meaning::Key),
        theme.span(text, meaning),
    ])
}

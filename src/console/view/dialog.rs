//! What stands over the screen: pages, lists and questions, in one kind of frame.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear};

use super::{confirm, pane, picker, text};
use crate::console::action::{BINDINGS, Scope};
use crate::console::layout::dialog_rows;
use crate::console::model::{Dialog, Failure, Leaving, Model, Page, Reason};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::Direction;
use crate::release::Choice;

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

/// The columns a dialog has for text on this screen.
fn columns(area: Rect) -> usize {
    usize::from(area.width.min(WIDEST).saturating_sub(6))
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, dialog: &Dialog) {
    let columns = columns(frame.area());
    let sheet = match dialog {
        Dialog::Help(top) => help(theme, *top, columns),
        Dialog::Page(page) => self::page(theme, page, columns),
        Dialog::Picker(picker) => picker::sheet(model, theme, picker, frame.area(), columns),
        Dialog::Reason(reason) => self::reason(theme, reason, columns),
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
            for reason in &refusal.reasons {
                let words = format!("{} {reason}", theme.glyph(Glyph::Cross));
                sheet
                    .body
                    .extend(wrapped(theme, &words, columns, Meaning::Text));
            }
            sheet.foot = vec![keys(theme, &[("Esc", "close")])];
            sheet
        }
        Dialog::Confirm(asked) => confirm::sheet(model, theme, asked, columns),
        Dialog::Failure(failure) => self::failure(theme, failure, columns),
        Dialog::Leaving(leaving) => self::leaving(model, theme, *leaving, columns),
    };
    draw_sheet(theme, frame, sheet);
}

fn draw_sheet(theme: &Theme, frame: &mut Frame<'_>, mut sheet: Sheet<'_>) {
    let area = frame.area();
    let width = area.width.min(WIDEST);
    let most = dialog_rows((area.width, area.height));
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
        let more = format!(" {below} more lines below, arrows scroll ");
        block = block.title_bottom(theme.span(more, Meaning::Muted));
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

fn help<'a>(theme: &Theme, top: usize, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new("Keys".into());
    sheet.top = top;
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(ToString::to_string).collect();
        let place = match binding.scope {
            Scope::Everywhere => "",
            Scope::Logs => " (in the log)",
        };
        let words = text::cut(
            &format!("{}{place}", binding.help),
            columns.saturating_sub(18),
            theme,
        );
        sheet.body.push(Line::from(vec![
            theme.span(text::pad(&keys.join(" "), 18, theme), Meaning::Key),
            theme.span(words, Meaning::Text),
        ]));
    }
    sheet.foot = vec![keys(theme, &[("Esc", "close")])];
    sheet
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

fn reason<'a>(theme: &Theme, reason: &Reason, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new(format!("{} to {}: why?", reason.name, reason.target));
    let words =
        "for the record and for whoever looks at it later; may be empty where the rules allow";
    sheet.body = wrapped(theme, words, columns, Meaning::Muted);
    let typed = format!("{} {}_", theme.glyph(Glyph::Cursor), reason.text);
    sheet
        .body
        .extend(wrapped(theme, &typed, columns, Meaning::Text));
    sheet.foot = vec![keys(
        theme,
        &[
            ("Enter", "plan it (changes nothing yet)"),
            ("Esc", "cancel"),
        ],
    )];
    sheet
}

fn failure<'a>(theme: &Theme, failure: &Failure, columns: usize) -> Sheet<'a> {
    let plan = &failure.status.plan;
    let mut sheet = Sheet::new(format!("{} failed · {}", failure.step, plan.target()));
    sheet.frame = Meaning::Danger;
    sheet.body = wrapped(theme, &failure.why, columns, Meaning::Bad);
    let mut push = |index: usize, name: &str, does: &str| {
        let words = format!("{name:<14}{does}");
        let words = text::cut(&words, columns.saturating_sub(2), theme);
        sheet.foot.push(row(theme, failure.row == index, words));
    };
    push(0, "decide later", "nothing is done now; A asks again");
    for (index, choice) in failure.choices.iter().enumerate() {
        push(index + 1, choice.as_str(), &does(failure, *choice));
    }
    // A row has one line; what it loses of the way back is said above, where there is room.
    let undo = &failure.status.undo;
    if text::width(undo) + 16 > columns && failure.choices.contains(&Choice::BackOut) {
        let undo = format!("backing out: {undo}");
        sheet
            .body
            .extend(wrapped(theme, &undo, columns, Meaning::Muted));
    }
    sheet.foot.push(Line::default());
    sheet.foot.push(keys(
        theme,
        &[
            ("j k", "choose"),
            ("Enter", "do it"),
            ("Esc", "decide later"),
        ],
    ));
    sheet
}

/// What a choice comes to.
fn does(failure: &Failure, choice: Choice) -> String {
    let step = failure.step;
    match choice {
        Choice::Retry => match failure.direction {
            Direction::Forward => format!("does {step} once more"),
            Direction::Back => format!("tries once more to undo {step}"),
        },
        Choice::BackOut => failure.status.undo.clone(),
        Choice::Leave => "ends the release; everything stays as it stands now".into(),
        Choice::Skip => format!("goes on without {step}; the record says so"),
    }
}

fn leaving<'a>(model: &Model, theme: &Theme, leaving: Leaving, columns: usize) -> Sheet<'a> {
    let mut sheet = Sheet::new("A release is in flight".into());
    sheet.frame = Meaning::Danger;
    for status in model.in_flight() {
        let words = format!(
            "{}: {}",
            status.plan.target(),
            super::progress::in_a_word(theme, status)
        );
        sheet
            .body
            .extend(wrapped(theme, &words, columns, Meaning::Text));
    }
    for (index, answer) in Leaving::ANSWERS.iter().enumerate() {
        sheet
            .foot
            .push(row(theme, leaving.row == index, (*answer).to_owned()));
    }
    sheet.foot.push(Line::from(Span::raw("")));
    sheet.foot.push(keys(
        theme,
        &[("j k", "choose"), ("Enter", "do it"), ("Esc", "stay")],
    ));
    sheet
}

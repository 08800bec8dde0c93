//! The content of a dialog, as its parts. `view::dialog` draws the frame and fits the parts into the screen.

use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthChar as _;

use super::model::TextLine;
use super::theme::{Glyph, Meaning, Theme};
use super::view::text;

/// The content of a dialog.
pub struct Sheet {
    pub(super) title: String,
    /// The lines above the body. They stay in view, because the answer depends on them.
    pub(super) head: Vec<Line<'static>>,
    pub(super) body: Vec<Line<'static>>,
    /// Which lines of the body are in view.
    pub(super) top: Top,
    /// The lines below the body that are always in view.
    pub(super) foot: Vec<Line<'static>>,
    /// The meaning that decides the colour of the frame.
    pub(super) frame: Meaning,
    /// Whether the dialog may take the whole screen, so that as many lines as possible stay in view.
    pub(super) grows: bool,
}

/// Which lines of a sheet's body are in view.
pub(super) enum Top {
    /// Keys scroll the body.
    Scrolled,
    /// The body starts at this line, which depends on the cursor of a list.
    At(usize),
    /// The body lacks the lines above the view, because the dialog left them out. The dialog can leave out at most this
    /// many lines.
    LeftOut(usize),
}

impl Sheet {
    pub(super) fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            head: Vec::new(),
            body: Vec::new(),
            top: Top::Scrolled,
            foot: Vec::new(),
            frame: Meaning::Focus,
            grows: false,
        }
    }

    /// Adds a text to the body.
    pub(super) fn say(&mut self, theme: &Theme, text: &str, columns: usize, meaning: Meaning) {
        self.body.extend(wrapped(theme, text, columns, meaning));
    }

    /// Adds the names of the keys, which come last in a dialog.
    pub(super) fn keys(&mut self, theme: &Theme, names: &[(&'static str, &'static str)]) {
        self.foot.push(keys(theme, names));
    }

    /// Adds the answers to the question, and the names of the keys.
    pub(super) fn ask(
        &mut self,
        theme: &Theme,
        (options, chosen): (&[Answer], usize),
        size: (usize, u16),
        names: &[(&'static str, &'static str)],
    ) {
        self.foot.extend(answers(theme, options, chosen, size));
        self.foot.push(Line::default());
        self.keys(theme, names);
    }

    /// Adds a line to type in, and the names of the keys.
    pub(super) fn ask_in_line(
        &mut self,
        theme: &Theme,
        line: &TextLine,
        columns: usize,
        names: &[(&'static str, &'static str)],
    ) {
        let sign = format!("{} ", theme.glyph(Glyph::Cursor));
        let mut typed = Line::from(theme.span(sign, Meaning::Key));
        typed.extend(line_spans(theme, line, columns.saturating_sub(2)));
        self.foot.extend([typed, Line::default()]);
        self.keys(theme, names);
    }
}

/// The line in at most `columns`. The cursor stays in view: if necessary, the text to the left of the cursor is cut.
/// The cursor is drawn as a selected character, so that every terminal and every theme shows it.
pub(super) fn line_spans<'a>(theme: &Theme, line: &TextLine, columns: usize) -> Vec<Span<'a>> {
    let cursor = line.cursor();
    let left = (cursor + 1).saturating_sub(columns);
    let mut before = String::new();
    let mut under = String::new();
    let mut after = String::new();
    let mut at = 0;
    for c in line.text().chars() {
        let wide = c.width().unwrap_or(0);
        let is_in_view = at >= left && at + wide <= left + columns;
        if is_in_view {
            let part = match at.cmp(&cursor) {
                std::cmp::Ordering::Less => &mut before,
                std::cmp::Ordering::Equal => &mut under,
                std::cmp::Ordering::Greater => &mut after,
            };
            part.push(c);
        }
        at += wide;
    }
    if under.is_empty() {
        under.push(' ');
    }
    vec![
        theme.span(before, Meaning::Text),
        theme.span(under, Meaning::Selection),
        theme.span(after, Meaning::Text),
    ]
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

/// A line of key names with their labels.
pub(super) fn keys<'a>(theme: &Theme, keys: &[(&'a str, &'a str)]) -> Line<'a> {
    let mut line = Line::default();
    for (key, label) in keys {
        line.push_span(theme.span(*key, Meaning::Key));
        line.push_span(theme.span(format!(" {label}  "), Meaning::Muted));
    }
    line
}

/// An answer to a question.
pub(super) struct Answer {
    pub(super) name: String,
    /// The consequence of the answer.
    pub(super) consequence: String,
}

impl Answer {
    pub(super) fn new(name: impl Into<String>, consequence: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            consequence: consequence.into(),
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
            let consequence = if is_short && !is_chosen {
                ""
            } else {
                answer.consequence.as_str()
            };
            let name = text::pad(&answer.name, names, theme);
            let text = format!("{name}{consequence}");
            let wrapped = text::wrap(text.trim_end(), columns.saturating_sub(2), names);
            let lines = wrapped.into_iter().enumerate();
            let lines = lines.map(move |(number, text)| match number {
                0 => row(theme, is_chosen, text),
                _ => continuation(theme, is_chosen, text),
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
fn continuation<'a>(theme: &Theme, selected: bool, text: String) -> Line<'a> {
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

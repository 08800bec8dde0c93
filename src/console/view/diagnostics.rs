//! Greenroom's own diagnostics, in place of the log. The library that collects the lines also keeps them;
//! they are taken from its buffer only when the screen is drawn, so they cost nothing while nothing is
//! drawn.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tui_logger::{ExtLogRecord, LogFormatter, TuiLoggerWidget};

use super::pane;
use crate::console::model::{Diagnostics, Model, Pane};
use crate::console::theme::{Meaning, Theme};
use crate::inventory::local_time;
use crate::logs::wrapped;

/// Takes the new messages from the library's buffer before it overflows.
pub(super) fn collect() {
    tui_logger::move_events();
}

pub(super) fn draw(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    looked: &Diagnostics,
) {
    let about = " · Greenroom's own messages · d shows the log again";
    let inner = pane::frame(model, theme, frame, place, Pane::Logs, about);
    let widget = TuiLoggerWidget::default()
        .formatter(Box::new(Words {
            text: theme.style(Meaning::Text),
            muted: theme.style(Meaning::Muted),
            warn: theme.style(Meaning::Warn),
            bad: theme.style(Meaning::Bad),
        }))
        .style(theme.style(Meaning::Text))
        .state(looked.place());
    frame.render_widget(widget, inner);
}

/// How a line is written: time, level, source and text, all of it sanitized.
struct Words {
    text: Style,
    muted: Style,
    warn: Style,
    bad: Style,
}

/// The columns of time and level. A long line continues below its text.
const INDENT: usize = 16;

impl LogFormatter for Words {
    fn min_width(&self) -> u16 {
        20
    }

    fn format(&self, width: usize, said: &ExtLogRecord) -> Vec<Line<'_>> {
        // By the number of the level, so that this module does not depend on the library that defines levels.
        let (word, style) = match said.level as usize {
            1 => ("ERROR", self.bad),
            2 => ("WARN ", self.warn),
            3 => ("INFO ", self.text),
            4 => ("DEBUG", self.muted),
            _ => ("TRACE", self.muted),
        };
        let at = local_time::local(said.timestamp.timestamp()).strftime("%H:%M:%S");
        let text = format!("{}: {}", said.target(), said.msg().trim_start());
        let text = crate::sanitize::sanitize(&text);
        let room = width.saturating_sub(INDENT).max(1);
        let mut before = Some(vec![
            Span::styled(format!(" {at} "), self.muted),
            Span::styled(format!("{word} "), style),
        ]);
        wrapped(&text, room)
            .map(|part| {
                let indent = || vec![Span::raw(" ".repeat(INDENT))];
                let mut spans = before.take().unwrap_or_else(indent);
                let words = text.get(part).unwrap_or_default().to_owned();
                spans.push(Span::styled(words, style));
                Line::from(spans)
            })
            .collect()
    }
}

//! Greenroom's own diagnostics, shown in place of the log. The logging library collects and keeps the messages. New
//! messages are moved out of the library's buffer only when the screen is drawn, so they cost nothing in between.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use tui_logger::{ExtLogRecord, LogFormatter, TuiLoggerWidget};

use super::pane;
use crate::console::action::Action;
use crate::console::model::{Diagnostics, Model, Pane};
use crate::console::theme::{Meaning, Theme};
use crate::inventory::local_time;
use crate::logs::wrapped;

/// Moves the new messages out of the buffer of the library before the buffer overflows.
pub(super) fn collect() {
    tui_logger::move_events();
}

pub(super) fn draw(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    diagnostics: &Diagnostics,
) {
    let key = model.keymap.shown(Action::Diagnostics);
    let about = format!(" · Greenroom's own messages · {key} shows the log again");
    let inner = pane::frame(model, theme, frame, place, Pane::Logs, &about);
    let widget = TuiLoggerWidget::default()
        .formatter(Box::new(LineFormatter {
            text: theme.style(Meaning::Text),
            muted: theme.style(Meaning::Muted),
            warn: theme.style(Meaning::Warn),
            bad: theme.style(Meaning::Bad),
        }))
        .style(theme.style(Meaning::Text))
        .state(diagnostics.state());
    frame.render_widget(widget, inner);
}

/// Writes a message as time, level, source and text, all of it sanitized.
struct LineFormatter {
    text: Style,
    muted: Style,
    warn: Style,
    bad: Style,
}

/// The columns of time and level. A long message continues below its text.
const INDENT: usize = 16;

impl LogFormatter for LineFormatter {
    fn min_width(&self) -> u16 {
        20
    }

    fn format(&self, width: usize, record: &ExtLogRecord) -> Vec<Line<'_>> {
        // The number of the level is used, so that this module does not depend on the library that defines levels.
        let (word, style) = match record.level as usize {
            1 => ("ERROR", self.bad),
            2 => ("WARN ", self.warn),
            3 => ("INFO ", self.text),
            4 => ("DEBUG", self.muted),
            _ => ("TRACE", self.muted),
        };
        let at = local_time::local(record.timestamp.timestamp()).strftime("%H:%M:%S");
        let text = format!("{}: {}", record.target(), record.msg().trim_start());
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
                let part_text = text.get(part).unwrap_or_default().to_owned();
                spans.push(Span::styled(part_text, style));
                Line::from(spans)
            })
            .collect()
    }
}

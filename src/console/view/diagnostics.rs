//! What Greenroom says about itself, in the log's place. The lines are kept by the library that
//! collects them; they are taken over from it only when something is drawn, so that it costs
//! nothing while nothing is.

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

/// Takes over what was said since the last time, before so much of it waits that some is lost.
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
    let about = " · what Greenroom says about itself · d shows the log again";
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

/// How a line is written: time, level, who says it, and what, all of it harmless.
struct Words {
    text: Style,
    muted: Style,
    warn: Style,
    bad: Style,
}

/// The columns of time and level, under which a long line goes on.
const INDENT: usize = 16;

impl LogFormatter for Words {
    fn min_width(&self) -> u16 {
        20
    }

    fn format(&self, width: usize, said: &ExtLogRecord) -> Vec<Line<'_>> {
        // By the numbers of the levels, so that the library that has them need not be known here.
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

//! Pane 5: the log of one instance. Only the lines in view are touched, however many there are.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{pane, text};
use crate::console::model::{Model, Pane};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::logs::{Line as LogLine, Origin};

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let height = usize::from(place.height.saturating_sub(2));
    let inner = pane::frame(
        model,
        theme,
        frame,
        place,
        Pane::Logs,
        &about(model, height),
    );
    let log = &model.log;
    if log.ring.is_empty() {
        let words = match &log.source {
            Some(source) => format!("{} has said nothing yet", source.slot),
            None => "no instance, no log".into(),
        };
        return pane::lines(
            frame,
            inner,
            [Line::from(theme.span(words, Meaning::Muted))],
        );
    }
    let top = log.view.top(&log.ring, height);
    let columns = usize::from(inner.width);
    let left = usize::from(log.view.left());
    let lines = log
        .ring
        .window(top, height)
        .map(|line| self::line(theme, line, left, columns));
    pane::lines(frame, inner, lines);
}

fn about(model: &Model, height: usize) -> String {
    let log = &model.log;
    let Some(source) = &log.source else {
        return String::new();
    };
    let version = model
        .world
        .get(&source.target)
        .and_then(|snapshot| snapshot.slots.get(source.slot).instance.as_ref())
        .map_or("gone", |instance| instance.version_name());
    let mode = if log.view.follows() {
        "following".to_owned()
    } else {
        format!(
            "staying, {} below",
            text::count(log.view.below(&log.ring, height))
        )
    };
    let mut about = format!(
        " · {} {}:{version} · {mode} · {} lines",
        source.slot,
        source.target.service,
        text::count(log.ring.total())
    );
    if log.ring.dropped() > 0 {
        about = format!(
            "{about}, the oldest {} dropped",
            text::count(log.ring.dropped())
        );
    }
    about
}

fn line<'a>(theme: &Theme, line: &LogLine, left: usize, columns: usize) -> Line<'a> {
    let (mark, meaning) = match line.origin {
        Origin::Out => (" ", Meaning::Text),
        Origin::Err => ("!", Meaning::Warn),
        Origin::Notice => (theme.glyph(Glyph::Half), Meaning::Notice),
    };
    let at = line.at.map_or(" ".repeat(12), text::moment);
    let room = columns.saturating_sub(16);
    let shown = if left == 0 {
        text::cut(&line.text, room, theme)
    } else {
        let rest: String = line.text.chars().skip(left).collect();
        text::cut(&rest, room, theme)
    };
    Line::from(vec![
        theme.span(format!(" {at} "), Meaning::Muted),
        theme.span(format!("{mark} "), meaning),
        theme.span(shown, meaning),
    ])
}

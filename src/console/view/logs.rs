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
    // A line that tells its own time does not need the one at which it was heard.
    let at = match line.at {
        _ if has_own_time(&line.text) => String::new(),
        Some(at) => format!("{} ", text::moment(at)),
        None => " ".repeat(13),
    };
    let room = columns.saturating_sub(3 + at.len());
    let shown = if left == 0 {
        text::cut(&line.text, room, theme)
    } else {
        let rest: String = line.text.chars().skip(left).collect();
        text::cut(&rest, room, theme)
    };
    Line::from(vec![
        theme.span(format!(" {at}"), Meaning::Muted),
        theme.span(format!("{mark} "), meaning),
        theme.span(shown, meaning),
    ])
}

/// Whether a line begins with an RFC 3339 time stamp.
fn has_own_time(text: &str) -> bool {
    let text = text.trim_start_matches(['[', ' ']);
    let first = text.split([' ', ']', '\t']).next().unwrap_or("");
    first.len() >= "2026-11-20T14:02:11Z".len() && first.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_time_stamp_at_the_beginning_counts() {
        for (text, has) in [
            ("2026-11-20T14:02:11Z listening", true),
            ("2026-11-20T14:02:11.250+01:00 listening", true),
            ("[2026-11-20T14:02:11Z] listening", true),
            ("2026-11-20 listening", false),
            ("14:02:11 listening", false),
            ("listening since 2026-11-20T14:02:11Z", false),
            ("", false),
        ] {
            assert_eq!(has_own_time(text), has, "{text}");
        }
    }
}

//! The truth row: whether the places that should agree do, and the differences in words.

use ratatui::text::Line;

use super::text;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::Snapshot;
use crate::inventory::drift::{Agreement, Pair, compare};

/// Below this width, the comparisons are closer together.
const SHORT: usize = 62;

/// One line if everything agrees; else one more for each difference.
pub(super) fn lines<'a>(snapshot: &Snapshot, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    let truth = compare(snapshot);
    let generation = snapshot.route.as_ref().map(|route| route.value.generation);
    let apart = if columns < SHORT { " " } else { "  " };
    let mut summary = Line::default();
    let mut lines = Vec::new();
    for (pair, agreement) in truth.pairs() {
        let (glyph, meaning, words) = match (pair, agreement, snapshot.outage()) {
            // It is unknown what the proxy names, but known that the public gets nothing.
            (Pair::Public, Agreement::Unknown(_), Some(outage)) => {
                (Glyph::Cross, Meaning::Bad, Some(outage))
            }
            _ => look(agreement),
        };
        let (left, right) = pair.sides(snapshot.runtime_kind);
        let right = match (pair, generation) {
            (Pair::Route, Some(n)) if columns >= 72 => format!("{right} gen {n}"),
            _ => right.to_owned(),
        };
        let mark = theme.glyph(glyph);
        let between = match agreement {
            Agreement::Differs(_) => theme.glyph(Glyph::Differs),
            Agreement::Same | Agreement::Unknown(_) => "=",
        };
        if summary.width() > 0 {
            summary.push_span(apart);
        }
        summary.push_span(theme.span(format!("{mark} "), meaning));
        let sides = format!("{left} {between} {right}");
        summary.push_span(theme.span(sides, Meaning::Muted));
        let Some(words) = words else {
            continue;
        };
        let words = text::cut(&format!("{mark} {words}"), columns, theme);
        lines.push(Line::from(theme.span(words, meaning)));
    }
    lines.insert(0, summary);
    lines
}

/// The mark of a comparison, its meaning, and the words for a difference.
fn look(agreement: &Agreement) -> (Glyph, Meaning, Option<String>) {
    match agreement {
        Agreement::Same => (Glyph::Tick, Meaning::Ok, None),
        Agreement::Differs(drifts) => {
            let says: Vec<&str> = drifts.iter().map(|drift| drift.says.as_str()).collect();
            (Glyph::Differs, Meaning::Bad, Some(says.join("; ")))
        }
        Agreement::Unknown(words) => (Glyph::Unknown, Meaning::Stale, Some(words.clone())),
    }
}

//! The truth row: whether the places that should agree do, and in words where they do not.

use ratatui::text::Line;

use super::text;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::Snapshot;
use crate::inventory::drift::{Agreement, Pair, compare};

/// The columns below which the comparisons stand closer together.
const SHORT: usize = 62;

/// One line when everything agrees; else one more for each comparison that does not.
pub(super) fn lines<'a>(snapshot: &Snapshot, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    let truth = compare(snapshot);
    let generation = snapshot.route.as_ref().map(|route| route.value.generation);
    let apart = if columns < SHORT { " " } else { "  " };
    let mut summary = Line::default();
    let mut lines = Vec::new();
    for (pair, agreement) in truth.pairs() {
        let (glyph, meaning, words) = match (pair, agreement, snapshot.outage()) {
            // Whom the proxy names is not known, and that the public gets nothing is.
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

/// The mark of a comparison, what it means, and what is to be said about it.
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

//! The lines below the slots: whether runtime, store, proxy and public address agree, and how they differ.

use ratatui::text::Line;

use super::text;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::Snapshot;
use crate::inventory::drift::{Agreement, Pair, compare};

/// The width below which the comparisons are closer together.
const SHORT: usize = 62;

/// A line with all comparisons, and one line for each comparison that differs or is unknown.
pub(super) fn lines<'a>(snapshot: &Snapshot, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    let comparison = compare(snapshot);
    let generation = snapshot.route.as_ref().map(|route| route.value.generation);
    let apart = if columns < SHORT { " " } else { "  " };
    let mut summary = Line::default();
    let mut lines = Vec::new();
    for (pair, agreement) in comparison.pairs() {
        let (glyph, meaning, difference) = match (pair, agreement, snapshot.outage()) {
            // It is unknown to which slot the proxy routes, but clients were observed to get no correct answer.
            (Pair::Public, Agreement::Unknown(_), Some(outage)) => {
                (Glyph::Cross, Meaning::Bad, Some(outage))
            }
            _ => look(agreement),
        };
        let (left, right) = pair.sides(snapshot);
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
        let Some(difference) = difference else {
            continue;
        };
        let difference = text::cut(&format!("{mark} {difference}"), columns, theme);
        lines.push(Line::from(theme.span(difference, meaning)));
    }
    lines.insert(0, summary);
    lines
}

/// The glyph and the meaning of a comparison, and the text of its difference, if any.
fn look(agreement: &Agreement) -> (Glyph, Meaning, Option<String>) {
    match agreement {
        Agreement::Same => (Glyph::Tick, Meaning::Ok, None),
        Agreement::Differs(drifts) => {
            let says: Vec<&str> = drifts.iter().map(|drift| drift.message.as_str()).collect();
            (Glyph::Differs, Meaning::Bad, Some(says.join("; ")))
        }
        Agreement::Unknown(why) => (Glyph::Unknown, Meaning::Stale, Some(why.clone())),
    }
}

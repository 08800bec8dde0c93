//! The truth row: whether the places that should agree do, and in words where they do not.

use ratatui::text::Line;

use super::text;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::Snapshot;
use crate::inventory::drift::{Agreement, compare};

/// One line when everything agrees; else a line for each difference.
pub(super) fn lines<'a>(snapshot: &Snapshot, theme: &Theme, columns: usize) -> Vec<Line<'a>> {
    let truth = compare(snapshot);
    let generation = snapshot.route.as_ref().map(|route| route.value.generation);
    let proxy = match generation {
        Some(n) if columns >= 72 => format!("proxy gen {n}"),
        _ => "proxy".to_owned(),
    };
    let rows = [
        ("instances", "registry".to_owned(), truth.instances),
        ("registry", proxy, truth.route),
        ("proxy", "public".to_owned(), truth.public),
    ];
    let mut summary = Line::default();
    let mut lines = Vec::new();
    for (left, right, agreement) in rows {
        let (glyph, meaning, equal) = match &agreement {
            Agreement::Same => (Glyph::Tick, Meaning::Ok, "="),
            Agreement::Differs(_) => (Glyph::Cross, Meaning::Bad, theme.glyph(Glyph::Differs)),
            Agreement::Unknown(_) => (Glyph::Unknown, Meaning::Stale, "="),
        };
        summary.push_span(theme.span(format!("{} ", theme.glyph(glyph)), meaning));
        let words = format!("{left} {equal} {right}  ");
        summary.push_span(theme.span(words, Meaning::Muted));
        let words = match agreement {
            Agreement::Same => continue,
            Agreement::Differs(words) => format!("{} {words}", theme.glyph(Glyph::Differs)),
            Agreement::Unknown(words) => format!("{} {words}", theme.glyph(Glyph::Unknown)),
        };
        let words = text::cut(&words, columns, theme);
        lines.push(Line::from(theme.span(words, meaning)));
    }
    lines.insert(0, summary);
    lines
}

//! The first line: which target this is about, how well it is seen, who drives it, and whether it
//! may be changed. And the names of the panes, where only one is shown.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{pane, text};
use crate::console::model::{Mode, Model, Pane};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{Snapshot, SourceState, Tier};

/// The columns below which the header says only what is not as it should be.
const SHORT: u16 = 100;

/// The meaning of a tier.
pub(super) fn tier_meaning(tier: Tier) -> Meaning {
    match tier {
        Tier::Development => Meaning::TierDevelopment,
        Tier::Staging => Meaning::TierStaging,
        Tier::Protected => Meaning::TierProtected,
    }
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let mut parts: Vec<Vec<Span<'_>>> = vec![vec![theme.span(" greenroom", Meaning::Title)]];
    parts.push(target(model, theme));
    // What decides about danger comes first: a narrow screen loses the rest.
    parts.push(arming(model, theme));
    if let Some(snapshot) = model.snapshot() {
        parts.push(sources(snapshot, theme, model, place.width));
        if let Some(lock) = lock(model, snapshot, theme) {
            parts.push(lock);
        }
        let sources = &snapshot.sources;
        let all = [&sources.runtime, &sources.registry, &sources.router];
        // While everything is heard, what is shown is what is: a time would only make noise.
        if !all.into_iter().all(SourceState::is_live) {
            let seen = format!("seen {}", text::time_of_day(snapshot.at));
            parts.push(vec![theme.span(seen, Meaning::Muted)]);
        }
    }
    let mut line = Line::default();
    let room = usize::from(place.width);
    for part in parts {
        let wide: usize = part.iter().map(Span::width).sum();
        if line.width() + wide + 2 > room && line.width() > 0 {
            continue;
        }
        if line.width() > 0 {
            line.push_span("  ");
        }
        line.extend(part);
    }
    pane::lines(frame, place, [line]);
}

fn target<'a>(model: &Model, theme: &Theme) -> Vec<Span<'a>> {
    let Some(open) = &model.open else {
        return vec![theme.span("no target is open", Meaning::Muted)];
    };
    let tier = model
        .world
        .environments
        .iter()
        .find(|(name, _)| *name == open.environment)
        .map(|(_, tier)| *tier)
        .unwrap_or_default();
    let environment = if tier.is_protected() {
        open.environment.as_str().to_uppercase()
    } else {
        open.environment.to_string()
    };
    vec![
        theme.span(format!("{} / ", open.service), Meaning::Text),
        theme.span(format!(" {environment} ({tier}) "), tier_meaning(tier)),
    ]
}

fn arming<'a>(model: &Model, theme: &Theme) -> Vec<Span<'a>> {
    match (&model.armed, model.mode) {
        (Some(armed), _) => {
            let left = text::clock(text::seconds(model.now, armed.until));
            let words = if model.open.as_ref() == Some(&armed.target) {
                format!("{} armed {left}", theme.glyph(Glyph::Hand))
            } else {
                format!("{} armed {} {left}", theme.glyph(Glyph::Hand), armed.target)
            };
            vec![theme.span(words, Meaning::Warn)]
        }
        (None, Mode::Armable(_)) => vec![theme.span("read-only (W arms)", Meaning::Muted)],
        (None, Mode::ReadOnly) => vec![theme.span("read-only", Meaning::Muted)],
    }
}

/// Each source with its state; where space is short, only those that are not heard are named.
fn sources<'a>(snapshot: &Snapshot, theme: &Theme, model: &Model, columns: u16) -> Vec<Span<'a>> {
    let short = columns < SHORT;
    let all = [
        ("runtime", &snapshot.sources.runtime),
        ("registry", &snapshot.sources.registry),
        ("proxy", &snapshot.sources.router),
    ];
    let mut spans = Vec::new();
    for (name, state) in all {
        let (glyph, words, meaning) = match state {
            SourceState::Live => (Glyph::Full, String::new(), Meaning::Ok),
            SourceState::Connecting => (Glyph::Half, " connecting".to_owned(), Meaning::Busy),
            SourceState::Stale { since, .. } => {
                let age = text::age(text::seconds(*since, model.now));
                (Glyph::Cross, format!(" stale {age}"), Meaning::Bad)
            }
        };
        if short && state.is_live() {
            continue;
        }
        if !spans.is_empty() {
            spans.push(Span::raw(" "));
        }
        spans.push(theme.span(format!("{name} "), Meaning::Muted));
        spans.push(theme.span(format!("{}{words}", theme.glyph(glyph)), meaning));
    }
    if spans.is_empty() {
        spans.push(theme.span("sources ", Meaning::Muted));
        spans.push(theme.span(theme.glyph(Glyph::Full), Meaning::Ok));
    }
    spans
}

fn lock<'a>(model: &Model, snapshot: &Snapshot, theme: &Theme) -> Option<Vec<Span<'a>>> {
    let holder = &snapshot.lock.as_ref()?.record;
    let ours = model
        .release_in_flight()
        .is_some_and(|status| status.plan.release == holder.release);
    let (who, meaning) = if ours {
        ("you".to_owned(), Meaning::Text)
    } else {
        (holder.operator.to_string(), Meaning::Warn)
    };
    let words = format!("lock: {}", text::clean(&who));
    Some(vec![theme.span(words, meaning)])
}

/// The line with the names of the panes.
pub(super) fn tabs(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let mut line = Line::default();
    for tab in Pane::ALL {
        let words = format!(" {} {} ", tab.number(), tab.name());
        let meaning = if tab == model.focus {
            Meaning::Selection
        } else {
            Meaning::Muted
        };
        line.push_span(theme.span(words, meaning));
    }
    pane::lines(frame, place, [line]);
}

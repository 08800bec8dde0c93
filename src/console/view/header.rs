//! The first line: the open target, its arming, what waits for the operator, its sources, its agents, its lock, the
//! operator and the time. On a narrow screen the parts take shorter forms, the least important part first; no word is
//! cut. This module also draws the line of tabs on a screen that shows one pane at a time.

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{pane, text};
use crate::console::action::Action;
use crate::console::layout;
use crate::console::model::{Mode, Model, Pane, lease_left};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{Snapshot, SourceState, Tier};

pub(in crate::console) fn tier_meaning(tier: Tier) -> Meaning {
    match tier {
        Tier::Development => Meaning::TierDevelopment,
        Tier::Staging => Meaning::TierStaging,
        Tier::Protected => Meaning::TierProtected,
    }
}

/// A part of the line in its forms, from the longest to the shortest. The last form may be empty.
struct Part<'a> {
    forms: Vec<Vec<Span<'a>>>,
    /// The index in `forms` of the form to show.
    form: usize,
}

impl<'a> Part<'a> {
    fn new(forms: Vec<Vec<Span<'a>>>) -> Self {
        Self { forms, form: 0 }
    }

    fn spans(&self) -> &[Span<'a>] {
        self.forms.get(self.form).map_or(&[], Vec::as_slice)
    }

    fn width(&self) -> usize {
        self.spans().iter().map(Span::width).sum()
    }

    /// Switches to the next shorter form, if there is one.
    fn shorten(&mut self) {
        self.form += usize::from(self.form + 1 < self.forms.len());
    }
}

pub(super) fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let mut parts = parts(model, theme);
    let room = usize::from(place.width).saturating_sub(1);
    for index in SHORTER {
        if total_width(&parts) <= room {
            break;
        }
        if let Some(part) = parts.get_mut(index) {
            part.shorten();
        }
    }
    let mut line = Line::from(Span::raw(" "));
    for part in parts.iter().filter(|part| part.width() > 0) {
        if line.width() > 1 {
            line.push_span("  ");
        }
        line.extend(part.spans().iter().cloned());
    }
    pane::lines(frame, place, [line]);
}

/// The columns of all parts, with two columns between parts.
fn total_width(parts: &[Part<'_>]) -> usize {
    let widths = parts.iter().map(Part::width).filter(|wide| *wide > 0);
    widths.map(|wide| wide + 2).sum::<usize>().saturating_sub(2)
}

// The indexes of the parts in the line, from left to right.
const TITLE: usize = 0;
const TARGET: usize = 1;
const ARMING: usize = 2;
const WAITING: usize = 3;
const SILENT: usize = 4;
const LIVE: usize = 5;
const AGENTS: usize = 6;
const LOCK: usize = 7;
const OPERATOR: usize = 8;
const CLOCK: usize = 9;

/// The order in which the parts are shortened by one form each, until the line fits. Parts about danger stay longest.
/// A source that does not answer always keeps its name.
const SHORTER: [usize; 19] = [
    AGENTS, CLOCK, TITLE, OPERATOR, LOCK, OPERATOR, AGENTS, LIVE, WAITING, ARMING, LOCK, LOCK,
    SILENT, SILENT, LIVE, WAITING, LOCK, TARGET, TARGET,
];

fn parts<'a>(model: &Model, theme: &Theme) -> Vec<Part<'a>> {
    let nothing = || Part::new(vec![Vec::new()]);
    let mut parts = vec![
        Part::new(vec![
            vec![theme.span("greenroom", Meaning::Title)],
            Vec::new(),
        ]),
        target(model, theme),
        arming(model, theme),
        waiting(model, theme),
    ];
    let Some(snapshot) = model.snapshot() else {
        parts.extend([nothing(), nothing(), nothing(), nothing()]);
        parts.extend([operator(model, theme), nothing()]);
        return parts;
    };
    parts.push(silent(model, snapshot, theme));
    parts.push(live(snapshot, theme));
    parts.push(agents(model, snapshot, theme));
    parts.push(lock(model, snapshot, theme));
    parts.push(operator(model, theme));
    parts.push(clock(model, theme));
    parts
}

/// How many items wait for the operator. If an item waits, this part has no empty form, so the number of items is
/// always shown.
fn waiting<'a>(model: &Model, theme: &Theme) -> Part<'a> {
    let count = model.waiting().len();
    if count == 0 {
        return Part::new(vec![Vec::new()]);
    }
    let hand = theme.glyph(Glyph::Hand);
    let key = model.keymap.shown(Action::Waiting);
    let verb = if count == 1 { "waits" } else { "wait" };
    let form = |text: String| vec![theme.span(text, Meaning::Warn)];
    Part::new(vec![
        form(format!("{hand} {count} {verb} for you ({key})")),
        form(format!("{hand} {count} ({key})")),
        form(format!("{hand} {count}")),
    ])
}

/// The operator, named as in the records of the history.
fn operator<'a>(model: &Model, theme: &Theme) -> Part<'a> {
    let form = |text: &str| {
        let text = text::clean(text).into_owned();
        vec![theme.span(text, Meaning::Muted)]
    };
    Part::new(vec![
        form(&format!("as {}", model.operator)),
        form(&format!("as {}", model.operator.name)),
        Vec::new(),
    ])
}

fn target<'a>(model: &Model, theme: &Theme) -> Part<'a> {
    let Some(open) = &model.open else {
        return Part::new(vec![vec![theme.span("no target is open", Meaning::Muted)]]);
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
    let service = theme.span(format!("{} / ", open.service), Meaning::Text);
    let meaning = tier_meaning(tier);
    Part::new(vec![
        vec![
            service.clone(),
            theme.span(format!(" {environment} ({tier}) "), meaning),
        ],
        vec![service, theme.span(format!(" {environment} "), meaning)],
        vec![theme.span(format!(" {environment} "), meaning)],
    ])
}

fn arming<'a>(model: &Model, theme: &Theme) -> Part<'a> {
    let form = |text: String, meaning: Meaning| vec![theme.span(text, meaning)];
    match (&model.armed, model.mode) {
        (Some(armed), _) => {
            let left = text::clock(text::seconds(model.now, armed.until));
            let hand = theme.glyph(Glyph::Hand);
            let short = form(format!("{hand} armed {left}"), Meaning::Warn);
            if model.open.as_ref() == Some(&armed.target) {
                return Part::new(vec![short]);
            }
            // The text is never shortened: without the name, the open target would seem to be armed.
            let long = format!("{hand} armed {} {left}", armed.target);
            Part::new(vec![form(long, Meaning::Warn)])
        }
        (None, Mode::Armable(_)) => {
            let arm = model.keymap.shown(Action::Arm);
            Part::new(vec![
                form(format!("read-only ({arm} arms)"), Meaning::Muted),
                form("read-only".into(), Meaning::Muted),
            ])
        }
        (None, Mode::ReadOnly) => Part::new(vec![form("read-only".into(), Meaning::Muted)]),
    }
}

/// The sources that do not answer or have not answered yet: for how long, and when the console tries again.
fn silent<'a>(model: &Model, snapshot: &Snapshot, theme: &Theme) -> Part<'a> {
    let forms = [3, 2, 1].map(|detail| {
        let mut spans = Vec::new();
        let retry = |retry_at: Option<Timestamp>| {
            let next = retry_at.filter(|at| *at > model.now && detail == 3);
            next.map_or(String::new(), |at| {
                format!(", retry in {}s", text::seconds(model.now, at))
            })
        };
        for (name, state) in snapshot.sources.named() {
            let (glyph, label, meaning) = match state {
                SourceState::Live => continue,
                SourceState::Connecting => (Glyph::Half, " connecting".to_owned(), Meaning::Busy),
                SourceState::Stale {
                    since, retry_at, ..
                } => {
                    let age = text::age(text::seconds(*since, model.now));
                    let retry = retry(*retry_at);
                    (Glyph::Cross, format!(" stale {age}{retry}"), Meaning::Bad)
                }
                SourceState::Unreachable { retry_at, .. } => {
                    let retry = retry(*retry_at);
                    (Glyph::Cross, format!(" no answer{retry}"), Meaning::Bad)
                }
            };
            if !spans.is_empty() {
                spans.push(Span::raw(" "));
            }
            spans.push(theme.span(format!("{name} "), Meaning::Muted));
            let label = if detail > 1 { label } else { String::new() };
            spans.push(theme.span(format!("{}{label}", theme.glyph(glyph)), meaning));
        }
        spans
    });
    Part::new(forms.to_vec())
}

/// The sources that answer. If all of them answer, a shorter form leaves out their names. The last form is empty.
fn live<'a>(snapshot: &Snapshot, theme: &Theme) -> Part<'a> {
    let answering: Vec<&str> = snapshot
        .sources_in_use()
        .filter(|(_, state)| state.is_live())
        .map(|(name, _)| name)
        .collect();
    if answering.is_empty() {
        return Part::new(vec![Vec::new()]);
    }
    let full = theme.glyph(Glyph::Full);
    let mut long = Vec::new();
    for name in &answering {
        if !long.is_empty() {
            long.push(Span::raw(" "));
        }
        long.push(theme.span(format!("{name} "), Meaning::Muted));
        long.push(theme.span(full, Meaning::Ok));
    }
    let mut forms = vec![long];
    if answering.len() == snapshot.sources_in_use().count() {
        forms.push(vec![
            theme.span("sources ", Meaning::Muted),
            theme.span(full, Meaning::Ok),
        ]);
    }
    forms.push(Vec::new());
    Part::new(forms)
}

/// How many agents follow pushes for the target, and for how long the first of them has done so.
fn agents<'a>(model: &Model, snapshot: &Snapshot, theme: &Theme) -> Part<'a> {
    let Some(since) = snapshot.agents().map(|agent| agent.since).min() else {
        return Part::new(vec![Vec::new()]);
    };
    let label = match snapshot.agents().count() {
        1 => "agent ".to_owned(),
        count => format!("{count} agents "),
    };
    let short = vec![
        theme.span(label, Meaning::Muted),
        theme.span(theme.glyph(Glyph::Full), Meaning::Ok),
    ];
    let mut long = short.clone();
    // A quiet screen is drawn only once a minute, so the header shows no seconds.
    let seconds = text::seconds(since, model.now);
    if seconds >= 60 {
        long.push(theme.span(format!(" for {}", text::age(seconds)), Meaning::Muted));
    }
    Part::new(vec![long, short, Vec::new()])
}

fn lock<'a>(model: &Model, snapshot: &Snapshot, theme: &Theme) -> Part<'a> {
    let Some(holder) = &snapshot.lock else {
        return Part::new(vec![Vec::new()]);
    };
    let release = holder.record.release;
    let ours = model
        .release_in_flight()
        .is_some_and(|status| status.plan.release == release)
        && (model.console.is_empty() || model.is_this_console(&holder.record.console));
    let (who, name, meaning) = if ours {
        ("you".to_owned(), "you".to_owned(), Meaning::Text)
    } else {
        let operator = &holder.record.operator;
        (operator.to_string(), operator.name.clone(), Meaning::Warn)
    };
    let left = lease_left(snapshot, holder.ttl_seconds, model.now);
    let lease = left.map_or(String::new(), |left| format!(", lease {left}s"));
    let watching = model.watching().len();
    let watch = match watching {
        0 => String::new(),
        _ => format!(", {watching} watching"),
    };
    let form = |text: String| vec![theme.span(text::clean(&text).into_owned(), meaning)];
    Part::new(vec![
        form(format!("lock: {who}{lease}{watch}")),
        form(format!("lock: {who}{watch}")),
        form(format!("lock: {who}")),
        form(format!("lock: {name}")),
        form("lock".to_owned()),
    ])
}

/// The time of day, but only while the screen is drawn every second: a stopped clock would be misread.
fn clock<'a>(model: &Model, theme: &Theme) -> Part<'a> {
    if !model.counts_time() {
        return Part::new(vec![Vec::new()]);
    }
    let time = theme.span(text::time_of_day(model.now), Meaning::Muted);
    Part::new(vec![vec![time], Vec::new()])
}

pub(super) fn tabs(model: &Model, theme: &Theme, frame: &mut Frame<'_>, place: Rect) {
    let mut line = Line::default();
    for tab in Pane::ALL {
        let label = layout::tab(tab);
        let meaning = if tab == model.focus {
            Meaning::Selection
        } else {
            Meaning::Muted
        };
        line.push_span(theme.span(label, meaning));
    }
    pane::lines(frame, place, [line]);
}

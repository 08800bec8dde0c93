//! Pane 2: both slots. A slot is known by side, word and border; no state depends on its hue.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Block;

use super::{pane, text, truth};
use crate::console::layout::Slots;
use crate::console::model::{Model, Pane};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{Instance, InstanceState, Role, RuntimeHealth, Slot, Snapshot};
use crate::release::Progress;

pub(super) fn draw(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    arrangement: Slots,
) {
    let about = model.open.as_ref().map_or(String::new(), |target| {
        format!(" · {} · {}", target.service, target.environment)
    });
    let inner = pane::frame(model, theme, frame, place, Pane::Slots, &about);
    let Some(snapshot) = model.snapshot() else {
        let line = Line::from(theme.span("no target is open: Enter opens one", Meaning::Muted));
        return pane::lines(frame, inner, [line]);
    };
    let told = truth::lines(snapshot, theme, usize::from(inner.width));
    let told_rows = u16::try_from(told.len()).unwrap_or(1).min(inner.height / 3);
    let [boxes, row] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(told_rows)]).areas(inner);
    let halves = [Constraint::Fill(1), Constraint::Fill(1)];
    let [left, right] = match arrangement {
        Slots::Side => Layout::horizontal(halves).areas(boxes),
        Slots::Stacked => Layout::vertical(halves).areas(boxes),
    };
    for (slot, place) in [(Slot::Blue, left), (Slot::Green, right)] {
        slot_box(model, theme, frame, place, snapshot, slot);
    }
    pane::lines(frame, row, told);
}

/// Glyph and meaning of a role. Its word stands beside it.
fn role_look(role: Role) -> (Glyph, Meaning) {
    match role {
        Role::Live => (Glyph::Full, Meaning::Ok),
        Role::Candidate => (Glyph::Hollow, Meaning::Busy),
        Role::Standby => (Glyph::Half, Meaning::Text),
        Role::Stopped | Role::Empty => (Glyph::Dot, Meaning::Muted),
    }
}

fn slot_box(
    model: &Model,
    theme: &Theme,
    frame: &mut Frame<'_>,
    place: Rect,
    snapshot: &Snapshot,
    slot: Slot,
) {
    let role = snapshot.role(slot);
    let (glyph, role_meaning) = role_look(role);
    let slot_meaning = match slot {
        Slot::Blue => Meaning::SlotBlue,
        Slot::Green => Meaning::SlotGreen,
    };
    let borders = if role == Role::Live {
        theme.charset().strong_border()
    } else {
        theme.charset().border()
    };
    let name = slot.as_str().to_uppercase();
    let word = role.to_string().to_uppercase();
    let title = Line::from(vec![
        theme.span(format!(" {name} "), slot_meaning),
        theme.span(format!(" {} {word} ", theme.glyph(glyph)), role_meaning),
    ]);
    let block = Block::bordered()
        .border_set(borders)
        .border_style(theme.style(slot_meaning))
        .title(title);
    let inner = block.inner(place);
    frame.render_widget(block, place);
    let columns = usize::from(inner.width);
    let lines = body(model, theme, snapshot, slot)
        .into_iter()
        .map(|(words, meaning)| {
            theme.span(text::cut(&words, columns.saturating_sub(1), theme), meaning)
        })
        .map(|span| Line::from(vec![" ".into(), span]));
    pane::lines(frame, inner, lines);
    pane::dim_if_stale(theme, frame, inner, &snapshot.sources.runtime);
}

/// What a slot says, the most important first: a small box loses the end.
fn body(model: &Model, theme: &Theme, snapshot: &Snapshot, slot: Slot) -> Vec<(String, Meaning)> {
    let side = snapshot.slots.get(slot);
    let mut lines = Vec::new();
    let Some(instance) = &side.instance else {
        let words = match &side.registration {
            Some(_) => "nothing runs here, and it is registered",
            None => "nothing runs here",
        };
        lines.push((words.to_owned(), Meaning::Muted));
        lines.push((side.endpoint.to_string(), Meaning::Muted));
        return lines;
    };
    let service = &snapshot.target.service;
    lines.push((
        format!(
            "{service}:{}  {}",
            instance.version_name(),
            instance.digest.short()
        ),
        Meaning::Text,
    ));
    lines.push(state(model, theme, snapshot, instance));
    lines.push((side.endpoint.to_string(), Meaning::Text));
    lines.push(match &side.registration {
        Some(entry) => (
            format!(
                "{} registered, revision {}",
                theme.glyph(Glyph::Tick),
                entry.revision
            ),
            Meaning::Muted,
        ),
        None => (
            format!("{} not registered", theme.glyph(Glyph::Dot)),
            Meaning::Muted,
        ),
    });
    if let Some(probe) = &side.probe {
        let took = text::took(probe.took);
        lines.push((format!("health {} in {took}", probe.detail), Meaning::Muted));
    }
    let traffic = traffic(model, snapshot, slot);
    if !traffic.0.is_empty() {
        lines.push(traffic);
    }
    lines.push((format!("instance {}", instance.id.short()), Meaning::Muted));
    lines
}

fn state(
    model: &Model,
    theme: &Theme,
    snapshot: &Snapshot,
    instance: &Instance,
) -> (String, Meaning) {
    let probe = snapshot.slots.get(instance.slot).probe.as_ref();
    let age = instance
        .started_at
        .map_or(String::new(), |at| text::age(text::seconds(at, model.now)));
    let (glyph, word, meaning) = match (instance.state, instance.health, probe) {
        // It was stopped on purpose: how it ended is nobody's alarm.
        (InstanceState::Exited { .. }, ..) if snapshot.role(instance.slot) == Role::Stopped => {
            let words = format!("{} stopped, kept for a cold start", theme.glyph(Glyph::Dot));
            return (words, Meaning::Muted);
        }
        (InstanceState::Exited { code }, ..) => {
            let code = code.map_or("without a code".to_owned(), |code| format!("with {code}"));
            let words = format!("{} exited {code}", theme.glyph(Glyph::Cross));
            return (words, Meaning::Bad);
        }
        (InstanceState::Created, ..) => (Glyph::Dot, "created", Meaning::Muted),
        (InstanceState::Restarting, ..) => (Glyph::Cross, "restarting", Meaning::Bad),
        (InstanceState::Paused, ..) => (Glyph::Cross, "paused", Meaning::Bad),
        (InstanceState::Running, RuntimeHealth::Unhealthy, _) => {
            (Glyph::Cross, "unhealthy", Meaning::Bad)
        }
        (InstanceState::Running, _, Some(probe)) if !probe.healthy => {
            (Glyph::Cross, "unhealthy", Meaning::Bad)
        }
        (InstanceState::Running, _, Some(_))
        | (InstanceState::Running, RuntimeHealth::Healthy, _) => {
            (Glyph::Full, "healthy", Meaning::Ok)
        }
        (InstanceState::Running, RuntimeHealth::Starting, _) => {
            (Glyph::Half, "starting", Meaning::Busy)
        }
        (InstanceState::Running, RuntimeHealth::Unchecked, None) => {
            (Glyph::Full, "running", Meaning::Text)
        }
    };
    let restarts = instance.restarts;
    let words = format!("{} {word} {age}  restarts {restarts}", theme.glyph(glyph));
    (
        words,
        if restarts > 0 && meaning == Meaning::Ok {
            Meaning::Warn
        } else {
            meaning
        },
    )
}

/// What the world gets from this slot.
fn traffic(model: &Model, snapshot: &Snapshot, slot: Slot) -> (String, Meaning) {
    let standby = model
        .release_in_flight()
        .map(|status| &status.progress)
        .and_then(|progress| match progress {
            Progress::Standby { until } => Some(*until),
            _ => None,
        });
    match snapshot.role(slot) {
        Role::Live => match &snapshot.public {
            Some(answer) if answer.slot == Some(slot) => (
                match answer.status {
                    Some(status) => format!("public address answers from here: {status}"),
                    None => "public address answers from here".into(),
                },
                Meaning::Text,
            ),
            Some(answer) if !answer.detail.is_empty() => {
                (format!("public address: {}", answer.detail), Meaning::Warn)
            }
            _ => ("has the traffic".into(), Meaning::Text),
        },
        Role::Standby => (
            match standby.flatten() {
                Some(until) => {
                    let left = text::clock(text::seconds(model.now, until));
                    format!("kept warm for a rollback, {left} left")
                }
                None => "kept warm for a rollback".into(),
            },
            Meaning::Text,
        ),
        Role::Candidate => ("no traffic yet: no data".into(), Meaning::Muted),
        Role::Stopped | Role::Empty => (String::new(), Meaning::Muted),
    }
}

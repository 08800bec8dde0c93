//! Pane 2: both slots. A slot is recognized by its side, name and border; no state is shown by colour alone. The
//! rows of a box have a fixed order. Each row has a rank, and a small box leaves out the rows with the highest ranks.

mod members;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Block;

use super::{pane, stale, text, traffic, truth};
use crate::console::action::Action;
use crate::console::layout::Slots;
use crate::console::model::{Model, Pane};
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::{
    Changes, Consensus, Instance, InstanceState, PublicAddress, Role, RuntimeHealth, Slot,
    Snapshot, changes,
};
use crate::release::Progress;
use crate::sanitize::sanitize;

/// The width of a box from which requests and latencies share one row.
const WIDE: usize = 52;

struct Row {
    text: String,
    meaning: Meaning,
    /// If a box has too few rows, the row with the highest rank is left out first.
    rank: u8,
}

impl Row {
    fn new(rank: u8, text: impl Into<String>, meaning: Meaning) -> Self {
        Self {
            text: text.into(),
            meaning,
            rank,
        }
    }
}

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
        let message = if let Some(target) = &model.open {
            format!("nothing of {target} was observed yet")
        } else {
            let open = model.keymap.shown(Action::Open);
            format!("no target is open: {open} opens the target under the cursor")
        };
        let line = Line::from(theme.span(message, Meaning::Muted));
        return pane::lines(frame, inner, [line]);
    };
    let truth_lines = truth::lines(snapshot, theme, usize::from(inner.width));
    let truth_rows = u16::try_from(truth_lines.len())
        .unwrap_or(1)
        .min(inner.height / 3);
    let [boxes, row] =
        Layout::vertical([Constraint::Min(0), Constraint::Length(truth_rows)]).areas(inner);
    let halves = [Constraint::Fill(1), Constraint::Fill(1)];
    let [left, right] = match arrangement {
        Slots::Side => Layout::horizontal(halves).areas(boxes),
        Slots::Stacked => Layout::vertical(halves).areas(boxes),
    };
    for (slot, place) in [(Slot::Blue, left), (Slot::Green, right)] {
        slot_box(model, theme, frame, place, snapshot, slot);
    }
    pane::lines(frame, row, truth_lines);
    stale::note(model, theme, frame, place, &snapshot.sources.named());
}

/// The glyph and meaning of a role. The title of the box shows the name of the role after the glyph.
fn role_look(role: Role) -> (Glyph, Meaning) {
    match role {
        Role::Live => (Glyph::Full, Meaning::Ok),
        Role::Candidate => (Glyph::Hollow, Meaning::Busy),
        Role::Standby => (Glyph::Half, Meaning::Text),
        Role::Ending => (Glyph::Half, Meaning::Muted),
        Role::Stopped | Role::Empty => (Glyph::Dot, Meaning::Muted),
        Role::Unknown => (Glyph::Unknown, Meaning::Stale),
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
    let columns = usize::from(inner.width).saturating_sub(1);
    let rows = body(model, theme, snapshot, slot, columns);
    let lines = fitting(rows, usize::from(inner.height))
        .into_iter()
        .map(|row| theme.span(text::cut(&row.text, columns, theme), row.meaning))
        .map(|span| Line::from(vec![" ".into(), span]));
    pane::lines(frame, inner, lines);
    pane::dim_if_stale(theme, frame, inner, &snapshot.sources.runtime);
}

/// The rows that fit, in their order. The least important rows are left out.
fn fitting(mut rows: Vec<Row>, height: usize) -> Vec<Row> {
    while rows.len() > height {
        let least = rows.iter().enumerate().max_by_key(|(_, row)| row.rank);
        let Some((index, _)) = least else { break };
        rows.remove(index);
    }
    rows
}

fn body(model: &Model, theme: &Theme, snapshot: &Snapshot, slot: Slot, columns: usize) -> Vec<Row> {
    let side = snapshot.slots.get(slot);
    let mut rows = Vec::new();
    if side.members.difference().is_some() {
        return member_rows(theme, snapshot, slot, columns);
    }
    let Some(instance) = side.members.representative() else {
        let is_known = snapshot.sources.runtime.has_answered();
        let label = match &side.registration {
            _ if !is_known => "the runtime has not answered",
            Some(_) => "registered, but nothing is running",
            None => "nothing is running",
        };
        rows.push(Row::new(0, label, Meaning::Muted));
        rows.push(Row::new(
            1,
            side.used_addresses().to_string(),
            Meaning::Muted,
        ));
        return rows;
    };
    let service = &snapshot.target.service;
    let version = instance.version_name();
    let digest = instance.digest.short();
    let label = format!("{service}:{version}  {digest}");
    rows.push(Row::new(0, label, Meaning::Text));
    if side.members.wanted() > 1 {
        rows.extend(members::rows(model, theme, snapshot, slot));
    } else {
        let (label, meaning) = state(model, theme, snapshot, instance);
        rows.push(Row::new(1, label, meaning));
    }
    rows.extend(changed_rows(snapshot, instance, columns));
    rows.extend(rates(theme, snapshot, slot, columns));
    rows.extend(address_rows(theme, snapshot, slot, columns));
    rows.extend(role_rows(model, theme, snapshot, slot, columns));
    if let Some(probe) = side.probe.as_ref().filter(|_| !side.addresses.is_empty()) {
        let took = text::took(probe.took);
        let label = format!("health {} in {took}", probe.detail);
        rows.push(Row::new(8, label, Meaning::Muted));
    }
    if side.members.wanted() == 1 {
        let label = format!("{} {}", snapshot.runtime_kind.one(), instance.id.short());
        rows.push(Row::new(9, label, Meaning::Muted));
    }
    rows
}

/// The rows of a slot that is not whole: what is wrong, and each member by its name.
fn member_rows(theme: &Theme, snapshot: &Snapshot, slot: Slot, columns: usize) -> Vec<Row> {
    let members = &snapshot.slots.get(slot).members;
    let cross = theme.glyph(Glyph::Cross);
    let (count, wanted) = (members.len(), members.wanted());
    let label = if count == wanted {
        format!("{cross} several versions are running")
    } else {
        format!(
            "{cross} {count} {} instead of {wanted}",
            snapshot.runtime_kind.many()
        )
    };
    let mut rows = vec![Row::new(0, label, Meaning::Bad)];
    for member in members {
        let (version, state) = (member.version_name(), member.state);
        let label = format!("{}  {version}  {}", member.name, member.digest.short());
        rows.push(Row::new(1, label, Meaning::Text));
        let label = format!("  {state}, restarts {}", member.restarts);
        rows.push(Row::new(9, label, Meaning::Muted));
    }
    rows.extend(rates(theme, snapshot, slot, columns));
    rows.extend(address_rows(theme, snapshot, slot, columns));
    rows
}

/// What a candidate would change compared with the live version. Empty for other roles.
fn changed_rows(snapshot: &Snapshot, instance: &Instance, columns: usize) -> Vec<Row> {
    if snapshot.role(instance.slot) != Role::Candidate {
        return Vec::new();
    }
    let Some(live) = snapshot.live_instance() else {
        return Vec::new();
    };
    let changes = changes(live, instance);
    let mut rows = Vec::new();
    if let Some(label) = image_change(&changes, columns) {
        rows.push(Row::new(3, label, Meaning::Text));
    }
    // Without a known configuration of the live instance, no row says that nothing changed.
    if changes.configuration.is_empty() && !live.configuration.is_empty() {
        rows.push(Row::new(5, changes.counted(), Meaning::Muted));
    } else if !changes.configuration.is_empty() {
        let names = changes
            .configuration
            .iter()
            .map(|change| change.name.as_str());
        let names: Vec<&str> = names.collect();
        let label = format!("{}: {}", changes.counted(), names.join(", "));
        rows.push(Row::new(2, label, Meaning::Warn));
    }
    rows
}

/// The old and the new commit, and how much later the new image was built if that fits into `columns`.
fn image_change(changes: &Changes, columns: usize) -> Option<String> {
    let commit = changes.image.iter().find(|change| change.name == "commit");
    let commit = commit.map(|change| match (&change.from, &change.to) {
        (Some(from), Some(to)) => format!("commit {from} → {to}"),
        _ => change.to_string(),
    });
    let Some(commit) = commit else {
        return changes.built();
    };
    let room = columns.saturating_sub(text::width(&commit) + 2);
    let age = [changes.built(), changes.newer()];
    let age = age.into_iter().flatten().find(|label| label.len() <= room);
    Some(match age {
        Some(age) => format!("{commit}, {age}"),
        None => commit,
    })
}

fn rates(theme: &Theme, snapshot: &Snapshot, slot: Slot, columns: usize) -> Vec<Row> {
    let role = snapshot.role(slot);
    // The rates from before the proxy stopped answering are not current.
    let rates = snapshot.slots.get(slot).rates.as_ref();
    let lines = match rates.filter(|_| snapshot.sources.router.is_live()) {
        // A stopped slot has no traffic, so no line about traffic is shown.
        Some(_) if role == Role::Stopped => Vec::new(),
        Some(rates) => traffic::lines(rates, role, theme),
        // The proxy sends no traffic to a candidate, so this is known even if the proxy reports no rates.
        None if role == Role::Candidate && !snapshot.edges.is_empty() => {
            vec![("no traffic yet: no data".to_owned(), Meaning::Muted)]
        }
        None => Vec::new(),
    };
    let mut lines = lines.into_iter();
    match (lines.next(), lines.next()) {
        (Some((first, meaning)), Some((second, _)))
            if columns >= WIDE && text::width(&first) + 2 + text::width(&second) <= columns =>
        {
            vec![Row::new(3, format!("{first}  {second}"), meaning)]
        }
        (first, second) => first
            .into_iter()
            .zip([3])
            .chain(second.into_iter().zip([5]))
            .map(|((label, meaning), rank)| Row::new(rank, label, meaning))
            .collect(),
    }
}

/// The address of the slot, and whether it is registered.
fn address_rows(theme: &Theme, snapshot: &Snapshot, slot: Slot, columns: usize) -> Vec<Row> {
    let side = snapshot.slots.get(slot);
    let at = side.used_addresses().to_string();
    let mut long = if snapshot.sources.registry.has_answered() {
        format!("{} not registered", theme.glyph(Glyph::Dot))
    } else {
        format!("{} registration unknown", theme.glyph(Glyph::Unknown))
    };
    let mut short = long.clone();
    if let Some(entry) = &side.registration {
        short = format!("{} registered", theme.glyph(Glyph::Tick));
        long = format!("{short}, revision {}", entry.revision);
    }
    let room = columns.saturating_sub(text::width(&at) + 2);
    for label in [&long, &short] {
        if text::width(label) <= room {
            return vec![Row::new(4, format!("{at}  {label}"), Meaning::Text)];
        }
    }
    vec![
        Row::new(4, at, Meaning::Text),
        Row::new(7, long, Meaning::Muted),
    ]
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
        // A release stopped this instance on purpose, so its exit code is no alarm.
        (InstanceState::Exited { .. }, ..) if snapshot.role(instance.slot) == Role::Stopped => {
            let label = format!("{} stopped, kept for a cold start", theme.glyph(Glyph::Dot));
            return (label, Meaning::Muted);
        }
        (InstanceState::Exited { .. }, ..) if snapshot.is_stopped_on_purpose(instance.slot) => {
            let label = format!("{} stopped for the release", theme.glyph(Glyph::Dot));
            return (label, Meaning::Muted);
        }
        (InstanceState::Exited { code }, ..) => {
            let code = code.map_or("without a code".to_owned(), |code| {
                format!("with code {code}")
            });
            // While the role is unknown, the instance may have been stopped on purpose.
            if snapshot.role(instance.slot) == Role::Unknown {
                let label = format!("{} exited {code}", theme.glyph(Glyph::Dot));
                return (label, Meaning::Muted);
            }
            let label = format!("{} exited {code}", theme.glyph(Glyph::Cross));
            return (label, Meaning::Bad);
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
        (InstanceState::Running, RuntimeHealth::Starting, _) => {
            (Glyph::Half, "starting", Meaning::Busy)
        }
        (InstanceState::Running, _, Some(_)) => (Glyph::Full, "healthy", Meaning::Ok),
        (InstanceState::Running, _, None) => (Glyph::Full, "running", Meaning::Text),
    };
    let restarts = instance.restarts;
    let label = format!("{} {word} {age}  restarts {restarts}", theme.glyph(glyph));
    (
        label,
        if restarts > 0 && meaning == Meaning::Ok {
            Meaning::Warn
        } else {
            meaning
        },
    )
}

/// What depends on the role: what clients get from a live slot, how long a standby is kept, or the preview address
/// of a candidate.
fn role_rows(
    model: &Model,
    theme: &Theme,
    snapshot: &Snapshot,
    slot: Slot,
    columns: usize,
) -> Vec<Row> {
    let standby = model
        .release_in_flight()
        .map(|status| &status.progress)
        .and_then(|progress| match progress {
            Progress::Standby { until } => Some(*until),
            _ => None,
        });
    match snapshot.role(slot) {
        Role::Live if snapshot.edges.is_empty() => Vec::new(),
        Role::Live => {
            let (label, meaning) = public_answer(theme, snapshot, slot);
            vec![Row::new(6, label, meaning)]
        }
        Role::Standby => {
            let label = match standby.flatten() {
                Some(until) => {
                    let left = text::clock(text::seconds(model.now, until));
                    format!("kept warm for a rollback, {left} left")
                }
                None => "kept warm for a rollback".into(),
            };
            vec![Row::new(2, label, Meaning::Text)]
        }
        Role::Candidate => snapshot
            .preview
            .as_ref()
            .map(|address| preview(theme, address, columns))
            .into_iter()
            .collect(),
        Role::Ending => vec![Row::new(2, "finishes and is stopped", Meaning::Text)],
        Role::Stopped | Role::Empty | Role::Unknown => Vec::new(),
    }
}

fn public_answer(theme: &Theme, snapshot: &Snapshot, slot: Slot) -> (String, Meaning) {
    let tick = theme.glyph(Glyph::Tick);
    let answer = match (snapshot.edges.public(), snapshot.edges.outage()) {
        (Consensus::Split | Consensus::Unknown, Some(outage)) => {
            let cross = theme.glyph(Glyph::Cross);
            return (format!("{cross} {}", sanitize(&outage)), Meaning::Bad);
        }
        (Consensus::Split, None) => {
            return ("the public addresses differ".into(), Meaning::Warn);
        }
        (public, _) => public.unanimous(),
    };
    match answer {
        Some(answer) if answer.slot == Some(slot) => (
            match answer.status {
                Some(status @ 500..) => {
                    let cross = theme.glyph(Glyph::Cross);
                    format!("{cross} public address answers {status}")
                }
                Some(status) => format!("{tick} public address answers {status}"),
                None => format!("{tick} public address answers"),
            },
            match answer.status {
                Some(500..) => Meaning::Bad,
                _ => Meaning::Text,
            },
        ),
        Some(answer) if !answer.detail.is_empty() => {
            (format!("public address: {}", answer.detail), Meaning::Warn)
        }
        _ => ("has the traffic".into(), Meaning::Text),
    }
}

/// The preview address of the candidate, in the longest form that fits. The port is never cut off, because the
/// address without the port leads to another server.
fn preview(theme: &Theme, address: &PublicAddress, columns: usize) -> Row {
    let url = address.url();
    let bare = url.trim_start_matches("http://").trim_end_matches('/');
    let forms = [format!("preview {url}"), url.clone(), bare.to_owned()];
    let mut forms = forms.into_iter();
    let label = forms
        .find(|form| text::width(form) <= columns)
        .unwrap_or_else(|| match bare.rsplit_once(':') {
            Some((host, port)) => {
                let room = columns.saturating_sub(port.len() + 1);
                format!("{}:{port}", text::cut(host, room, theme))
            }
            None => bare.to_owned(),
        });
    Row::new(6, label, Meaning::Text)
}

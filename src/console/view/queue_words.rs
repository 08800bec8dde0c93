//! What the screen says about a push in the queue of a target.

use jiff::Timestamp;

use super::text;
use crate::console::model::Model;
use crate::console::theme::{Glyph, Meaning};
use crate::inventory::{EntryState, EnvironmentName, Push, QueueEntry, StateKind};
use crate::sanitize::sanitize;

/// The glyph and the meaning of a state. Pushes that have failed are not shown as urgently as a target that fails now.
pub(in crate::console) fn look(kind: StateKind) -> (Glyph, Meaning) {
    match kind {
        StateKind::Waiting => (Glyph::Pushed, Meaning::Busy),
        StateKind::Offered => (Glyph::Hand, Meaning::Warn),
        StateKind::RollingOut => (Glyph::Half, Meaning::Busy),
        StateKind::Done => (Glyph::Tick, Meaning::Ok),
        StateKind::Skipped => (Glyph::Dot, Meaning::Muted),
        StateKind::Refused => (Glyph::Cross, Meaning::Warn),
        StateKind::Failed => (Glyph::Back, Meaning::Warn),
        StateKind::Dismissed => (Glyph::None, Meaning::Muted),
    }
}

/// The end of a sentence about a push: `waits: held until 18:00`, or `is wanted by ci, 3m ago`. Sanitized.
pub(in crate::console) fn state(model: &Model, entry: &QueueEntry) -> String {
    let details = entry.state.details().unwrap_or_default();
    let text = match entry.state.kind() {
        StateKind::Waiting => format!("waits: {details}"),
        StateKind::Offered => {
            let wanted = wanted_by(&entry.push, model.now);
            let failed = model.world.failed_elsewhere(entry);
            let failed: Vec<&str> = failed.into_iter().map(EnvironmentName::as_str).collect();
            match failed.as_slice() {
                [] => format!("is {wanted}"),
                failed => format!("is {wanted}, but failed in {}", failed.join(", ")),
            }
        }
        StateKind::RollingOut => format!("is rolling out: {details}"),
        StateKind::Done => format!("is done: {details}"),
        StateKind::Skipped => format!("was skipped: {details}"),
        StateKind::Refused => format!("was refused: {details}"),
        StateKind::Failed => format!("failed: {}", failure(&entry.state).unwrap_or(&details)),
        StateKind::Dismissed => format!("was dismissed {details}"),
    };
    sanitize(&text)
}

/// Why the release of a push failed, without its id.
fn failure(state: &EntryState) -> Option<&str> {
    match state {
        EntryState::Failed { why, .. } => Some(why),
        _ => None,
    }
}

/// `wanted by ci, 3m ago`. Names the source of the push if no person or program is known. Sanitized.
pub(in crate::console) fn wanted_by(push: &Push, now: Timestamp) -> String {
    let source = || push.source.to_string();
    let who = push.by.clone().unwrap_or_else(source);
    let ago = text::ago(text::seconds(push.received_at, now));
    sanitize(&format!("wanted by {who}, {ago}"))
}

//! What a release is doing, in a few words for cells and titles.

use crate::console::theme::{Glyph, Theme};
use crate::history::{Direction, Outcome};
use crate::release::{Progress, Status};

/// The state of a release in two or three words, with a glyph: `▲ switch waits`.
pub(in crate::console) fn in_a_word(theme: &Theme, status: &Status) -> String {
    let (glyph, label) = glyph_and_label(status);
    format!("{} {label}", theme.glyph(glyph))
}

/// The state of a release in two or three words, for places that already show a glyph.
pub(super) fn summary(status: &Status) -> String {
    glyph_and_label(status).1
}

fn glyph_and_label(status: &Status) -> (Glyph, String) {
    match &status.progress {
        Progress::Forward(step) => (Glyph::Half, format!("{step} runs")),
        Progress::Asking { step, .. } => (Glyph::Hand, format!("{step} waits")),
        Progress::Standby { .. } => (Glyph::Full, "live, standby warm".into()),
        Progress::Back(step) => (Glyph::Back, format!("undoing {step}")),
        Progress::Choosing {
            step,
            direction: Direction::Back,
            ..
        } => (Glyph::Cross, format!("undoing {step} failed")),
        Progress::Choosing { step, .. } => (Glyph::Cross, format!("{step} failed")),
        Progress::Unrecorded { .. } => (Glyph::Cross, "cannot be recorded".into()),
        Progress::Parked { .. } => (Glyph::Cross, "driver stopped".into()),
        Progress::Interrupted { .. } if status.is_live_with_standby() => {
            (Glyph::Full, "live, standby kept".into())
        }
        Progress::Interrupted { .. } => (Glyph::Hand, "interrupted".into()),
        Progress::Closed(outcome) => (outcome_glyph(outcome), outcome.word().into()),
    }
}

fn outcome_glyph(outcome: &Outcome) -> Glyph {
    match outcome {
        Outcome::Done | Outcome::Superseded { .. } => Glyph::Tick,
        Outcome::BackedOut { .. } => Glyph::Back,
        Outcome::Left { .. } | Outcome::NeedsPerson { .. } => Glyph::Hand,
    }
}

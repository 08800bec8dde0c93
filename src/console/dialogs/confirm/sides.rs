//! The old and the new version of a release: which of them has the traffic, and what happens to the traffic.

use crate::console::theme::{Glyph, Meaning, Theme};
use crate::history::Step;
use crate::release::{Need, Plan, need_of};

pub(super) type Rows<'r> = Vec<(&'r str, String, Meaning)>;

/// The rows that are always in view, and the rows that are scrolled.
pub(super) type Parts<'p, 'r> = (&'p mut Rows<'r>, &'p mut Rows<'r>);

/// What happens to the traffic if the operator confirms.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Moves {
    /// The release has not started, and the switch will ask again.
    Planned,
    /// The release has not started. The traffic moves when the checks have passed, without another question.
    AfterChecks,
    /// The live version is stopped, and then the candidate is started.
    StopsFirst,
    /// The candidate is running. A later step moves the traffic to the candidate.
    Later,
    Now,
    /// The traffic has already moved. Only the old version is changed.
    Over,
    Back,
    Never,
}

impl Moves {
    /// How the traffic moves if the plan is started.
    pub(super) fn planned(plan: &Plan) -> Self {
        match need_of(plan, Step::Switch) {
            Need::Nothing => Self::AfterChecks,
            _ => Self::Planned,
        }
    }
}

/// The columns for a version name if there is room.
const VERSION: usize = 20;
/// The columns of a short digest, a share and the blanks around them.
const SHARE: usize = 28;

/// Adds a row for the old version, a row for the new version, and, if the switch will not ask again, a row that says
/// when the traffic moves. `columns` is the width of a row.
pub(super) fn sides(theme: &Theme, plan: &Plan, moves: Moves, columns: usize, rows: &mut Rows<'_>) {
    let arrow = theme.glyph(Glyph::Move);
    let to_all = format!("  0% {arrow} 100%");
    let to_none = format!("100% {arrow}   0%");
    let (old, new, after) = match moves {
        _ if plan.definition.is_exclusive() => exclusive_sides(moves),
        _ if plan.definition.is_background() => worker_sides(moves, plan),
        Moves::AfterChecks => (to_none.as_str(), to_all.as_str(), Some(after_checks(plan))),
        Moves::Planned => (
            "has the traffic until the switch",
            "is started; the switch asks again",
            None,
        ),
        Moves::StopsFirst | Moves::Later => {
            ("has the traffic", "gets no traffic in this step", None)
        }
        Moves::Now => (to_none.as_str(), to_all.as_str(), None),
        Moves::Over => ("has no traffic, is stopped", "has all the traffic", None),
        Moves::Back => (to_all.as_str(), to_none.as_str(), None),
        Moves::Never if !plan.warm.is_empty() => ("keeps the traffic", "has no traffic", None),
        Moves::Never => ("keeps the traffic", "has no traffic, is removed", None),
    };
    let service = &plan.target().service;
    let wide = VERSION.min(columns.saturating_sub(SHARE));
    match &plan.from {
        Some(from) => {
            let version = format!("{service}:{}", from.version.name());
            let text = format!("{version:<wide$} {}  {old}", from.version.digest.short());
            rows.push((from.slot.as_str(), text, Meaning::Text));
        }
        None => rows.push(("from", "nothing was live before".into(), Meaning::Text)),
    }
    let version = format!("{service}:{}", plan.version.name());
    let text = format!("{version:<wide$} {}  {new}", plan.version.digest.short());
    rows.push((plan.slot.as_str(), text, Meaning::Text));
    if let Some(text) = after {
        let label = if plan.definition.is_background() {
            "live"
        } else {
            "moves"
        };
        rows.push((label, text.to_owned(), Meaning::Warn));
    }
}

/// The texts for a worker. Both versions take jobs until the old one is stopped.
fn worker_sides(moves: Moves, plan: &Plan) -> (&'static str, &'static str, Option<&'static str>) {
    let is_warm = !plan.warm.is_empty();
    match moves {
        Moves::AfterChecks if is_warm => (
            "takes jobs until it is stopped",
            "takes jobs already",
            Some(after_checks(plan)),
        ),
        Moves::AfterChecks => (
            "takes jobs until it is stopped",
            "takes jobs as soon as it is started",
            Some(after_checks(plan)),
        ),
        Moves::Planned => (
            "takes jobs until it is stopped",
            "takes jobs at once; the switch asks again",
            None,
        ),
        Moves::StopsFirst | Moves::Later => ("is live", "is not live in this step", None),
        Moves::Now => ("is live until now", "becomes live", None),
        Moves::Over => ("is stopped", "is live", None),
        Moves::Back => ("becomes live again", "is no longer live", None),
        Moves::Never if is_warm => ("stays live", "is not live", None),
        Moves::Never => ("stays live", "is removed", None),
    }
}

/// The texts for a service of which two never run at once.
fn exclusive_sides(moves: Moves) -> (&'static str, &'static str, Option<&'static str>) {
    match moves {
        Moves::AfterChecks => (
            "is stopped before the new one starts",
            "is started after that",
            Some("when its checks have passed, without another question"),
        ),
        Moves::Planned => (
            "is stopped first; that step asks again",
            "is started after that",
            None,
        ),
        Moves::StopsFirst => ("is stopped now", "is started after that", None),
        Moves::Later => ("is stopped", "is not live in this step", None),
        Moves::Now => ("is stopped", "becomes live", None),
        Moves::Over => ("is stopped", "is live", None),
        Moves::Back => ("is started again, and is live", "is removed first", None),
        Moves::Never => (
            "is live; started again if it was stopped",
            "is removed",
            None,
        ),
    }
}

fn after_checks(plan: &Plan) -> &'static str {
    if plan.warm.is_empty() {
        "when it is started and its checks have passed, without another question"
    } else {
        "as soon as its checks have passed, without another question"
    }
}

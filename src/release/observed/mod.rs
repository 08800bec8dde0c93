//! A release that somebody else drives, or nobody any more: what its journal and its lock tell of
//! it, in the words its own driver uses ([`Status`]), so that every face shows both alike. Pure. It
//! cannot know what only the driver sees: how far a pull is, what a look just said. And it never says
//! what runs: that is observed.

mod told;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Definition, Plan, Progress, Status};
use crate::checks::CaseReport;
use crate::history::{Direction, Happening, LivePeriod, Recorded, Step, Successor};
use crate::inventory::{LockHolder, LockRecord, Operator, ReleaseId, Route, Slot, Target, Version};
use crate::release::Announcement;
use crate::sanitize::sanitize;
use trace::Trace;

/// The newest release of each target that has any, as its journal tells it.
pub type Releases = BTreeMap<Target, Arc<Observed>>;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// How far it is. Its plan is the one in the journal, completed from what is configured here: to
    /// be shown, not to be approved.
    pub status: Arc<Status>,
    /// Who drives it; nobody when it is over or was interrupted.
    pub driver: Option<LockRecord>,
    /// Who drives it, or did last, as far as is written.
    pub last: Operator,
    /// That its last driver stopped on purpose, while nobody has gone on with it since.
    pub let_go: Option<LetGo>,
    /// What happened in it so far, oldest first; harmless.
    pub told: Vec<Announcement>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When its version had the traffic, by its switch steps.
    pub live: Option<LivePeriod>,
    /// The checks of the version that has the traffic now. Another release may have made it live.
    pub live_checks: Option<Arc<LiveChecks>>,
}

/// What came out of the checks of the version that is live, in the release that made it live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveChecks {
    /// The generation of the route that says what is live.
    pub generation: u64,
    /// The release that made it live.
    pub release: ReleaseId,
    /// The version.
    pub version: Version,
    /// Its slot.
    pub slot: Slot,
    /// When the checks were over; none where none were run.
    pub at: Option<Timestamp>,
    /// What came out of each.
    pub cases: Vec<CaseReport>,
}

impl LiveChecks {
    /// Those of a release, as the one that wrote this route, or as the one that made live what it names.
    pub fn of(recorded: &Recorded, route: &Route) -> Self {
        let (slot, version) = &recorded.head.to;
        let report = recorded.last_report();
        Self {
            generation: route.generation,
            release: recorded.head.id,
            version: version.clone(),
            slot: *slot,
            at: report.map(|report| report.at),
            cases: report
                .map(|report| report.cases.clone())
                .unwrap_or_default(),
        }
    }
}

/// A driver stopped driving on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetGo {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
    /// To whom it handed the release over, if to anybody.
    pub to: Option<Successor>,
}

impl Observed {
    /// Whether somebody drives it now.
    pub fn is_driven(&self) -> bool {
        self.driver.is_some()
    }

    /// Whether it was handed over to this console, which has not taken it yet.
    pub fn is_handed_to(&self, console: &str) -> bool {
        let successor = self.let_go.as_ref().and_then(|let_go| let_go.to.as_ref());
        successor.is_some_and(|successor| successor.console == console)
            && self.status.outcome().is_none()
    }

    /// Whether its driver went away before it ended.
    pub fn is_interrupted(&self) -> bool {
        matches!(self.status.progress, Progress::Interrupted { .. })
    }
}

/// What is known of a release at a moment. `lock` and `route` are those of its target, as read
/// *before* the journal was; a lock that is held for another release does not drive this one.
pub fn observed(
    recorded: &Recorded,
    definition: &Definition,
    lock: Option<&LockHolder>,
    route: Option<&Route>,
    now: Timestamp,
) -> Observed {
    let head = &recorded.head;
    let plan = Arc::new(Plan::recorded(head, definition, route));
    let driver = lock
        .map(|holder| &holder.record)
        .filter(|record| record.release == head.id && head.closed.is_none());
    let trace = Trace::of(recorded, &plan);
    let progress = match (&head.closed, driver) {
        (Some((_, outcome)), _) => Progress::Closed(outcome.clone()),
        (None, Some(_)) => trace.progress(now),
        (None, None) => Progress::Interrupted {
            after: trace.replay.settled,
            direction: trace.replay.direction(),
            at: trace.replay.since,
        },
    };
    let is_resting = !matches!(progress, Progress::Forward(_) | Progress::Back(_));
    let (next, undo) = match progress {
        Progress::Closed(_) | Progress::Interrupted { .. } => (String::new(), String::new()),
        _ => (trace.next(is_resting), trace.undo()),
    };
    let status = Status {
        steps: trace.steps(&progress),
        since: driver.map_or(head.opened_at, |record| record.since),
        switched: trace.replay.switched,
        may_have_switched: trace.replay.may_have_switched(),
        checked_at: trace.replay.report.as_ref().map(|report| report.at),
        cases: trace.replay.cases,
        pulled: None,
        draining: None,
        next,
        undo,
        progress,
        plan: Arc::clone(&plan),
    };
    Observed {
        status: Arc::new(status),
        driver: driver.cloned(),
        last: recorded.last_driver().clone(),
        let_go: let_go(recorded),
        told: told::told(recorded),
        ended_at: head.closed.as_ref().map(|(at, _)| *at),
        live: LivePeriod::of(&recorded.entries),
        live_checks: None,
    }
}

fn let_go(recorded: &Recorded) -> Option<LetGo> {
    let last = recorded.entries.last()?;
    match &last.what {
        Happening::LetGo { reason, to } => Some(LetGo {
            at: last.at,
            // A journal is whatever stands in the shared store.
            reason: sanitize(reason),
            to: to.clone(),
        }),
        _ => None,
    }
}

/// `register`, or `undoing register`: where an interrupted release stopped.
pub fn interrupted_at(after: Option<Step>, direction: Direction) -> String {
    match (after, direction) {
        (None, Direction::Forward) => "before its first step was over".into(),
        (None, Direction::Back) => "while it was backing out".into(),
        (Some(step), Direction::Forward) => format!("after {step}"),
        (Some(step), Direction::Back) => format!("after undoing {step}"),
    }
}

//! Builds the status of a release from its journal and its lock, for a release that another console drives or that has
//! no driver. The user interfaces show this [`Status`] like the status of their own releases. The status lacks what
//! only the driver knows: the progress of a pull, and the last observation. The status does not say what is running,
//! because a journal cannot know that.

mod announcements;
mod trace;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Definition, Plan, Progress, Status, standby_entry};
use crate::checks::CaseReport;
use crate::history::{Direction, JournalEvent, LivePeriod, Recorded, Step, Successor};
use crate::inventory::{LockHolder, LockRecord, Operator, ReleaseId, Route, Slot, Target, Version};
use crate::release::Announcement;
use crate::sanitize::sanitize;
use trace::Trace;

/// The newest release of each target; a target without releases has no entry.
pub type Releases = BTreeMap<Target, Arc<Observed>>;

/// A release as its journal and its lock show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    /// The status. Its plan is read from the journal and completed from the local configuration. The plan lacks
    /// instances and warnings, so no driver executes it.
    pub status: Arc<Status>,
    /// The driver; none if the release has ended or was interrupted.
    pub driver: Option<LockRecord>,
    /// The operator who drives the release now or drove it last, according to the journal.
    pub last: Operator,
    /// Set if the last driver stopped on purpose and no other driver has resumed the release since.
    pub driver_stopped: Option<DriverStopped>,
    /// The events so far, oldest first. The texts are sanitized.
    pub announcements: Vec<Announcement>,
    pub ended_at: Option<Timestamp>,
    /// When the version had the traffic, according to the outcomes of *switch* in the journal.
    pub live: Option<LivePeriod>,
    /// Whether only the stop of the old version remains, see [`standby_entry`].
    pub is_in_standby: bool,
    /// The checks of the version that has the traffic now. Another release may have made that version live.
    pub live_checks: Option<Arc<LiveChecks>>,
}

/// The results of the checks of the live version, from the release that made it live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveChecks {
    /// The generation of the route that names the live version.
    pub generation: u64,
    /// The release that made the version live.
    pub release: ReleaseId,
    pub version: Version,
    pub slot: Slot,
    /// When the checks ended; none if none were run.
    pub at: Option<Timestamp>,
    pub cases: Vec<CaseReport>,
}

impl LiveChecks {
    /// The checks in a release that wrote this route or made its version live.
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

/// Why and when a driver stopped on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriverStopped {
    pub at: Timestamp,
    pub reason: String,
    /// The successor to whom the driver handed the release over, if any.
    pub to: Option<Successor>,
}

impl Observed {
    /// Whether a driver drives the release now.
    pub fn is_driven(&self) -> bool {
        self.driver.is_some()
    }

    /// Whether the release was handed over to this console, and this console has not resumed it yet.
    pub fn is_handed_to(&self, console: &str) -> bool {
        let successor = self
            .driver_stopped
            .as_ref()
            .and_then(|driver_stopped| driver_stopped.to.as_ref());
        successor.is_some_and(|successor| successor.console == console)
            && self.status.outcome().is_none()
    }

    /// Whether the release has not ended and has no driver.
    pub fn is_interrupted(&self) -> bool {
        matches!(self.status.progress, Progress::Interrupted { .. })
    }

    /// Whether the release was interrupted before its standby, and must therefore end before the target can be
    /// repaired.
    pub fn prevents_repair(&self) -> bool {
        self.is_interrupted() && !self.is_in_standby
    }
}

/// The state of a release at `now`. `lock` and `route` belong to the target of the release, and must be read *before*
/// the journal. If the lock is for another release, this release has no driver.
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
    let is_in_standby = standby_entry(recorded, definition).is_some();
    let is_resting = !matches!(progress, Progress::Forward(_) | Progress::Back(_));
    let (next, undo) = match progress {
        Progress::Closed(_) | Progress::Interrupted { .. } => (String::new(), String::new()),
        _ => {
            let track = &trace.replay.track;
            (track.next_words(&plan, is_resting), track.undo_words(&plan))
        }
    };
    let status = Status {
        steps: trace.steps(&progress),
        since: driver.map_or(head.opened_at, |record| record.since),
        switched: trace.replay.track.switched,
        may_have_switched: trace.replay.track.may_have_switched(),
        checked_at: trace.replay.track.report.as_ref().map(|report| report.at),
        cases: trace.replay.track.cases,
        overrides: trace.replay.track.overrides,
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
        driver_stopped: driver_stopped(recorded),
        announcements: announcements::announcements(recorded),
        ended_at: head.closed.as_ref().map(|(at, _)| *at),
        live: LivePeriod::of(&recorded.entries),
        is_in_standby,
        live_checks: None,
    }
}

fn driver_stopped(recorded: &Recorded) -> Option<DriverStopped> {
    let last = recorded.entries.last()?;
    match &last.event {
        JournalEvent::DriverStopped { reason, to } => Some(DriverStopped {
            at: last.at,
            // Any program that can write to the store may have written this text.
            reason: sanitize(reason),
            to: to.clone(),
        }),
        _ => None,
    }
}

/// Describes where an interrupted release stopped: `after register`, or `after undoing register`.
pub fn interrupted_at(after: Option<Step>, direction: Direction) -> String {
    match (after, direction) {
        (None, Direction::Forward) => "before the first step ended".into(),
        (None, Direction::Back) => "while it was backing out".into(),
        (Some(step), Direction::Forward) => format!("after {step}"),
        (Some(step), Direction::Back) => format!("after undoing {step}"),
    }
}

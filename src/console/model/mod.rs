//! What the console knows: the only state there is, owned by the loop alone. It carries its own
//! `now`, so that neither `update` nor `view` ever asks a clock.

mod dialog;
mod listing;
mod log_pane;
mod matrix;
mod notice;
mod offers;
mod pane;
mod ways;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::inventory::{Operator, ReleaseId, Snapshot, Target, World};
use crate::release::{Progress, Status};

pub use dialog::{
    Button, Confirm, Dialog, Failure, Leaving, Page, Picker, Question, Reason, Refusal, Thinking,
    VersionList, Way,
};
pub use listing::{CheckRow, CheckState, checks, relevant_step, stored};
pub use log_pane::{LogPane, LogSource};
pub use matrix::{CellState, cell_state};
pub use notice::{Notice, Weight};
pub use offers::{offers, rests_after_switch};
pub use pane::Pane;
pub use ways::ways;

/// Whether this console may ever change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It looks, and cannot be armed.
    ReadOnly,
    /// It looks, until it is armed for this long.
    Armable(Duration),
}

/// The target that may be changed, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// Which.
    pub target: Target,
    /// Until when.
    pub until: Timestamp,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Model {
    /// The moment that is drawn.
    pub now: Timestamp,
    /// Who sits here.
    pub operator: Operator,
    /// Whether anything can be changed from here.
    pub mode: Mode,
    /// What may be changed at the moment.
    pub armed: Option<Armed>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// What is observed.
    pub world: Arc<World>,
    /// Where the cursor is in the matrix: service and environment, by index.
    pub cursor: Option<(usize, usize)>,
    /// The target that the rest of the screen is about.
    pub open: Option<Target>,
    /// The pane that has the keys.
    pub focus: Pane,
    /// The row under the cursor in checks and registrations.
    pub rows: BTreeMap<Pane, usize>,
    /// The newest release of each target that this console drives or drove.
    pub releases: BTreeMap<Target, Arc<Status>>,
    /// Releases that are not over and that nobody drives from here any more.
    pub left: BTreeSet<ReleaseId>,
    /// The log.
    pub log: LogPane,
    /// What is asked or told over everything else.
    pub dialog: Option<Dialog>,
    /// What the console says about the last key.
    pub notice: Option<Notice>,
    /// The number of the last plan asked for; answers to others come too late.
    pub asked: u64,
    /// Whether the console ends as soon as no release of its own is in flight.
    pub leaving: bool,
}

impl Model {
    /// A console that has seen nothing yet.
    pub fn new(operator: Operator, mode: Mode, now: Timestamp, size: (u16, u16)) -> Self {
        Self {
            now,
            operator,
            mode,
            armed: None,
            size,
            world: Arc::default(),
            cursor: None,
            open: None,
            focus: Pane::Environments,
            rows: BTreeMap::new(),
            releases: BTreeMap::new(),
            left: BTreeSet::new(),
            log: LogPane::default(),
            dialog: None,
            notice: None,
            asked: 0,
            leaving: false,
        }
    }

    /// What is known of the open target.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.world.get(self.open.as_ref()?)
    }

    /// The newest release of the open target.
    pub fn release(&self) -> Option<&Arc<Status>> {
        self.releases.get(self.open.as_ref()?)
    }

    /// The release of the open target, if it still goes on.
    pub fn release_in_flight(&self) -> Option<&Arc<Status>> {
        self.release().filter(|status| self.flies(status))
    }

    /// All releases of this console that go on.
    pub fn in_flight(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.releases.values().filter(|status| self.flies(status))
    }

    fn flies(&self, status: &Status) -> bool {
        !status.is_over() && !self.left.contains(&status.plan.release)
    }

    /// Whether the open target may be changed now.
    pub fn is_armed(&self) -> bool {
        self.armed.as_ref().is_some_and(|armed| {
            self.now < armed.until && self.open.as_ref() == Some(&armed.target)
        })
    }

    /// Whether something on the screen counts seconds, so that it has to be drawn again although
    /// nothing happened.
    pub fn counts_time(&self) -> bool {
        self.armed.is_some()
            || self.notice.is_some()
            || self.dialog.as_ref().is_some_and(Dialog::expires)
            || self.in_flight().any(|status| counts(&status.progress))
    }

    /// The row under the cursor of a pane.
    pub fn row(&self, pane: Pane) -> usize {
        self.rows.get(&pane).copied().unwrap_or(0)
    }
}

fn counts(progress: &Progress) -> bool {
    match progress {
        Progress::Forward(_)
        | Progress::Back(_)
        | Progress::Asking { .. }
        | Progress::Standby { until: Some(_) } => true,
        Progress::Standby { until: None }
        | Progress::Choosing { .. }
        | Progress::Unrecorded { .. }
        | Progress::Parked { .. }
        | Progress::Closed(_) => false,
    }
}

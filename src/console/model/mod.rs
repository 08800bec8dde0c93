//! The complete state of the console. Only the loop in `run` owns it. The state contains the current time as `now`,
//! so `update` and `view` never read a clock.

mod availability;
mod diagnostics;
mod dialog;
mod handover;
mod history;
mod listing;
mod log_pane;
mod looks;
mod matrix;
mod notice;
mod pane;
mod peer_approving;
mod prompt;
mod registrations;
mod reload;
mod services;
mod text_line;
mod timeline;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::console::action::Action;
use crate::console::keymap::Keymap;
use crate::inventory::{
    HandoverRequest, Operator, ReleaseId, Snapshot, SourceState, Target, Tier, World,
};
use crate::release::{Observed, Progress, Releases, Status};

pub use availability::{is_available, why_not};
pub use diagnostics::Diagnostics;
pub use dialog::{Dialog, Scroll, Scrolling, moved};
pub use handover::Asking;
pub use history::{
    History, HistoryAnswer, HistoryPage, HistoryQuestion, IN_TIMELINE, LISTED, Waiting,
};
pub use listing::{CheckRow, CheckState, Checked, checked, checks, relevant_step};
pub use log_pane::{
    LogFeed, LogKind, LogPane, LogSource, LongLines, MARK_COLUMNS, Measure, SLOT_COLUMNS, SavedLog,
    Since, TIME_COLUMNS, Times,
};
pub use looks::{Bell, Looks};
pub use matrix::{CellState, cell, cell_state, standby};
pub use notice::{Notice, Weight};
pub use pane::Pane;
pub use prompt::{Prompt, PromptKind};
pub use registrations::{KeyRow, Mark, lease_left, registrations};
pub use reload::{ConfigurationChange, FoundConfiguration, NewConfiguration, ViewState};
pub use services::{Order, Services, list_services, matched_range, unfinished_release};
pub use text_line::TextLine;
pub use timeline::TargetTimeline;
pub use waits::{WaitingItem, Wanted as WaitingFor};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The console only observes. No target can be armed.
    ReadOnly,
    /// The operator can arm one target. The target can then be changed for this long.
    Armable(Duration),
}

/// The only target that can be changed now, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    pub target: Target,
    pub until: Timestamp,
}

/// The complete state of the console.
#[derive(Debug, Clone)]
pub struct Model {
    /// The time of the last event or draw.
    pub now: Timestamp,
    pub operator: Operator,
    /// The name of this console in locks, requests and presence records. Empty if this console has no name.
    pub console: String,
    pub mode: Mode,
    /// Why this console is read-only. Only used in [`Mode::ReadOnly`].
    pub read_only: String,
    pub armed: Option<Armed>,
    /// The size of the terminal, in columns and rows.
    pub size: (u16, u16),
    pub world: Arc<World>,
    /// The cell under the cursor in the matrix.
    pub cursor: Option<Target>,
    /// The services in the matrix, with their filter and order.
    pub services: Services,
    /// The target that the rest of the screen shows.
    pub open: Option<Target>,
    pub focus: Pane,
    /// The row of the cursor in the checks and in the registrations.
    pub rows: BTreeMap<Pane, usize>,
    /// The newest release of each target that this console drives or drove.
    pub releases: BTreeMap<Target, Arc<Status>>,
    /// The newest release of each target according to its journal. Any operator may drive it.
    pub releases_observed: Arc<Releases>,
    /// The request of this console for a handover, until the request is answered or has expired.
    pub asking: Option<Asking>,
    /// The other console that was observed to have taken over or superseded a release of this console. The driver in
    /// this console was then told to check its lock.
    pub competing_console: Option<String>,
    /// The last request for a handover that was announced to the operator, by target.
    pub announced_requests: BTreeMap<Target, HandoverRequest>,
    /// The waiting items that were announced to the operator.
    pub known_waiting: Vec<WaitingItem>,
    /// Releases that have not ended and that this console does not drive any more.
    pub left: BTreeSet<ReleaseId>,
    pub log: LogPane,
    pub history: History,
    /// The past releases of the open target. Only read if the screen has rows for them.
    pub timeline: TargetTimeline,
    /// The targets that this console is repairing.
    pub repairing: BTreeSet<Target>,
    /// The dialog over the screen.
    pub dialog: Option<Box<dyn Dialog>>,
    pub scroll: Scroll,
    /// The action that the operator chose in the palette. It runs as if its key had been pressed.
    pub chosen_action: Option<Action>,
    /// The text line that is open in place of the footer.
    pub prompt: Option<Prompt>,
    /// A short message in place of the footer. Disappears after a few seconds.
    pub notice: Option<Notice>,
    /// The number of the last request for a plan or for an open release. Answers to earlier requests are dropped.
    pub request_id: u64,
    pub keymap: Arc<Keymap>,
    pub looks: Looks,
    /// The problems that the help lists: settings that could not be used, each with the reason, and why the history
    /// cannot be written. Sanitized.
    pub remarks: Vec<String>,
    /// Whether a shell started the console and can continue the console after it was suspended.
    pub has_shell: bool,
    /// Whether the configuration belongs to a sandbox.
    pub is_sandbox: bool,
    /// The file from which the configuration was read, if the file cannot be read a second time (a pipe). Sanitized.
    pub read_once: Option<String>,
    /// The configuration on disk, if it differs from the configuration in use.
    pub configuration: Option<Arc<NewConfiguration>>,
    /// The operator's place before a reload. The console returns to this place as soon as the targets are known.
    pub come_back_to: Option<ViewState>,
    /// Whether the console quits as soon as it drives no release or repair.
    pub leaving: bool,
}

impl Model {
    /// A console that has not observed anything yet.
    pub fn new(operator: Operator, mode: Mode, now: Timestamp, size: (u16, u16)) -> Self {
        Self {
            now,
            operator,
            console: String::new(),
            mode,
            read_only: "started with --read-only".to_owned(),
            armed: None,
            size,
            world: Arc::default(),
            cursor: None,
            services: Services::default(),
            open: None,
            focus: Pane::Environments,
            rows: BTreeMap::new(),
            releases: BTreeMap::new(),
            releases_observed: Arc::default(),
            asking: None,
            competing_console: None,
            announced_requests: BTreeMap::new(),
            known_waiting: Vec::new(),
            left: BTreeSet::new(),
            log: LogPane::default(),
            history: History::default(),
            timeline: TargetTimeline::default(),
            repairing: BTreeSet::new(),
            dialog: None,
            scroll: Scroll::default(),
            chosen_action: None,
            prompt: None,
            notice: None,
            request_id: 0,
            keymap: Arc::default(),
            looks: Looks::default(),
            remarks: Vec::new(),
            has_shell: false,
            is_sandbox: false,
            read_once: None,
            configuration: None,
            come_back_to: None,
            leaving: false,
        }
    }

    /// Stores remarks about the configuration in place of all earlier remarks, and shows the first. The help lists all
    /// of them.
    pub fn remark(&mut self, remarks: &[String]) {
        self.remarks = remarks
            .iter()
            .map(|remark| crate::sanitize::sanitize(remark))
            .collect();
        let Some(first) = self.remarks.first() else {
            return;
        };
        let help = self.keymap.shown(Action::Help);
        let text = match self.remarks.len() - 1 {
            0 => first.clone(),
            more => format!("{first} (and {more} more: {help} lists them)"),
        };
        self.notice = Some(Notice::new(Weight::Prominent, &text, self.now));
    }

    /// Stores and shows one more remark. A remark that is already stored is not shown again.
    pub fn remark_once(&mut self, remark: &str) {
        let remark = crate::sanitize::sanitize(remark);
        if self.remarks.contains(&remark) {
            return;
        }
        self.notice = Some(Notice::new(Weight::Prominent, &remark, self.now));
        self.remarks.push(remark);
    }

    /// The snapshot of the open target.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.world.get(self.open.as_ref()?)
    }

    /// Records that this model was drawn on the screen.
    pub fn was_drawn(&mut self) {
        if let Some(dialog) = &mut self.dialog {
            dialog.was_drawn();
        }
    }

    /// The newest release of the open target. Any operator may drive it.
    pub fn release(&self) -> Option<&Arc<Status>> {
        self.release_of(self.open.as_ref()?)
    }

    /// The newest release of a target: from the journal if [`Self::elsewhere_in`] finds one, otherwise the last
    /// release of this console.
    pub fn release_of(&self, target: &Target) -> Option<&Arc<Status>> {
        match self.elsewhere_in(target) {
            Some(observed) => Some(&observed.status),
            None => self.releases.get(target),
        }
    }

    /// Whether the newest release of the open target has ended, or no release is known.
    pub fn is_at_rest(&self) -> bool {
        self.release()
            .is_none_or(|status| status.outcome().is_some())
    }

    /// The release as its journal shows it. `None` if no journal of the target was read, or if the newest release in
    /// the journals is another one.
    pub fn observed_of(&self, status: &Status) -> Option<&Observed> {
        let observed = self.releases_observed.get(status.plan.target())?;
        (observed.status.plan.release == status.plan.release).then_some(observed)
    }

    /// [`Self::elsewhere_in`] for the open target.
    pub fn elsewhere(&self) -> Option<&Observed> {
        self.elsewhere_in(self.open.as_ref()?)
    }

    /// The newest release of a target, as the journal shows it. `None` if this console drives this release or drove it
    /// to its end, if the lock was last read with this console as the driver, or if this console has a newer release.
    /// The release may have another driver, may have no driver, or may have ended.
    pub fn elsewhere_in(&self, target: &Target) -> Option<&Observed> {
        let observed = self.releases_observed.get(target)?;
        let own = self.releases.get(target).map(|status| status.plan.release);
        let release = observed.status.plan.release;
        let is_elsewhere = match own {
            Some(own) if own == release => {
                self.has_stopped_driving(target) && !self.is_driven_here(observed)
            }
            Some(own) => own < release,
            None => true,
        };
        is_elsewhere.then_some(observed)
    }

    /// Whether the newest release of a target has a driver and has switched, and only keeps the old version warm or
    /// waits for the approval to stop the old version. The next release may end that standby. Any operator may drive
    /// the release.
    pub fn is_in_standby(&self, target: &Target) -> bool {
        let driven = match self.elsewhere_in(target) {
            Some(observed) => observed.is_driven().then_some(&observed.status),
            None => self.releases.get(target).filter(|own| self.is_driving(own)),
        };
        driven.is_some_and(|status| status.progress.is_standby())
    }

    /// Whether this console stopped driving its newest release of a target before that release ended.
    fn has_stopped_driving(&self, target: &Target) -> bool {
        self.releases.get(target).is_some_and(|status| {
            let is_parked = matches!(status.progress, Progress::Parked { .. });
            is_parked || self.left.contains(&status.plan.release)
        })
    }

    /// Whether this console stopped driving its release of a target, and the journal shows neither the end of this
    /// release nor another release.
    pub fn is_lost_here(&self, target: &Target) -> bool {
        let own = self.releases.get(target).map(|own| own.plan.release);
        let newest = self
            .releases_observed
            .get(target)
            .map(|observed| &observed.status);
        let is_over = newest
            .is_some_and(|newest| Some(newest.plan.release) != own || newest.outcome().is_some());
        self.has_stopped_driving(target) && !is_over
    }

    /// The release of the open target that this console is driving.
    pub fn release_in_flight(&self) -> Option<&Arc<Status>> {
        let own = self.releases.get(self.open.as_ref()?);
        own.filter(|status| self.is_driving(status))
    }

    /// All releases that this console is driving.
    pub fn in_flight(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.releases
            .values()
            .filter(|status| self.is_driving(status))
    }

    /// Whether this console is driving a release or a repair, which would stop with the console.
    pub fn is_busy(&self) -> bool {
        self.in_flight().next().is_some() || !self.repairing.is_empty()
    }

    fn is_driving(&self, status: &Status) -> bool {
        !status.is_over() && !self.left.contains(&status.plan.release)
    }

    /// Whether the open target can be changed now.
    pub fn is_armed(&self) -> bool {
        self.armed.as_ref().is_some_and(|armed| {
            self.now < armed.until && self.open.as_ref() == Some(&armed.target)
        })
    }

    /// The tier of a target. `staging` until the environments are known.
    pub fn tier(&self, target: &Target) -> Tier {
        let environments = &self.world.environments;
        let found = environments
            .iter()
            .find(|(name, _)| *name == target.environment);
        found.map(|(_, tier)| *tier).unwrap_or_default()
    }

    /// The name of the theme to draw with: the theme under the cursor of the theme list, otherwise the theme for
    /// the tier of the open target.
    pub fn theme(&self) -> &str {
        let dialog = self.dialog.as_ref();
        let under_cursor = dialog.and_then(|dialog| dialog.theme(&self.looks));
        under_cursor.unwrap_or_else(|| self.looks.theme_for(self.open_tier()))
    }

    pub fn open_tier(&self) -> Option<Tier> {
        self.open.as_ref().map(|target| self.tier(target))
    }

    /// Whether the screen shows a time in seconds, so that the screen must be redrawn every second.
    pub fn counts_time(&self) -> bool {
        self.armed.is_some()
            || self.notice.is_some()
            || self.asking.is_some()
            || self
                .dialog
                .as_ref()
                .is_some_and(|dialog| dialog.expires_at().is_some())
            || self
                .in_flight()
                .any(|status| progress_shows_seconds(&status.progress))
            || self
                .release()
                .is_some_and(|status| progress_shows_seconds(&status.progress))
            || self.snapshot().is_some_and(shows_countdown)
    }

    /// The row of the cursor in a pane. 0 until the cursor was moved.
    pub fn row(&self, pane: Pane) -> usize {
        self.rows.get(&pane).copied().unwrap_or(0)
    }
}

/// Whether the snapshot contains a lease, or a source that does not answer. The screen shows in seconds how long the
/// lease lasts, for how long the source has not answered, and when the console tries again.
fn shows_countdown(snapshot: &Snapshot) -> bool {
    let is_silent = |state: &SourceState| {
        matches!(
            state,
            SourceState::Stale { .. } | SourceState::Unreachable { .. }
        )
    };
    let mut sources = snapshot.sources.named().into_iter();
    snapshot.lock.is_some()
        || snapshot.keys.iter().any(|key| key.ttl_seconds.is_some())
        || sources.any(|(_, state)| is_silent(state))
}

fn progress_shows_seconds(progress: &Progress) -> bool {
    match progress {
        Progress::Forward(_)
        | Progress::Back(_)
        | Progress::Asking { .. }
        | Progress::Standby { until: Some(_) } => true,
        Progress::Standby { until: None }
        | Progress::Choosing { .. }
        | Progress::Unrecorded { .. }
        | Progress::Parked { .. }
        | Progress::Interrupted { .. }
        | Progress::Closed(_) => false,
    }
}

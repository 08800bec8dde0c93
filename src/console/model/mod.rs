//! The state of the console: all of it, owned by the loop alone. It carries its own `now`, so that
//! neither `update` nor `view` reads a clock.

mod availability;
mod best_way;
mod diagnostics;
mod dialog;
mod handover;
mod history;
mod holding;
mod listing;
mod log_pane;
mod looks;
mod matrix;
mod notice;
mod palette;
mod pane;
mod peer_approving;
mod picker;
mod prompt;
mod registrations;
mod reload;
mod services;
mod text_line;
mod timeline;
mod waits;
mod ways;
mod why_not;

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

pub use availability::{is_available, rests_after_switch, rests_before_switch};
pub use best_way::best_way;
pub use diagnostics::Diagnostics;
pub use dialog::{
    Button, Confirm, Dialog, Failure, Leave, Leaving, Page, Question, Reason, Refusal, Thinking,
};
pub use handover::{Asking, Hand, Handover, OpenReleases, ResumeChoice, ResumeDialog, Words};
pub use history::{History, HistoryAnswer, HistoryQuestion, IN_TIMELINE, LISTED, Sheet, Waiting};
pub use holding::{HoldLine, Holding};
pub use listing::{CheckRow, CheckState, Checked, checked, checks, relevant_step};
pub use log_pane::{
    LogFeed, LogKind, LogPane, LogSource, LongLines, MARK_COLUMNS, Measure, SLOT_COLUMNS, SavedLog,
    Since, TIME_COLUMNS, Times,
};
pub use looks::{Bell, Looks, ThemeChoice};
pub use matrix::{CellState, cell, cell_state, standby};
pub use notice::{Notice, Weight};
pub use palette::{Found, Help, Helped, Palette, PaletteChoice, helped, palette_entries};
pub use pane::Pane;
pub use picker::{Before, Knowledge, LOOK_UPS, LOOKED_UP_UNSEEN, LookUp, Picker, VersionList, Way};
pub use prompt::{Prompt, PromptKind};
pub use registrations::{KeyRow, Mark, lease_left, registrations};
pub use reload::{
    ConfigurationChange, FoundConfiguration, NewConfiguration, ReloadAnswer, ReloadDialog,
    ViewState,
};
pub use services::{Order, Services, filtered, going_on, list_services};
pub use text_line::TextLine;
pub use timeline::TargetTimeline;
pub use waits::{WaitingItem, WaitingList, Wanted as WaitingFor};
pub use ways::{was_bad, ways};
pub use why_not::why_not;

/// Whether this console can change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It only observes, and cannot be armed.
    ReadOnly,
    /// It only observes until it is armed, for this long.
    Armable(Duration),
}

/// The target that can be changed, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    pub target: Target,
    pub until: Timestamp,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Model {
    /// The time that is drawn.
    pub now: Timestamp,
    /// The operator of this console.
    pub operator: Operator,
    /// The name of this console in locks and for other consoles; empty if it has none.
    pub console: String,
    /// Whether this console can change anything.
    pub mode: Mode,
    /// Why this console is read-only, if it is.
    pub read_only: String,
    /// The target that can be changed now.
    pub armed: Option<Armed>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// The observations.
    pub world: Arc<World>,
    /// The cell under the cursor in the matrix.
    pub cursor: Option<Target>,
    /// The rows of the matrix.
    pub services: Services,
    /// The target that the rest of the screen shows.
    pub open: Option<Target>,
    /// The focused pane.
    pub focus: Pane,
    /// The rows under the cursor in checks and registrations.
    pub rows: BTreeMap<Pane, usize>,
    /// The newest release of each target that this console drives or drove.
    pub releases: BTreeMap<Target, Arc<Status>>,
    /// The newest release of each target according to the journals, no matter who drives it.
    pub told: Arc<Releases>,
    /// The request of this console for a handover that has no answer yet.
    pub asking: Option<Asking>,
    /// The console that was last observed to drive a release that this console drives.
    pub doubted: Option<String>,
    /// The last announced request for a handover, of each target.
    pub heard: BTreeMap<Target, HandoverRequest>,
    /// The items that wait for the operator and were announced already.
    pub known_waiting: Vec<WaitingItem>,
    /// Releases without an end that this console does not drive any more.
    pub left: BTreeSet<ReleaseId>,
    pub log: LogPane,
    /// The history of releases.
    pub history: History,
    /// The past releases of the open target, if the screen has rows for them.
    pub timeline: TargetTimeline,
    /// The targets that this console repairs at the moment.
    pub repairing: BTreeSet<Target>,
    /// The dialog over the screen.
    pub dialog: Option<Dialog>,
    /// How many lines of a question's text are scrolled out of view, if its answers are rows.
    pub scrolled: usize,
    /// The line that is typed in place of the footer.
    pub prompt: Option<Prompt>,
    /// The console's answer to the last key.
    pub notice: Option<Notice>,
    /// The number of the last request for a plan. Answers to earlier requests are dropped.
    pub asked: u64,
    pub keymap: Arc<Keymap>,
    /// The operator's settings of the screen.
    pub looks: Looks,
    /// Which parts of the configuration could not be used, and why; sanitized.
    pub remarks: Vec<String>,
    /// Whether a shell can take the terminal while the console is suspended.
    pub has_shell: bool,
    /// The file that the configuration was read from, where it cannot be read again; harmless.
    pub read_once: Option<String>,
    /// The configuration on disk, if it differs from the one in use.
    pub configuration: Option<Arc<NewConfiguration>>,
    /// Where to return to after a reload, as soon as the targets are known.
    pub come_back_to: Option<ViewState>,
    /// Whether the console quits as soon as none of its releases is in flight.
    pub leaving: bool,
}

impl Model {
    /// A console without any observation.
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
            told: Arc::default(),
            asking: None,
            doubted: None,
            heard: BTreeMap::new(),
            known_waiting: Vec::new(),
            left: BTreeSet::new(),
            log: LogPane::default(),
            history: History::default(),
            timeline: TargetTimeline::default(),
            repairing: BTreeSet::new(),
            dialog: None,
            scrolled: 0,
            prompt: None,
            notice: None,
            asked: 0,
            keymap: Arc::default(),
            looks: Looks::default(),
            remarks: Vec::new(),
            has_shell: false,
            read_once: None,
            configuration: None,
            come_back_to: None,
            leaving: false,
        }
    }

    /// Keeps remarks about the configuration, and shows the first.
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
        self.notice = Some(Notice::new(Weight::Refused, &text, self.now));
    }

    /// Keeps one more remark and shows it, unless it was kept before: a repeated problem is shown once.
    pub fn remark_once(&mut self, remark: &str) {
        let remark = crate::sanitize::sanitize(remark);
        if self.remarks.contains(&remark) {
            return;
        }
        self.notice = Some(Notice::new(Weight::Refused, &remark, self.now));
        self.remarks.push(remark);
    }

    /// The snapshot of the open target.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.world.get(self.open.as_ref()?)
    }

    /// Records that the screen shows this model.
    pub fn was_drawn(&mut self) {
        if let Some(Dialog::Picker(picker)) = &mut self.dialog {
            picker.is_seen = true;
        }
    }

    /// The newest release of the open target, no matter who drives it.
    pub fn release(&self) -> Option<&Arc<Status>> {
        self.release_of(self.open.as_ref()?)
    }

    /// The newest release of a target: as this console drives it, else according to its journal.
    pub fn release_of(&self, target: &Target) -> Option<&Arc<Status>> {
        match self.elsewhere_in(target) {
            Some(observed) => Some(&observed.status),
            None => self.releases.get(target),
        }
    }

    /// Whether no release is in flight in the open target: its last release has ended, or it has none.
    pub fn is_at_rest(&self) -> bool {
        self.release()
            .is_none_or(|status| status.outcome().is_some())
    }

    /// What the journal says of a release, no matter who drove it.
    pub fn observed_of(&self, status: &Status) -> Option<&Observed> {
        let told = self.told.get(status.plan.target())?;
        (told.status.plan.release == status.plan.release).then_some(told)
    }

    /// The newest release of the open target, if this console does not drive it.
    pub fn elsewhere(&self) -> Option<&Observed> {
        self.elsewhere_in(self.open.as_ref()?)
    }

    /// The newest release of a target, if this console does not drive it: another operator does, it was
    /// interrupted, or this console watched its end.
    pub fn elsewhere_in(&self, target: &Target) -> Option<&Observed> {
        let told = self.told.get(target)?;
        let own = self.releases.get(target).map(|status| status.plan.release);
        let release = told.status.plan.release;
        let is_elsewhere = match own {
            Some(own) if own == release => self.lost(target) && !self.is_driven_here(told),
            Some(own) => own < release,
            None => true,
        };
        is_elsewhere.then_some(told)
    }

    /// Whether the newest release of a target only keeps its old version warm, no matter who drives it. The next
    /// release ends that.
    pub fn is_in_standby(&self, target: &Target) -> bool {
        let driven = match self.elsewhere_in(target) {
            Some(told) => told.is_driven().then_some(&told.status),
            None => self.releases.get(target).filter(|own| self.flies(own)),
        };
        driven.is_some_and(|status| rests_after_switch(&status.progress))
    }

    /// Whether this console drove a release without an end, and does not drive it any more.
    fn lost(&self, target: &Target) -> bool {
        self.releases.get(target).is_some_and(|status| {
            let is_parked = matches!(status.progress, Progress::Parked { .. });
            is_parked || self.left.contains(&status.plan.release)
        })
    }

    /// Whether this console lost its release of a target, and that release is not known to have ended.
    pub fn is_lost_here(&self, target: &Target) -> bool {
        let own = self.releases.get(target).map(|own| own.plan.release);
        let told = self.told.get(target).map(|told| &told.status);
        let is_over =
            told.is_some_and(|told| Some(told.plan.release) != own || told.outcome().is_some());
        self.lost(target) && !is_over
    }

    /// The release of the open target, if it is in flight and this console drives it.
    pub fn release_in_flight(&self) -> Option<&Arc<Status>> {
        let own = self.releases.get(self.open.as_ref()?);
        own.filter(|status| self.flies(status))
    }

    /// All releases in flight that this console drives.
    pub fn in_flight(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.releases.values().filter(|status| self.flies(status))
    }

    /// Whether a release or a repair would stop if this console did.
    pub fn is_busy(&self) -> bool {
        self.in_flight().next().is_some() || !self.repairing.is_empty()
    }

    fn flies(&self, status: &Status) -> bool {
        !status.is_over() && !self.left.contains(&status.plan.release)
    }

    /// Whether the open target can be changed now.
    pub fn is_armed(&self) -> bool {
        self.armed.as_ref().is_some_and(|armed| {
            self.now < armed.until && self.open.as_ref() == Some(&armed.target)
        })
    }

    /// The tier of a target; the least strict one while it is unknown.
    pub fn tier(&self, target: &Target) -> Tier {
        let all = &self.world.environments;
        let found = all.iter().find(|(name, _)| *name == target.environment);
        found.map(|(_, tier)| *tier).unwrap_or_default()
    }

    /// The name of the theme to draw with: the one under the cursor of the theme list, else that of the
    /// open target's tier.
    pub fn theme(&self) -> &str {
        if let Some(Dialog::Themes(choice)) = &self.dialog
            && let Some(name) = self.looks.themes.get(choice.row)
        {
            return name;
        }
        self.looks.theme_for(self.open_tier())
    }

    /// The tier of the open target, if one is open.
    pub fn open_tier(&self) -> Option<Tier> {
        self.open.as_ref().map(|target| self.tier(target))
    }

    /// Whether the screen shows a counting number of seconds, so that it must be redrawn without an event.
    pub fn counts_time(&self) -> bool {
        self.armed.is_some()
            || self.notice.is_some()
            || self.asking.is_some()
            || self.dialog.as_ref().is_some_and(Dialog::expires)
            || self.in_flight().any(|status| counts(&status.progress))
            || self
                .release()
                .is_some_and(|status| counts(&status.progress))
            || self.snapshot().is_some_and(shows_countdown)
    }

    /// The row under the cursor in a pane.
    pub fn row(&self, pane: Pane) -> usize {
        self.rows.get(&pane).copied().unwrap_or(0)
    }
}

/// Whether the snapshot shows a lease, or a source whose silence is counted.
fn shows_countdown(snapshot: &Snapshot) -> bool {
    let counts = |state: &SourceState| {
        matches!(
            state,
            SourceState::Stale { .. } | SourceState::Unreachable { .. }
        )
    };
    let mut sources = snapshot.sources.named().into_iter();
    snapshot.lock.is_some()
        || snapshot.keys.iter().any(|key| key.ttl_seconds.is_some())
        || sources.any(|(_, state)| counts(state))
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
        | Progress::Interrupted { .. }
        | Progress::Closed(_) => false,
    }
}

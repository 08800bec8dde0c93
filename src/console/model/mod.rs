//! What the console knows: the only state there is, owned by the loop alone. It carries its own
//! `now`, so that neither `update` nor `view` ever asks a clock.

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
    /// Which console this is, as locks and others name it; empty where it is none of theirs.
    pub console: String,
    /// Whether anything can be changed from here.
    pub mode: Mode,
    /// Why nothing can, where nothing can.
    pub read_only: String,
    /// What may be changed at the moment.
    pub armed: Option<Armed>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// What is observed.
    pub world: Arc<World>,
    /// Where the cursor is in the matrix.
    pub cursor: Option<Target>,
    /// What the matrix shows.
    pub services: Services,
    /// The target that the rest of the screen is about.
    pub open: Option<Target>,
    /// The pane that has the keys.
    pub focus: Pane,
    /// The row under the cursor in checks and registrations.
    pub rows: BTreeMap<Pane, usize>,
    /// The newest release of each target that this console drives or drove.
    pub releases: BTreeMap<Target, Arc<Status>>,
    /// What the journals tell of the newest release of each target, whoever drives it.
    pub told: Arc<Releases>,
    /// What this console has asked for, and waits for.
    pub asking: Option<Asking>,
    /// The console that was last said to drive what this one drives.
    pub doubted: Option<String>,
    /// The last asking of somebody else's that was told, of each target.
    pub heard: BTreeMap<Target, HandoverRequest>,
    /// What waits for the operator and was announced already.
    pub known_waiting: Vec<WaitingItem>,
    /// Releases that are not over and that nobody drives from here any more.
    pub left: BTreeSet<ReleaseId>,
    /// The log.
    pub log: LogPane,
    /// What was released, to browse.
    pub history: History,
    /// What was released in the open target, where the screen has rows for it.
    pub timeline: TargetTimeline,
    /// The targets that this console repairs at the moment.
    pub repairing: BTreeSet<Target>,
    /// What is asked or told over everything else.
    pub dialog: Option<Dialog>,
    /// How many lines of a question's text are scrolled away, where the question has answers in rows.
    pub scrolled: usize,
    /// The line that is typed in the footer's place.
    pub prompt: Option<Prompt>,
    /// What the console says about the last key.
    pub notice: Option<Notice>,
    /// The number of the last plan asked for; answers to others come too late.
    pub asked: u64,
    /// Which keys do what.
    pub keymap: Arc<Keymap>,
    /// How the operator wants the screen.
    pub looks: Looks,
    /// What of the configuration could not be used, and why; harmless.
    pub remarks: Vec<String>,
    /// Whether there is a shell to give the terminal back to for a while.
    pub has_shell: bool,
    /// The file that the configuration was read from, where it cannot be read again; harmless.
    pub read_once: Option<String>,
    /// The configuration on disk, where it is not the one in use.
    pub configuration: Option<Arc<NewConfiguration>>,
    /// Where to go back to as soon as the targets are known, after a reload.
    pub come_back_to: Option<ViewState>,
    /// Whether the console ends as soon as no release of its own is in flight.
    pub leaving: bool,
}

impl Model {
    /// A console that has seen nothing yet.
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

    /// Keeps what of the configuration could not be used, and tells of the first.
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

    /// Keeps one more remark and tells of it, unless it is among them: what goes wrong again and again is told once.
    pub fn remark_once(&mut self, remark: &str) {
        let remark = crate::sanitize::sanitize(remark);
        if self.remarks.contains(&remark) {
            return;
        }
        self.notice = Some(Notice::new(Weight::Refused, &remark, self.now));
        self.remarks.push(remark);
    }

    /// What is known of the open target.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.world.get(self.open.as_ref()?)
    }

    /// The screen shows it as it is now.
    pub fn was_drawn(&mut self) {
        if let Some(Dialog::Picker(picker)) = &mut self.dialog {
            picker.is_seen = true;
        }
    }

    /// The newest release of the open target, whoever drives it.
    pub fn release(&self) -> Option<&Arc<Status>> {
        self.release_of(self.open.as_ref()?)
    }

    /// The newest release of a target: as this console drives it, else as its journal tells it.
    pub fn release_of(&self, target: &Target) -> Option<&Arc<Status>> {
        match self.elsewhere_in(target) {
            Some(observed) => Some(&observed.status),
            None => self.releases.get(target),
        }
    }

    /// Whether nothing is being released in the open target: its last release is over, or there is none.
    pub fn is_at_rest(&self) -> bool {
        self.release()
            .is_none_or(|status| status.outcome().is_some())
    }

    /// What the journal tells of a release, whoever drove it.
    pub fn observed_of(&self, status: &Status) -> Option<&Observed> {
        let told = self.told.get(status.plan.target())?;
        (told.status.plan.release == status.plan.release).then_some(told)
    }

    /// The newest release of the open target, if this console does not drive it.
    pub fn elsewhere(&self) -> Option<&Observed> {
        self.elsewhere_in(self.open.as_ref()?)
    }

    /// The newest release of a target, if this console does not drive it: somebody else does, it was
    /// interrupted, or its end was watched.
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

    /// Whether the newest release of a target only keeps its old version warm, whoever drives it: the next
    /// release ends that.
    pub fn is_in_standby(&self, target: &Target) -> bool {
        let driven = match self.elsewhere_in(target) {
            Some(told) => told.is_driven().then_some(&told.status),
            None => self.releases.get(target).filter(|own| self.flies(own)),
        };
        driven.is_some_and(|status| rests_after_switch(&status.progress))
    }

    /// Whether this console drove a release that has no end, and does not any more.
    fn lost(&self, target: &Target) -> bool {
        self.releases.get(target).is_some_and(|status| {
            let is_parked = matches!(status.progress, Progress::Parked { .. });
            is_parked || self.left.contains(&status.plan.release)
        })
    }

    /// Whether this console lost its release of a target, and that is not known to have ended.
    pub fn is_lost_here(&self, target: &Target) -> bool {
        let own = self.releases.get(target).map(|own| own.plan.release);
        let told = self.told.get(target).map(|told| &told.status);
        let is_over =
            told.is_some_and(|told| Some(told.plan.release) != own || told.outcome().is_some());
        self.lost(target) && !is_over
    }

    /// The release of the open target, if it goes on and this console drives it.
    pub fn release_in_flight(&self) -> Option<&Arc<Status>> {
        let own = self.releases.get(self.open.as_ref()?);
        own.filter(|status| self.flies(status))
    }

    /// All releases of this console that go on.
    pub fn in_flight(&self) -> impl Iterator<Item = &Arc<Status>> {
        self.releases.values().filter(|status| self.flies(status))
    }

    /// Whether something that is under way would stand still if this console did.
    pub fn is_busy(&self) -> bool {
        self.in_flight().next().is_some() || !self.repairing.is_empty()
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

    /// How careful one has to be with a target; as little as can be while that is not known.
    pub fn tier(&self, target: &Target) -> Tier {
        let all = &self.world.environments;
        let found = all.iter().find(|(name, _)| *name == target.environment);
        found.map(|(_, tier)| *tier).unwrap_or_default()
    }

    /// The name of the theme to draw with: the one that is looked at, else that of the open
    /// target's tier.
    pub fn theme(&self) -> &str {
        if let Some(Dialog::Themes(choice)) = &self.dialog
            && let Some(name) = self.looks.themes.get(choice.row)
        {
            return name;
        }
        self.looks.theme_for(self.open_tier())
    }

    /// How careful one has to be with the open target, if one is open.
    pub fn open_tier(&self) -> Option<Tier> {
        self.open.as_ref().map(|target| self.tier(target))
    }

    /// Whether something on the screen counts seconds, so that it has to be drawn again although
    /// nothing happened.
    pub fn counts_time(&self) -> bool {
        self.armed.is_some()
            || self.notice.is_some()
            || self.asking.is_some()
            || self.dialog.as_ref().is_some_and(Dialog::expires)
            || self.in_flight().any(|status| counts(&status.progress))
            || self
                .release()
                .is_some_and(|status| counts(&status.progress))
            || self.snapshot().is_some_and(runs_down)
    }

    /// The row under the cursor of a pane.
    pub fn row(&self, pane: Pane) -> usize {
        self.rows.get(&pane).copied().unwrap_or(0)
    }
}

/// Whether something on a lease is shown, or a source whose silence is counted.
fn runs_down(snapshot: &Snapshot) -> bool {
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

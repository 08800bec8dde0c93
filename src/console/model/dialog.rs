//! Everything that can be shown over the screen: questions, answers, and pages to read. Every question
//! starts on the answer that changes nothing, and expires.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Handover, Help, Holding, OpenReleases, Palette, Picker, ReloadDialog, ResumeDialog, TextLine,
    ThemeChoice, WaitingList, Words,
};
use crate::history::{Direction, Step};
use crate::inventory::{Hold, Target};
use crate::release::{
    Choice, Definition, GoOn, Interrupted, Need, Plan, RepairPlan, Status, Wanted,
};

/// See the module.
#[derive(Debug, Clone)]
pub enum Dialog {
    Help(Help),
    /// Finds an action, a target or a theme by its name.
    Palette(Palette),
    /// Asks for a theme.
    Themes(ThemeChoice),
    /// A page to read: details, scrolled down by some lines.
    Page(Page),
    /// Asks for a version.
    Picker(Picker),
    /// Asks for the reason of a release or of an override.
    Reason(Reason),
    /// Shown while a plan is being made.
    Thinking(Thinking),
    /// Says why a request was refused.
    Refusal(Refusal),
    /// Asks for confirmation of a change.
    Confirm(Confirm),
    /// Asks what to do about a failed step.
    Failure(Failure),
    /// Asks whether to quit while a release is in flight.
    Leaving(Leaving),
    /// Asks whether to use the configuration that changed on disk.
    Reload(ReloadDialog),
    /// Several releases of a target are open. The operator chooses one.
    OpenReleases(OpenReleases),
    /// Asks what to do with a release that has no driver or another driver.
    Resume(ResumeDialog),
    /// Asks for a message to a driver.
    Words(Words),
    /// Asks about a hold, line by line.
    Holding(Holding),
    /// Asks whether to hand over a release.
    Handover(Handover),
    /// Says which approvals the switch lacks, who can give them, and how.
    Lacking(Target),
    Waiting(WaitingList),
}

impl Dialog {
    /// Whether it is a question to the operator, not a list, page or search.
    pub fn asks(&self) -> bool {
        self.asks_in_rows() || matches!(self, Self::Confirm(_))
    }

    /// Whether the arrows move between its answers or in its line, so that other keys scroll its text.
    pub fn asks_in_rows(&self) -> bool {
        matches!(
            self,
            Self::Reason(_)
                | Self::Failure(_)
                | Self::Leaving(_)
                | Self::Reload(_)
                | Self::Resume(_)
                | Self::Words(_)
                | Self::Holding(_)
                | Self::Handover(_)
        )
    }

    /// Whether it closes by itself after a time.
    pub fn expires(&self) -> bool {
        matches!(self, Self::Confirm(_))
    }
}

/// A page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    /// The sanitized lines.
    pub lines: Vec<String>,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
}

/// Asks for the reason of a release or of an override.
#[derive(Debug, Clone)]
pub struct Reason {
    pub target: Target,
    /// The chosen version.
    pub wanted: Wanted,
    /// The version as it is shown.
    pub name: String,
    pub line: TextLine,
    /// Whether the rules require a reason; none while that is unknown.
    pub required: Option<bool>,
    /// The holds to override. The reason for the override is asked first.
    pub in_spite_of: Vec<Hold>,
    /// The reason for the override, once it was typed.
    pub override_holds: Option<String>,
    /// The plan of a rollback that was made without a reason. It can start without one.
    pub planned: Option<Arc<Plan>>,
}

impl Reason {
    /// Whether it asks for the reason of the override, not yet for that of the release.
    pub fn overrides(&self) -> bool {
        !self.in_spite_of.is_empty() && self.override_holds.is_none()
    }
}

/// Shown while a plan is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thinking {
    /// The number of the request.
    pub asked: u64,
    pub target: Target,
    /// The version as it is shown.
    pub name: String,
}

/// Says why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was requested.
    pub title: String,
    /// Every reason, each with its way out.
    pub reasons: Vec<String>,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
}

impl Refusal {
    /// The most lines that it can be scrolled by, on the narrowest screen: a reason is a few lines.
    pub fn longest(&self) -> usize {
        self.reasons
            .iter()
            .map(|reason| 1 + reason.len() / 20)
            .sum()
    }
}

/// The change to confirm.
#[derive(Debug, Clone)]
pub enum Question {
    /// Start a plan.
    Begin(Arc<Plan>),
    /// Do the step that waits.
    Step(Arc<Status>, Step),
    /// Undo a release.
    BackOut(Arc<Status>),
    /// End the standby now.
    EndStandby(Arc<Status>),
    /// Resume a release that has no driver, or take it over by force.
    Resume(Arc<Interrupted>, GoOn),
    /// Repair the drift.
    Repair(Arc<RepairPlan>),
    /// Approve a release that another operator drives.
    PeerApprove(Arc<Status>),
    /// Request the handover from the driver of a release, and resume the release when it is handed over.
    Ask(Arc<Interrupted>),
}

impl Question {
    /// The plan of the release; none for a repair.
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        match self {
            Self::Begin(plan) => Some(plan),
            Self::Step(status, _)
            | Self::BackOut(status)
            | Self::EndStandby(status)
            | Self::PeerApprove(status) => Some(&status.plan),
            Self::Resume(found, _) | Self::Ask(found) => Some(&found.observed.status.plan),
            Self::Repair(_) => None,
        }
    }

    /// The configured target.
    pub fn definition(&self) -> &Definition {
        match self {
            Self::Repair(plan) => &plan.definition,
            Self::Begin(plan) => &plan.definition,
            Self::Step(status, _)
            | Self::BackOut(status)
            | Self::EndStandby(status)
            | Self::PeerApprove(status) => &status.plan.definition,
            Self::Resume(found, _) | Self::Ask(found) => &found.observed.status.plan.definition,
        }
    }

    pub fn target(&self) -> &Target {
        &self.definition().target
    }
}

/// What has the focus in a question: an answer, or a line to type in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// The line for the name. Enter does nothing here until the name is complete.
    Name,
    /// Change nothing.
    Cancel,
    /// Do it.
    Go,
    /// The line for a note, if the approval takes one.
    Note,
}

/// Asks for confirmation of a change.
#[derive(Debug, Clone)]
pub struct Confirm {
    pub question: Question,
    /// How it has to be confirmed.
    pub need: Need,
    /// The name as typed so far, if one is required.
    pub typed: String,
    /// The note or reason that was typed before the question.
    pub note: Option<String>,
    /// What Enter would press.
    pub button: Button,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
    pub expires_at: Timestamp,
}

impl Confirm {
    /// Whether it has a line for a note.
    pub fn takes_note(&self) -> bool {
        matches!(self.question, Question::PeerApprove(_))
    }

    /// Whether the operator can confirm now.
    pub fn may_go(&self) -> bool {
        self.need != Need::TypedName || self.typed == self.expected()
    }

    /// What is missing in the typed name, if one is required.
    pub fn missing(&self) -> Option<String> {
        if self.may_go() {
            return None;
        }
        let expected = self.expected();
        match expected.strip_prefix(self.typed.as_str()) {
            Some(whole) if whole == expected => Some(format!("type the name {expected}")),
            Some(rest) => Some(format!("incomplete: {rest} is missing")),
            None => Some(format!("that is not {expected}")),
        }
    }

    /// The name to be typed.
    pub fn expected(&self) -> &str {
        self.question.target().environment.as_str()
    }
}

/// Asks what to do about a failed step.
#[derive(Debug, Clone)]
pub struct Failure {
    pub status: Arc<Status>,
    pub step: Step,
    /// Whether doing or undoing the step failed.
    pub direction: Direction,
    pub why: String,
    /// The choices. The row before them is "decide later".
    pub choices: Vec<Choice>,
    pub row: usize,
    /// The operator's note; it is kept in the history.
    pub note: TextLine,
    /// Whether the note has the focus.
    pub is_noting: bool,
}

/// Asks whether to quit while a release is in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaving {
    /// The row under the cursor, of [`Leave::ALL`].
    pub row: usize,
}

/// The answers to [`Leaving`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Do not quit.
    Stay,
    /// Quit when the current act has been observed.
    AfterStep,
    /// Back out, then quit.
    BackOut,
}

impl Leave {
    /// All answers. The one that changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Stay, Self::AfterStep, Self::BackOut];
}

//! The dialogs over the screen: questions, refusals, lists and pages. Enter alone never changes anything: the operator
//! first moves the cursor or types a text. A confirmation expires.

use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Handover, Help, Holding, MessageDialog, OpenReleases, Palette, Picker, ReloadDialog,
    ResumeDialog, TextLine, ThemeChoice, WaitingList,
};
use crate::history::{Direction, Step};
use crate::inventory::{Hold, Target};
use crate::release::{
    Choice, Definition, Interrupted, Need, Plan, RepairPlan, ResumeAction, Status, Wanted,
};

/// The dialog that is open over the screen.
#[derive(Debug, Clone)]
pub enum Dialog {
    Help(Help),
    Palette(Palette),
    /// Asks for a theme, and draws with the theme under the cursor.
    Themes(ThemeChoice),
    /// Shows the details of the line under the cursor.
    Page(Page),
    /// Asks for the version of a promote or a rollback.
    Picker(Picker),
    /// Asks for the reason of a release, or for the reason to override a hold.
    Reason(Reason),
    Thinking(Thinking),
    Refusal(Refusal),
    Confirm(Confirm),
    Failure(Failure),
    Leaving(Leaving),
    Reload(ReloadDialog),
    /// Asks which of several open releases of a target to resume.
    OpenReleases(OpenReleases),
    Resume(ResumeDialog),
    Message(MessageDialog),
    /// Asks for the reason and the end of a hold, or for the reason to clear it.
    Holding(Holding),
    /// Asks whether to hand over a release to the operator who requests it.
    Handover(Handover),
    /// Shows which approvals the switch of a target lacks, who can give them, and how.
    Lacking(Target),
    Waiting(WaitingList),
}

impl Dialog {
    /// Whether the dialog is a question to answer, and not a page or a list.
    pub fn asks(&self) -> bool {
        self.asks_in_rows() || matches!(self, Self::Confirm(_))
    }

    /// Whether only `PageUp` and `PageDown` scroll the text of the dialog, because the arrow keys move between its
    /// answers or in its text line.
    pub fn asks_in_rows(&self) -> bool {
        matches!(
            self,
            Self::Reason(_)
                | Self::Failure(_)
                | Self::Leaving(_)
                | Self::Reload(_)
                | Self::Resume(_)
                | Self::Message(_)
                | Self::Holding(_)
                | Self::Handover(_)
        )
    }

    /// Whether the dialog closes by itself after some time.
    pub fn expires(&self) -> bool {
        matches!(self, Self::Confirm(_))
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    /// Sanitized.
    pub lines: Vec<String>,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
}

/// Asks for the reason of a release, or for the reason to override a hold.
#[derive(Debug, Clone)]
pub struct Reason {
    pub target: Target,
    pub wanted: Wanted,
    /// The version, as the screen shows it.
    pub name: String,
    pub line: TextLine,
    /// Whether the rules require a reason. `None` if the rules were not read yet, or if they could not be read.
    pub required: Option<bool>,
    /// The holds that the release overrides. If there are holds, the dialog first asks why the release overrides them.
    pub in_spite_of: Vec<Hold>,
    /// The reason for overriding the holds, after it was typed.
    pub override_holds: Option<String>,
    /// The plan of a rollback for which the rules require a reason. A rollback can start without a reason.
    pub planned: Option<Arc<Plan>>,
}

impl Reason {
    /// Whether the dialog now asks why the holds are overridden, and not for the reason of the release.
    pub fn overrides(&self) -> bool {
        !self.in_spite_of.is_empty() && self.override_holds.is_none()
    }
}

/// Shown while a plan is made or an open release is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thinking {
    /// The number of the request. Only the answer with this number is used.
    pub request_id: u64,
    pub target: Target,
    /// What is planned or read: a version, a repair or the open release.
    pub name: String,
}

/// Shows why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The refused operation, for example `1.9.0 to web/qa`.
    pub title: String,
    /// All reasons. Each says what to do.
    pub reasons: Vec<String>,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
}

impl Refusal {
    /// An upper bound for the number of lines of the text on the narrowest screen.
    pub fn longest(&self) -> usize {
        self.reasons
            .iter()
            .map(|reason| 1 + reason.len() / 20)
            .sum()
    }
}

/// The change that the operator has to confirm.
#[derive(Debug, Clone)]
pub enum Question {
    /// Start a release.
    Begin(Arc<Plan>),
    /// Run the step that waits for approval.
    Step(Arc<Status>, Step),
    /// Back out a release.
    BackOut(Arc<Status>),
    /// Stop the version that is kept warm.
    EndStandby(Arc<Status>),
    /// Continue a release, back it out, or end it and keep everything as it is. If another console or command holds the
    /// lock, take over the lock.
    Resume(Arc<Interrupted>, ResumeAction),
    /// Carry out a repair plan.
    Repair(Arc<RepairPlan>),
    /// Approve a release that another operator drives.
    PeerApprove(Arc<Status>),
    /// Request the handover of a release from its driver, and resume the release after the handover.
    Ask(Arc<Interrupted>),
}

impl Question {
    /// The plan of the release. `None` for a repair.
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

    /// The configuration of the target.
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

/// The part of a confirmation that has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// The line in which the name of the environment is typed. Until the name is complete, Enter only shows what is
    /// missing.
    Name,
    /// The button that changes nothing.
    Cancel,
    /// The button that confirms the change.
    Go,
    /// The line for the note of a peer approval.
    Note,
}

/// Asks the operator to confirm a change.
#[derive(Debug, Clone)]
pub struct Confirm {
    pub question: Question,
    /// [`Need::TypedName`] means that the operator has to type the name. For any other need, the button is enough.
    pub need: Need,
    /// The name as typed so far. Empty if no name is required.
    pub typed: String,
    /// The note or reason of the operator.
    pub note: Option<String>,
    /// The part that has the focus.
    pub button: Button,
    /// How many lines are scrolled out of view at the top.
    pub top: usize,
    pub expires_at: Timestamp,
}

impl Confirm {
    /// Whether the dialog has a line for a note.
    pub fn takes_note(&self) -> bool {
        matches!(self.question, Question::PeerApprove(_))
    }

    /// Whether the name is complete, or no name is required.
    pub fn may_go(&self) -> bool {
        self.need != Need::TypedName || self.typed == self.expected()
    }

    /// What the operator still has to type. `None` if nothing is missing.
    pub fn missing(&self) -> Option<String> {
        if self.may_go() {
            return None;
        }
        let expected = self.expected();
        match expected.strip_prefix(self.typed.as_str()) {
            Some(whole) if whole == expected => Some(format!("type the name {expected}")),
            Some(rest) => Some(format!("incomplete: {rest} is missing")),
            None => Some(format!("the typed name is not {expected}")),
        }
    }

    /// The name to type: the environment of the target.
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
    /// The choices. On the screen, the row "decide later" comes before them.
    pub choices: Vec<Choice>,
    /// The row of the cursor. Row 0 is "decide later".
    pub row: usize,
    /// The operator's note, which is stored in the history.
    pub note: TextLine,
    /// Whether the note has the focus.
    pub is_noting: bool,
}

/// Asks whether to quit while this console drives a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaving {
    /// The row of the cursor: an index into [`Leave::ALL`].
    pub row: usize,
}

/// The answers to [`Leaving`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    Stay,
    /// Quit as soon as the current step of each release is done. The releases stay open and can be resumed.
    AfterStep,
    /// Back out the release, then quit.
    BackOut,
}

impl Leave {
    /// All answers. The answer that changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Stay, Self::AfterStep, Self::BackOut];
}

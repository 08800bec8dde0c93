//! What can stand over the screen: questions, answers, and pages to read. Every question starts on
//! the answer that changes nothing, and expires.

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
    /// All keys.
    Help(Help),
    /// Anything by its name.
    Palette(Palette),
    /// Which theme?
    Themes(ThemeChoice),
    /// Something to read: details, scrolled down by some lines.
    Page(Page),
    /// Which version?
    Picker(Picker),
    /// Why? For the record.
    Reason(Reason),
    /// A plan is being made.
    Thinking(Thinking),
    /// It cannot be done, and why.
    Refusal(Refusal),
    /// Really?
    Confirm(Confirm),
    /// A step failed: what now?
    Failure(Failure),
    /// A release is in flight: end the console all the same?
    Leaving(Leaving),
    /// The configuration changed on disk: use it?
    Reload(ReloadDialog),
    /// Several releases of a target are open, and the operator chooses one.
    OpenReleases(OpenReleases),
    /// A release lost its driver, or has another: what is to become of it?
    Resume(ResumeDialog),
    /// What is said to a driver.
    Words(Words),
    /// A hold: why, and until when?
    Holding(Holding),
    /// Somebody requests the handover: what now?
    Handover(Handover),
    /// The switch lacks approvals: who can give them, and how.
    Lacking(Target),
    /// What waits for the operator.
    Waiting(WaitingList),
}

impl Dialog {
    /// Whether it is a question to the operator, and no list, page or search.
    pub fn asks(&self) -> bool {
        self.asks_in_rows() || matches!(self, Self::Confirm(_))
    }

    /// Whether the arrows move between its answers, or in a line, so that other keys scroll its text.
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

    /// Whether it goes away by itself.
    pub fn expires(&self) -> bool {
        matches!(self, Self::Confirm(_))
    }
}

/// Something to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What it is.
    pub title: String,
    /// The lines, harmless.
    pub lines: Vec<String>,
    /// How many are scrolled away above.
    pub top: usize,
}

/// Why? For the record.
#[derive(Debug, Clone)]
pub struct Reason {
    /// For which target.
    pub target: Target,
    /// What was chosen.
    pub wanted: Wanted,
    /// The version as it is shown.
    pub name: String,
    /// What is typed so far.
    pub line: TextLine,
    /// Whether the rules ask for one; none while that is not known.
    pub required: Option<bool>,
    /// What stands against it and is to be overridden: first of all it is asked why.
    pub in_spite_of: Vec<Hold>,
    /// Why it is, once that is typed.
    pub override_holds: Option<String>,
    /// The plan of a rollback, made without a reason: it is begun without one where none is typed.
    pub planned: Option<Arc<Plan>>,
}

impl Reason {
    /// Whether it is asked why what stands is overridden, and not yet why the release is made.
    pub fn overrides(&self) -> bool {
        !self.in_spite_of.is_empty() && self.override_holds.is_none()
    }
}

/// A plan is being made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thinking {
    /// Which asking.
    pub asked: u64,
    /// For which target.
    pub target: Target,
    /// The version as it is shown.
    pub name: String,
}

/// It cannot be done, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What was asked.
    pub title: String,
    /// Every reason, with its way out.
    pub reasons: Vec<String>,
    /// How far they are scrolled.
    pub top: usize,
}

impl Refusal {
    /// How far it can be scrolled at most, however narrow the screen: a reason is a few lines.
    pub fn longest(&self) -> usize {
        self.reasons
            .iter()
            .map(|reason| 1 + reason.len() / 20)
            .sum()
    }
}

/// What is confirmed.
#[derive(Debug, Clone)]
pub enum Question {
    /// To begin a plan.
    Begin(Arc<Plan>),
    /// To do the step that waits.
    Step(Arc<Status>, Step),
    /// To undo a release.
    BackOut(Arc<Status>),
    /// To end the standby now.
    EndStandby(Arc<Status>),
    /// To go on with a release that lost its driver, or has another: by force, then.
    Resume(Arc<Interrupted>, GoOn),
    /// To repair what drifted.
    Repair(Arc<RepairPlan>),
    /// To approve a release that somebody else drives.
    PeerApprove(Arc<Status>),
    /// To ask the driver of a release for the handover, and to go on with it when it is handed over.
    Ask(Arc<Interrupted>),
}

impl Question {
    /// The plan of the release that it is about; none of a repair.
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

    /// The target that it is about, as configured.
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

    /// Which target that is.
    pub fn target(&self) -> &Target {
        &self.definition().target
    }
}

/// What has the focus of a question: one of its two answers, or the name to be typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Button {
    /// The line for the name: Enter here answers nothing while the name is not whole.
    Name,
    /// Change nothing.
    Cancel,
    /// Do it.
    Go,
    /// The line for a note, where an approval takes one.
    Note,
}

/// Really?
#[derive(Debug, Clone)]
pub struct Confirm {
    /// What.
    pub question: Question,
    /// What it takes.
    pub need: Need,
    /// What is typed so far, where a name is asked for.
    pub typed: String,
    /// What was written for the record on the way here.
    pub note: Option<String>,
    /// What Enter would press.
    pub button: Button,
    /// How far the text is scrolled.
    pub top: usize,
    /// When the question is void.
    pub expires_at: Timestamp,
}

impl Confirm {
    /// Whether a note for the record can be typed in it.
    pub fn takes_note(&self) -> bool {
        matches!(self.question, Question::PeerApprove(_))
    }

    /// Whether the answer *do it* can be given now.
    pub fn may_go(&self) -> bool {
        self.need != Need::TypedName || self.typed == self.expected()
    }

    /// What is wrong with the name as it is typed so far, where one is asked for.
    pub fn missing(&self) -> Option<String> {
        if self.may_go() {
            return None;
        }
        let expected = self.expected();
        match expected.strip_prefix(self.typed.as_str()) {
            Some(whole) if whole == expected => Some(format!("the name {expected} is missing")),
            Some(rest) => Some(format!("not the whole name: {rest} is missing")),
            None => Some(format!("that is not {expected}")),
        }
    }

    /// The name that has to be typed.
    pub fn expected(&self) -> &str {
        self.question.target().environment.as_str()
    }
}

/// A step failed: what now?
#[derive(Debug, Clone)]
pub struct Failure {
    /// The release.
    pub status: Arc<Status>,
    /// Which step.
    pub step: Step,
    /// Whether doing or undoing it failed.
    pub direction: Direction,
    /// Why.
    pub why: String,
    /// What can be chosen; the row before them all decides nothing.
    pub choices: Vec<Choice>,
    /// The row under the cursor.
    pub row: usize,
    /// A note for the record.
    pub note: TextLine,
    /// Whether the note has the keys.
    pub is_noting: bool,
}

/// A release is in flight: end the console all the same?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaving {
    /// The row under the cursor, of [`Leave::ALL`].
    pub row: usize,
}

/// The answers to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// Not at all.
    Stay,
    /// As soon as what is being done now has been observed.
    AfterStep,
    /// When everything is undone.
    BackOut,
}

impl Leave {
    /// All of them; what changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Stay, Self::AfterStep, Self::BackOut];
}

//! Confirmations: the question before a change, its keys, and the name or the note to type. A confirmation expires.

mod go;
mod peer_approval;
mod repair;
mod rows;
mod sheet;
mod sides;

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;

pub use go::PeerApprove;

use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling, Weight};
use crate::console::sheet::Sheet;
use crate::console::theme::Theme;
use crate::history::Step;
use crate::inventory::Target;
use crate::release::{
    Definition, Interrupted, Need, Plan, Progress, RepairPlan, ResumeAction, Status, need_back,
    need_to_begin,
};
use crate::sanitize::sanitize;

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
    RequestHandover(Arc<Interrupted>),
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
            Self::Resume(found, _) | Self::RequestHandover(found) => {
                Some(&found.observed.status.plan)
            }
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
            Self::Resume(found, _) | Self::RequestHandover(found) => {
                &found.observed.status.plan.definition
            }
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

/// Asks the operator to confirm a change. The focus is on the name to type, or on the button that changes nothing.
pub(in crate::console) fn ask(model: &mut Model, question: Question, need: Need) {
    ask_with_note(model, question, need, None);
}

/// Asks the operator to confirm a change for which a note or a reason was typed.
pub(in crate::console) fn ask_with_note(
    model: &mut Model,
    question: Question,
    need: Need,
    note: Option<String>,
) {
    let life = question.definition().timing.approval;
    model.show(Confirm {
        expires_at: model.now.checked_add(life).unwrap_or(model.now),
        question,
        need,
        typed: String::new(),
        note,
        button: if need == Need::TypedName {
            Button::Name
        } else {
            Button::Cancel
        },
    });
}

/// Asks the operator to confirm that a release is backed out. The note is stored in the history.
pub(in crate::console) fn ask_back_out(
    model: &mut Model,
    status: Arc<Status>,
    note: Option<String>,
) {
    let need = need_back(status.may_have_switched, status.plan.tier());
    ask_with_note(model, Question::BackOut(status), need, note);
}

/// Asks the operator to confirm that the release of a plan starts.
pub(in crate::console) fn ask_to_begin(model: &mut Model, plan: Arc<Plan>) {
    let need = need_to_begin(&plan);
    ask(model, Question::Begin(plan), need);
}

impl Dialog for Confirm {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if self.note_pressed(key) {
            return model.keep(self);
        }
        match key.code {
            KeyCode::Enter => {
                return match self.button {
                    Button::Cancel => cancelled(model),
                    Button::Name | Button::Go | Button::Note => go::confirmed(model, self),
                };
            }
            KeyCode::Left => self.button = Button::Cancel,
            KeyCode::Right => self.button = self.confirming(),
            KeyCode::Tab | KeyCode::BackTab => self.button = self.next_button(),
            // The operator has decided by typing the complete name, so Enter now presses the button that confirms.
            _ if self.need == Need::TypedName && typed(&mut self.typed, key) => {
                self.button = self.confirming();
            }
            _ => {}
        }
        model.keep(self)
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        cancelled(model)
    }

    fn pasted(&mut self, _: &Model, text: &str) -> Result<Vec<Effect>, &'static str> {
        match self.button {
            Button::Note => add(self.note.get_or_insert_default(), text.trim()),
            _ if self.need == Need::TypedName => {
                return Err("the pasted text was ignored: type the name");
            }
            _ => return Err("the pasted text was ignored: no text line is open"),
        }
        Ok(Vec::new())
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Arrows(5)
    }

    fn expires_at(&self) -> Option<Timestamp> {
        Some(self.expires_at)
    }

    fn is_outdated(&self, status: &Status) -> bool {
        let is_same = |old: &Status| old.plan.release == status.plan.release;
        match &self.question {
            Question::Begin(_)
            | Question::Resume(..)
            | Question::RequestHandover(_)
            | Question::Repair(_)
            | Question::PeerApprove(_) => false,
            Question::Step(old, step) => {
                is_same(old)
                    && !matches!(&status.progress, Progress::Asking { step: now, .. } if now == step)
            }
            // Backing out has other effects after the switch, so the operator has to be asked again.
            Question::BackOut(old) => {
                is_same(old)
                    && (status.is_over()
                        || matches!(status.progress, Progress::Back(_))
                        || old.may_have_switched != status.may_have_switched)
            }
            Question::EndStandby(old) => {
                is_same(old) && !matches!(status.progress, Progress::Standby { .. })
            }
        }
    }

    fn arms(&self) -> Option<&Target> {
        (self.button != Button::Note).then(|| self.question.target())
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        sheet::sheet(model, theme, self, columns)
    }
}

impl Confirm {
    /// Handles a key while the note has the focus. Returns whether the key was used.
    fn note_pressed(&mut self, key: KeyEvent) -> bool {
        if self.button != Button::Note {
            return false;
        }
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        let note = self.note.get_or_insert_default();
        match key.code {
            KeyCode::Enter => self.button = self.after_note(),
            KeyCode::Backspace => drop(note.pop()),
            KeyCode::Char('u') if ctrl => note.clear(),
            KeyCode::Char(c) if !ctrl && !c.is_control() => add(note, &c.to_string()),
            _ => return false,
        }
        true
    }

    /// The part that confirms: the button, or the name while it is incomplete.
    fn confirming(&self) -> Button {
        if self.may_go() {
            Button::Go
        } else {
            Button::Name
        }
    }

    /// The part that Tab focuses next. If there is a note, the note comes after the part that had the focus when the
    /// dialog opened.
    fn next_button(&self) -> Button {
        let is_typed = self.need == Need::TypedName;
        let confirming = self.confirming();
        match self.button {
            Button::Cancel if self.takes_note() && !is_typed => Button::Note,
            Button::Cancel => confirming,
            Button::Name | Button::Go if self.takes_note() && is_typed => Button::Note,
            Button::Note if !is_typed => confirming,
            Button::Name | Button::Go | Button::Note => Button::Cancel,
        }
    }

    /// The part that gets the focus when Enter ends the note. Never the button that confirms, so that a second Enter
    /// changes nothing.
    fn after_note(&self) -> Button {
        match self.need {
            Need::TypedName => Button::Name,
            Need::Nothing | Need::Confirmation => Button::Cancel,
        }
    }
}

/// The maximum length of a note, in characters.
const LONGEST_NOTE: usize = 200;

fn add(note: &mut String, text: &str) {
    let room = LONGEST_NOTE.saturating_sub(note.chars().count());
    note.extend(sanitize(text).chars().take(room));
}

/// The maximum length of a typed name, in characters.
const LONGEST_NAME: usize = 80;

/// Edits the end of a typed name by one key. Returns whether the key was used. The name cannot be pasted or completed,
/// because typing the name is the confirmation.
fn typed(name: &mut String, key: KeyEvent) -> bool {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Backspace => {
            name.pop();
        }
        KeyCode::Char('u') if ctrl => name.clear(),
        KeyCode::Char(c) if !ctrl && !c.is_control() => {
            if name.chars().count() < LONGEST_NAME {
                name.push(c);
            }
        }
        _ => return false,
    }
    true
}

fn cancelled(model: &mut Model) -> Vec<Effect> {
    model.leaving = false;
    model.say(Weight::Normal, "cancelled: nothing was changed");
    Vec::new()
}

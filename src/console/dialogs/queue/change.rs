//! The question before a push is dismissed or retried, and the questions to the backend that do it.

use crossterm::event::{KeyCode, KeyEvent};
use ratatui::text::Line;

use super::{QueueDialog, QueuePage};
use crate::console::action::Action;
use crate::console::backend::Backend;
use crate::console::dialogs::Refusal;
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::{Model, TextLine, Weight};
use crate::console::sheet::{Answer, Sheet, line_spans};
use crate::console::theme::{Meaning, Theme};
use crate::console::update::change::armed_target;
use crate::console::view::text;
use crate::inventory::{EntryId, QueueEntry, StateKind, Target};
use crate::release::Refused;
use crate::sanitize::sanitize;

/// A change of an entry by an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueChange {
    Dismiss,
    Retry,
}

impl QueueChange {
    /// Why the entry cannot be changed so, and what to do instead. `None` if it can.
    pub(super) fn refusal(self, model: &Model, entry: &QueueEntry) -> Option<String> {
        let state = &entry.state;
        let is_possible = match self {
            Self::Dismiss => state.is_dismissable(),
            Self::Retry => state.is_retryable(),
        };
        if is_possible {
            return None;
        }
        let [promote, resume] = [Action::Promote, Action::Resume].map(|it| model.keymap.shown(it));
        Some(match (self, state.kind()) {
            (Self::Dismiss, StateKind::RollingOut) => {
                format!("an agent is releasing it: {resume} takes the release over to back it out")
            }
            (Self::Dismiss, kind) => {
                format!("the push is {kind} already: there is nothing to dismiss")
            }
            (Self::Retry, StateKind::Offered) => {
                format!("the environment is protected: {promote} promotes the version")
            }
            (Self::Retry, StateKind::Done) => {
                format!("the push is done: {promote} promotes its version again")
            }
            (Self::Retry, _) => "the push is still pending: there is nothing to retry".to_owned(),
        })
    }
}

/// The question before a change. Its first answer changes nothing.
#[derive(Debug, Clone)]
pub struct QueueQuestion {
    /// The entry as it was when the question was opened.
    pub entry: Box<QueueEntry>,
    pub change: QueueChange,
    /// The row of the cursor: 0 for no change, 1 for the change.
    pub row: usize,
    /// Why the push is dismissed. May be empty.
    pub reason: TextLine,
}

impl QueueQuestion {
    /// The line of the reason. A retry has none.
    pub(super) fn line(&mut self) -> Option<&mut TextLine> {
        (self.change == QueueChange::Dismiss).then_some(&mut self.reason)
    }

    pub(super) fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let (target, push) = (&self.entry.target, &self.entry.push);
        let (verb, no, yes) = match self.change {
            QueueChange::Dismiss => (
                "Dismiss",
                Answer::new("keep it", "the push stays in the queue"),
                Answer::new(
                    "dismiss it",
                    "no agent releases it; it can be retried later",
                ),
            ),
            QueueChange::Retry => (
                "Retry",
                Answer::new("leave it", "the push stays as it is"),
                Answer::new(
                    "retry it",
                    "an agent releases the version that the tag names now, even if it failed before",
                ),
            ),
        };
        let mut sheet = Sheet::new(format!("{verb} the push of {} · {target}", push.tag));
        sheet.frame = Meaning::Warn;
        sheet.say(theme, &sanitize(&push.words()), columns, Meaning::Text);
        let state = self.entry.state.details().unwrap_or_default();
        let state = format!("{}: {state}", self.entry.state.kind());
        sheet.say(theme, &sanitize(&state), columns, Meaning::Muted);
        let names = [("Up Down", "choose"), ("Enter", "do it"), ("Esc", "cancel")];
        if self.change == QueueChange::Dismiss {
            let sign = "reason (optional): ";
            let mut line = Line::from(theme.span(sign, Meaning::Muted));
            let room = columns.saturating_sub(text::width(sign));
            line.extend(line_spans(theme, &self.reason, room));
            sheet.foot.push(line);
            sheet.foot.push(Line::default());
        }
        let size = (columns, model.size.1);
        sheet.ask(theme, (&[no, yes], self.row), size, &names);
        sheet
    }
}

pub(super) fn pressed(
    mut dialog: Box<QueueDialog>,
    model: &mut Model,
    key: KeyEvent,
) -> Vec<Effect> {
    let QueuePage::Ask(question) = &mut dialog.page else {
        return model.keep(dialog);
    };
    match key.code {
        KeyCode::Enter if question.row == 0 => return cancelled(*dialog, model),
        KeyCode::Enter => return confirmed(dialog, model),
        KeyCode::Up => question.row = 0,
        KeyCode::Down => question.row = 1,
        KeyCode::Tab | KeyCode::BackTab => question.row = 1 - question.row,
        _ => drop(question.line().map(|line| line.pressed(key))),
    }
    model.keep(dialog)
}

fn cancelled(dialog: QueueDialog, model: &mut Model) -> Vec<Effect> {
    model.say(Weight::Normal, "cancelled: nothing was changed");
    dialog.turn_to(model, QueuePage::List);
    Vec::new()
}

/// Asks the backend for the change, and shows the list again.
fn confirmed(dialog: Box<QueueDialog>, model: &mut Model) -> Vec<Effect> {
    let QueuePage::Ask(question) = &dialog.page else {
        return model.keep(dialog);
    };
    if armed_target(model).as_ref() != Some(&dialog.target) {
        return model.keep(dialog);
    }
    let (target, id) = (dialog.target.clone(), question.entry.id.clone());
    let reason = sanitize(question.reason.text().trim());
    let reason = (!reason.is_empty()).then_some(reason);
    let effect = match question.change {
        QueueChange::Dismiss => Effect::ask(DismissPush { target, id, reason }),
        QueueChange::Retry => Effect::ask(RetryPush { target, id }),
    };
    dialog.turn_to(model, QueuePage::List);
    vec![effect]
}

/// Takes a push out of the queue.
#[derive(Debug)]
pub struct DismissPush {
    pub target: Target,
    pub id: EntryId,
    pub reason: Option<String>,
}

impl Question for DismissPush {
    type Answer = Result<QueueEntry, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.dismiss_push(&self.target, &self.id, self.reason.clone())
    }

    fn answered(&self, model: &mut Model, changed: Self::Answer) -> Vec<Effect> {
        show_result(model, &self.target, changed)
    }
}

/// Lets a push wait again.
#[derive(Debug)]
pub struct RetryPush {
    pub target: Target,
    pub id: EntryId,
}

impl Question for RetryPush {
    type Answer = Result<QueueEntry, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.retry_push(&self.target, &self.id)
    }

    fn answered(&self, model: &mut Model, changed: Self::Answer) -> Vec<Effect> {
        show_result(model, &self.target, changed)
    }
}

/// Says what the push is now, or shows why it was not changed.
fn show_result(
    model: &mut Model,
    target: &Target,
    changed: Result<QueueEntry, Refused>,
) -> Vec<Effect> {
    match changed {
        Ok(entry) => {
            let (tag, kind) = (&entry.push.tag, entry.state.kind());
            let text = format!("{target}: the push of {tag} is now {kind}");
            model.say(Weight::Normal, &sanitize(&text));
        }
        Err(refused) => {
            let title = format!("change of the queue of {target}");
            model.show(Refusal::new(title, &refused));
        }
    }
    Vec::new()
}

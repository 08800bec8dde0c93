//! The dialog with the queue of a target: the list of its pushes, the details of one push, and the question before a
//! push is dismissed or retried. The dialog shows the newest snapshot, so entries change while it is open.

mod change;
mod details;
mod list;

use crossterm::event::{KeyCode, KeyEvent};

pub use change::{DismissPush, QueueChange, QueueQuestion, RetryPush};

use crate::console::action::Action;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling, TextLine, Weight, moved, why_not};
use crate::console::sheet::Sheet;
use crate::console::theme::Theme;
use crate::console::update::{change as arming, history, target};
use crate::inventory::{EntryId, QueueEntry, ReleaseId, Target, newest_first};

/// The dialog with the queue of a target.
#[derive(Debug, Clone)]
pub struct QueueDialog {
    pub target: Target,
    /// The entry under the cursor. `None` if the queue was empty.
    pub under: Option<EntryId>,
    /// The row of the cursor. Only used if the entry under the cursor has left the queue.
    pub row: usize,
    pub page: QueuePage,
}

/// What the dialog shows.
#[derive(Debug, Clone)]
pub enum QueuePage {
    List,
    /// All that is known about the entry under the cursor.
    Details,
    /// The question before a change.
    Ask(QueueQuestion),
}

/// Opens the queue of the open target, with the cursor on the newest push.
pub(in crate::console) fn open(model: &mut Model) -> Vec<Effect> {
    if let Some(why) = why_not(model, Action::Queue) {
        return model.refused(&why);
    }
    let Some(target) = model.open.clone() else {
        return Vec::new();
    };
    model.notice = None;
    let under = entries(model, &target).first().map(|it| it.id.clone());
    model.show(QueueDialog {
        target,
        under,
        row: 0,
        page: QueuePage::List,
    });
    Vec::new()
}

/// The entries of the queue, newest first.
fn entries<'a>(model: &'a Model, target: &Target) -> Vec<&'a QueueEntry> {
    let snapshot = model.world.get(target).into_iter();
    let mut entries: Vec<&QueueEntry> = snapshot.flat_map(|it| &it.queue).collect();
    newest_first(&mut entries);
    entries
}

impl QueueDialog {
    /// The row of the cursor in the current entries. The cursor stays on its entry. If the entry has left the queue, the
    /// cursor stays in its row.
    fn cursor(&self, entries: &[&QueueEntry]) -> usize {
        let mut rows = entries.iter();
        let found = rows.position(|entry| Some(&entry.id) == self.under.as_ref());
        found.unwrap_or(self.row.min(entries.len().saturating_sub(1)))
    }

    /// The entry whose details are shown. `None` if the entry has left the queue.
    fn shown<'a>(&self, model: &'a Model) -> Option<&'a QueueEntry> {
        let snapshot = model.world.get(&self.target)?;
        let mut entries = snapshot.queue.iter();
        entries.find(|entry| Some(&entry.id) == self.under.as_ref())
    }

    fn turn_to(mut self, model: &mut Model, page: QueuePage) {
        self.page = page;
        model.show(self);
    }

    fn pressed_in_list(mut self: Box<Self>, model: &mut Model, code: KeyCode) -> Vec<Effect> {
        let entries = entries(model, &self.target);
        let (last, row) = (entries.len().saturating_sub(1), self.cursor(&entries));
        self.row = match code {
            KeyCode::PageUp => row.saturating_sub(list::PAGE),
            KeyCode::PageDown => (row + list::PAGE).min(last),
            KeyCode::Home | KeyCode::Char('g') => 0,
            KeyCode::End | KeyCode::Char('G') => last,
            code => moved(row, entries.len(), code),
        };
        let entry = entries.get(self.row).copied().cloned();
        self.under = entry.as_ref().map(|entry| entry.id.clone());
        match (code, entry) {
            (KeyCode::Enter, Some(_)) => self.turn_to(model, QueuePage::Details),
            (KeyCode::Char('X'), Some(entry)) => self.ask(model, entry, QueueChange::Dismiss),
            (KeyCode::Char('R'), Some(entry)) => self.ask(model, entry, QueueChange::Retry),
            _ => drop(model.keep(self)),
        }
        Vec::new()
    }

    fn pressed_in_details(self: Box<Self>, model: &mut Model, code: KeyCode) -> Vec<Effect> {
        let Some(entry) = self.shown(model).cloned() else {
            self.turn_to(model, QueuePage::List);
            return model.refused("the push has left the queue");
        };
        match (code, entry.state.release()) {
            (KeyCode::Enter, Some(release)) => return self.show_release(model, release),
            (KeyCode::Enter, None) => {
                model.say(Weight::Prominent, "this push has no release");
                return model.keep(self);
            }
            (KeyCode::Char('X'), _) => self.ask(model, entry, QueueChange::Dismiss),
            (KeyCode::Char('R'), _) => self.ask(model, entry, QueueChange::Retry),
            _ => drop(model.keep(self)),
        }
        Vec::new()
    }

    /// Shows the release of a push: a release that has not ended in the panes, any other one in the history.
    fn show_release(self, model: &mut Model, release: ReleaseId) -> Vec<Effect> {
        let current = model.release_of(&self.target);
        let is_running =
            current.is_some_and(|it| it.plan.release == release && it.outcome().is_none());
        if is_running {
            return target::open(model, self.target);
        }
        history::open_release(model, release)
    }

    /// Opens the question before a change, or says why the entry cannot be changed so.
    fn ask(self: Box<Self>, model: &mut Model, entry: QueueEntry, change: QueueChange) {
        if let Some(why) = change.refusal(model, &entry) {
            model.keep(self);
            model.refused(&why);
        } else if arming::armed_target(model).is_none() {
            model.keep(self);
        } else {
            let question = QueueQuestion {
                entry: Box::new(entry),
                change,
                row: 0,
                reason: TextLine::default(),
            };
            model.notice = None;
            self.turn_to(model, QueuePage::Ask(question));
        }
    }
}

impl Dialog for QueueDialog {
    fn pressed(self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        match (&self.page, key.code) {
            (QueuePage::Ask(_), _) => change::pressed(self, model, key),
            (_, KeyCode::Char('q')) => Vec::new(),
            (QueuePage::List, code) => self.pressed_in_list(model, code),
            (QueuePage::Details, code) => self.pressed_in_details(model, code),
        }
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        match self.page {
            QueuePage::List => return Vec::new(),
            QueuePage::Details => {}
            QueuePage::Ask(_) => model.say(Weight::Normal, "cancelled: nothing was changed"),
        }
        self.turn_to(model, QueuePage::List);
        Vec::new()
    }

    fn line(&mut self) -> Option<&mut TextLine> {
        match &mut self.page {
            QueuePage::Ask(question) => question.line(),
            QueuePage::List | QueuePage::Details => None,
        }
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        match &self.page {
            QueuePage::List => list::sheet(self, model, theme, columns),
            QueuePage::Details => details::sheet(self, model, theme, columns),
            QueuePage::Ask(question) => question.sheet(model, theme, columns),
        }
    }

    /// The rows of the list are long.
    fn widest(&self) -> u16 {
        112
    }

    fn scrolling(&self) -> Scrolling {
        match self.page {
            QueuePage::List => Scrolling::Never,
            QueuePage::Details => Scrolling::Letters,
            QueuePage::Ask(_) => Scrolling::Pages,
        }
    }

    fn arms(&self) -> Option<&Target> {
        match &self.page {
            // The key is a letter of the reason.
            QueuePage::Ask(question) if !question.reason.text().is_empty() => None,
            _ => Some(&self.target),
        }
    }
}

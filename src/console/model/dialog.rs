//! What the console needs to know about the open dialog: its keys, its text, and how events change it. Each dialog
//! implements [`Dialog`] in its own file below `console/dialogs`. The model only holds the open dialog, so a new dialog
//! changes nothing here.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Debug;

use crossterm::event::{KeyCode, KeyEvent};
use jiff::Timestamp;

use super::{Looks, Model, TextLine};
use crate::console::effect::Effect;
use crate::console::sheet::Sheet;
use crate::console::theme::Theme;
use crate::inventory::Target;
use crate::release::Status;

/// A dialog over the screen: a question, a list or a page. Enter alone never changes anything: the operator first moves
/// the cursor or types a text.
pub trait Dialog: AnyDialog {
    /// Handles a key, except the keys of [`Self::scrolling`] and of [`Self::escaped`]. The dialog is closed while this
    /// function runs. [`Model::keep`] opens it again.
    fn pressed(self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect>;

    /// Handles Esc and Ctrl-C, which do the same in every dialog. The dialog is closed already.
    fn escaped(self: Box<Self>, _: &mut Model) -> Vec<Effect> {
        Vec::new()
    }

    /// The text line that has the focus.
    fn line(&mut self) -> Option<&mut TextLine> {
        None
    }

    /// Inserts a pasted text. The error says why the text was ignored.
    fn pasted(&mut self, _: &Model, text: &str) -> Result<Vec<Effect>, &'static str> {
        let line = self.line();
        let line = line.ok_or("the pasted text was ignored: no text line is open")?;
        line.paste(text.trim());
        Ok(Vec::new())
    }

    /// What the dialog shows, in lines of `columns`.
    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet;

    /// The largest width of the dialog, in columns. Longer lines are hard to read.
    fn widest(&self) -> u16 {
        92
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Never
    }

    /// When the dialog closes by itself.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }

    /// Whether the question of the dialog no longer fits the new status of its release.
    fn is_outdated(&self, _: &Status) -> bool {
        false
    }

    /// The target that the key for arming arms while the dialog is open. A question can be opened before its target is
    /// armed.
    fn arms(&self) -> Option<&Target> {
        None
    }

    /// The theme to draw the screen with while the dialog is open.
    fn theme<'a>(&self, _: &'a Looks) -> Option<&'a str> {
        None
    }

    /// Called after the dialog was drawn on the screen.
    fn was_drawn(&mut self) {}
}

/// Copies a dialog and identifies its type. Every dialog that implements `Clone` has this trait.
pub trait AnyDialog: Any + Debug + Send {
    fn copied(&self) -> Box<dyn Dialog>;
}

impl<D: Dialog + Clone> AnyDialog for D {
    fn copied(&self) -> Box<dyn Dialog> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Dialog> {
    fn clone(&self) -> Self {
        (**self).copied()
    }
}

impl Model {
    /// Opens a dialog in place of the open one.
    pub fn show(&mut self, dialog: impl Dialog) {
        self.dialog = Some(Box::new(dialog));
        self.scroll = Scroll::default();
    }

    /// Opens a dialog again after it has handled a key. Its text stays scrolled as it was.
    pub fn keep(&mut self, dialog: Box<dyn Dialog>) -> Vec<Effect> {
        self.dialog = Some(dialog);
        Vec::new()
    }

    /// The open dialog, if it has this type.
    pub fn shown<D: Dialog>(&self) -> Option<&D> {
        let dialog: &dyn Any = &**self.dialog.as_ref()?;
        dialog.downcast_ref()
    }

    /// The open dialog, if it has this type.
    pub fn shown_mut<D: Dialog>(&mut self) -> Option<&mut D> {
        let dialog: &mut dyn Any = &mut **self.dialog.as_mut()?;
        dialog.downcast_mut()
    }

    /// Changes the open dialog, if it has this type.
    pub fn with_shown<D: Dialog, T: Default>(
        &mut self,
        change: impl FnOnce(&mut D, &Self) -> T,
    ) -> T {
        let Some(mut dialog) = self.dialog.take() else {
            return T::default();
        };
        let shown: &mut dyn Any = &mut *dialog;
        let changed = shown.downcast_mut().map(|shown| change(shown, self));
        self.dialog = Some(dialog);
        changed.unwrap_or_default()
    }
}

/// Which keys scroll the text of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scrolling {
    /// No key. A list scrolls with its cursor.
    Never,
    /// The arrow keys, and `PageUp` and `PageDown` by this many lines.
    Arrows(isize),
    /// The arrow keys, `j`, `k`, `g`, `Home`, and `PageUp` and `PageDown` by ten lines.
    Letters,
    /// Only `PageUp` and `PageDown`, because the arrow keys move between the answers or in the text line. Any other key
    /// scrolls back to the start.
    Pages,
}

impl Scrolling {
    /// By how many lines a key scrolls. `None` if the key does something else.
    pub fn by(self, key: KeyCode) -> Option<isize> {
        let page = match self {
            Self::Never => return None,
            Self::Arrows(page) => page,
            Self::Letters => 10,
            Self::Pages => 4,
        };
        let has_letters = self == Self::Letters;
        match key {
            KeyCode::PageDown => Some(page),
            KeyCode::PageUp => Some(-page),
            _ if self == Self::Pages => None,
            KeyCode::Down => Some(1),
            KeyCode::Up => Some(-1),
            KeyCode::Char('j') if has_letters => Some(1),
            KeyCode::Char('k') if has_letters => Some(-1),
            KeyCode::Home | KeyCode::Char('g') if has_letters => Some(isize::MIN),
            _ => None,
        }
    }

    /// The text that names the scroll keys, shown while lines are hidden.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Pages => "PgUp PgDn scroll",
            _ => "arrows scroll",
        }
    }
}

/// How far the text of the open dialog is scrolled.
#[derive(Debug, Clone)]
pub struct Scroll {
    top: usize,
    /// The largest `top`. Only the view knows how many lines the text has, so the view reports it here with each draw.
    last: Cell<usize>,
}

impl Default for Scroll {
    fn default() -> Self {
        Self {
            top: 0,
            last: Cell::new(usize::MAX),
        }
    }
}

impl Scroll {
    /// How many lines are scrolled out of view at the top.
    pub fn top(&self) -> usize {
        self.top.min(self.last.get())
    }

    pub fn by(&mut self, lines: isize) {
        self.top = self.top().saturating_add_signed(lines).min(self.last.get());
    }

    /// Records how far the text can be scrolled, as measured when it was drawn.
    pub fn measured(&self, last: usize) {
        self.last.set(last);
    }
}

/// The row of the cursor after a key, in a list of `count` rows.
pub fn moved(row: usize, count: usize, key: KeyCode) -> usize {
    match key {
        KeyCode::Up | KeyCode::Char('k') => row.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => (row + 1).min(count.saturating_sub(1)),
        _ => row,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_never_scrolls_past_its_measured_end() {
        let mut scroll = Scroll::default();
        scroll.by(10);
        scroll.measured(3);
        assert_eq!(scroll.top(), 3);
        scroll.by(-1);
        assert_eq!(scroll.top(), 2);
        scroll.by(isize::MAX);
        assert_eq!(scroll.top(), 3);
    }
}

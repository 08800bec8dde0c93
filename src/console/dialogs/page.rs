//! A page: the details of the line under the cursor.

use crossterm::event::{KeyCode, KeyEvent};

use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling};
use crate::console::sheet::{Sheet, Top};
use crate::console::theme::{Meaning, Theme};

/// Shows the details of the line under the cursor.

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub title: String,
    /// Sanitized.
    pub lines: Vec<String>,
}

impl Dialog for Page {
    fn pressed(self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Enter | KeyCode::Char('q' | '?') => Vec::new(),
            _ => model.keep(self),
        }
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Letters
    }

    fn sheet(&self, model: &Model, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new(self.title.clone());
        // A page scrolls by lines before they are wrapped, until only the last line is in view.
        let last = self.lines.len().saturating_sub(1);
        sheet.top = Top::LeftOut(last);
        for line in self.lines.iter().skip(model.scroll.top().min(last)) {
            sheet.say(theme, line, columns, Meaning::Text);
        }
        sheet.keys(theme, &[("Esc", "close"), ("j k", "scroll")]);
        sheet
    }
}

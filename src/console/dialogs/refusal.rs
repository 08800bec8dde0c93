//! The refusal of an operation, with all reasons.

use crossterm::event::{KeyCode, KeyEvent};

use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling};
use crate::console::sheet::Sheet;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::release::Refused;
use crate::sanitize::sanitize;

/// Shows why an operation was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The refused operation, for example `1.9.0 to web/qa`.
    pub title: String,
    /// All reasons. Each says what to do.
    pub reasons: Vec<String>,
}

impl Refusal {
    /// The refusal of the operation `title`.
    pub(in crate::console) fn new(title: String, refused: &Refused) -> Self {
        let reasons = refused.0.iter();
        let reasons = reasons.map(|reason| sanitize(&reason.to_string()));
        Self {
            title,
            reasons: reasons.collect(),
        }
    }
}

impl Dialog for Refusal {
    fn pressed(self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        match key.code {
            KeyCode::Enter | KeyCode::Char('q' | '?') => Vec::new(),
            _ => model.keep(self),
        }
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Letters
    }

    fn sheet(&self, _: &Model, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new(format!("Refused: {}", self.title));
        sheet.frame = Meaning::Warn;
        sheet.grows = true;
        for reason in &self.reasons {
            let message = format!("{} {reason}", theme.glyph(Glyph::Cross));
            sheet.say(theme, &message, columns, Meaning::Text);
        }
        sheet.keys(theme, &[("Esc", "close"), ("j k", "scroll")]);
        sheet
    }
}

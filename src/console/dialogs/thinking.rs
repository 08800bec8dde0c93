//! The dialog while a plan is made or an open release is read.

use crossterm::event::KeyEvent;

use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model};
use crate::console::sheet::Sheet;
use crate::console::theme::{Glyph, Meaning, Theme};
use crate::inventory::Target;

/// Shown while a plan is made or an open release is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thinking {
    /// The number of the request. Only the answer with this number is used.
    pub request_id: u64,
    pub target: Target,
    /// What is planned or read: a version, a repair or the open release.
    pub name: String,
}

impl Thinking {
    /// Opens the dialog. Returns the number of the request, which its answer repeats.
    pub(in crate::console) fn open(model: &mut Model, target: Target, name: &str) -> u64 {
        model.request_id += 1;
        let request_id = model.request_id;
        model.show(Self {
            request_id,
            target,
            name: name.to_owned(),
        });
        request_id
    }

    /// The dialog that waits for the answer to a request. `None` if the operator has closed the dialog: then the answer
    /// is not wanted any more.
    pub(in crate::console) fn awaiting(model: &Model, request_id: u64) -> Option<&Self> {
        let thinking = model.shown::<Self>();
        thinking.filter(|thinking| thinking.request_id == request_id)
    }
}

impl Dialog for Thinking {
    fn pressed(self: Box<Self>, model: &mut Model, _: KeyEvent) -> Vec<Effect> {
        model.keep(self)
    }

    fn sheet(&self, _: &Model, theme: &Theme, columns: usize) -> Sheet {
        let mut sheet = Sheet::new(format!("{} · {}", self.name, self.target));
        let busy = theme.glyph(Glyph::Half);
        let message = format!("{busy} reading and planning: this changes nothing");
        sheet.say(theme, &message, columns, Meaning::Busy);
        sheet.keys(theme, &[("Esc", "cancel")]);
        sheet
    }
}

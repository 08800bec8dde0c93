//! Asks for the reason of a takeover, or for the message of a handover request.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent};

use super::resume_choice::{ResumeChoice, later};
use super::{Question, confirm};
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Scrolling, TextLine};
use crate::console::sheet::Sheet;
use crate::console::theme::{Meaning, Theme};
use crate::release::{Interrupted, ResumeAction};
use crate::sanitize::sanitize;

/// Asks for a message to the holder of the lock: an optional note for a handover request, or the reason for a takeover.
#[derive(Debug, Clone)]
pub struct MessageDialog {
    pub found: Arc<Interrupted>,
    pub choice: ResumeChoice,
    pub line: TextLine,
}

impl Dialog for MessageDialog {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if key.code == KeyCode::Enter {
            return self.typed(model);
        }
        self.line.pressed(key);
        model.keep(self)
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        later(model)
    }

    fn line(&mut self) -> Option<&mut TextLine> {
        Some(&mut self.line)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn sheet(&self, _: &Model, theme: &Theme, columns: usize) -> Sheet {
        let target = self.found.plan().target();
        let holder = self.found.holder.as_ref();
        let driver = holder.map_or("the driver".to_owned(), |holder| {
            sanitize(&holder.record.operator.to_string())
        });
        let (title, message, meaning) = match self.choice {
            ResumeChoice::Resume(resume_action) => (
                format!("Take over {target} from {driver}: why?"),
                format!(
                    "{driver} sees the reason, and the history keeps it. {}",
                    match resume_action {
                        ResumeAction::Continue => "Then the release continues in this console.",
                        ResumeAction::BackOut => "Then this console backs the release out.",
                        ResumeAction::Leave => "Then the release ends as it is.",
                    }
                ),
                Meaning::Warn,
            ),
            _ => (
                format!("Ask {driver} to hand over {target}"),
                format!("Message to {driver} (optional)."),
                Meaning::Muted,
            ),
        };
        let mut sheet = Sheet::new(title);
        sheet.say(theme, &message, columns, meaning);
        let names = [
            ("Enter", "continue (asks you to confirm)"),
            ("Esc", "not now"),
        ];
        sheet.ask_in_line(theme, &self.line, columns, &names);
        sheet
    }
}

impl MessageDialog {
    fn typed(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        let text = sanitize(self.line.text().trim());
        let note = (!text.is_empty()).then_some(text);
        let (question, need) = match self.choice {
            ResumeChoice::Resume(_) if note.is_none() => {
                let text =
                    "another console or command holds the lock: type why you take over the release";
                model.keep(self);
                return model.refused(text);
            }
            ResumeChoice::Resume(resume_action) => {
                let need = self.found.need(resume_action);
                (Question::Resume(self.found, resume_action), need)
            }
            _ => {
                let need = self.found.need_to_request_handover();
                (Question::RequestHandover(self.found), need)
            }
        };
        confirm::ask_with_note(model, question, need, note);
        Vec::new()
    }
}

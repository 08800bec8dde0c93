//! The dialog that places a hold on a target, clears the current hold, adds the missing reason of the current hold, or
//! removes a stored hold that cannot be read. The dialog asks one question at a time.

use crossterm::event::{KeyCode, KeyEvent};
use jiff::Timestamp;

use super::Refusal;
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::{Dialog, Model, Scrolling, TextLine, Weight};
use crate::console::sheet::Sheet;
use crate::console::theme::{Meaning, Theme};
use crate::history::until;
use crate::inventory::{Hold, SeenHold, StoredKey, Target};
use crate::release::Refused;
use crate::sanitize::sanitize;

/// The dialog about the hold of a target.
#[derive(Debug, Clone)]
pub struct Holding {
    pub target: Target,
    /// The current question.
    pub asks: HoldLine,
    pub line: TextLine,
}

/// A question of the dialog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldLine {
    /// The reason for a new hold.
    Why,
    /// The end of a new hold.
    Until {
        /// The reason that was typed as the answer to the first question.
        why: String,
    },
    /// The reason of the current hold. A rollback placed this hold without a reason.
    Reason(Box<Hold>),
    /// The reason to clear the current hold.
    Clear(Box<Hold>),
    /// The reason to remove a stored hold that cannot be read.
    Remove {
        /// The key of the hold, and why it cannot be read.
        problem: String,
        /// The store revision of the hold.
        revision: i64,
    },
}

pub(in crate::console) fn open(model: &mut Model, target: Target) -> Vec<Effect> {
    let current = model.snapshot().and_then(|snapshot| {
        // Uses the clock that is furthest behind, as a promote does: by that clock, the hold ends last.
        let now = snapshot.clocks.earliest(model.now);
        snapshot.hold.clone().filter(|hold| hold.is_active(now))
    });
    let asks = match current {
        None => match unreadable(model, &target) {
            Ok(asks) => asks,
            Err(why) => {
                model.say(Weight::Prominent, &why);
                return Vec::new();
            }
        },
        Some(hold) if hold.lacks_reason() => HoldLine::Reason(Box::new(hold)),
        Some(hold) => HoldLine::Clear(Box::new(hold)),
    };
    ask(model, target, asks);
    Vec::new()
}

/// The question if no readable hold is in effect: about a new hold, or about the removal of an unreadable hold. The
/// error says that the unreadable hold has not been read completely.
fn unreadable(model: &Model, target: &Target) -> Result<HoldLine, String> {
    let Some(snapshot) = model.snapshot() else {
        return Ok(HoldLine::Why);
    };
    let mut problems = snapshot.problems.iter();
    let found = problems.find(|(key, _)| StoredKey::of(target, key) == StoredKey::Hold);
    let Some((key, problem)) = found else {
        return Ok(HoldLine::Why);
    };
    let line = snapshot.keys.iter().find(|line| line.key == *key);
    match line {
        Some(line) => Ok(HoldLine::Remove {
            problem: format!("{key}: {problem}"),
            revision: line.revision,
        }),
        None => Err(format!(
            "the hold of {target} cannot be read yet: try again in a moment"
        )),
    }
}

fn ask(model: &mut Model, target: Target, asks: HoldLine) {
    model.show(Holding {
        target,
        asks,
        line: TextLine::default(),
    });
}

impl Dialog for Holding {
    fn pressed(mut self: Box<Self>, model: &mut Model, key: KeyEvent) -> Vec<Effect> {
        if key.code == KeyCode::Enter {
            return entered(model, self);
        }
        self.line.pressed(key);
        model.keep(self)
    }

    fn escaped(self: Box<Self>, model: &mut Model) -> Vec<Effect> {
        model.say(Weight::Normal, "cancelled: nothing was changed");
        Vec::new()
    }

    fn line(&mut self) -> Option<&mut TextLine> {
        Some(&mut self.line)
    }

    fn scrolling(&self) -> Scrolling {
        Scrolling::Pages
    }

    fn sheet(&self, _: &Model, theme: &Theme, columns: usize) -> Sheet {
        let target = &self.target;
        let (title, message, enter_label) = match &self.asks {
        HoldLine::Why => (
            format!("Hold {target}: why?"),
            "While the hold is active, a promote to this target needs a reason to override it. Rollbacks are still possible."
                .to_owned(),
            "next: when it ends",
        ),
        HoldLine::Until { why } => (
            format!("Hold {target}: until when?"),
            format!(
                "Reason: {why}. Type the end, such as 2h, 18:00, monday or 2026-12-01 (time zone of this machine). Empty: until an operator clears the hold."
            ),
            "hold it",
        ),
        HoldLine::Reason(hold) => (
            format!("Rollback of {target}: why?"),
            format!("{hold}. Type the reason of the rollback to keep the hold. Empty: clear the hold instead."),
            "keep the hold",
        ),
        HoldLine::Clear(hold) => (
            format!("Clear the hold on {target}: why?"),
            format!("{hold}. The history records who cleared the hold and why."),
            "clear it",
        ),
        HoldLine::Remove { problem, .. } => (
            format!("Remove the unreadable hold on {target}: why?"),
            format!(
                "{problem}. The registrations pane shows the stored value. The history records who removed the hold and why."
            ),
            "remove it",
        ),
    };
        let mut sheet = Sheet::new(title);
        sheet.say(theme, &sanitize(&message), columns, Meaning::Warn);
        let names = [("Enter", enter_label), ("Esc", "cancel")];
        sheet.ask_in_line(theme, &self.line, columns, &names);
        sheet
    }
}

fn entered(model: &mut Model, holding: Box<Holding>) -> Vec<Effect> {
    let text = sanitize(holding.line.text().trim());
    let target = holding.target.clone();
    match &holding.asks {
        HoldLine::Why | HoldLine::Clear(_) | HoldLine::Remove { .. } if text.is_empty() => {
            model.say(Weight::Prominent, "type a reason: other operators read it");
            model.keep(holding);
            Vec::new()
        }
        HoldLine::Reason(hold) if text.is_empty() => {
            let hold = hold.clone();
            ask(model, target, HoldLine::Clear(hold));
            Vec::new()
        }
        HoldLine::Reason(_) => vec![Effect::ask(PlaceHold {
            target,
            reason: text,
            until: None,
        })],
        HoldLine::Why => {
            ask(model, target, HoldLine::Until { why: text });
            Vec::new()
        }
        HoldLine::Until { why } => {
            let end = (!text.is_empty()).then(|| until(&text, model.now));
            match end.transpose() {
                Ok(until) => vec![Effect::ask(PlaceHold {
                    target,
                    reason: why.clone(),
                    until,
                })],
                Err(error) => {
                    model.say(Weight::Prominent, &error);
                    model.keep(holding);
                    Vec::new()
                }
            }
        }
        HoldLine::Clear(hold) => clear(target, SeenHold::Readable(hold.clone()), text),
        HoldLine::Remove { revision, .. } => clear(target, SeenHold::Unreadable(*revision), text),
    }
}

fn clear(target: Target, seen: SeenHold, why: String) -> Vec<Effect> {
    vec![Effect::ask(ClearHold { target, seen, why })]
}

/// Places a hold.
#[derive(Debug)]
pub struct PlaceHold {
    pub target: Target,
    pub reason: String,
    /// When the hold ends. `None` means that an operator has to clear it.
    pub until: Option<Timestamp>,
}

impl Question for PlaceHold {
    type Answer = Result<Hold, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.hold(&self.target, self.reason.clone(), self.until)
    }

    fn answered(&self, model: &mut Model, hold: Self::Answer) -> Vec<Effect> {
        show_result(model, &self.target, hold)
    }
}

/// Clears the hold that the operator saw.
#[derive(Debug)]
pub struct ClearHold {
    pub target: Target,
    pub seen: SeenHold,
    pub why: String,
}

impl Question for ClearHold {
    type Answer = Result<Hold, Refused>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.clear_hold(&self.target, &self.seen, self.why.clone())
    }

    fn answered(&self, model: &mut Model, hold: Self::Answer) -> Vec<Effect> {
        show_result(model, &self.target, hold)
    }
}

/// Shows that the hold was placed, cleared or refused.
fn show_result(model: &mut Model, target: &Target, hold: Result<Hold, Refused>) -> Vec<Effect> {
    match hold {
        Ok(hold) if hold.cleared.is_some() => {
            let text = format!("{target} is not held any more");
            model.say(Weight::Normal, &text);
        }
        Ok(hold) => {
            let text = sanitize(&format!("{target} is {hold}"));
            model.say(Weight::Normal, &text);
        }
        Err(refused) => {
            let title = format!("change of the hold on {target}");
            model.show(Refusal::new(title, &refused));
        }
    }
    Vec::new()
}

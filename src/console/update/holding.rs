//! The dialog that places a hold on the open target or clears or completes its current hold, and the message about the
//! result.

use crossterm::event::{KeyCode, KeyEvent};

use super::line;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, HoldLine, Holding, Model, TextLine, Weight};
use crate::history::until;
use crate::inventory::{Hold, SeenHold, StoredKey, Target};
use crate::release::Refused;
use crate::sanitize::sanitize;

pub(super) fn begin(model: &mut Model, target: Target) -> Vec<Effect> {
    let current = model.snapshot().and_then(|snapshot| {
        // Uses the clock that is furthest behind, as a promote does: by that clock, the hold ends last.
        let now = snapshot.clocks.earliest(model.now);
        snapshot.hold.clone().filter(|hold| hold.is_active(now))
    });
    let asks = match current {
        None => match unreadable(model, &target) {
            Ok(asks) => asks,
            Err(why) => {
                super::say(model, Weight::Prominent, &why);
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
    model.dialog = Some(Dialog::Holding(Holding {
        target,
        asks,
        line: TextLine::default(),
    }));
}

pub(super) fn typed(model: &mut Model, mut holding: Holding, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc => {
            super::say(model, Weight::Normal, "cancelled: nothing was changed");
            return Vec::new();
        }
        KeyCode::Enter => return entered(model, holding),
        _ => {
            if let Some(request) = line::editing(key) {
                holding.line.edit(request);
            }
        }
    }
    model.dialog = Some(Dialog::Holding(holding));
    Vec::new()
}

fn entered(model: &mut Model, holding: Holding) -> Vec<Effect> {
    let text = sanitize(holding.line.text().trim());
    let target = holding.target.clone();
    match &holding.asks {
        HoldLine::Why | HoldLine::Clear(_) | HoldLine::Remove { .. } if text.is_empty() => {
            super::say(
                model,
                Weight::Prominent,
                "type a reason: other operators read it",
            );
            model.dialog = Some(Dialog::Holding(holding));
            Vec::new()
        }
        HoldLine::Reason(hold) if text.is_empty() => {
            let hold = hold.clone();
            ask(model, target, HoldLine::Clear(hold));
            Vec::new()
        }
        HoldLine::Reason(_) => vec![Effect::Hold {
            target,
            reason: text,
            until: None,
        }],
        HoldLine::Why => {
            ask(model, target, HoldLine::Until { why: text });
            Vec::new()
        }
        HoldLine::Until { why } => {
            let end = (!text.is_empty()).then(|| until(&text, model.now));
            match end.transpose() {
                Ok(until) => vec![Effect::Hold {
                    target,
                    reason: why.clone(),
                    until,
                }],
                Err(error) => {
                    super::say(model, Weight::Prominent, &error);
                    model.dialog = Some(Dialog::Holding(holding));
                    Vec::new()
                }
            }
        }
        HoldLine::Clear(hold) => clear(target, SeenHold::Readable(hold.clone()), text),
        HoldLine::Remove { revision, .. } => clear(target, SeenHold::Unreadable(*revision), text),
    }
}

fn clear(target: Target, seen: SeenHold, why: String) -> Vec<Effect> {
    vec![Effect::ClearHold { target, seen, why }]
}

/// Shows that the hold was placed, cleared or refused.
pub(super) fn done(model: &mut Model, target: &Target, hold: Result<Hold, Refused>) -> Vec<Effect> {
    match hold {
        Ok(hold) if hold.cleared.is_some() => {
            let text = format!("{target} is not held any more");
            super::say(model, Weight::Normal, &text);
        }
        Ok(hold) => {
            let text = sanitize(&format!("{target} is {hold}"));
            super::say(model, Weight::Normal, &text);
        }
        Err(refused) => {
            super::confirm::refuse(model, format!("change of the hold on {target}"), &refused);
        }
    }
    Vec::new()
}

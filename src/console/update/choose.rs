//! Choosing a version: the list, its filter, the reason, and asking for a plan.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::console::effect::Effect;
use crate::console::model::{Dialog, Model, Picker, Reason, Thinking, VersionList, ways};
use crate::inventory::Target;
use crate::release::PlanRequest;

/// The longest text an operator may type into a line.
const LONGEST: usize = 200;

pub(super) fn listed(model: &mut Model, target: &Target, versions: Result<Vec<String>, String>) {
    let Some(Dialog::Picker(picker)) = &mut model.dialog else {
        return;
    };
    if picker.target != *target {
        return;
    }
    picker.list = match versions {
        Ok(versions) => VersionList::Listed(
            versions
                .iter()
                .map(|name| crate::harmless::harmless(name))
                .collect(),
        ),
        Err(why) => VersionList::Failed(crate::harmless::harmless(&why)),
    };
}

pub(super) fn picking(model: &mut Model, mut picker: Picker, key: KeyEvent) -> Vec<Effect> {
    let count = ways(model, &picker).len();
    match key.code {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Up => picker.row = picker.row.saturating_sub(1),
        KeyCode::Down => picker.row = (picker.row + 1).min(count.saturating_sub(1)),
        KeyCode::PageUp => picker.row = picker.row.saturating_sub(10),
        KeyCode::PageDown => picker.row = (picker.row + 10).min(count.saturating_sub(1)),
        KeyCode::Enter => {
            if let Some(way) = ways(model, &picker).into_iter().nth(picker.row) {
                model.dialog = Some(Dialog::Reason(Reason {
                    target: picker.target,
                    wanted: way.wanted,
                    name: way.name,
                    text: String::new(),
                }));
                return Vec::new();
            }
        }
        _ => {
            if typed(&mut picker.filter, key) {
                picker.row = 0;
            }
        }
    }
    model.dialog = Some(Dialog::Picker(picker));
    Vec::new()
}

pub(super) fn reasoning(model: &mut Model, mut reason: Reason, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Esc => Vec::new(),
        KeyCode::Enter => {
            model.asked += 1;
            let text = crate::harmless::harmless(reason.text.trim());
            model.dialog = Some(Dialog::Thinking(Thinking {
                asked: model.asked,
                target: reason.target.clone(),
                name: reason.name,
            }));
            vec![Effect::MakePlan {
                asked: model.asked,
                request: PlanRequest {
                    target: reason.target,
                    wanted: reason.wanted,
                    reason: (!text.is_empty()).then_some(text),
                    operator: model.operator.clone(),
                },
            }]
        }
        _ => {
            typed(&mut reason.text, key);
            model.dialog = Some(Dialog::Reason(reason));
            Vec::new()
        }
    }
}

/// Edits a line at its end; whether the key was for it.
pub(super) fn typed(line: &mut String, key: KeyEvent) -> bool {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Backspace => {
            line.pop();
        }
        KeyCode::Char('u') if ctrl => line.clear(),
        KeyCode::Char(c) if !ctrl && !c.is_control() => {
            if line.chars().count() < LONGEST {
                line.push(c);
            }
        }
        _ => return false,
    }
    true
}

/// Adds a pasted text to a line, on one line and harmless.
pub(super) fn paste(line: &mut String, text: &str) {
    let room = LONGEST.saturating_sub(line.chars().count());
    line.extend(crate::harmless::harmless(text).chars().take(room));
}

//! A key, or a paste, while something stands over the screen.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{change, choose, confirm};
use crate::console::action::BINDINGS;
use crate::console::effect::Effect;
use crate::console::model::{Dialog, Failure, Leaving, Model, Page, Weight};
use crate::console::run::Farewell;
use crate::release::{Choice, Command};

pub(super) fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('l') {
        return vec![Effect::Repaint];
    }
    let Some(dialog) = model.dialog.take() else {
        return Vec::new();
    };
    // Ctrl-C leaves whatever is open, as Esc does.
    let key = if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)
    } else {
        key
    };
    match dialog {
        Dialog::Help(top) => {
            let last = BINDINGS.len().saturating_sub(1);
            model.dialog = scrolled(top, key.code).map(|top| Dialog::Help(top.min(last)));
            Vec::new()
        }
        Dialog::Page(page) => {
            model.dialog = scrolled(page.top, key.code).map(|top| {
                let last = page.lines.len().saturating_sub(1);
                Dialog::Page(Page {
                    top: top.min(last),
                    ..page
                })
            });
            Vec::new()
        }
        Dialog::Picker(picker) => choose::picking(model, picker, key),
        Dialog::Reason(reason) => choose::reasoning(model, reason, key),
        Dialog::Thinking(thinking) => {
            if key.code != KeyCode::Esc {
                model.dialog = Some(Dialog::Thinking(thinking));
            }
            Vec::new()
        }
        Dialog::Refusal(refusal) => {
            if !matches!(key.code, KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q')) {
                model.dialog = Some(Dialog::Refusal(refusal));
            }
            Vec::new()
        }
        Dialog::Confirm(asked) => confirm::pressed(model, asked, key),
        Dialog::Failure(failure) => answer_failure(model, failure, key.code),
        Dialog::Leaving(leaving) => answer_leaving(model, leaving, key.code),
    }
}

/// A paste goes into lines that are for the record, never into a name that has to be typed.
pub(super) fn pasted(model: &mut Model, text: &str) {
    match &mut model.dialog {
        Some(Dialog::Picker(picker)) => {
            choose::paste(&mut picker.filter, text.trim());
            picker.row = 0;
        }
        Some(Dialog::Reason(reason)) => choose::paste(&mut reason.text, text),
        Some(Dialog::Confirm(_)) => {
            super::say(
                model,
                Weight::Refused,
                "a paste does not count: type the name",
            );
        }
        _ => super::say(model, Weight::Refused, "there is nothing to paste into"),
    }
}

/// The new top of something to read; none when it is closed.
fn scrolled(top: usize, key: KeyCode) -> Option<usize> {
    match key {
        KeyCode::Esc | KeyCode::Enter | KeyCode::Char('q' | '?') => None,
        KeyCode::Up | KeyCode::Char('k') => Some(top.saturating_sub(1)),
        KeyCode::Down | KeyCode::Char('j') => Some(top.saturating_add(1)),
        KeyCode::PageUp => Some(top.saturating_sub(10)),
        KeyCode::PageDown => Some(top.saturating_add(10)),
        KeyCode::Home | KeyCode::Char('g') => Some(0),
        _ => Some(top),
    }
}

/// The row after a key, of `count` rows.
fn moved(row: usize, count: usize, key: KeyCode) -> usize {
    match key {
        KeyCode::Up | KeyCode::Char('k') => row.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => (row + 1).min(count.saturating_sub(1)),
        _ => row,
    }
}

fn answer_failure(model: &mut Model, mut failure: Failure, key: KeyCode) -> Vec<Effect> {
    let chosen = match key {
        KeyCode::Esc => return Vec::new(),
        KeyCode::Enter => failure
            .row
            .checked_sub(1)
            .and_then(|n| failure.choices.get(n)),
        _ => {
            failure.row = moved(failure.row, failure.choices.len() + 1, key);
            model.dialog = Some(Dialog::Failure(failure));
            return Vec::new();
        }
    };
    let Some(&choice) = chosen else {
        super::say(model, Weight::Told, "not decided: A asks again");
        return Vec::new();
    };
    let target = failure.status.plan.target().clone();
    if model.open.as_ref() != Some(&target) || !model.is_armed() {
        let text = format!("read-only: open {target}, W arms it, then A asks again");
        return super::refused(model, &text);
    }
    if choice == Choice::BackOut && failure.status.may_have_switched {
        // The way back moves traffic here: that takes what every traffic change takes.
        change::ask_back_out(model, failure.status);
        return Vec::new();
    }
    vec![Effect::Say {
        release: failure.status.plan.release,
        command: Command::Choose {
            choice,
            by: model.operator.clone(),
            note: None,
        },
    }]
}

fn answer_leaving(model: &mut Model, mut leaving: Leaving, key: KeyCode) -> Vec<Effect> {
    match key {
        KeyCode::Esc => Vec::new(),
        KeyCode::Enter => leave(model, leaving.row),
        _ => {
            leaving.row = moved(leaving.row, Leaving::ANSWERS.len(), key);
            model.dialog = Some(Dialog::Leaving(leaving));
            Vec::new()
        }
    }
}

fn leave(model: &mut Model, row: usize) -> Vec<Effect> {
    if row == 0 {
        return Vec::new();
    }
    if model.in_flight().next().is_none() {
        return vec![Effect::Leave(Farewell::Quit)];
    }
    if row == 1 {
        let text = "leaving as soon as the current step has been observed";
        super::say(model, Weight::Told, text);
        model.leaving = true;
        return model
            .in_flight()
            .map(|status| Effect::Say {
                release: status.plan.release,
                command: Command::Interrupt {
                    reason: "the console was left".into(),
                },
            })
            .collect();
    }
    let flying: Vec<_> = model.in_flight().cloned().collect();
    let [status] = flying.as_slice() else {
        return super::refused(
            model,
            "several releases are in flight: back out each with X first",
        );
    };
    let status = std::sync::Arc::clone(status);
    if model.open.as_ref() != Some(status.plan.target()) || !model.is_armed() {
        let text = format!(
            "read-only: open {}, W arms it, then q asks again",
            status.plan.target()
        );
        return super::refused(model, &text);
    }
    model.leaving = true;
    change::ask_back_out(model, status);
    Vec::new()
}

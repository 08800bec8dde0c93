//! Passes a key or a pasted text to the open dialog.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{
    approving, change, choose, confirm, failed, handover, holding, leave, look, palette, reason,
    reload, resuming, waits,
};
use crate::console::effect::Effect;
use crate::console::model::{Button, Dialog, Model, Page, Refusal};
use crate::release::Need;

pub(super) fn pressed(model: &mut Model, key: KeyEvent) -> Vec<Effect> {
    if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('l') {
        return vec![Effect::Repaint];
    }
    if approving::arms(model, key) {
        return change::arm(model);
    }
    if scrolls_question(model, key.code) {
        return Vec::new();
    }
    let Some(dialog) = model.dialog.take() else {
        return Vec::new();
    };
    // In every dialog, Ctrl-C does the same as Esc.
    let key = if key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c') {
        KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE)
    } else {
        key
    };
    match dialog {
        Dialog::Help(help) => look::helping(model, help, key),
        Dialog::Palette(palette) => palette::pressed(model, palette, key),
        Dialog::Themes(choice) => look::choosing_theme(model, choice, key.code),
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
        Dialog::Reason(reason) => reason::pressed(model, reason, key),
        Dialog::Thinking(thinking) => {
            if key.code != KeyCode::Esc {
                model.dialog = Some(Dialog::Thinking(thinking));
            }
            Vec::new()
        }
        Dialog::Refusal(refusal) => {
            model.dialog = scrolled(refusal.top, key.code).map(|top| {
                let top = top.min(refusal.longest());
                Dialog::Refusal(Refusal { top, ..refusal })
            });
            Vec::new()
        }
        Dialog::Confirm(confirm) => confirm::pressed(model, confirm, key),
        Dialog::Failure(failure) => failed::pressed(model, failure, key),
        Dialog::Leaving(leaving) => leave::pressed(model, leaving, key.code),
        Dialog::Reload(dialog) => reload::pressed(model, dialog, key.code),
        Dialog::OpenReleases(list) => resuming::choosing(model, list, key.code),
        Dialog::Resume(dialog) => resuming::pressed(model, dialog, key.code),
        Dialog::Holding(holding) => holding::typed(model, holding, key),
        Dialog::Message(words) => resuming::typed(model, words, key),
        Dialog::Handover(handover) => handover::pressed(model, handover, key.code),
        Dialog::Lacking(target) => {
            model.dialog = scrolled(0, key.code).map(|_| Dialog::Lacking(target));
            Vec::new()
        }
        Dialog::Waiting(list) => waits::pressed(model, list, key.code),
    }
}

/// Inserts a pasted text into the open text line. A name that confirms a change cannot be pasted.
pub(super) fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    let refusal = match &mut model.dialog {
        Some(Dialog::Picker(_)) => return choose::pasted(model, text),
        Some(Dialog::Reason(reason)) => {
            reason.line.paste(text.trim());
            return Vec::new();
        }
        Some(Dialog::Holding(holding)) => {
            holding.line.paste(text.trim());
            return Vec::new();
        }
        Some(Dialog::Message(words)) => {
            words.line.paste(text.trim());
            return Vec::new();
        }
        Some(Dialog::Help(help)) => {
            help.line.paste(text.trim());
            return Vec::new();
        }
        Some(Dialog::Palette(palette)) => {
            palette.line.paste(text.trim());
            palette.row = 0;
            return Vec::new();
        }
        Some(Dialog::Failure(failure)) if failure.is_noting => {
            failure.note.paste(text.trim());
            return Vec::new();
        }
        Some(Dialog::Failure(_)) => "the pasted text was ignored: press n first to write a note",
        Some(Dialog::Confirm(confirm)) if confirm.button == Button::Note => {
            approving::pasted(confirm.note.get_or_insert_default(), text);
            return Vec::new();
        }
        Some(Dialog::Confirm(confirm)) if confirm.need == Need::TypedName => {
            "the pasted text was ignored: type the name"
        }
        _ => "the pasted text was ignored: no text line is open",
    };
    super::refused(model, refusal)
}

/// The largest number of lines by which the text of a question is scrolled.
const MOST: usize = 40;
/// How many lines `PageUp` and `PageDown` scroll.
const BY: usize = 4;

/// Scrolls the text of a dialog in which the arrow keys move between answers. Returns whether the key was used. Any
/// other key scrolls back to the start of the text.
fn scrolls_question(model: &mut Model, key: KeyCode) -> bool {
    let asks = model.dialog.as_ref().is_some_and(Dialog::asks_in_rows);
    model.scrolled = match key {
        KeyCode::PageDown if asks => (model.scrolled + BY).min(MOST),
        KeyCode::PageUp if asks => model.scrolled.saturating_sub(BY),
        _ => {
            model.scrolled = 0;
            return false;
        }
    };
    true
}

/// The new top line of a page. `None` if the key closes the page.
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

/// The row of the cursor after a key, in a list of `count` rows.
pub(super) fn moved(row: usize, count: usize, key: KeyCode) -> usize {
    match key {
        KeyCode::Up | KeyCode::Char('k') => row.saturating_sub(1),
        KeyCode::Down | KeyCode::Char('j') | KeyCode::Tab => (row + 1).min(count.saturating_sub(1)),
        _ => row,
    }
}

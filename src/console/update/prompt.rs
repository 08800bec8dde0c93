//! The keys of the prompt, the text line in place of the footer. The text is applied while it is being typed. Enter
//! keeps the text, Esc clears the text.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{history, logs, matrix};
use crate::console::effect::Effect;
use crate::console::model::{Model, Prompt, PromptKind};

pub(super) fn pressed(model: &mut Model, mut prompt: Prompt, key: KeyEvent) -> Vec<Effect> {
    let is_ctrl_c = key.modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char('c');
    if key.code == KeyCode::Esc || is_ctrl_c {
        return cancelled(model, prompt.kind);
    }
    if key.code == KeyCode::Enter {
        return accepted(model, &prompt);
    }
    let changed = prompt.line.pressed(key);
    let mut effects = Vec::new();
    if changed {
        effects = typed(model, &prompt);
    }
    model.prompt = Some(prompt);
    effects
}

pub(super) fn pasted(model: &mut Model, text: &str) -> Vec<Effect> {
    let Some(mut prompt) = model.prompt.take() else {
        return Vec::new();
    };
    prompt.line.paste(text.trim());
    let effects = typed(model, &prompt);
    model.prompt = Some(prompt);
    effects
}

fn typed(model: &mut Model, prompt: &Prompt) -> Vec<Effect> {
    let text = prompt.line.text();
    match prompt.kind {
        PromptKind::SearchLog => logs::search_typed(model, text),
        PromptKind::FilterLog => logs::filter_typed(model, text),
        PromptKind::FilterServices => matrix::filter_typed(model, text),
        PromptKind::FilterHistory => return history::typed(model, text),
    }
    Vec::new()
}

fn accepted(model: &mut Model, prompt: &Prompt) -> Vec<Effect> {
    match prompt.kind {
        PromptKind::SearchLog => logs::search_accepted(model),
        PromptKind::FilterLog | PromptKind::FilterServices | PromptKind::FilterHistory => {
            Vec::new()
        }
    }
}

fn cancelled(model: &mut Model, kind: PromptKind) -> Vec<Effect> {
    match kind {
        PromptKind::SearchLog => logs::search_typed(model, ""),
        PromptKind::FilterLog => logs::filter_typed(model, ""),
        PromptKind::FilterServices => matrix::filter_typed(model, ""),
        PromptKind::FilterHistory => return history::typed(model, ""),
    }
    Vec::new()
}

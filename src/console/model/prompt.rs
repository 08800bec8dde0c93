//! The prompt: a text line in place of the footer, for a search or a filter.

use super::{Model, TextLine};
use crate::console::effect::Effect;

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// The text to search the log for.
    SearchLog,
    /// The text that every shown line of the log must contain.
    FilterLog,
    /// The text that the name of every shown service must contain.
    FilterServices,
    /// The filter of the history.
    FilterHistory,
}

impl PromptKind {
    /// The label before the text line.
    pub fn sign(self) -> &'static str {
        match self {
            Self::SearchLog => "search the log for: ",
            Self::FilterLog => "show only lines with: ",
            Self::FilterServices => "show only services with: ",
            Self::FilterHistory => "show only releases with: ",
        }
    }
}

/// A text line in place of the footer.
#[derive(Debug, Clone)]
pub struct Prompt {
    pub kind: PromptKind,
    pub line: TextLine,
}

impl Model {
    /// Opens a prompt with a text to edit.
    pub fn ask_in_prompt(&mut self, kind: PromptKind, text: &str) -> Vec<Effect> {
        self.notice = None;
        self.prompt = Some(Prompt {
            kind,
            line: TextLine::new(text),
        });
        Vec::new()
    }
}

//! A line that is typed in place of the footer: a search or a filter.

use super::TextLine;

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// The text to search the log for.
    SearchLog,
    /// A text that every shown line of the log must contain.
    FilterLog,
    /// A text that the names of the shown services must contain.
    FilterServices,
    /// The filter of the history.
    FilterHistory,
}

impl PromptKind {
    /// The text before the line.
    pub fn sign(self) -> &'static str {
        match self {
            Self::SearchLog => "search the log for: ",
            Self::FilterLog => "show only lines with: ",
            Self::FilterServices => "show only services with: ",
            Self::FilterHistory => "show only releases with: ",
        }
    }
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Prompt {
    pub kind: PromptKind,
    pub line: TextLine,
}

//! A line that is typed in the footer's place: what to search for, what to filter by.

use super::TextLine;

/// What a prompt asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptKind {
    /// What to search the log for.
    SearchLog,
    /// What every line of the log that is shown has to contain.
    FilterLog,
    /// What the names of the services that are shown have to contain.
    FilterServices,
    /// Which releases are shown.
    FilterHistory,
}

impl PromptKind {
    /// What stands before the line.
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
    /// What it asks for.
    pub kind: PromptKind,
    /// What is typed so far.
    pub line: TextLine,
}

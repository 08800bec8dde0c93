//! A line of text that the operator types, with a cursor and a limit. `tui-input` does the editing.

use tui_input::{Input, InputRequest};

/// The most characters of a line.
const LONGEST: usize = 200;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct TextLine(Input);

impl TextLine {
    /// A line that starts with a text, with the cursor after it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Input::new(text.into()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// The column of the cursor, from the start of the text.
    pub fn cursor(&self) -> usize {
        self.0.visual_cursor()
    }

    /// Edits the line. Returns whether its text changed.
    pub fn edit(&mut self, request: InputRequest) -> bool {
        let is_full = self.text().chars().count() >= LONGEST;
        if is_full && matches!(request, InputRequest::InsertChar(_)) {
            return false;
        }
        self.0.handle(request).is_some_and(|changed| changed.value)
    }

    /// Inserts a pasted text at the cursor, as one sanitized line, as far as there is room.
    pub fn paste(&mut self, text: &str) {
        for c in crate::sanitize::sanitize(text).chars() {
            self.edit(InputRequest::InsertChar(c));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_is_cut_where_the_line_is_full_and_brings_no_control_characters() {
        let mut line = TextLine::default();
        line.paste(&"a\u{1b}[2J\n".repeat(200));
        assert!(line.text().chars().count() <= LONGEST);
        assert!(!line.text().contains(char::is_control));
    }
}

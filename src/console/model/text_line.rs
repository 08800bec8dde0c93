//! One line of text under the operator's hands: a cursor, words, and a limit. Editing itself is
//! `tui-input`'s.

use tui_input::{Input, InputRequest};

/// The longest text that may be typed into a line, in characters.
const LONGEST: usize = 200;

/// See the module.
#[derive(Debug, Clone, Default)]
pub struct TextLine(Input);

impl TextLine {
    /// A line that begins with a text, the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Input::new(text.into()))
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// Where the cursor stands, in columns from the beginning.
    pub fn cursor(&self) -> usize {
        self.0.visual_cursor()
    }

    /// Edits it; whether its text is another now.
    pub fn edit(&mut self, request: InputRequest) -> bool {
        let is_full = self.text().chars().count() >= LONGEST;
        if is_full && matches!(request, InputRequest::InsertChar(_)) {
            return false;
        }
        self.0.handle(request).is_some_and(|changed| changed.value)
    }

    /// Puts a pasted text at the cursor: on one line, harmless, as much as there is room for.
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

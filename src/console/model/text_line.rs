//! A line of text that the operator types, with a cursor. Typing and pasting stop at a maximum length. The library
//! `tui-input` edits the text.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::{Input, InputRequest};

/// The maximum length, in characters.
const LONGEST: usize = 200;

/// A line of text that the operator edits.
#[derive(Debug, Clone, Default)]
pub struct TextLine(Input);

impl TextLine {
    /// A line with a text, which is not cut even if it is longer than the maximum. The cursor is at its end.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Input::new(text.into()))
    }

    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// The column of the cursor, counted from the start of the text.
    pub fn cursor(&self) -> usize {
        self.0.visual_cursor()
    }

    /// Handles a key, if it edits text. Returns whether the text has changed.
    pub fn pressed(&mut self, key: KeyEvent) -> bool {
        editing(key).is_some_and(|request| self.edit(request))
    }

    fn edit(&mut self, request: InputRequest) -> bool {
        let is_full = self.text().chars().count() >= LONGEST;
        if is_full && matches!(request, InputRequest::InsertChar(_)) {
            return false;
        }
        self.0.handle(request).is_some_and(|changed| changed.value)
    }

    /// Inserts a pasted text at the cursor. The text is sanitized, and cut at the maximum length.
    pub fn paste(&mut self, text: &str) {
        for c in crate::sanitize::sanitize(text).chars() {
            self.edit(InputRequest::InsertChar(c));
        }
    }
}

/// The edit that a key makes in a text line. `None` if the key does not edit text.
fn editing(key: KeyEvent) -> Option<InputRequest> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT);
    Some(match key.code {
        KeyCode::Char('u') if ctrl => InputRequest::DeleteLine,
        KeyCode::Char('w') if ctrl => InputRequest::DeletePrevWord,
        KeyCode::Char('k') if ctrl => InputRequest::DeleteTillEnd,
        KeyCode::Char('a') if ctrl => InputRequest::GoToStart,
        KeyCode::Char('e') if ctrl => InputRequest::GoToEnd,
        KeyCode::Char(c) if !ctrl && !alt && !c.is_control() => InputRequest::InsertChar(c),
        KeyCode::Left if ctrl || alt => InputRequest::GoToPrevWord,
        KeyCode::Right if ctrl || alt => InputRequest::GoToNextWord,
        KeyCode::Left => InputRequest::GoToPrevChar,
        KeyCode::Right => InputRequest::GoToNextChar,
        KeyCode::Home => InputRequest::GoToStart,
        KeyCode::End => InputRequest::GoToEnd,
        KeyCode::Backspace => InputRequest::DeletePrevChar,
        KeyCode::Delete => InputRequest::DeleteNextChar,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pasted_text_is_sanitized_and_cut_to_the_maximum_length() {
        let mut line = TextLine::default();
        line.paste(&"a\u{1b}[2J\n".repeat(200));
        assert!(line.text().chars().count() <= LONGEST);
        assert!(!line.text().contains(char::is_control));
    }
}

//! Words to whoever reads them. A reader that has gone away (`| head`, a closed terminal) is no
//! reason to panic in the middle of a release: what cannot be said is left unsaid.

use std::fmt::Write as _;
use std::io::Write;

use serde::Serialize;

use crate::harmless::harmless;

/// A line for standard output.
macro_rules! say_line {
    ($($words:tt)*) => { $crate::cli::out::say(format_args!($($words)*)) };
}

/// A line for standard error.
macro_rules! warn_line {
    ($($words:tt)*) => { $crate::cli::out::warn(format_args!($($words)*)) };
}

pub(super) fn say(words: std::fmt::Arguments<'_>) {
    lines(&mut std::io::stdout().lock(), &words.to_string());
}

pub(super) fn warn(words: std::fmt::Arguments<'_>) {
    lines(&mut std::io::stderr().lock(), &words.to_string());
}

/// Among the words may be those of whoever writes to the same store: here is the last place where
/// they can be made harmless.
fn lines(to: &mut impl Write, words: &str) {
    for line in words.split('\n') {
        let _ = writeln!(to, "{}", harmless(line));
    }
}

/// Comma-separated values for standard output. What is in them was made harmless before.
pub(super) fn say_csv(bytes: &[u8]) {
    let _ = std::io::stdout().lock().write_all(bytes);
}

/// A line of JSON for standard output.
pub(super) fn say_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => {
            let _ = writeln!(std::io::stdout().lock(), "{}", escaped(&text));
        }
        Err(error) => warn(format_args!(
            "greenroom: it cannot be said as JSON: {error}"
        )),
    }
}

/// JSON as a terminal may have it, too. What does more there than be read is written by its number,
/// which is the same to a program.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        let is_plain = c == ' ' || c.is_ascii_graphic();
        if is_plain || harmless(c.encode_utf8(&mut [0; 4])).chars().eq([c]) {
            text.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            let _ = write!(text, "\\u{unit:04x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stay_lines_and_nothing_in_them_is_more_than_words() {
        let mut out = Vec::new();
        lines(&mut out, "one \u{1b}[2J\u{202e}\n\n  two\u{9b}31m");
        let out = String::from_utf8(out).expect("text");
        assert_eq!(out, "one \u{fffd}\n\n  two31m\n");
    }

    #[test]
    fn json_does_nothing_to_a_terminal_and_says_the_same_to_a_program() {
        let words = "caf\u{e9} \u{1b}[2J \u{9b}31m \u{202e}x \u{7f} \u{e0041} \u{2028} \u{65e5}";
        let text = escaped(&serde_json::to_string(words).expect("JSON"));
        assert_eq!(harmless(&text), text);
        assert!(
            text.contains("caf\u{e9}") && text.contains('\u{65e5}'),
            "{text}"
        );
        assert!(text.contains(r"\u009b31m \u202ex"), "{text}");
        let read: String = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, words);
    }
}

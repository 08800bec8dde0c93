//! Makes bytes from outside safe to show on a terminal: no control sequences, no bidirectional overrides, no invisible
//! characters, valid UTF-8. This is done once, where the text enters the crate.

use unicode_width::UnicodeWidthChar as _;
use vte::{Parser, Perform};

/// The most characters that are kept of a line from outside, including the `…` of a cut line.
pub(crate) const LONGEST: usize = 16 * 1024;

/// Makes one line of bytes safe. Control sequences are dropped whole, tabs become spaces, and characters that move or
/// hide other characters become `�`. Long lines are cut and end with `…`.
pub fn sanitize_line(bytes: &[u8]) -> String {
    let mut kept = Kept::default();
    // Each line has its own parser: an unfinished sequence cannot swallow the next line.
    let mut parser = Parser::new();
    for part in bytes.chunks(LONGEST) {
        parser.advance(&mut kept, part);
        if kept.count >= LONGEST {
            break;
        }
    }
    kept.text
}

/// Makes several lines of text safe. No line is cut.
pub(crate) fn sanitize_lines(text: &str) -> String {
    let mut kept = Kept {
        limit: usize::MAX,
        ..Kept::default()
    };
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            kept.text.push('\n');
            kept.count = 0;
        }
        Parser::new().advance(&mut kept, line.as_bytes());
    }
    kept.text
}

/// Text as one word of a shell command that a person copies. Text with other characters than those of usual paths and
/// keys is put in single quotes.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/_.:=@%+,-".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Text for a place between double quotes in a shell command that a person copies.
pub fn in_double_quotes(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Makes text safe as one line. Line ends become spaces, and the login of a URL is hidden.
pub fn sanitize(text: &str) -> String {
    let mut lines = text.lines().map(|line| sanitize_line(line.as_bytes()));
    let mut joined = lines.next().unwrap_or_default();
    for line in lines {
        joined.push(' ');
        joined.push_str(&line);
    }
    without_login(joined)
}

/// The most characters of a text that a message quotes.
const LONGEST_QUOTE: usize = 200;

/// Text as a message quotes it, cut after [`LONGEST_QUOTE`] characters. Invisible characters are escaped, so that a key
/// with a hidden character does not look like another key.
pub fn visible(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST_QUOTE {
            shown.push('…');
            break;
        }
        let itself = sanitize(c.encode_utf8(&mut [0; 4])).chars().eq([c]);
        if itself {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    shown
}

/// Hides the user and password of each URL in the text.
fn without_login(text: String) -> String {
    if !text.contains("://") || !text.contains('@') {
        return text;
    }
    let mut result = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("://") {
        result.push_str(before);
        result.push_str("://");
        rest = match login(after) {
            Some(login) => {
                result.push_str("(hidden)");
                &after[login..]
            }
            None => after,
        };
    }
    result.push_str(rest);
    result
}

/// The offset at which the login of a URL ends, counted from the end of `://`. None if the URL has no login.
fn login(after: &str) -> Option<usize> {
    let until = |ends: &str| {
        let is_end = |c: char| c.is_whitespace() || ends.contains(c);
        &after[..after.find(is_end).unwrap_or(after.len())]
    };
    let authority = until("/?#\"'`<>");
    if let Some(login) = authority.rfind('@') {
        return Some(login);
    }
    // An unescaped `/`, `?` or `#` in a password looks like the end of the host. The text after the last colon is then
    // no port number.
    let (host, port) = authority.rsplit_once(':')?;
    if host.starts_with('[') || port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    until("\"'`<>").rfind('@')
}

/// How many combining marks one character may have: more than any script needs, and too few to reach into the lines
/// above.
const MARKS: usize = 4;

struct Kept {
    text: String,
    count: usize,
    marks: usize,
    /// How many characters of a line are kept.
    limit: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            text: String::new(),
            count: 0,
            marks: 0,
            limit: LONGEST,
        }
    }
}

impl Perform for Kept {
    fn print(&mut self, c: char) {
        if hides_or_moves(c) {
            return self.push('\u{fffd}');
        }
        let is_mark = !c.is_ascii() && c.width() == Some(0);
        self.marks = if is_mark { self.marks + 1 } else { 0 };
        if self.marks <= MARKS {
            self.push(c);
        }
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\t' {
            for _ in 0..(8 - self.count % 8) {
                self.push(' ');
            }
        }
    }
}

impl Kept {
    fn push(&mut self, c: char) {
        self.count += 1;
        match self.count {
            n if n < self.limit => self.text.push(c),
            n if n == self.limit => self.text.push('…'),
            _ => {}
        }
    }
}

/// Whether a character hides or moves other characters: bidirectional controls, zero-width characters, line and
/// paragraph separators, C1 controls, tags and the byte order mark.
fn hides_or_moves(c: char) -> bool {
    matches!(c,
        '\u{80}'..='\u{9f}'
        | '\u{ad}'
        | '\u{61c}'
        | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
        || c.is_control()
}

/// A command as a person would type it, on one line and between backquotes.
pub fn command_line(command: &[String]) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    let word = |text: &String| {
        if !text.is_empty() && text.chars().all(is_plain) {
            text.clone()
        } else {
            format!("'{}'", visible(&text.replace('\'', "'\\''")))
        }
    };
    let words: Vec<String> = command.iter().map(word).collect();
    format!("`{}`", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_to_copy_does_not_run_what_a_key_contains() {
        assert_eq!(shell_word("/greenroom/v1/a%20b/"), "/greenroom/v1/a%20b/");
        assert_eq!(shell_word("a b"), "'a b'");
        assert_eq!(shell_word("$(id)'`x`"), r"'$(id)'\''`x`'");
        assert_eq!(shell_word(""), "''");
        assert_eq!(in_double_quotes(r#"$(id) `x` "\"#), r#"\$(id) \`x\` \"\\"#);
    }

    #[test]
    fn sequences_are_dropped_whole_and_text_stays() {
        assert_eq!(sanitize_line(b"\x1b[31mred\x1b[0m"), "red");
        assert_eq!(sanitize_line(b"\x1b]52;c;ZXZpbA==\x07copied"), "copied");
        assert_eq!(sanitize_line(b"\x1b]0;title\x1b\\after"), "after");
        assert_eq!(sanitize_line(b"a\tb"), "a       b");
        assert_eq!(sanitize_line(b"a\rb\x08c\x07"), "abc");
    }

    #[test]
    fn the_login_of_a_url_is_hidden() {
        for (text, shown) in [
            (
                "at https://ana:hunter2@web.example/x",
                "at https://(hidden)@web.example/x",
            ),
            (
                "\"http://tok@a:1\" and http://b@c",
                "\"http://(hidden)@a:1\" and http://(hidden)@c",
            ),
            ("http://a/x@y ana@host", "http://a/x@y ana@host"),
            ("https://a:b@c@d/", "https://(hidden)@d/"),
            ("https://ana:p/w@host/x", "https://(hidden)@host/x"),
            (
                "\"https://ana:p?#w@host\" a@b",
                "\"https://(hidden)@host\" a@b",
            ),
            ("http://a:80/x@y [::1]", "http://a:80/x@y [::1]"),
            ("http://[::1]/x@y", "http://[::1]/x@y"),
        ] {
            assert_eq!(sanitize(text), shown);
            assert_eq!(sanitize(shown), shown);
        }
    }

    #[test]
    fn invisible_and_invalid_characters_are_replaced() {
        for hostile in ["\u{202e}evil", "a\u{200b}b", "\u{9b}31m", "\u{feff}x"] {
            let text = sanitize(hostile);
            assert!(!text.chars().any(hides_or_moves), "{text:?}");
        }
        assert!(sanitize_line(b"ok \xff\xfe end").contains("end"));
    }

    #[test]
    fn only_a_few_combining_marks_are_kept() {
        assert_eq!(
            sanitize("e\u{301}a\u{308}\u{304}"),
            "e\u{301}a\u{308}\u{304}"
        );
        let piled = format!("Z{}x", "\u{336}".repeat(500));
        assert_eq!(sanitize(&piled).chars().count(), 2 + MARKS);
    }

    #[test]
    fn an_open_sequence_does_not_reach_the_next_line() {
        assert_eq!(sanitize("one\u{1b}]0;open\ntwo"), "one two");
    }

    #[test]
    fn a_long_line_is_cut_with_a_mark() {
        let text = sanitize_line(&vec![b'x'; 1_000_000]);
        assert_eq!(text.chars().count(), LONGEST);
        assert!(text.ends_with('…'));
    }
}

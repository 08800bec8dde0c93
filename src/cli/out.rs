//! Output for the reader of this command. A reader that has gone (`| head`, a closed terminal) must not cause a panic
//! in the middle of a release: the output is dropped. An output that cannot be written for another reason
//! (a full disk) does not stop the command either, but the command does not end with success.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use serde::Serialize;

use super::{Exit, json};
use crate::output;
use crate::sanitize::sanitize;

/// The first reason why something is missing on standard output.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// A line for standard output.
macro_rules! say_line {
    ($($words:tt)*) => { $crate::cli::out::say(format_args!($($words)*)) };
}

/// A line for standard error.
macro_rules! warn_line {
    ($($words:tt)*) => { $crate::cli::out::warn(format_args!($($words)*)) };
}

pub(super) fn say(words: std::fmt::Arguments<'_>) {
    let words = words.to_string();
    if !json::keep_text(&words) {
        written(lines(&mut output::stdout(), &words));
    }
}

pub(super) fn warn(words: std::fmt::Arguments<'_>) {
    let words = words.to_string();
    json::keep_notice(&words);
    // There is no other place to report this.
    let _ = lines(&mut output::stderr(), &words);
}

/// A line on standard error that the error of `--json` already contains.
pub(super) fn explain(words: std::fmt::Arguments<'_>) {
    let _ = lines(&mut output::stderr(), &words.to_string());
}

/// The text may come from other users of the store. This is the last place
/// where it can be made safe to show.
fn lines(to: &mut impl Write, words: &str) -> io::Result<()> {
    let mut text = String::with_capacity(words.len() + 1);
    for line in words.split('\n') {
        text.push_str(&sanitize(line));
        text.push('\n');
    }
    // In one piece, so that lines of several tasks do not mix.
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// Bytes for standard output that are safe already: comma-separated values, a script, a manual page.
pub(super) fn say_bytes(bytes: &[u8]) {
    if !json::keep_text(&String::from_utf8_lossy(bytes)) {
        raw(bytes);
    }
}

fn raw(bytes: &[u8]) {
    let mut to = output::stdout();
    written(to.write_all(bytes).and_then(|()| to.flush()));
}

/// Remembers why standard output could not be written. A reader that has gone is no error.
pub(super) fn written(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// The exit of a command whose output may be incomplete. `changes` says whether the command changes anything: then its
/// changes remain, and a person has to look.
pub(super) fn end(exit: Exit, changes: bool) -> Exit {
    let Some(why) = UNWRITTEN.get() else {
        return exit;
    };
    warn(format_args!(
        "greenroom: standard output could not be written: {why}"
    ));
    match exit {
        Exit::Done if changes => Exit::NeedsPerson,
        Exit::Done => Exit::Failed,
        other => other,
    }
}

/// A line of JSON for standard output.
pub(super) fn say_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => raw(format!("{}\n", escaped(&text)).as_bytes()),
        Err(error) => warn(format_args!(
            "greenroom: the answer cannot be written as JSON: {error}"
        )),
    }
}

/// JSON that is safe on a terminal. Characters that control a terminal are written as escapes,
/// which are the same to a program.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        let is_plain = c == ' ' || c.is_ascii_graphic();
        if is_plain || sanitize(c.encode_utf8(&mut [0; 4])).chars().eq([c]) {
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
    fn lines_contain_no_control_sequences() {
        let mut out = Vec::new();
        lines(&mut out, "one \u{1b}[2J\u{202e}\n\n  two\u{9b}31m").expect("written");
        let out = String::from_utf8(out).expect("text");
        assert_eq!(out, "one \u{fffd}\n\n  two31m\n");
    }

    #[test]
    fn json_has_no_control_characters_and_the_same_value() {
        let words = "caf\u{e9} \u{1b}[2J \u{9b}31m \u{202e}x \u{7f} \u{e0041} \u{2028} \u{65e5}";
        let text = escaped(&serde_json::to_string(words).expect("JSON"));
        assert_eq!(sanitize(&text), text);
        assert!(
            text.contains("caf\u{e9}") && text.contains('\u{65e5}'),
            "{text}"
        );
        assert!(text.contains(r"\u009b31m \u202ex"), "{text}");
        let read: String = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, words);
    }
}

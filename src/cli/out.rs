//! Writes to standard output and standard error. If the reader of the output is gone (`| head`, a closed terminal), the
//! output is dropped, because a release must not panic half-way. If standard output cannot be written for another
//! reason (a full disk), the command continues too, but does not end with success. Errors of standard error are
//! ignored.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;

use serde::Serialize;

use super::{Exit, json};
use crate::output;
use crate::sanitize::sanitize;

/// The first error that made standard output incomplete.
static UNWRITTEN: OnceLock<String> = OnceLock::new();

/// Prints a line on standard output. With `--json`, the line is only kept for the last line of JSON.
macro_rules! say_line {
    ($($text:tt)*) => { $crate::cli::out::say(format_args!($($text)*)) };
}

/// Prints a line on standard error. With `--json`, the last line of JSON repeats the line.
macro_rules! warn_line {
    ($($text:tt)*) => { $crate::cli::out::warn(format_args!($($text)*)) };
}

pub(super) fn say(message: std::fmt::Arguments<'_>) {
    let message = message.to_string();
    if !json::keep_text(&message) {
        remember_failure(write_lines(&mut output::stdout(), &message));
    }
}

pub(super) fn warn(message: std::fmt::Arguments<'_>) {
    let message = message.to_string();
    json::keep_notice(&message);
    // An error of standard error cannot be reported anywhere.
    let _ = write_lines(&mut output::stderr(), &message);
}

/// Prints a line on standard error. Unlike [`warn`], this adds no notice to the output of `--json`: the caller reports
/// the same text there as the error.
pub(super) fn explain(message: std::fmt::Arguments<'_>) {
    let _ = write_lines(&mut output::stderr(), &message.to_string());
}

/// Writes the lines of `message`, sanitized. Other users of the store may have written parts of the message, and this
/// is the last place where the message can be made safe to show.
fn write_lines(to: &mut impl Write, message: &str) -> io::Result<()> {
    let mut text = String::with_capacity(message.len() + 1);
    for line in message.split('\n') {
        text.push_str(&sanitize(line));
        text.push('\n');
    }
    // One write, so that lines of several tasks do not mix.
    to.write_all(text.as_bytes())?;
    to.flush()
}

/// Writes bytes to standard output without sanitizing them. The bytes must already be safe to show: comma-separated
/// values, a script, a manual page.
pub(super) fn say_bytes(bytes: &[u8]) {
    if !json::keep_text(&String::from_utf8_lossy(bytes)) {
        write_raw(bytes);
    }
}

fn write_raw(bytes: &[u8]) {
    let mut to = output::stdout();
    remember_failure(to.write_all(bytes).and_then(|()| to.flush()));
}

/// Remembers the first error of standard output. A reader that is gone is not an error.
pub(super) fn remember_failure(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(error.to_string());
    }
}

/// The exit of a command after all output. If standard output is incomplete, a success becomes [`Exit::Failed`], or
/// [`Exit::NeedsPerson`] if the command `changes` something, because the change remains.
pub(super) fn final_exit(exit: Exit, changes: bool) -> Exit {
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

/// Prints a line of JSON on standard output.
pub(super) fn say_json(value: &impl Serialize) {
    match serde_json::to_string(value) {
        Ok(text) => write_raw(format!("{}\n", escaped(&text)).as_bytes()),
        Err(error) => warn(format_args!(
            "greenroom: the answer cannot be written as JSON: {error}"
        )),
    }
}

/// Makes JSON safe to show on a terminal. Characters that control a terminal are escaped, which does not change the
/// value for a program.
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
        write_lines(&mut out, "one \u{1b}[2J\u{202e}\n\n  two\u{9b}31m").expect("written");
        let out = String::from_utf8(out).expect("text");
        assert_eq!(out, "one \u{fffd}\n\n  two31m\n");
    }

    #[test]
    fn json_has_no_control_characters_and_the_same_value() {
        let message = "caf\u{e9} \u{1b}[2J \u{9b}31m \u{202e}x \u{7f} \u{e0041} \u{2028} \u{65e5}";
        let text = escaped(&serde_json::to_string(message).expect("JSON"));
        assert_eq!(sanitize(&text), text);
        assert!(
            text.contains("caf\u{e9}") && text.contains('\u{65e5}'),
            "{text}"
        );
        assert!(text.contains(r"\u009b31m \u202ex"), "{text}");
        let read: String = serde_json::from_str(&text).expect("JSON");
        assert_eq!(read, message);
    }
}

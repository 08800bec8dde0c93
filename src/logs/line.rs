//! One line of a log. The text of a line is always sanitized.

use std::sync::Arc;

use jiff::Timestamp;

use crate::inventory::Slot;
use crate::ports::{LogChunk, LogStream};
use crate::sanitize::{LONGEST, sanitize_line};

/// The number of a line in its ring. Numbers count up by one, and dropping older lines does not change them, so a
/// position in the log stays valid. Only a merge with the lines of another log gives new numbers to the newest lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LineId(pub u64);

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The instance, on standard output.
    Out,
    /// The instance, on standard error.
    Err,
    /// Greenroom, about the log itself: a gap, its end, or why it cannot be read.
    Notice,
}

/// A line that is not in a ring yet. Several rings can keep the line and share its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// When the runtime or the proxy wrote the line to the log; none if that is unknown.
    pub at: Option<Timestamp>,
    pub origin: Origin,
    /// The sanitized text.
    pub text: Arc<str>,
}

impl NewLine {
    /// Makes a line from a chunk of untrusted bytes. A line that was cut ends with a note that says so.
    pub fn from_chunk(chunk: &LogChunk) -> Self {
        Self {
            at: chunk.at,
            origin: match chunk.stream {
                LogStream::Out => Origin::Out,
                LogStream::Err => Origin::Err,
            },
            text: text(&chunk.bytes, chunk.dropped),
        }
    }

    /// A line that Greenroom writes about the log.
    pub fn notice(text: impl AsRef<str>) -> Self {
        Self {
            at: None,
            origin: Origin::Notice,
            text: crate::sanitize::sanitize(text.as_ref()).into(),
        }
    }

    #[must_use]
    pub fn at(self, at: Timestamp) -> Self {
        Self {
            at: Some(at),
            ..self
        }
    }
}

/// The sanitized text of a line. Nearly all lines are plain ASCII and are copied as they are.
fn text(bytes: &[u8], dropped: usize) -> Arc<str> {
    if bytes.len() < LONGEST
        && bytes.iter().all(|byte| matches!(byte, b' '..=b'~'))
        && let Ok(plain) = std::str::from_utf8(bytes)
    {
        return plain.into();
    }
    let mut text = sanitize_line(bytes);
    let is_cut = bytes.len() >= LONGEST && text.ends_with('…') && text.chars().count() == LONGEST;
    if is_cut || dropped > 0 {
        // The note replaces the end of the text, so that the text is not longer than `LONGEST`.
        let total = (bytes.len() + dropped) / 1024;
        let note = format!("… [line cut, {total} KiB in total]");
        let room = LONGEST - 1 - note.chars().count();
        let kept = text
            .char_indices()
            .nth(room)
            .map_or(text.len(), |(at, _)| at);
        text.truncate(kept);
        text.push_str(&note);
    }
    text.into()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub id: LineId,
    /// When the runtime or the proxy wrote the line to the log; none if that is unknown.
    pub at: Option<Timestamp>,
    /// The position in time, in microseconds: the newest time stamp of the log when the line arrived. It never
    /// decreases from one line to the next.
    pub(super) order: i64,
    pub origin: Origin,
    /// The slot of the instance that wrote the line, if the ring holds the lines of both slots.
    pub slot: Option<Slot>,
    /// The sanitized text.
    pub text: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> String {
        let chunk = LogChunk {
            at: None,
            stream: LogStream::Out,
            bytes: bytes.to_vec(),
            dropped: 0,
        };
        NewLine::from_chunk(&chunk).text.to_string()
    }

    #[test]
    fn a_plain_line_is_kept_and_a_hostile_one_is_sanitized() {
        assert_eq!(line(b"GET /basket 200"), "GET /basket 200");
        assert_eq!(line(b"\x1b]0;title\x07GET"), "GET");
        assert_eq!(line("caf\u{e9} \u{202e}x".as_bytes()), "café \u{fffd}x");
        assert_eq!(line(b""), "");
    }

    #[test]
    fn a_cut_line_says_how_long_it_was() {
        let text = line(&vec![b'x'; 1024 * 1024]);
        assert!(text.ends_with("x… [line cut, 1024 KiB in total]"));
        let dropped = |byte: u8| {
            let bytes = [b"begins".to_vec(), vec![byte; 256 * 1024]].concat();
            super::text(&bytes, 512 * 1024).to_string()
        };
        assert!(dropped(b'x').ends_with("x… [line cut, 768 KiB in total]"));
        assert_eq!(dropped(0), "begins… [line cut, 768 KiB in total]");
        let whole = line(&vec![b'x'; LONGEST - 1]);
        assert_eq!(whole.len(), LONGEST - 1);
    }
}

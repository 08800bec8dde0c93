//! One line of a log. Its text has been made safe to show before it gets here.

use std::sync::Arc;

use jiff::Timestamp;

use crate::inventory::Slot;
use crate::ports::{LogChunk, LogStream};
use crate::sanitize::{LONGEST, sanitize_line};

/// The number of a line in its ring. Counts up by one and is never reused, so that a position in
/// the log stays valid while older lines are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LineId(pub u64);

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Origin {
    /// The instance, on standard output.
    Out,
    /// The instance, on standard error.
    Err,
    /// Greenroom, about the log itself: a gap, an end, a reason why there is none.
    Notice,
}

/// A line that is not in a ring yet. All rings that keep it share its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// When the engine received it.
    pub at: Option<Timestamp>,
    /// Who wrote it.
    pub origin: Origin,
    /// The text, safe to show.
    pub text: Arc<str>,
}

impl NewLine {
    /// Makes a line from a chunk of untrusted bytes. A cut line ends with a note about it.
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

    /// Sets the time.
    #[must_use]
    pub fn at(self, at: Timestamp) -> Self {
        Self {
            at: Some(at),
            ..self
        }
    }
}

/// The safe text of a line. Nearly all lines are plain and are copied as they are.
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
        // With this note the text is no longer than a safe line may be.
        let came = (bytes.len() + dropped) / 1024;
        let end = format!("… [cut here, {came} KiB in total]");
        let room = LONGEST - 1 - end.chars().count();
        let kept = text
            .char_indices()
            .nth(room)
            .map_or(text.len(), |(at, _)| at);
        text.truncate(kept);
        text.push_str(&end);
    }
    text.into()
}

/// A line in a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub id: LineId,
    /// When the engine received it.
    pub at: Option<Timestamp>,
    /// Its order in time, in microseconds: the newest time stamp that its log had when the line
    /// arrived. Never less than that of the previous line.
    pub(super) order: i64,
    /// Who wrote it.
    pub origin: Origin,
    /// The slot of the instance that wrote it, if the ring holds lines of both.
    pub slot: Option<Slot>,
    /// The text, safe to show.
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
        assert!(text.ends_with("x… [cut here, 1024 KiB in total]"));
        let dropped = |byte: u8| {
            let bytes = [b"begins".to_vec(), vec![byte; 256 * 1024]].concat();
            super::text(&bytes, 512 * 1024).to_string()
        };
        assert!(dropped(b'x').ends_with("x… [cut here, 768 KiB in total]"));
        assert_eq!(dropped(0), "begins… [cut here, 768 KiB in total]");
        let whole = line(&vec![b'x'; LONGEST - 1]);
        assert_eq!(whole.len(), LONGEST - 1);
    }
}

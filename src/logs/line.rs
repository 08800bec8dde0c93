//! One line of a log. Its text has been made harmless before it gets here, once and for all.

use jiff::Timestamp;

use crate::harmless::harmless_line;
use crate::ports::{LogChunk, LogStream};

/// The number of a line in its ring: counts up by one and is never used twice, so that a place in
/// the log stays a place while older lines are dropped.
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

/// A line before it has a place in a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLine {
    /// When the engine got it.
    pub at: Option<Timestamp>,
    /// Who wrote it.
    pub origin: Origin,
    /// What it says; harmless for a terminal.
    pub text: String,
}

impl NewLine {
    /// The line in a chunk of untrusted bytes.
    pub fn from_chunk(chunk: &LogChunk) -> Self {
        Self {
            at: chunk.at,
            origin: match chunk.stream {
                LogStream::Out => Origin::Out,
                LogStream::Err => Origin::Err,
            },
            text: harmless_line(&chunk.bytes),
        }
    }

    /// A line of Greenroom's own about the log.
    pub fn notice(text: impl AsRef<str>) -> Self {
        Self {
            at: None,
            origin: Origin::Notice,
            text: crate::harmless::harmless(text.as_ref()),
        }
    }
}

/// A line in a ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its place.
    pub id: LineId,
    /// When the engine got it.
    pub at: Option<Timestamp>,
    /// Who wrote it.
    pub origin: Origin,
    /// What it says; harmless for a terminal.
    pub text: String,
}

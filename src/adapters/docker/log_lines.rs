//! Lines out of the frames of a log stream. Each frame begins with a timestamp; a line over
//! 16 KiB comes in several, of which only the last ends with a line end.

use bollard::container::LogOutput;
use jiff::Timestamp;

use crate::ports::{LogChunk, LogStream};

/// How much of a line is kept; the rest of it is dropped.
const LONGEST: usize = 256 * 1024;
/// The engine's own size of a part of a line.
const PART: usize = 16 * 1024;

/// Puts lines together, for each stream apart.
#[derive(Debug, Default)]
pub(super) struct Lines {
    out: Option<LogChunk>,
    err: Option<LogChunk>,
}

impl Lines {
    /// Takes a frame; gives the line that it ends.
    pub(super) fn take(&mut self, frame: LogOutput) -> Option<LogChunk> {
        let (stream, bytes) = match frame {
            LogOutput::StdErr { message } => (LogStream::Err, message),
            LogOutput::StdOut { message } | LogOutput::StdIn { message } => {
                (LogStream::Out, message)
            }
            LogOutput::Console { message } => return Some(terminal_line(&message)),
        };
        let (at, part) = dated(&bytes);
        let slot = match stream {
            LogStream::Out => &mut self.out,
            LogStream::Err => &mut self.err,
        };
        let ends = part.ends_with(b"\n");
        // The first part's time stands for the line: asked for again since then, all of it comes.
        let line = slot.get_or_insert_with(|| LogChunk {
            at,
            stream,
            bytes: Vec::new(),
        });
        append(&mut line.bytes, without_end(part));
        if ends { slot.take() } else { None }
    }

    /// What was begun and never ended.
    pub(super) fn rest(&mut self) -> Option<LogChunk> {
        self.out.take().or_else(|| self.err.take())
    }
}

/// A line of a container with a terminal: one message, in which long lines have a timestamp
/// after each part.
fn terminal_line(message: &[u8]) -> LogChunk {
    let (at, mut rest) = dated(message);
    let mut bytes = Vec::new();
    while rest.len() > PART {
        let (part, tail) = rest.split_at(PART);
        let (next, after) = dated(tail);
        if next.is_none() {
            break;
        }
        append(&mut bytes, part);
        rest = after;
    }
    append(&mut bytes, without_end(rest));
    LogChunk {
        at,
        stream: LogStream::Out,
        bytes,
    }
}

fn append(line: &mut Vec<u8>, part: &[u8]) {
    let room = LONGEST.saturating_sub(line.len());
    line.extend_from_slice(part.get(..room).unwrap_or(part));
}

fn without_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

fn dated(frame: &[u8]) -> (Option<Timestamp>, &[u8]) {
    let space = frame.iter().take(40).position(|b| *b == b' ');
    let read = space.and_then(|at| {
        let text = std::str::from_utf8(frame.get(..at)?).ok()?;
        Some((text.parse().ok()?, frame.get(at + 1..)?))
    });
    match read {
        Some((at, rest)) => (Some(at), rest),
        None => (None, frame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "2026-11-21T06:00:00.123456789Z ";

    fn out(text: &str) -> LogOutput {
        LogOutput::StdOut {
            message: format!("{AT}{text}").into(),
        }
    }

    #[test]
    fn a_long_line_in_several_frames_is_one_line() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(out(&"a".repeat(PART))), None);
        let other = LogOutput::StdErr {
            message: format!("{AT}between\n").into(),
        };
        assert_eq!(
            lines.take(other).map(|l| l.bytes),
            Some(b"between".to_vec())
        );
        let line = lines.take(out("end\n"));
        let bytes = line.map(|l| (l.bytes.len(), l.at.map(Timestamp::subsec_nanosecond)));
        assert_eq!(bytes, Some((PART + 3, Some(123_456_789))));
        assert_eq!(lines.rest(), None);
    }

    #[test]
    fn a_long_line_of_a_terminal_has_no_timestamps_inside() {
        let text = format!("{AT}{}{AT}end\r\n", "a".repeat(PART));
        let line = Lines::default().take(LogOutput::Console {
            message: text.into(),
        });
        assert_eq!(
            line.map(|l| l.bytes),
            Some([vec![b'a'; PART], b"end".to_vec()].concat())
        );
    }

    #[test]
    fn a_line_without_an_end_is_given_at_the_end_and_never_grows_without_bound() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            assert_eq!(lines.take(out(&"a".repeat(PART))), None);
        }
        assert_eq!(lines.rest().map(|l| l.bytes.len()), Some(LONGEST));
    }

    #[test]
    fn a_frame_without_a_timestamp_is_still_a_line() {
        let frame = LogOutput::StdOut {
            message: "\u{1}garbage without date\n".into(),
        };
        let line = Lines::default().take(frame);
        assert_eq!(
            line.map(|l| (l.at, l.bytes)),
            Some((None, b"\x01garbage without date".to_vec()))
        );
    }
}

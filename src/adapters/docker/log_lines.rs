//! Makes lines from the frames of a log stream. Each frame starts with a timestamp. If a container has no terminal, a
//! line longer than 16 KiB arrives in several frames, and only the last frame ends with a line end.

use jiff::Timestamp;

use super::log_frames::Frame;
use crate::ports::{LogChunk, LogStream};

/// The most bytes of a line. Further bytes are dropped and counted.
const LONGEST: usize = 256 * 1024;
/// The size of the parts into which Docker splits a long line.
const PART: usize = 16 * 1024;

/// Assembles lines, separately for each stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    out: Option<LogChunk>,
    err: Option<LogChunk>,
}

impl Lines {
    /// Adds a frame. Returns the line that the frame completes, if any.
    pub(super) fn take(&mut self, frame: Frame) -> Option<LogChunk> {
        let (stream, bytes) = match frame {
            Frame::Part(stream, bytes) => (stream, bytes),
            Frame::Terminal(line, skipped) => {
                let mut line = terminal_line(&line);
                line.dropped += skipped;
                return Some(line);
            }
        };
        let (at, part) = split_timestamp(&bytes);
        let unfinished = match stream {
            LogStream::Out => &mut self.out,
            LogStream::Err => &mut self.err,
        };
        let ends = part.ends_with(b"\n");
        // The line has the time of its first part, so that a request since that time returns the whole line.
        let line = unfinished.get_or_insert_with(|| LogChunk {
            at,
            stream,
            bytes: Vec::new(),
            dropped: 0,
        });
        append(line, without_end(part));
        if ends { unfinished.take() } else { None }
    }

    /// The unfinished line of one of the streams. A second call returns the unfinished line of the other stream.
    pub(super) fn rest(&mut self) -> Option<LogChunk> {
        self.out.take().or_else(|| self.err.take())
    }
}

/// A line of a container with a terminal. The line arrives as one frame, and a long line has a timestamp before each
/// part.
fn terminal_line(message: &[u8]) -> LogChunk {
    let (at, mut rest) = split_timestamp(message);
    let mut line = LogChunk {
        at,
        stream: LogStream::Out,
        bytes: Vec::new(),
        dropped: 0,
    };
    while rest.len() > PART {
        let (part, tail) = rest.split_at(PART);
        let (next, after) = split_timestamp(tail);
        if next.is_none() {
            break;
        }
        append(&mut line, part);
        rest = after;
    }
    append(&mut line, without_end(rest));
    line
}

fn append(line: &mut LogChunk, part: &[u8]) {
    let room = LONGEST.saturating_sub(line.bytes.len());
    let kept = part.get(..room).unwrap_or(part);
    line.bytes.extend_from_slice(kept);
    line.dropped += part.len() - kept.len();
}

fn without_end(part: &[u8]) -> &[u8] {
    let part = part.strip_suffix(b"\n").unwrap_or(part);
    part.strip_suffix(b"\r").unwrap_or(part)
}

/// Splits a frame into its timestamp and its text. Without a timestamp, the text is the whole frame.
fn split_timestamp(frame: &[u8]) -> (Option<Timestamp>, &[u8]) {
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
    use proptest::prelude::*;

    use super::*;

    const AT: &str = "2026-11-21T06:00:00.123456789Z ";

    fn out(text: &str) -> Frame {
        Frame::Part(LogStream::Out, format!("{AT}{text}").into())
    }

    #[test]
    fn a_long_line_in_several_frames_is_one_line() {
        let mut lines = Lines::default();
        assert_eq!(lines.take(out(&"a".repeat(PART))), None);
        let other = Frame::Part(LogStream::Err, format!("{AT}between\n").into());
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
        let line = Lines::default().take(Frame::Terminal(text.into(), 0));
        assert_eq!(
            line.map(|l| l.bytes),
            Some([vec![b'a'; PART], b"end".to_vec()].concat())
        );
    }

    #[test]
    fn a_cut_line_of_a_terminal_counts_the_dropped_bytes() {
        let text = format!("{AT}{}", "a".repeat(100));
        let line = Lines::default().take(Frame::Terminal(text.into(), 5000));
        let line = line.map(|line| (line.bytes.len(), line.dropped));
        assert_eq!(line, Some((100, 5000)));
    }

    #[test]
    fn a_line_without_an_end_is_returned_last_and_is_bounded() {
        let mut lines = Lines::default();
        for _ in 0..100 {
            assert_eq!(lines.take(out(&"a".repeat(PART))), None);
        }
        let rest = lines.rest().map(|l| (l.bytes.len(), l.dropped));
        assert_eq!(rest, Some((LONGEST, 100 * PART - LONGEST)));
    }

    #[test]
    fn a_frame_without_a_timestamp_is_still_a_line() {
        let frame = Frame::Part(LogStream::Out, "\u{1}garbage without date\n".into());
        let line = Lines::default().take(frame);
        assert_eq!(
            line.map(|l| (l.at, l.bytes)),
            Some((None, b"\x01garbage without date".to_vec()))
        );
    }

    /// The frames in which Docker sends an output: each line in parts, and each part with a time.
    fn frames(output: &[u8], stream: LogStream) -> Vec<Frame> {
        let lines = output.split_inclusive(|byte| *byte == b'\n');
        let parts = lines.flat_map(|line| line.chunks(PART));
        let frames = parts.map(|part| Frame::Part(stream, [AT.as_bytes(), part].concat()));
        frames.collect()
    }

    fn output() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..50),
            2 => Just(b"\n".to_vec()),
            2 => Just(AT.as_bytes().to_vec()),
            1 => (PART - 2..PART + 40).prop_map(|length| vec![b'x'; length]),
            1 => (0..3 * PART).prop_map(|length| b"\x1b]0;".repeat(length / 4)),
        ];
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
    }

    /// The lines of an output, including an unfinished last line.
    fn whole(output: &[u8]) -> Vec<Vec<u8>> {
        let lines = output.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| without_end(line).to_vec()).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        /// Tries outputs of both streams, interleaved in any way.
        #[test]
        fn no_byte_of_a_line_is_lost(out in output(), err in output(), turns: u64) {
            let (mut outs, mut errs) = (frames(&out, LogStream::Out).into_iter(), frames(&err, LogStream::Err).into_iter());
            let mut lines = Lines::default();
            let mut received = Vec::new();
            for turn in 0.. {
                let frame = if turns.rotate_left(turn) % 2 == 0 {
                    outs.next().or_else(|| errs.next())
                } else {
                    errs.next().or_else(|| outs.next())
                };
                let Some(frame) = frame else { break };
                received.extend(lines.take(frame));
            }
            received.extend(lines.rest());
            received.extend(lines.rest());
            for (stream, output) in [(LogStream::Out, &out), (LogStream::Err, &err)] {
                let of = received.iter().filter(|line| line.stream == stream);
                let bytes: Vec<Vec<u8>> = of.map(|line| line.bytes.clone()).collect();
                // A part that ends with a carriage return loses this character, so lines are compared without carriage
                // returns.
                let plain = |lines: &[Vec<u8>]| -> Vec<Vec<u8>> {
                    lines.iter().map(|line| line.iter().copied().filter(|byte| *byte != b'\r').collect()).collect()
                };
                prop_assert_eq!(plain(&bytes), plain(&whole(output)));
            }
        }

        #[test]
        fn no_frame_causes_a_panic(frames in prop::collection::vec((0..3_u8, prop::collection::vec(any::<u8>(), 0..80)), 0..20)) {
            let mut lines = Lines::default();
            for (stream, bytes) in frames {
                lines.take(match stream {
                    0 => Frame::Part(LogStream::Out, bytes),
                    1 => Frame::Part(LogStream::Err, bytes),
                    _ => Frame::Terminal(bytes, 0),
                });
            }
        }
    }
}

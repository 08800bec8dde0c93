//! Splits the bytes of a log into frames, in bounded memory. The client library is not used here: if a container has a
//! terminal, the library buffers a whole line, however long the line is.

use super::connection::{ITEM, TooLarge};
use crate::ports::LogStream;

/// The header of each frame of a container without a terminal: the stream, three zeros and the length.
const HEAD: usize = 8;

/// The most bytes of one terminal line, with its timestamp. `log_lines` shortens the text further.
const TERMINAL_LINE: usize = 512 * 1024;

/// A piece of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A part of a line. The last part of a line ends with the line end.
    Part(LogStream, Vec<u8>),
    /// A line of a container with a terminal, and how many bytes were dropped from the end of the line.
    Terminal(Vec<u8>, usize),
}

/// The received part of the next frame.
#[derive(Debug)]
pub(super) enum Frames {
    /// The container has no terminal: each frame has a header.
    Headed(Vec<u8>),
    /// The container has a terminal: the log consists of plain lines.
    Terminal { line: Vec<u8>, skipped: usize },
}

impl Frames {
    pub(super) fn new(has_terminal: bool) -> Self {
        if has_terminal {
            Self::Terminal {
                line: Vec::new(),
                skipped: 0,
            }
        } else {
            Self::Headed(Vec::new())
        }
    }

    /// Adds received bytes and returns the frames that are now complete.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, TooLarge> {
        match self {
            Self::Headed(buffer) => {
                buffer.extend_from_slice(bytes);
                let (mut frames, mut taken) = (Vec::new(), 0);
                while let Some((frame, length)) = headed(&buffer[taken..])? {
                    frames.push(frame);
                    taken += length;
                }
                buffer.drain(..taken);
                Ok(frames)
            }
            Self::Terminal { line, skipped } => {
                let mut frames = Vec::new();
                for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                    let room = TERMINAL_LINE.saturating_sub(line.len());
                    let kept = part.get(..room).unwrap_or(part);
                    line.extend_from_slice(kept);
                    *skipped += part.len() - kept.len();
                    if part.ends_with(b"\n") {
                        frames.push(Frame::Terminal(
                            std::mem::take(line),
                            std::mem::take(skipped),
                        ));
                    }
                }
                Ok(frames)
            }
        }
    }

    /// The last line of a terminal, if the line has no line end.
    pub(super) fn rest(&mut self) -> Option<Frame> {
        match self {
            Self::Terminal { line, skipped } if !line.is_empty() => Some(Frame::Terminal(
                std::mem::take(line),
                std::mem::take(skipped),
            )),
            _ => None,
        }
    }
}

/// The first frame in `buffer`, and its length in bytes including the header; none if the frame is not complete.
fn headed(buffer: &[u8]) -> Result<Option<(Frame, usize)>, TooLarge> {
    let Some(&[stream, _, _, _, a, b, c, d]) = buffer.first_chunk::<HEAD>() else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([a, b, c, d]);
    if u64::from(length) > ITEM {
        return Err(TooLarge::item());
    }
    let end = HEAD + usize::try_from(length).unwrap_or(usize::MAX);
    let Some(frame) = buffer.get(HEAD..end) else {
        return Ok(None);
    };
    let stream = if stream == 2 {
        LogStream::Err
    } else {
        LogStream::Out
    };
    Ok(Some((Frame::Part(stream, frame.to_vec()), end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames_of(frames: &mut Frames, bytes: &[u8], at_a_time: usize) -> Vec<Frame> {
        let chunks = bytes.chunks(at_a_time);
        chunks
            .flat_map(|chunk| frames.take(chunk).expect("frames"))
            .collect()
    }

    #[test]
    fn frames_are_whole_for_every_chunk_size() {
        let bytes = b"\x01\0\0\0\0\0\0\x04one\n\x02\0\0\0\0\0\0\x03two\x01\0\0\0\0\0\0\0";
        for at_a_time in [1, 5, bytes.len()] {
            let frames = frames_of(&mut Frames::new(false), bytes, at_a_time);
            let wanted = [
                Frame::Part(LogStream::Out, b"one\n".to_vec()),
                Frame::Part(LogStream::Err, b"two".to_vec()),
                Frame::Part(LogStream::Out, Vec::new()),
            ];
            assert_eq!(frames, wanted);
        }
    }

    #[test]
    fn a_frame_beyond_the_limit_is_refused() {
        let refused = Frames::new(false).take(b"\x01\0\0\0\xff\xff\xff\xff");
        assert_eq!(refused, Err(TooLarge::item()));
    }

    #[test]
    fn a_long_line_of_a_terminal_is_cut_without_losing_the_next_line() {
        let long = vec![b'x'; 3 * TERMINAL_LINE];
        let bytes = [b"first\n", long.as_slice(), b"\nlast\nunended"].concat();
        for at_a_time in [1000, bytes.len()] {
            let mut frames = Frames::new(true);
            let lines = frames_of(&mut frames, &bytes, at_a_time);
            let wanted = [
                Frame::Terminal(b"first\n".to_vec(), 0),
                Frame::Terminal(vec![b'x'; TERMINAL_LINE], 2 * TERMINAL_LINE + 1),
                Frame::Terminal(b"last\n".to_vec(), 0),
            ];
            assert_eq!(lines, wanted);
            assert_eq!(frames.rest(), Some(Frame::Terminal(b"unended".to_vec(), 0)));
            assert_eq!(frames.rest(), None);
        }
    }
}

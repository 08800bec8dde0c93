//! The lines that the commands of checks write, while the checks run. The driver of a release keeps the newest lines in
//! memory. A check never waits for a reader: if a reader is slow, it loses the oldest lines.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::{LogChunk, LogStream};
use crate::checks::{OutputEnd, OutputMask};

/// The most lines, and the most bytes of lines, that are kept for readers.
const MOST_LINES: usize = 20_000;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes of a line. Further bytes are dropped and counted. Only about a quarter of them is ever shown, so a
/// secret at the end of a cut line is not shown in part.
const LONGEST: usize = 64 * 1024;

/// One line of the output of a check, as raw bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckLine {
    /// The name of the check.
    pub check: Arc<str>,
    pub chunk: LogChunk,
}

impl CheckLine {
    fn size(&self) -> usize {
        self.chunk.bytes.len() + size_of::<Self>()
    }
}

/// The newest lines, oldest first.
#[derive(Debug, Default)]
struct Kept {
    lines: VecDeque<CheckLine>,
    bytes: usize,
    /// How many lines came before `lines` and were dropped.
    dropped: u64,
}

/// The output of the checks of one release. Clones share the lines.
#[derive(Debug, Clone, Default)]
pub struct CheckOutput(watch::Sender<Kept>);

impl CheckOutput {
    pub fn lines(&self) -> CheckLines {
        CheckLines {
            kept: self.0.subscribe(),
            next: 0,
        }
    }

    /// Returns at once. The oldest lines are dropped if there are too many.
    pub fn push(&self, line: CheckLine) {
        self.0.send_modify(|kept| {
            kept.bytes += line.size();
            kept.lines.push_back(line);
            while kept.lines.len() > MOST_LINES || kept.bytes > MOST_BYTES {
                let Some(oldest) = kept.lines.pop_front() else {
                    break;
                };
                kept.bytes -= oldest.size();
                kept.dropped += 1;
            }
        });
    }

    /// Records the output of one check.
    pub fn recorder(&self, check: &str) -> OutputRecorder {
        OutputRecorder {
            output: self.clone(),
            check: check.into(),
            end: OutputEnd::default(),
            unfinished: Vec::new(),
            dropped: 0,
        }
    }
}

/// Takes the output of one check as it arrives: passes its lines on, and keeps its end for the report. A last line
/// without a line end is passed on when this is dropped.
#[derive(Debug)]
pub struct OutputRecorder {
    output: CheckOutput,
    check: Arc<str>,
    end: OutputEnd,
    unfinished: Vec<u8>,
    /// How many bytes of the unfinished line were dropped.
    dropped: usize,
}

impl OutputRecorder {
    /// The end of the output, sanitized, and with secrets hidden. None if the mask does not hide every secret.
    pub fn end(&self, mask: &OutputMask) -> Option<String> {
        mask.is_complete.then(|| self.end.text(&mask.mask))
    }

    /// Takes a whole line.
    pub fn line(&mut self, chunk: LogChunk) {
        self.end.take(&chunk.bytes);
        self.end.take(b"\n");
        self.output.push(CheckLine {
            check: Arc::clone(&self.check),
            chunk,
        });
    }

    /// Takes bytes, and splits them into lines.
    pub fn take(&mut self, bytes: &[u8]) {
        self.end.take(bytes);
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let room = LONGEST.saturating_sub(self.unfinished.len());
            let kept = text.get(..room).unwrap_or(text);
            self.unfinished.extend_from_slice(kept);
            self.dropped += text.len() - kept.len();
            if part.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let mut bytes = std::mem::take(&mut self.unfinished);
        if bytes.ends_with(b"\r") {
            bytes.pop();
        }
        self.output.push(CheckLine {
            check: Arc::clone(&self.check),
            chunk: LogChunk {
                at: Some(jiff::Timestamp::now()),
                stream: LogStream::Out,
                bytes,
                dropped: std::mem::take(&mut self.dropped),
            },
        });
    }
}

impl Drop for OutputRecorder {
    fn drop(&mut self) {
        if !self.unfinished.is_empty() {
            self.end_line();
        }
    }
}

/// Reads the output of the checks of a release. Each clone reads on its own.
#[derive(Debug, Clone)]
pub struct CheckLines {
    kept: watch::Receiver<Kept>,
    /// The number of the next line, counted from the first line of the release.
    next: u64,
}

impl CheckLines {
    /// Waits for lines, and returns at most `most` of them, with the number of lines before them that were dropped. None
    /// when the driver has ended and every line was read.
    pub async fn next(&mut self, most: usize) -> Option<(u64, Vec<CheckLine>)> {
        loop {
            let read = self.read(most);
            if read.is_some() {
                return read;
            }
            if self.kept.changed().await.is_err() {
                return self.read(most);
            }
        }
    }

    fn read(&mut self, most: usize) -> Option<(u64, Vec<CheckLine>)> {
        let kept = self.kept.borrow_and_update();
        let lost = kept.dropped.saturating_sub(self.next);
        let from = self.next.max(kept.dropped);
        let skipped = usize::try_from(from - kept.dropped).unwrap_or(usize::MAX);
        let lines: Vec<CheckLine> = kept
            .lines
            .iter()
            .skip(skipped)
            .take(most)
            .cloned()
            .collect();
        self.next = from + lines.len() as u64;
        (!lines.is_empty()).then_some((lost, lines))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(lines: &[CheckLine]) -> Vec<String> {
        let lines = lines.iter();
        let text = lines.map(|line| String::from_utf8_lossy(&line.chunk.bytes).into_owned());
        text.collect()
    }

    #[tokio::test]
    async fn lines_are_split_at_their_ends() {
        let output = CheckOutput::default();
        let mut lines = output.lines();
        let mut recorder = output.recorder("smoke");
        for part in ["a", "b\nc\r\n\nd", "e"] {
            recorder.take(part.as_bytes());
        }
        drop(recorder);
        let (lost, read) = lines.next(3).await.expect("lines");
        assert_eq!(
            (lost, text(&read)),
            (0, vec!["ab".into(), "c".into(), String::new()])
        );
        drop(output);
        let (_, read) = lines.next(3).await.expect("the last line");
        assert_eq!(text(&read), ["de"]);
        assert_eq!(lines.next(3).await, None);
    }

    #[tokio::test]
    async fn a_slow_reader_loses_the_oldest_lines() {
        let output = CheckOutput::default();
        let mut lines = output.lines();
        let mut recorder = output.recorder("smoke");
        for number in 0..MOST_LINES + 5 {
            recorder.take(format!("{number}\n").as_bytes());
        }
        let (lost, read) = lines.next(1).await.expect("lines");
        assert_eq!((lost, text(&read)), (5, vec!["5".to_owned()]));
        recorder.take(&vec![b'x'; MOST_BYTES]);
        recorder.take(b"\n");
        let (_, read) = lines.next(usize::MAX).await.expect("lines");
        let last = &read.last().expect("a line").chunk;
        assert_eq!(
            (last.bytes.len(), last.dropped),
            (LONGEST, MOST_BYTES - LONGEST)
        );
    }
}

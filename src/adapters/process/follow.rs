//! Follows the output of an instance in its log file. The file is read ten times a second, only while the output is
//! followed.

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::time::Duration;

use futures_util::stream::{self, BoxStream, StreamExt};
use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::Instant;

use super::record::Process;
use super::records::Records;
use crate::inventory::InstanceId;
use crate::ports::{FailureKind, LogChunk, LogStream, Result};

const READ_INTERVAL: Duration = Duration::from_millis(100);

/// How long the follower waits for the record of the run. A program may write lines before that record exists.
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of one read. A longer line is returned in parts.
pub(super) const BLOCK: usize = 64 * 1024;

/// How far back from the end of the file earlier lines are searched, in bytes.
const FURTHEST: u64 = 16 * 1024 * 1024;

struct Follow {
    records: Records,
    process: Process,
    file: File,
    position: u64,
    /// The length of the file when following started. Lines before this position are older, so they do not get the
    /// current time.
    old_until: u64,
    since: Option<Timestamp>,
    open: Vec<u8>,
    ready: VecDeque<LogChunk>,
    /// When the follower stops waiting for the record of the run.
    start_deadline: Instant,
    /// Whether the program has exited. The file is then read to its end once more.
    has_exited: bool,
}

/// Implements [`crate::ports::RuntimeReader::logs`].
pub(super) async fn stream(
    records: &Records,
    id: &InstanceId,
    since: Option<Timestamp>,
    tail: usize,
) -> Result<BoxStream<'static, Result<LogChunk>>> {
    let doing = format!("reading the output of {}", id.short());
    let Some(process) = records.process(id)? else {
        return Err(records.failure(FailureKind::Missing, doing, "the process no longer exists"));
    };
    let open = async || {
        let mut file = File::open(records.log(id)).await?;
        let length = file.seek(SeekFrom::End(0)).await?;
        let start = start_of(&mut file, length, tail).await?;
        file.seek(SeekFrom::Start(start)).await?;
        Ok::<_, io::Error>((file, start, length))
    };
    let (file, position, old_until) = open()
        .await
        .map_err(|error| records.failed(&doing, error))?;
    let follow = Follow {
        records: records.clone(),
        process,
        file,
        position,
        old_until,
        since,
        open: Vec::new(),
        ready: VecDeque::new(),
        start_deadline: Instant::now() + START_TIMEOUT,
        has_exited: false,
    };
    let lines = stream::unfold(Some(follow), |follow| async move {
        let mut follow = follow?;
        match follow.next().await {
            Ok(Some(line)) => Some((Ok(line), Some(follow))),
            Ok(None) => None,
            Err(error) => {
                let doing = format!("reading the output of {}", follow.process.name);
                let failure = follow.records.failed(&doing, error);
                Some((Err(failure), None))
            }
        }
    });
    Ok(lines.boxed())
}

/// The position at which the last `tail` lines before `end` start. Searches back by at most about [`FURTHEST`]. If
/// these lines start earlier, returns the position at which the search ended.
async fn start_of(file: &mut File, end: u64, tail: usize) -> io::Result<u64> {
    let (mut start, mut ends) = (end, 0_usize);
    let mut block = Vec::with_capacity(BLOCK);
    while start > 0 && end - start < FURTHEST && tail > 0 {
        let from = start.saturating_sub(BLOCK as u64);
        file.seek(SeekFrom::Start(from)).await?;
        block.clear();
        (&mut *file)
            .take(start - from)
            .read_to_end(&mut block)
            .await?;
        for (at, _) in block.iter().enumerate().rev().filter(|(_, b)| **b == b'\n') {
            let after = from + at as u64 + 1;
            // No line starts after the end of the last line.
            if after < end {
                ends += 1;
            }
            if ends == tail {
                return Ok(after);
            }
        }
        start = from;
    }
    Ok(start)
}

impl Follow {
    async fn next(&mut self) -> io::Result<Option<LogChunk>> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Ok(Some(line));
            }
            let mut block = vec![0; BLOCK];
            let read = self.file.read(&mut block).await?;
            if read > 0 {
                self.take(&block[..read]);
                continue;
            }
            if self.has_exited {
                let rest = std::mem::take(&mut self.open);
                return Ok(if rest.is_empty() {
                    None
                } else {
                    self.line(rest)
                });
            }
            if self.process.run.is_none() {
                self.reread_record();
            }
            if self.process.running().is_none() && !self.may_be_starting() {
                self.has_exited = true;
                continue;
            }
            tokio::time::sleep(READ_INTERVAL).await;
        }
    }

    fn reread_record(&mut self) {
        if let Ok(Some(now)) = self.records.process(&self.process.id) {
            self.process = now;
        }
    }

    /// Whether the program may still be being started. A program that replaces itself (`exec`) has no readable environment
    /// for a moment. Until its run is recorded, it cannot be told from a program that has exited.
    fn may_be_starting(&self) -> bool {
        self.process.run.is_none() && Instant::now() < self.start_deadline
    }

    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.position += part.len() as u64;
            self.open.extend_from_slice(part);
            let whole = self.open.ends_with(b"\n");
            if whole {
                self.open.pop();
            }
            if whole || self.open.len() >= BLOCK {
                let bytes = std::mem::take(&mut self.open);
                let line = self.line(bytes);
                self.ready.extend(line);
            }
        }
    }

    /// Makes a log line. None if the line is older than the requested time.
    fn line(&self, bytes: Vec<u8>) -> Option<LogChunk> {
        let stamped = stamp(&bytes);
        if let (Some(at), Some(since)) = (stamped, self.since)
            && at < since
        {
            return None;
        }
        let fresh = self.position > self.old_until;
        Some(LogChunk {
            at: stamped.or_else(|| fresh.then(Timestamp::now)),
            stream: LogStream::Out,
            bytes,
            dropped: 0,
        })
    }
}

/// Parses the time at the start of a line.
fn stamp(line: &[u8]) -> Option<Timestamp> {
    let first = line.split(|byte| *byte == b' ').next()?;
    // An RFC 3339 time has at least 20 characters, and a very long word cannot be one.
    if !(20..=40).contains(&first.len()) {
        return None;
    }
    std::str::from_utf8(first).ok()?.parse().ok()
}

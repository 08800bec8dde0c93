//! The proxy's last requests as a stream of lines, read from its answer listener. The stream sends requests only
//! while it is polled, and ends when it is dropped.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use super::answer::{RESTART, ask_for, place};
use super::recent::{Lines, Since, TIMEOUT};
use super::site::Site;
use crate::inventory::{PassedRequest, Target};
use crate::ports::{Failure, FailureKind, LogChunk, LogStream, Result};

/// How much longer than the proxy's own [`TIMEOUT`] this client waits for an answer.
const EXTRA_TIME: Duration = Duration::from_secs(5);

struct Follow {
    address: SocketAddr,
    target: Target,
    next: u64,
    ready: VecDeque<LogChunk>,
}

/// Implements [`crate::ports::RouterReader::log`]. The stream ends with the failure that interrupted the stream.
pub(super) async fn stream(
    address: SocketAddr,
    target: &Target,
    tail: usize,
) -> Result<BoxStream<'static, Result<LogChunk>>> {
    let mut follow = Follow {
        address,
        target: target.clone(),
        next: 0,
        ready: VecDeque::new(),
    };
    follow.fetch(Since::Last(tail)).await?;
    let lines = stream::unfold(Some(follow), |follow| async move {
        let mut follow = follow?;
        loop {
            if let Some(line) = follow.ready.pop_front() {
                return Some((Ok(line), Some(follow)));
            }
            if let Err(failure) = follow.fetch(Since::Number(follow.next)).await {
                return Some((Err(failure), None));
            }
        }
    });
    Ok(lines.boxed())
}

impl Follow {
    async fn fetch(&mut self, since: Since) -> Result<()> {
        let doing = format!("reading the requests of {}", self.target);
        let path = format!("{}?{}", Site::answer_path(&self.target), since.query());
        let answer: Option<Lines> =
            ask_for(self.address, &path, &doing, TIMEOUT + EXTRA_TIME).await?;
        let failed = |kind, message| Failure::new(kind, place(self.address), &doing, message);
        let Some(lines) = answer else {
            return Err(
                failed(FailureKind::Missing, "the proxy does not serve this target").hint(RESTART),
            );
        };
        let Some(next) = lines.next else {
            return Err(failed(
                FailureKind::Unreachable,
                "the proxy is shutting down",
            ));
        };
        if lines.lost > 0 {
            let text = format!(
                "… requests not shown: {}, because the proxy keeps only the last requests",
                lines.lost
            );
            self.ready.push_back(LogChunk {
                at: lines.requests.first().map(|line| line.at),
                stream: LogStream::Err,
                bytes: text.into_bytes(),
                dropped: 0,
            });
        }
        self.next = next;
        self.ready.extend(lines.requests.iter().map(line));
        Ok(())
    }
}

fn line(passed: &PassedRequest) -> LogChunk {
    LogChunk {
        at: Some(passed.at),
        stream: if passed.failed() {
            LogStream::Err
        } else {
            LogStream::Out
        },
        bytes: passed.to_string().into_bytes(),
        dropped: 0,
    }
}

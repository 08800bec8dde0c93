//! The traffic of a target, read from its access log: the rates of the last seconds, and the requests as lines. The
//! log is read only on request.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use jiff::Timestamp;
use tokio::sync::Mutex;

use super::tail::{News, Tail};
use super::{Nginx, access_log};
use crate::inventory::{
    Door, PassedRequest, PerSlot, RateWindow, Rates, RequestCount, RequestCounts, Slot, Target,
};
use crate::ports::{Failure, FailureKind, LogChunk, LogStream, Result};

/// The most bytes of one read when the rates are counted.
pub(super) const MOST_FOR_RATES: usize = 4 * 1024 * 1024;
/// The most bytes of one read when the lines are followed.
const MOST_FOR_LINES: usize = 1024 * 1024;
/// The time between two reads while the lines are followed.
const READ_INTERVAL: Duration = Duration::from_millis(200);

/// The access logs that have been counted, by target.
#[derive(Default)]
pub(super) struct Logs(Mutex<BTreeMap<Target, Arc<Mutex<Log>>>>);

struct Log {
    tail: Tail,
    windows: PerSlot<RateWindow>,
    counts: PerSlot<RequestCounts>,
    /// From this second on, every request has been counted.
    known_from: i64,
}

impl Logs {
    pub(super) async fn rates(
        &self,
        nginx: &Nginx,
        target: &Target,
    ) -> Result<PerSlot<Option<Rates>>> {
        let doing = format!("reading the rates of {target}");
        let log = self.read(nginx, target, &doing).await?;
        let mut log = log.lock().await;
        let now = Timestamp::now().as_second();
        if log.known_from > RateWindow::first_second(now) {
            let message = "the rates cannot be counted: the access log has more new lines than Greenroom reads at once";
            return Err(nginx.failure(FailureKind::Unsupported, doing, message));
        }
        let windows = &mut log.windows;
        Ok(PerSlot::from_fn(|slot| {
            Some(windows.get_mut(slot).rates(now))
        }))
    }

    /// How many requests a slot has answered since a time. Only requests in the parts of the log that were read are
    /// counted: a log that grows too fast is not read completely.
    pub(super) async fn traffic(
        &self,
        nginx: &Nginx,
        target: &Target,
        slot: Slot,
        since: Timestamp,
    ) -> Result<RequestCount> {
        let doing = format!("counting the requests of {target}");
        let log = self.read(nginx, target, &doing).await?;
        let log = log.lock().await;
        Ok(log.counts.get(slot).since(since.as_second()))
    }

    /// Reads the log of a target up to its end, and returns the log.
    async fn read(&self, nginx: &Nginx, target: &Target, doing: &str) -> Result<Arc<Mutex<Log>>> {
        let path = path(nginx, target, doing)?;
        let shared = self.log(target, path).await;
        let mut log = shared.lock().await;
        let Some(news) = log.tail.read(nginx.host(), MOST_FOR_RATES).await? else {
            return Err(missing(nginx, &log.tail, doing));
        };
        log.take(&news);
        drop(log);
        Ok(shared)
    }

    async fn log(&self, target: &Target, path: PathBuf) -> Arc<Mutex<Log>> {
        let mut logs = self.0.lock().await;
        let log = logs.entry(target.clone()).or_insert_with(|| {
            Arc::new(Mutex::new(Log {
                tail: Tail::new(path),
                windows: PerSlot::default(),
                counts: PerSlot::default(),
                known_from: i64::MIN,
            }))
        });
        Arc::clone(log)
    }
}

impl Log {
    fn take(&mut self, news: &News) {
        let passed = news.lines.iter().filter_map(|line| access_log::read(line));
        let mut first = None;
        for request in passed {
            let second = request.at.as_second();
            first.get_or_insert(second);
            if let (Some(slot), Door::Public) = (request.slot, request.door) {
                let window = self.windows.get_mut(slot);
                window.count(second, request.took, request.failed());
                self.counts.get_mut(slot).count(second, request.failed());
            }
        }
        if !news.is_whole {
            // Bytes were skipped, so the first second that was read is incomplete.
            self.known_from = first.map_or(i64::MAX, |second| second + 1);
        }
    }
}

/// The requests as lines: at most `tail` existing lines, then new lines.
pub(super) async fn lines(
    nginx: Arc<Nginx>,
    target: &Target,
    tail: usize,
) -> Result<BoxStream<'static, Result<LogChunk>>> {
    let doing = format!("reading the log of {target}");
    let mut follow = Follow {
        tail: Tail::new(path(&nginx, target, &doing)?),
        nginx,
        ready: VecDeque::new(),
    };
    follow.fetch(&doing).await?;
    let too_many = follow.ready.len().saturating_sub(tail);
    follow.ready.drain(..too_many);
    let lines = stream::unfold(Some((follow, doing)), |state| async move {
        let (mut follow, doing) = state?;
        loop {
            if let Some(line) = follow.ready.pop_front() {
                return Some((Ok(line), Some((follow, doing))));
            }
            tokio::time::sleep(READ_INTERVAL).await;
            match follow.fetch(&doing).await {
                Ok(()) => {}
                // While the log is rotated, the file may not exist for a moment.
                Err(failure) if failure.kind == FailureKind::Missing => {}
                Err(failure) => return Some((Err(failure), None)),
            }
        }
    });
    Ok(lines.boxed())
}

struct Follow {
    nginx: Arc<Nginx>,
    tail: Tail,
    ready: VecDeque<LogChunk>,
}

impl Follow {
    async fn fetch(&mut self, doing: &str) -> Result<()> {
        let Some(news) = self.tail.read(self.nginx.host(), MOST_FOR_LINES).await? else {
            return Err(missing(&self.nginx, &self.tail, doing));
        };
        if news.skipped > 0 {
            let text = format!(
                "… {} bytes of the log are not shown: too many requests at the same time",
                news.skipped
            );
            self.ready.push_back(LogChunk {
                at: None,
                stream: LogStream::Err,
                bytes: text.into_bytes(),
                dropped: 0,
            });
        }
        let requests = news.lines.iter().filter_map(|line| access_log::read(line));
        self.ready.extend(requests.map(|request| chunk(&request)));
        Ok(())
    }
}

fn chunk(request: &PassedRequest) -> LogChunk {
    LogChunk {
        at: Some(request.at),
        stream: if request.failed() {
            LogStream::Err
        } else {
            LogStream::Out
        },
        bytes: request.to_string().into_bytes(),
        dropped: 0,
    }
}

fn path(nginx: &Nginx, target: &Target, doing: &str) -> Result<PathBuf> {
    nginx.site(target, doing)?;
    nginx.access_log(target).ok_or_else(|| {
        let message = "nginx writes no access log that Greenroom can read";
        let hint = "set access_log to a directory in the environment's nginx table";
        nginx
            .failure(FailureKind::Unsupported, doing, message)
            .hint(hint)
    })
}

fn missing(nginx: &Nginx, tail: &Tail, doing: &str) -> Failure {
    let message = format!("{} does not exist", tail.path().display());
    nginx
        .failure(FailureKind::Missing, doing, message)
        .hint("the next release or greenroom repair installs the configuration that writes this log. If the log was removed, `nginx -s reopen` creates it again")
}

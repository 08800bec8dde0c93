//! Follows a log across restarts and lost connections, without duplicates, and with a notice wherever lines may be
//! missing. The module uses the ports and does not know the screen. If the reader is slow, the module waits and does
//! not buffer more lines.

mod checks;
mod members;
mod tasks;

pub use checks::follow_checks;
pub use members::{MemberLines, follow_members};
pub use tasks::follow_tasks;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Hiding, NewLine};
use crate::inventory::{InstanceId, Target, local_time};
use crate::ports::{self, Checker, Failure, FailureKind, LogChunk, RouterReader, RuntimeReader};

/// Lines that arrived together, oldest first.
pub type Batch = Vec<NewLine>;

/// How long lines are collected before they are sent: about half a frame.
const GATHER: Duration = Duration::from_millis(16);
/// The maximum number of lines in a batch.
const LARGEST: usize = 1024;
/// How many available lines are read before the clock is checked.
const READY: usize = LARGEST / 2;
/// How many batches may wait for a slow reader before the tail waits too.
const WAITING: usize = 4;
/// How many earlier lines are requested again after a lost connection.
const OVERLAP: usize = 20_000;
/// How long opening the log may take, including the wait for the secrets to hide.
const OPEN_TIMEOUT: Duration = Duration::from_secs(10);
/// The first and the longest pause before the log is opened again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// The notice after the last line of a log that has ended for now.
const ENDED: &str = "the log has ended for now; if it continues, the new lines follow below";

/// Follows an instance: at most `tail` existing lines, then new lines. Ends when the receiver is dropped, when the
/// instance no longer exists, when its log cannot be read, or when the request for the log is refused.
pub fn follow(
    reader: Arc<dyn RuntimeReader>,
    instance: InstanceId,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let tap = OfInstance {
        reader,
        instance,
        has_end: false,
    };
    follow_tap(tap, None, tail)
}

/// Follows an instance like [`follow`], and hides the secrets of the target that the checker knows, because an
/// application may log secrets.
pub fn follow_hidden(
    (reader, checker): (Arc<dyn RuntimeReader>, Arc<dyn Checker>),
    instance: InstanceId,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let tap = OfInstance {
        reader,
        instance,
        has_end: false,
    };
    follow_tap(tap, Some(checker), tail)
}

/// Follows the container of a task like [`follow_hidden`]. The receiver gets no more lines after the command has ended,
/// because the container is never started again.
pub fn follow_task(
    (reader, checker): (Arc<dyn RuntimeReader>, Arc<dyn Checker>),
    container: InstanceId,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let tap = OfInstance {
        reader,
        instance: container,
        has_end: true,
    };
    follow_tap(tap, Some(checker), tail)
}

/// Follows the proxy's log of the requests to a target, and hides the secrets of the target.
pub fn follow_proxy(
    (reader, checker): (Arc<dyn RouterReader>, Arc<dyn Checker>),
    target: Target,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let tap = OfProxy { reader, target };
    follow_tap(tap, Some(checker), tail)
}

fn follow_tap(
    tap: impl Tap + 'static,
    checker: Option<Arc<dyn Checker>>,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let (out, batches) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let sender = out.clone();
        let tailing = run(&tap, Hiding::new(checker), tail, &out);
        tokio::select! {
            () = tailing => {}
            () = sender.closed() => {}
        }
    });
    batches
}

type Chunks = BoxStream<'static, ports::Result<LogChunk>>;

/// A log that can be opened again and again.
#[async_trait]
trait Tap: Send + Sync {
    /// Opens the log: at most `tail` existing lines, none older than `since` if the source supports that, then new
    /// lines.
    async fn open(&self, since: Option<Timestamp>, tail: usize) -> ports::Result<Chunks>;

    /// The failure if the log is not opened in time.
    fn silent(&self) -> Failure;

    /// Whether a log that has ended never continues.
    fn has_end(&self) -> bool {
        false
    }
}

struct OfInstance {
    reader: Arc<dyn RuntimeReader>,
    instance: InstanceId,
    has_end: bool,
}

#[async_trait]
impl Tap for OfInstance {
    async fn open(&self, since: Option<Timestamp>, tail: usize) -> ports::Result<Chunks> {
        self.reader.logs(&self.instance, since, tail).await
    }

    fn silent(&self) -> Failure {
        let doing = format!("opening the log of {}", self.instance.short());
        Failure::new(FailureKind::Unreachable, "the runtime", doing, "no answer")
    }

    fn has_end(&self) -> bool {
        self.has_end
    }
}

struct OfProxy {
    reader: Arc<dyn RouterReader>,
    target: Target,
}

#[async_trait]
impl Tap for OfProxy {
    async fn open(&self, _since: Option<Timestamp>, tail: usize) -> ports::Result<Chunks> {
        self.reader.log(&self.target, tail).await
    }

    fn silent(&self) -> Failure {
        let doing = format!("opening the log of requests to {}", self.target);
        Failure::new(FailureKind::Unreachable, "the proxy", doing, "no answer")
    }
}

/// Why a stream of lines has ended.
enum Ended {
    /// The receiver was dropped.
    Unread,
    /// The stream ended, with the failure that broke it. Without a failure, the log itself has ended, e.g. because the
    /// instance has exited.
    Stream(Option<Failure>),
}

async fn run(tap: &dyn Tap, hiding: Hiding, tail: usize, out: &mpsc::Sender<Batch>) {
    let mut sent = SentLines::new(hiding);
    let mut pause = PAUSES.0;
    let mut last_notice = String::new();
    loop {
        let why = match open(tap, &mut sent, tail).await {
            Ok(stream) => {
                sent.begin();
                match pump(stream, &mut sent, out).await {
                    Ended::Unread => return,
                    Ended::Stream(failure) => failure,
                }
            }
            Err(failure) => Some(failure),
        };
        if std::mem::take(&mut sent.grew) {
            pause = PAUSES.0;
            last_notice.clear();
            // When an instance ends, Docker omits a last line without a line end, and returns that line on the next
            // request. The log is opened again without a pause, because the instance may soon be removed.
            if why.is_none() {
                continue;
            }
        }
        if why.is_none() && tap.has_end() {
            return;
        }
        let over = why
            .as_ref()
            .is_some_and(|failure| !may_recover(failure.kind));
        let text = match why {
            Some(failure) if over => format!("the log cannot be followed: {failure}"),
            Some(failure) => format!("the log is interrupted: {failure}; Greenroom tries again"),
            None => ENDED.into(),
        };
        // Report the same failure once, not at every attempt.
        if text != last_notice && out.send(vec![NewLine::notice(&text)]).await.is_err() {
            return;
        }
        last_notice = text;
        if over {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Whether opening the log again may help. It does not help if the instance is missing, if its log cannot be read at
/// all, or if the request is refused.
fn may_recover(kind: FailureKind) -> bool {
    !matches!(
        kind,
        FailureKind::Missing
            | FailureKind::Unsupported
            | FailureKind::Denied
            | FailureKind::Rejected
    )
}

async fn open(tap: &dyn Tap, sent: &mut SentLines, tail: usize) -> ports::Result<Chunks> {
    let requested_lines = match sent.last {
        Some(_) => OVERLAP,
        // Lines without a time cannot be distinguished from repeated lines, so no earlier lines are requested.
        None if sent.has_sent => 0,
        None => tail,
    };
    let opening = async {
        let chunks = tap.open(sent.last, requested_lines).await?;
        sent.hiding.wait().await;
        Ok(chunks)
    };
    let opened = timeout(OPEN_TIMEOUT, opening).await;
    opened.unwrap_or_else(|_| Err(tap.silent()))
}

async fn pump(stream: Chunks, sent: &mut SentLines, out: &mpsc::Sender<Batch>) -> Ended {
    let mut ready = stream.ready_chunks(READY);
    loop {
        let mut batch = Batch::new();
        let Some(first) = ready.next().await else {
            return Ended::Stream(None);
        };
        let mut gathered = gather(first, sent, &mut batch);
        let until = Instant::now() + GATHER;
        while gathered.is_ok() && batch.len() + READY < LARGEST {
            match timeout_at(until, ready.next()).await {
                Ok(Some(more)) => gathered = gather(more, sent, &mut batch),
                // The next round reads the end of the stream again.
                Ok(None) | Err(_) => break,
            }
        }
        if !batch.is_empty() && out.send(batch).await.is_err() {
            return Ended::Unread;
        }
        if let Err(failure) = gathered {
            return Ended::Stream(Some(failure));
        }
    }
}

/// Adds the new lines in `chunks` to the batch.
fn gather(
    chunks: Vec<ports::Result<LogChunk>>,
    sent: &mut SentLines,
    batch: &mut Batch,
) -> ports::Result<()> {
    for chunk in chunks {
        sent.take(chunk?, batch);
    }
    Ok(())
}

/// How the lines of a re-opened stream follow the lines that were sent before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Joint {
    /// No line was sent before.
    #[default]
    First,
    /// The log was opened again, and no line that was sent before has come yet.
    Open,
    /// The log was opened again, and its first line has come. That line repeats a line that was sent before, or follows
    /// a notice that lines may be missing.
    Closed,
}

/// The sent lines that are needed to detect duplicates: those with the newest time stamp. They are kept as they were
/// received, because other secrets may be hidden in the same line when it is received again.
struct SentLines {
    hiding: Hiding,
    last: Option<Timestamp>,
    at_last: Vec<Vec<u8>>,
    /// The lines at `last` that the re-opened stream may still repeat, with their counts.
    repeats: HashMap<Vec<u8>, usize>,
    repeats_at: Option<Timestamp>,
    joint: Joint,
    has_sent: bool,
    grew: bool,
}

impl SentLines {
    fn new(hiding: Hiding) -> Self {
        Self {
            hiding,
            last: None,
            at_last: Vec::new(),
            repeats: HashMap::new(),
            repeats_at: None,
            joint: Joint::default(),
            has_sent: false,
            grew: false,
        }
    }

    /// Prepares for a stream that was opened at `last`, inclusive.
    fn begin(&mut self) {
        self.repeats.clear();
        for line in &self.at_last {
            *self.repeats.entry(line.clone()).or_default() += 1;
        }
        self.repeats_at = self.last;
        self.joint = if self.has_sent {
            Joint::Open
        } else {
            Joint::First
        };
    }

    /// Adds a new line to the batch, preceded by a notice where lines may be missing.
    fn take(&mut self, chunk: LogChunk, batch: &mut Batch) {
        if self.is_repeat(&chunk) {
            self.joint = Joint::Closed;
            return;
        }
        if self.joint == Joint::Open {
            self.joint = Joint::Closed;
            batch.push(NewLine::notice(gap(self.last, chunk.at)));
        }
        batch.push(self.hiding.line(&chunk));
        self.note(chunk);
    }

    fn is_repeat(&mut self, chunk: &LogChunk) -> bool {
        let (Some(at), Some(joint)) = (chunk.at, self.repeats_at) else {
            return false;
        };
        if at < joint {
            // If Docker cuts `since` to seconds, it also sends older lines again. After the first newer line, an older
            // time stamp is not a repetition: standard output and standard error may arrive out of order.
            return self.last == Some(joint);
        }
        if at > joint {
            return false;
        }
        match self.repeats.get_mut(&chunk.bytes) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn note(&mut self, chunk: LogChunk) {
        self.has_sent = true;
        self.grew = true;
        let Some(at) = chunk.at else { return };
        match self.last {
            Some(last) if at < last => return,
            Some(last) if at == last => {}
            _ => {
                self.at_last.clear();
                self.last = Some(at);
            }
        }
        // At most `OVERLAP` lines are ever requested again, so more lines need not be kept.
        if self.at_last.len() < OVERLAP {
            self.at_last.push(chunk.bytes);
        }
    }
}

fn gap(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => {
            let (from, to) = (local_time::moment(from), local_time::moment(to));
            format!("lines may be missing between {from} and {to}")
        }
        _ => "lines may be missing at this point: the log was opened again".into(),
    }
}

#[cfg(test)]
mod tests;

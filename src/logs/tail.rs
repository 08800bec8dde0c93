//! Follows a log over restarts and lost connections, without doubles, and with an explicit line
//! wherever lines may be missing. Knows the ports and nothing of the screen; a slow reader makes it
//! wait, it never piles up lines.

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

/// How long lines are gathered before they are handed on: about half a drawn frame.
const GATHER: Duration = Duration::from_millis(16);
/// How many lines are handed on at once at most.
const LARGEST: usize = 1024;
/// How many lines that are there already are taken without a look at the clock.
const READY: usize = LARGEST / 2;
/// How many batches may wait for a slow reader before the tail waits too.
const WAITING: usize = 4;
/// How many lines from before a lost connection are asked for again.
const OVERLAP: usize = 20_000;
/// How long the engine may take to begin.
const BEGIN: Duration = Duration::from_secs(10);
/// The first and the longest pause before the log is asked for again.
const PAUSES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// What is said when there is no more for now.
const ENDED: &str = "the log ends here for now: when there is more, it goes on below";

/// Follows an instance: at most `tail` lines from before, then what comes, until the instance is
/// gone, its log cannot be read, or the receiver is dropped.
pub fn follow(
    reader: Arc<dyn RuntimeReader>,
    instance: InstanceId,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let tap = OfInstance { reader, instance };
    follow_tap(tap, None, tail)
}

/// The same, without the secrets of the target, which its checker knows: an application may write them down.
pub fn follow_hidden(
    (reader, checker): (Arc<dyn RuntimeReader>, Arc<dyn Checker>),
    instance: InstanceId,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let tap = OfInstance { reader, instance };
    follow_tap(tap, Some(checker), tail)
}

/// Follows what the proxy writes down about a target's requests, in the same way.
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
        let gone = out.clone();
        let tailing = run(&tap, Hiding::new(checker), tail, &out);
        tokio::select! {
            () = tailing => {}
            () = gone.closed() => {}
        }
    });
    batches
}

type Chunks = BoxStream<'static, ports::Result<LogChunk>>;

/// Where lines come from.
#[async_trait]
trait Tap: Send + Sync {
    /// At most `tail` lines from before, none older than `since` where that can be asked for, then
    /// what comes.
    async fn open(&self, since: Option<Timestamp>, tail: usize) -> ports::Result<Chunks>;

    /// The failure of an opening that takes too long.
    fn silent(&self) -> Failure;
}

struct OfInstance {
    reader: Arc<dyn RuntimeReader>,
    instance: InstanceId,
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
        let doing = format!("opening its log for {}", self.target);
        Failure::new(FailureKind::Unreachable, "the proxy", doing, "no answer")
    }
}

/// Why a stream of lines is over.
enum Ended {
    /// Nobody reads any more.
    Unread,
    /// The instance ended, or the connection did.
    Stream(Option<Failure>),
}

async fn run(tap: &dyn Tap, hiding: Hiding, tail: usize, out: &mpsc::Sender<Batch>) {
    let mut seen = Seen::new(hiding);
    let mut pause = PAUSES.0;
    let mut told = String::new();
    loop {
        let why = match open(tap, &mut seen, tail).await {
            Ok(stream) => {
                seen.begin();
                match pump(stream, &mut seen, out).await {
                    Ended::Unread => return,
                    Ended::Stream(failure) => failure,
                }
            }
            Err(failure) => Some(failure),
        };
        if std::mem::take(&mut seen.grew) {
            pause = PAUSES.0;
            told.clear();
            // Engines lose a last line without an end when its instance ends, and give it to who
            // asks again; soon the instance may be gone.
            if why.is_none() {
                continue;
            }
        }
        let over = why.as_ref().is_some_and(|failure| !passes(failure.kind));
        let text = match why {
            Some(failure) if over => format!("the log cannot be followed: {failure}"),
            Some(failure) => format!("the log is interrupted, trying again: {failure}"),
            None => ENDED.into(),
        };
        // The same trouble is said once, not at every attempt.
        if text != told && out.send(vec![NewLine::notice(&text)]).await.is_err() {
            return;
        }
        told = text;
        if over {
            return;
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// Whether asking again may help. A missing instance stays missing; a driver that cannot be read
/// will not learn it.
fn passes(kind: FailureKind) -> bool {
    !matches!(
        kind,
        FailureKind::Missing
            | FailureKind::Unsupported
            | FailureKind::Denied
            | FailureKind::Rejected
    )
}

async fn open(tap: &dyn Tap, seen: &mut Seen, tail: usize) -> ports::Result<Chunks> {
    let asked = match seen.last {
        Some(_) => OVERLAP,
        // What has no time cannot be told from a repetition.
        None if seen.any => 0,
        None => tail,
    };
    let opening = async {
        let chunks = tap.open(seen.last, asked).await?;
        seen.hiding.wait().await;
        Ok(chunks)
    };
    let opened = timeout(BEGIN, opening).await;
    opened.unwrap_or_else(|_| Err(tap.silent()))
}

async fn pump(stream: Chunks, seen: &mut Seen, out: &mpsc::Sender<Batch>) -> Ended {
    let mut ready = stream.ready_chunks(READY);
    loop {
        let mut batch = Batch::new();
        let Some(first) = ready.next().await else {
            return Ended::Stream(None);
        };
        let mut gathered = gather(first, seen, &mut batch);
        let until = Instant::now() + GATHER;
        while gathered.is_ok() && batch.len() + READY < LARGEST {
            match timeout_at(until, ready.next()).await {
                Ok(Some(more)) => gathered = gather(more, seen, &mut batch),
                // The next round finds the end again.
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

/// Adds what is new in some chunks.
fn gather(
    chunks: Vec<ports::Result<LogChunk>>,
    seen: &mut Seen,
    batch: &mut Batch,
) -> ports::Result<()> {
    for chunk in chunks {
        seen.take(chunk?, batch);
    }
    Ok(())
}

/// Where a re-opened stream stands against what was handed on before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Joint {
    /// Nothing was handed on before.
    #[default]
    First,
    /// Re-opened; no line came yet that was handed on before.
    Open,
    /// Re-opened, and it was seen to continue where the last one ended.
    Closed,
}

/// What has been handed on, as far as doubles need it: the newest time stamp and the lines at it, as they came. What is
/// hidden in a line may differ when it comes again.
struct Seen {
    hiding: Hiding,
    last: Option<Timestamp>,
    at_last: Vec<Vec<u8>>,
    /// The lines at `last` that the re-opened stream still repeats, each as often as it did.
    repeats: HashMap<Vec<u8>, usize>,
    repeats_at: Option<Timestamp>,
    joint: Joint,
    any: bool,
    grew: bool,
}

impl Seen {
    fn new(hiding: Hiding) -> Self {
        Self {
            hiding,
            last: None,
            at_last: Vec::new(),
            repeats: HashMap::new(),
            repeats_at: None,
            joint: Joint::default(),
            any: false,
            grew: false,
        }
    }

    /// A stream was opened from `last` on, inclusive.
    fn begin(&mut self) {
        self.repeats.clear();
        for line in &self.at_last {
            *self.repeats.entry(line.clone()).or_default() += 1;
        }
        self.repeats_at = self.last;
        self.joint = if self.any { Joint::Open } else { Joint::First };
    }

    /// Hands on what is new, with a line before it where lines may be missing.
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
            // Engines that cut `since` to seconds send what is older too. After the first newer
            // line an older stamp is the other stream's, late, and not a repetition.
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
        self.any = true;
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
        // No more of them are ever asked for again.
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
        _ => "lines may be missing here: the log was re-opened".into(),
    }
}

#[cfg(test)]
mod tests;

//! Follows the output of the tasks of a release as one log. A notice with the name of the task comes before its lines.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::{Batch, OPEN_TIMEOUT, PAUSES, WAITING, follow_task};
use crate::inventory::{ReleaseId, Target, TaskCall, TaskRun};
use crate::logs::NewLine;
use crate::ports::{Checker, RuntimeReader};

/// The shortest time between two lookups of containers, because one command causes several changes.
const LOOKUP_SPACING: Duration = Duration::from_millis(100);

/// The tasks of one release.
#[derive(Clone)]
struct OfRelease {
    reader: Arc<dyn RuntimeReader>,
    checker: Arc<dyn Checker>,
    target: Target,
    release: ReleaseId,
    tail: usize,
    /// The receiver of the lines, and the command that wrote the line before.
    out: mpsc::Sender<Batch>,
    last: Arc<Mutex<Option<TaskCall>>>,
}

/// Follows the tasks of a release: at most `tail` existing lines of each, then new lines. Secrets of the target are
/// hidden. Ends when the receiver is dropped.
pub fn follow_tasks(
    (reader, checker): (Arc<dyn RuntimeReader>, Arc<dyn Checker>),
    target: Target,
    release: ReleaseId,
    tail: usize,
) -> mpsc::Receiver<Batch> {
    let (out, batches) = mpsc::channel(WAITING);
    let tasks = OfRelease {
        reader,
        checker,
        target,
        release,
        tail,
        out: out.clone(),
        last: Arc::default(),
    };
    tokio::spawn(async move {
        tokio::select! {
            () = find(&tasks) => {}
            () = out.closed() => {}
        }
    });
    batches
}

/// Finds containers that were started, and follows each of them. Subscribes to changes before the first lookup, so that
/// no start is missed.
async fn find(tasks: &OfRelease) {
    let mut known = HashSet::new();
    // The followers end when this set is dropped.
    let mut followers = JoinSet::new();
    let mut pause = PAUSES.0;
    let mut has_failed = false;
    loop {
        if let Ok(Ok(mut changes)) = timeout(OPEN_TIMEOUT, tasks.reader.changes()).await {
            loop {
                let lookup = tasks.reader.tasks(&tasks.target, tasks.release);
                let Ok(Ok(runs)) = timeout(OPEN_TIMEOUT, lookup).await else {
                    break;
                };
                pause = PAUSES.0;
                has_failed = false;
                let started = runs.into_iter().filter(|run| !run.is_unstarted());
                for run in started.filter(|run| known.insert(run.id.clone())) {
                    followers.spawn(follow_run(tasks.clone(), run));
                }
                sleep(LOOKUP_SPACING).await;
                if !matches!(changes.next().await, Some(Ok(()))) {
                    break;
                }
            }
        }
        // The failure is reported once, not at every attempt.
        if !std::mem::replace(&mut has_failed, true) {
            let text = "the tasks cannot be listed now; Greenroom tries again";
            if tasks.out.send(vec![NewLine::notice(text)]).await.is_err() {
                return;
            }
        }
        sleep(pause).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn follow_run(tasks: OfRelease, run: TaskRun) {
    let of = (Arc::clone(&tasks.reader), Arc::clone(&tasks.checker));
    let mut batches = follow_task(of, run.id, tasks.tail);
    while let Some(mut batch) = batches.recv().await {
        let mut last = tasks.last.lock().await;
        if last.as_ref() != Some(&run.call) {
            batch.insert(
                0,
                NewLine::notice(format!("output of {}", run.call.words())),
            );
            *last = Some(run.call.clone());
        }
        if tasks.out.send(batch).await.is_err() {
            return;
        }
    }
}

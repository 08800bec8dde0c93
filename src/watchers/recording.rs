//! Records the log of a release's candidate while this process drives or watches the release. At the end the log is
//! kept in the archive, because a failed candidate is removed together with its log. The logs of tasks are read when
//! their step has ended, and again at the end: their containers remain for that long. The output of checks is only known
//! to the process that drives the release. Only a command that ends waits for the logs. If several consoles record the
//! same release, each keeps the logs in its own archive.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::candidate::{CandidateLines, LineSink, started_before};
use crate::history::{Gathering, KeptLog, LogOwner, OutputLog, WrittenBy, WrittenLine};
use crate::inventory::{Member, ReleaseId, TaskRun};
use crate::logs::{self, Batch, NewLine, Origin};
use crate::ports::{ArchiveWriter, Result};
use crate::release::{Driven, Engine, Handle, ReleaseObserver, Releases, Site, Status, StepState};

/// The number of lines that requests the whole log. Docker counts lines in 31 bits.
const WHOLE_LOG: usize = i32::MAX as usize;
/// How often to look for a candidate that another operator starts.
const LOOKUP_INTERVAL: Duration = Duration::from_millis(200);
/// How long to wait for each further batch of lines at the end. A task that is not required may still be running.
const LAST_LINES_TIMEOUT: Duration = Duration::from_millis(300);

/// Opens the archive when there is something to keep.
pub type Opens = Arc<dyn Fn() -> BoxFuture<'static, Result<Arc<dyn ArchiveWriter>>> + Send + Sync>;

#[expect(missing_debug_implementations, reason = "holds a closure")]
pub struct Recorder {
    opens: Opens,
    /// The maximum number of bytes kept of each log.
    limit: usize,
    recording: TaskTracker,
}

impl Recorder {
    /// Keeps at most about `limit` bytes of each log.
    pub fn new(opens: Opens, limit: usize) -> Self {
        let recording = TaskTracker::new();
        // The tracker is closed now, so that `settle` can wait at any time.
        recording.close();
        Self {
            opens,
            limit,
            recording,
        }
    }

    /// Waits until all recordings have ended, at most `time_limit`. Returns whether all have ended. A failure to keep a
    /// log is reported in the log file.
    pub async fn settle(&self, time_limit: Duration) -> bool {
        timeout(time_limit, self.recording.wait()).await.is_ok()
    }
}

impl ReleaseObserver for Recorder {
    fn driven(&self, site: &Site, handle: &Handle, _: Driven) {
        let (site, handle, opens) = (site.clone(), handle.clone(), Arc::clone(&self.opens));
        let limit = self.limit;
        self.recording.spawn(async move {
            let status = Arc::clone(&handle.status().borrow());
            let started_before = started_before(&site, &status).await;
            let release = status.plan.release;
            let over = handle.over();
            tokio::pin!(over);
            let candidate = async {
                let log = record(&site, handle.candidate(), started_before, over, limit).await;
                keep(&opens, release, LogOwner::Candidate, log).await;
            };
            let tasks = record_tasks(&site, &opens, handle.status(), limit);
            let checks = async {
                let log = record_checks(&site, &handle, limit).await;
                keep(&opens, release, LogOwner::Checks, log).await;
            };
            tokio::join!(candidate, tasks, checks);
            keep_task_logs(&site, &opens, release, limit).await;
        });
    }
}

impl Recorder {
    /// Records the releases of other drivers until the observation ends. If a recording is unfinished then, it is not
    /// kept, because the driver keeps the whole log.
    pub async fn record_others(
        &self,
        engine: &Engine,
        mut releases: watch::Receiver<Arc<Releases>>,
    ) {
        let mut known: BTreeSet<ReleaseId> = BTreeSet::new();
        let mut recording = JoinSet::new();
        loop {
            while recording.try_join_next().is_some() {}
            let now = Arc::clone(&releases.borrow_and_update());
            for (target, observed) in now.iter() {
                let status = &observed.status;
                let release = status.plan.release;
                let Some(site) = engine.site(target) else {
                    continue;
                };
                if status.outcome().is_some() || !known.insert(release) {
                    continue;
                }
                let own = engine.active(target);
                let is_own = |own: Handle| own.status().borrow().plan.release == release;
                // If this process drives the release, `driven` already records it.
                if !own.is_some_and(is_own) {
                    let opens = Arc::clone(&self.opens);
                    let watched = (site.clone(), releases.clone(), release);
                    recording.spawn(record_other(watched, opens, self.limit));
                }
            }
            if releases.changed().await.is_err() {
                return;
            }
        }
    }
}

async fn record_other(
    (site, releases, release): (Site, watch::Receiver<Arc<Releases>>, ReleaseId),
    opens: Opens,
    limit: usize,
) {
    let (found, candidate) = watch::channel(Vec::new());
    let over = Box::pin(find_candidate(&site, releases, release, found));
    let log = record(&site, candidate, Vec::new(), over, limit).await;
    keep(&opens, release, LogOwner::Candidate, log).await;
    keep_task_logs(&site, &opens, release, limit).await;
}

/// Finds the candidate of a release that another operator drives. Returns when the release has ended, when it is no
/// longer the newest release, or when the observation ends.
async fn find_candidate(
    site: &Site,
    mut releases: watch::Receiver<Arc<Releases>>,
    release: ReleaseId,
    found: watch::Sender<Vec<Member>>,
) {
    loop {
        let now = Arc::clone(&releases.borrow_and_update());
        let observed = now.get(&site.definition.target);
        let of_it = observed.filter(|observed| observed.status.plan.release == release);
        let Some(observed) = of_it.filter(|observed| observed.status.outcome().is_none()) else {
            return;
        };
        let known = found.borrow().clone();
        let is_found = known.first().is_some_and(|first| known.len() >= first.of);
        if !is_found {
            let started = started_before(site, &observed.status).await;
            if started != known {
                found.send_replace(started);
                continue;
            }
        }
        let moved = if is_found {
            releases.changed().await
        } else {
            // The candidate is created some time after the step has started.
            let moved = timeout(LOOKUP_INTERVAL, releases.changed()).await;
            moved.unwrap_or(Ok(()))
        };
        if moved.is_err() {
            return;
        }
    }
}

/// Keeps a log if it is not empty.
async fn keep(opens: &Opens, release: ReleaseId, owner: LogOwner, log: OutputLog) {
    if log.is_empty() {
        return;
    }
    let log = KeptLog { owner, log };
    let kept = async { opens().await?.keep_log(release, &log).await };
    if let Err(failure) = kept.await {
        let owner = log.owner.words();
        tracing::warn!(
            "the log of {owner} of release {release} was not copied to the archive: {failure}"
        );
    }
}

/// Keeps the logs of tasks whenever a step that runs tasks has ended, until the release is over. The next release may
/// remove their containers during the standby of this one.
async fn record_tasks(
    site: &Site,
    opens: &Opens,
    mut status: watch::Receiver<Arc<Status>>,
    limit: usize,
) {
    let mut kept = 0;
    loop {
        let now = Arc::clone(&status.borrow_and_update());
        let ended = now.steps.iter().filter(|it| {
            let is_open = matches!(it.state, StepState::Pending | StepState::Running { .. });
            it.step.runs_tasks() && !is_open
        });
        let ended = ended.count();
        if ended > kept {
            keep_task_logs(site, opens, now.plan.release, limit).await;
        }
        kept = ended;
        if now.is_over() || status.changed().await.is_err() {
            return;
        }
    }
}

/// Reads the logs of the commands that the release has started, and keeps them.
async fn keep_task_logs(site: &Site, opens: &Opens, release: ReleaseId, limit: usize) {
    let runtime = &site.read.runtime;
    let runs = match runtime.tasks(&site.definition.target, release).await {
        Ok(runs) => runs,
        Err(failure) => {
            tracing::warn!("the logs of the tasks of release {release} were not read: {failure}");
            return;
        }
    };
    let started = runs.into_iter().filter(|run| !run.is_unstarted());
    let reading = started.map(|run| async move {
        let log = task_log(site, &run, limit).await;
        keep(opens, release, LogOwner::Task(run.call), log).await;
    });
    join_all(reading).await;
}

async fn task_log(site: &Site, run: &TaskRun, limit: usize) -> OutputLog {
    let of = (
        Arc::clone(&site.read.runtime),
        Arc::clone(&site.read.checker),
    );
    let mut batches = logs::follow_task(of, run.id.clone(), WHOLE_LOG);
    let mut lines = Lines::new(limit);
    let reading = async {
        while let Ok(Some(batch)) = timeout(LAST_LINES_TIMEOUT, batches.recv()).await {
            lines.take(batch);
        }
    };
    reading.await;
    lines.end()
}

/// Records the output of the checks until the release is over.
async fn record_checks(site: &Site, handle: &Handle, limit: usize) -> OutputLog {
    let checker = Arc::clone(&site.read.checker);
    let mut batches = logs::follow_checks(checker, handle.check_lines());
    let mut lines = Lines::new(limit);
    let over = handle.over();
    tokio::pin!(over);
    loop {
        tokio::select! {
            batch = batches.recv() => match batch {
                Some(batch) => lines.take(batch),
                None => return lines.end(),
            },
            () = &mut over => break,
        }
    }
    while let Ok(Some(batch)) = timeout(LAST_LINES_TIMEOUT, batches.recv()).await {
        lines.take(batch);
    }
    lines.end()
}

async fn record(
    site: &Site,
    candidate: watch::Receiver<Vec<Member>>,
    started_before: Vec<Member>,
    over: impl Future<Output = ()> + Unpin,
    limit: usize,
) -> OutputLog {
    let mut lines = Lines::new(limit);
    let following = CandidateLines {
        site,
        candidate,
        started_before,
        tail: WHOLE_LOG,
    };
    following.follow(over, &mut lines).await;
    lines.end()
}

/// The recorded lines. A notice about the log itself is kept if a line follows the notice, or if the log has no lines.
/// The notice at the end of a log is dropped, because the removal of the candidate always ends the log.
struct Lines {
    gathering: Gathering,
    notices: Vec<WrittenLine>,
    has_text: bool,
}

impl Lines {
    fn new(limit: usize) -> Self {
        Self {
            gathering: Gathering::new(limit),
            notices: Vec::new(),
            has_text: false,
        }
    }

    fn end(mut self) -> OutputLog {
        if !self.has_text {
            for notice in self.notices {
                self.gathering.push(notice);
            }
        }
        self.gathering.into_log()
    }
}

impl LineSink for Lines {
    fn take(&mut self, batch: Batch) {
        for line in batch {
            let line = written(&line);
            if line.by == WrittenBy::Greenroom {
                self.notices.push(line);
                continue;
            }
            self.has_text = true;
            for notice in self.notices.drain(..) {
                self.gathering.push(notice);
            }
            self.gathering.push(line);
        }
    }
}

fn written(line: &NewLine) -> WrittenLine {
    WrittenLine {
        at: line.at,
        by: match line.origin {
            Origin::Out => WrittenBy::Out,
            Origin::Err => WrittenBy::Err,
            Origin::Notice => WrittenBy::Greenroom,
        },
        text: line.text.to_string(),
    }
}

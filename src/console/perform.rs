//! Carries out the effects of the console in tasks, so that the loop never waits. Each task calls the backend and
//! sends the answer as an event. If a task panics, the console ends in the normal way and restores the terminal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::backend::Backend;
use super::effect::{AnyQuestion, Watch};
use super::event::Event;
use super::model::{HistoryQuestion, LogFeed, LogSource};
use crate::inventory::{Digest, ReleaseId, Target, VersionRef};
use crate::release::{
    AnnouncementKind, Approval, Command, Handle, Plan, Refusal, RepairApproval, RepairNews,
    RepairPlan, ResumeAction, TakeoverRequest,
};

/// How many events can wait in the queue before the tasks that send them pause. A small number, because one event
/// may contain a thousand log lines.
const QUEUED: usize = 16;
/// Delay before the tags are listed again after a failure, while the picker is open. The delay doubles each time, up to
/// `LONGEST_LIST_RETRY`.
const FIRST_LIST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_LIST_RETRY: Duration = Duration::from_secs(15);

/// The running tasks of the console.
pub(super) struct EffectRunner {
    backend: Arc<dyn Backend>,
    answers: mpsc::Sender<Event>,
    tasks: JoinSet<()>,
    handles: HashMap<ReleaseId, Handle>,
    /// The tasks that list and look up versions for the picker.
    choosing: Vec<AbortHandle>,
    logs: HashMap<LogFeed, AbortHandle>,
    diagnostics: Option<AbortHandle>,
    history: Option<AbortHandle>,
    /// Receives the handle of each release that a task has started or resumed.
    started: mpsc::Receiver<Handle>,
    /// The other end of `started`.
    starts: mpsc::Sender<Handle>,
}

impl EffectRunner {
    /// A runner that uses `backend`, and the channel on which its tasks send events.
    pub(super) fn new(backend: Arc<dyn Backend>) -> (Self, mpsc::Receiver<Event>) {
        let (answers, events) = mpsc::channel(QUEUED);
        let (starts, started) = mpsc::channel(QUEUED);
        let mut effect_runner = Self {
            backend,
            answers,
            tasks: JoinSet::new(),
            handles: HashMap::new(),
            choosing: Vec::new(),
            logs: HashMap::new(),
            diagnostics: None,
            history: None,
            started,
            starts,
        };
        effect_runner.watch_archive();
        effect_runner.watch_configuration();
        (effect_runner, events)
    }

    /// Sends an event after each attempt to copy new records to the archive.
    fn watch_archive(&mut self) {
        let mut kept = self.backend.kept();
        let answers = self.answers.clone();
        self.tasks.spawn(async move {
            while kept.changed().await.is_ok() {
                let event = match kept.borrow_and_update().clone() {
                    Ok(()) => Event::HistoryKept,
                    Err(why) => Event::HistoryNotKept { why },
                };
                if answers.send(event).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Sends an event whenever the configuration on disk changes.
    fn watch_configuration(&mut self) {
        let mut found = self.backend.configuration();
        let answers = self.answers.clone();
        self.tasks.spawn(async move {
            while found.changed().await.is_ok() {
                let found = found.borrow_and_update().clone();
                let event = Event::ConfigurationObserved(found);
                if answers.send(event).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Returns when a task has panicked. Until then, starts to watch new releases and removes finished tasks.
    pub(super) async fn panicked(&mut self) {
        loop {
            tokio::select! {
                Some(handle) = self.started.recv() => self.watch_release(handle),
                Some(ended) = self.tasks.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        return;
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    /// Watches a release that this process drives: sends an event for each change of its status.
    pub(super) fn watch_release(&mut self, handle: Handle) {
        let mut status = handle.status();
        let release = status.borrow().plan.release;
        self.watch_announcements(&handle);
        self.handles.insert(release, handle);
        let answers = self.answers.clone();
        self.tasks.spawn(async move {
            loop {
                let now = Arc::clone(&status.borrow_and_update());
                if answers.send(Event::ReleaseMoved(now)).await.is_err() {
                    return;
                }
                if status.changed().await.is_err() {
                    let _ = answers.send(Event::DriverGone(release)).await;
                    return;
                }
            }
        });
    }

    /// Sends an event for each note and each decision that a release announces. No event is sent for other
    /// announcements, because the status of the release shows them.
    fn watch_announcements(&mut self, handle: &Handle) {
        let mut announcements = handle.announcements();
        let target = handle.status().borrow().plan.target().clone();
        let answers = self.answers.clone();
        self.tasks.spawn(async move {
            loop {
                let announcement = match announcements.recv().await {
                    Ok(announcement) => announcement,
                    Err(RecvError::Lagged(_)) => continue,
                    Err(RecvError::Closed) => return,
                };
                let is_passed_on = matches!(
                    announcement.kind,
                    AnnouncementKind::Noted | AnnouncementKind::Decided
                );
                let target = target.clone();
                let event = Event::Announced {
                    target,
                    announcement,
                };
                if is_passed_on && answers.send(event).await.is_err() {
                    return;
                }
            }
        });
    }

    pub(super) fn ask(&mut self, question: Arc<dyn AnyQuestion>) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        self.tasks.spawn(async move {
            let answer = question.put(backend).await;
            let _ = answers.send(Event::Answered(answer)).await;
        });
    }

    pub(super) fn list_versions(&mut self, target: Target) {
        self.forget_versions();
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let listed_target = target.clone();
        let listing = self.tasks.spawn(async move {
            let mut wait = FIRST_LIST_RETRY;
            loop {
                let versions = backend.versions(&listed_target).await;
                let is_over = versions.is_ok();
                let target = listed_target.clone();
                let sent = answers.send(Event::VersionsListed { target, versions });
                if sent.await.is_err() || is_over {
                    return;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(LONGEST_LIST_RETRY);
            }
        });
        let reading_terms = self.ask_terms(target);
        self.choosing.extend([listing, reading_terms]);
    }

    pub(super) fn look_up(&mut self, target: Target, name: String, reference: VersionRef) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let task = self.tasks.spawn(async move {
            let resolved = backend.look_up(&target, &reference).await;
            let answer = Event::LookedUp {
                target,
                name,
                resolved,
            };
            let _ = answers.send(answer).await;
        });
        self.choosing.retain(|task| !task.is_finished());
        self.choosing.push(task);
    }

    pub(super) fn find_image(&mut self, target: Target, digest: Digest) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let task = self.tasks.spawn(async move {
            let image = backend.find_image(&target, &digest).await;
            let answer = Event::ImageFound {
                target,
                digest,
                image,
            };
            let _ = answers.send(answer).await;
        });
        self.choosing.retain(|task| !task.is_finished());
        self.choosing.push(task);
    }

    /// Cancels the lists and look-ups of a picker that was closed.
    pub(super) fn forget_versions(&mut self) {
        for task in self.choosing.drain(..) {
            task.abort();
        }
    }

    pub(super) fn ask_terms(&mut self, target: Target) -> AbortHandle {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        self.tasks.spawn(async move {
            let terms = backend.terms(&target).await;
            let _ = answers.send(Event::TermsRead { target, terms }).await;
        })
    }

    pub(super) fn begin(&mut self, plan: Arc<Plan>, approval: Approval) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let starts = self.starts.clone();
        self.tasks.spawn(async move {
            let target = plan.target().clone();
            match backend.begin(plan, approval).await {
                Ok(handle) => {
                    let _ = starts.send(handle).await;
                }
                Err(refused) => {
                    let _ = answers.send(Event::BeginRefused { target, refused }).await;
                }
            }
        });
    }

    pub(super) fn resume(
        &mut self,
        target: Target,
        release: ReleaseId,
        (resume_action, takeover): (ResumeAction, Option<TakeoverRequest>),
        approval: Approval,
    ) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let starts = self.starts.clone();
        self.tasks.spawn(async move {
            let resumed = backend.resume(&target, release, resume_action, takeover, approval);
            match resumed.await {
                Ok(handle) => {
                    let _ = starts.send(handle).await;
                }
                Err(refused) => {
                    let _ = answers.send(Event::BeginRefused { target, refused }).await;
                }
            }
        });
    }

    /// Starts the repair, and sends an event for each report of its progress.
    pub(super) fn repair(&mut self, plan: Arc<RepairPlan>, approval: RepairApproval) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        self.tasks.spawn(async move {
            let target = plan.target().clone();
            let mut handle = match backend.repair(plan, approval).await {
                Ok(handle) => handle,
                Err(refused) => {
                    let answer = Event::RepairRefused { target, refused };
                    let _ = answers.send(answer).await;
                    return;
                }
            };
            let mut is_over = false;
            while let Some(news) = handle.news.recv().await {
                is_over |= matches!(news, RepairNews::Ended(_));
                let target = target.clone();
                let _ = answers.send(Event::RepairMoved { target, news }).await;
            }
            if !is_over {
                let refused = Refusal::Unknown {
                    fact: "how the repair ended".into(),
                    why: "its task ended without a result; the log file has the details. \
                         Check which differences remain"
                        .into(),
                };
                let refused = refused.into();
                let _ = answers.send(Event::RepairRefused { target, refused }).await;
            }
        });
    }

    pub(super) fn send(&mut self, release: ReleaseId, command: Command) {
        let handle = self.handles.get(&release).cloned();
        let answers = self.answers.clone();
        self.tasks.spawn(async move {
            let why = match handle {
                None => "this console does not drive the release".to_owned(),
                Some(handle) => match handle.command(command).await {
                    Ok(()) => return,
                    Err(why) => why.to_string(),
                },
            };
            let _ = answers.send(Event::CommandLost { release, why }).await;
        });
    }

    pub(super) fn look_at(&self, target: &Target) {
        self.backend.look_at(target);
    }

    /// Follows a log. Each feed follows one log, so the earlier log of the same feed is no longer followed.
    pub(super) fn follow(&mut self, source: LogSource) {
        let mut batches = self.backend.log(&source);
        let (feed, answers) = (source.feed(), self.answers.clone());
        let task = self.tasks.spawn(async move {
            while let Some(batch) = batches.recv().await {
                let source = source.clone();
                if answers
                    .send(Event::LogArrived { source, batch })
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        if let Some(old) = self.logs.insert(feed, task) {
            old.abort();
        }
    }

    pub(super) fn leave_logs(&mut self) {
        for (_, task) in self.logs.drain() {
            task.abort();
        }
    }

    /// Asks the archive, and cancels the previous question, because only the last answer is shown.
    pub(super) fn ask_history(&mut self, request_id: u64, question: HistoryQuestion) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let task = self.tasks.spawn(async move {
            let answer = backend.history(question).await;
            let _ = answers
                .send(Event::HistoryAnswered { request_id, answer })
                .await;
        });
        if let Some(old) = self.history.replace(task) {
            old.abort();
        }
    }

    /// Sends an event for new diagnostic messages, at most ten times a second, or stops sending them.
    pub(super) fn watch_diagnostics(&mut self, watch: Watch) {
        if let Some(old) = self.diagnostics.take() {
            old.abort();
        }
        if watch == Watch::Off {
            return;
        }
        let mut diagnostics = self.backend.diagnostics();
        let answers = self.answers.clone();
        let task = self.tasks.spawn(async move {
            while diagnostics.changed().await.is_ok() {
                if answers.send(Event::DiagnosticsMoved).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        self.diagnostics = Some(task);
    }
}

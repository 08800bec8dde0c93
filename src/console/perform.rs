//! Carries out the effects of the console in tasks, so that the loop never waits. Each task calls the backend and
//! sends the answer as an event. If a task panics, the console ends in the normal way and restores the terminal.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::backend::Backend;
use super::effect::{AnyQuestion, QuestionGroup, Watch};
use super::event::Event;
use super::model::{LogFeed, LogSource};
use crate::inventory::{ReleaseId, Target};
use crate::release::{
    AnnouncementKind, Command, Handle, Refusal, RepairApproval, RepairNews, RepairPlan,
};

/// How many events can wait in the queue before the tasks that send them pause. A small number, because one event
/// may contain a thousand log lines.
const QUEUED: usize = 16;
/// The pause before a question is repeated. It doubles each time, up to [`LONGEST_REPEAT`].
const FIRST_REPEAT: Duration = Duration::from_secs(1);
const LONGEST_REPEAT: Duration = Duration::from_secs(15);

/// The running tasks of the console.
pub(super) struct EffectRunner {
    backend: Arc<dyn Backend>,
    answers: mpsc::Sender<Event>,
    tasks: JoinSet<()>,
    handles: HashMap<ReleaseId, Handle>,
    /// The tasks of the questions that can be cancelled.
    groups: HashMap<QuestionGroup, Vec<AbortHandle>>,
    logs: HashMap<LogFeed, AbortHandle>,
    diagnostics: Option<AbortHandle>,
}

impl EffectRunner {
    /// A runner that uses `backend`, and the channel on which its tasks send events.
    pub(super) fn new(backend: Arc<dyn Backend>) -> (Self, mpsc::Receiver<Event>) {
        let (answers, events) = mpsc::channel(QUEUED);
        let mut effect_runner = Self {
            backend,
            answers,
            tasks: JoinSet::new(),
            handles: HashMap::new(),
            groups: HashMap::new(),
            logs: HashMap::new(),
            diagnostics: None,
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

    /// Returns when a task has panicked. Until then, removes finished tasks.
    pub(super) async fn panicked(&mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err_and(|error| error.is_panic()) {
                return;
            }
        }
        std::future::pending::<()>().await;
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

    /// Asks the backend. A question that is repeated is asked until its answer is no failure, or until its group is
    /// cancelled.
    pub(super) fn ask(&mut self, question: Arc<dyn AnyQuestion>) {
        let (backend, answers) = (Arc::clone(&self.backend), self.answers.clone());
        let group = question.group();
        let task = self.tasks.spawn(async move {
            let mut pause = FIRST_REPEAT;
            loop {
                let answer = Arc::clone(&question).put(Arc::clone(&backend)).await;
                let is_last = !answer.is_repeated();
                if answers.send(Event::Answered(answer)).await.is_err() || is_last {
                    return;
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_REPEAT);
            }
        });
        if let Some(group) = group {
            let asked = self.groups.entry(group).or_default();
            asked.retain(|task| !task.is_finished());
            asked.push(task);
        }
    }

    /// Cancels the unanswered questions of a group.
    pub(super) fn cancel(&mut self, group: QuestionGroup) {
        for task in self.groups.remove(&group).unwrap_or_default() {
            task.abort();
        }
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

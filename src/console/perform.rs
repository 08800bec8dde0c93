//! Carries out effects beside the loop: each question to the house is a task of its own that
//! answers with an event. A task that panics ends the console in order, not the terminal in pieces.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::desk::Desk;
use super::event::Event;
use super::model::LogSource;
use crate::inventory::{ReleaseId, Target};
use crate::release::{Approval, Command, Handle, Plan, PlanRequest};

/// How many answers may wait for the loop before their tasks wait too.
const WAITING: usize = 64;

/// What runs beside the loop.
pub(super) struct Hands {
    desk: Arc<dyn Desk>,
    answers: mpsc::Sender<Event>,
    tasks: JoinSet<()>,
    handles: HashMap<ReleaseId, Handle>,
    log: Option<AbortHandle>,
    begun: mpsc::Receiver<Handle>,
    begins: mpsc::Sender<Handle>,
}

impl Hands {
    /// Hands for a desk, and where their answers come.
    pub(super) fn new(desk: Arc<dyn Desk>) -> (Self, mpsc::Receiver<Event>) {
        let (answers, events) = mpsc::channel(WAITING);
        let (begins, begun) = mpsc::channel(WAITING);
        let hands = Self {
            desk,
            answers,
            tasks: JoinSet::new(),
            handles: HashMap::new(),
            log: None,
            begun,
            begins,
        };
        (hands, events)
    }

    /// Waits until a task has panicked; tasks that ended well are forgotten on the way.
    pub(super) async fn panicked(&mut self) {
        loop {
            tokio::select! {
                Some(handle) = self.begun.recv() => self.adopt(handle),
                Some(ended) = self.tasks.join_next() => {
                    if ended.is_err_and(|error| error.is_panic()) {
                        return;
                    }
                }
                else => std::future::pending().await,
            }
        }
    }

    /// Watches a release from now on.
    pub(super) fn adopt(&mut self, handle: Handle) {
        let mut status = handle.status();
        let release = status.borrow().plan.release;
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

    pub(super) fn list_versions(&mut self, target: Target) {
        let (desk, answers) = (Arc::clone(&self.desk), self.answers.clone());
        self.tasks.spawn(async move {
            let versions = desk.versions(&target).await;
            let _ = answers
                .send(Event::VersionsListed { target, versions })
                .await;
        });
    }

    pub(super) fn make_plan(&mut self, asked: u64, request: PlanRequest) {
        let (desk, answers) = (Arc::clone(&self.desk), self.answers.clone());
        self.tasks.spawn(async move {
            let plan = desk.plan(request).await;
            let _ = answers.send(Event::Planned { asked, plan }).await;
        });
    }

    pub(super) fn begin(&mut self, plan: Arc<Plan>, approval: Approval) {
        let (desk, answers) = (Arc::clone(&self.desk), self.answers.clone());
        let begins = self.begins.clone();
        self.tasks.spawn(async move {
            let target = plan.target().clone();
            match desk.begin(plan, approval).await {
                Ok(handle) => {
                    let _ = begins.send(handle).await;
                }
                Err(refused) => {
                    let _ = answers.send(Event::BeginRefused { target, refused }).await;
                }
            }
        });
    }

    pub(super) fn say(&mut self, release: ReleaseId, command: Command) {
        let handle = self.handles.get(&release).cloned();
        let answers = self.answers.clone();
        self.tasks.spawn(async move {
            let why = match handle {
                None => "it is not driven from here".to_owned(),
                Some(handle) => match handle.command(command).await {
                    Ok(()) => return,
                    Err(why) => why.to_string(),
                },
            };
            let _ = answers.send(Event::CommandLost { release, why }).await;
        });
    }

    pub(super) fn look_at(&self, target: &Target) {
        self.desk.look_at(target);
    }

    /// Follows a log, and no other.
    pub(super) fn follow(&mut self, source: Option<LogSource>) {
        if let Some(old) = self.log.take() {
            old.abort();
        }
        let Some(source) = source else { return };
        let mut batches = self.desk.log(&source);
        let answers = self.answers.clone();
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
        self.log = Some(task);
    }
}

//! The backend of the console: it passes requests to the engine and the watchers.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::sync::{OnceCell, mpsc, watch};
use tokio::time::timeout;

use crate::adapters::archive::Archive;
use crate::console::Backend;
use crate::console::model::{
    HistoryAnswer, HistoryQuestion, LogSource, NewConfiguration, SavedLog,
};
use crate::history::ReleaseRecord;
use crate::inventory::{
    Digest, EntryId, HandoverRequest, Hold, PeerApproval, QueueEntry, ReleaseId, SeenHold,
    ServiceName, Target, VersionRef,
};
use crate::logs::{self, Batch};
use crate::ports::{ArchiveReader as _, Failure};
use crate::release::{
    Approval, Engine, Handle, ImageAt, Interrupted, OnFailure, Plan, PlanRequest, Refused,
    Releases, RepairApproval, RepairHandle, RepairPlan, RepairRequest, Resolved, Resume,
    ResumeAction, TakeoverRequest, Terms,
};
use crate::settings;
use crate::watchers::{Keeping, Watching};

/// How many existing lines are read when a log is opened.
const LINES_BEFORE: usize = 20_000;
/// How long the image registry may take to list its tags.
const TAGS_TIMEOUT: Duration = Duration::from_mins(1);
/// How long the store may take to answer about earlier releases.
const TERMS_TIMEOUT: Duration = Duration::from_secs(10);

/// Pushes the next version of a service, which has these tags, to a sandbox. Returns what was pushed, or why nothing was.
pub type PushSample = Box<
    dyn Fn(ServiceName, Vec<String>) -> BoxFuture<'static, Result<String, String>> + Send + Sync,
>;

#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct EngineBackend {
    engine: Arc<Engine>,
    focus: watch::Sender<Option<Target>>,
    releases: watch::Receiver<Arc<Releases>>,
    diagnostics: watch::Receiver<()>,
    /// The path of the archive, and the archive after its first use.
    archive: Option<(PathBuf, OnceCell<Archive>)>,
    kept: watch::Receiver<Keeping>,
    configuration: watch::Receiver<Option<Arc<NewConfiguration>>>,
    push_sample: Option<PushSample>,
}

impl EngineBackend {
    /// Makes a backend for an engine and the watchers of its targets, without an archive.
    pub fn new(engine: Arc<Engine>, watching: &Watching) -> Self {
        Self {
            engine,
            focus: watching.focus.clone(),
            releases: watching.releases.clone(),
            // This receiver has no sender, so it never changes.
            diagnostics: watch::channel(()).1,
            archive: None,
            kept: watch::channel(Ok(())).1,
            configuration: watch::channel(None).1,
            push_sample: None,
        }
    }

    /// Adds the archive to browse. `kept` has the result of the last copy to the archive.
    #[must_use]
    pub fn browsing(self, archive: PathBuf, kept: watch::Receiver<Keeping>) -> Self {
        Self {
            archive: Some((archive, OnceCell::new())),
            kept,
            ..self
        }
    }

    /// Adds a receiver of the changes of the settings files on disk.
    #[must_use]
    pub fn reloading(self, configuration: watch::Receiver<Option<Arc<NewConfiguration>>>) -> Self {
        Self {
            configuration,
            ..self
        }
    }

    /// Allows pushes to a sandbox. None if the console shows no sandbox.
    #[must_use]
    pub fn pushing(self, push_sample: Option<PushSample>) -> Self {
        Self {
            push_sample,
            ..self
        }
    }

    async fn archive(&self) -> Result<&Archive, String> {
        let Some((path, opened)) = &self.archive else {
            return Err("this console has no archive and shows no history".into());
        };
        let opening = opened.get_or_try_init(|| Archive::open(path.clone()));
        opening.await.map_err(|failure| failure.to_string())
    }

    /// Adds a receiver that changes with each event that this program logs.
    #[must_use]
    pub fn with_diagnostics(self, diagnostics: watch::Receiver<()>) -> Self {
        Self {
            diagnostics,
            ..self
        }
    }
}

#[async_trait]
impl Backend for EngineBackend {
    async fn versions(&self, target: &Target) -> Result<Vec<String>, String> {
        let tags = timeout(TAGS_TIMEOUT, self.engine.tags(target)).await;
        tags.unwrap_or_else(|_| Err(format!("no answer within {TAGS_TIMEOUT:?}")))
    }

    async fn look_up(&self, target: &Target, reference: &VersionRef) -> Resolved {
        self.engine.look_up(target, reference).await
    }

    async fn find_image(&self, target: &Target, digest: &Digest) -> ImageAt {
        self.engine.find_image(target, digest).await
    }

    async fn terms(&self, target: &Target) -> Result<Terms, String> {
        let terms = timeout(TERMS_TIMEOUT, self.engine.terms(target)).await;
        terms.unwrap_or_else(|_| Err(format!("no answer within {TERMS_TIMEOUT:?}")))
    }

    async fn push_sample(&self, service: &ServiceName) -> Result<String, String> {
        let Some(push_sample) = &self.push_sample else {
            return Err("this console does not show a sandbox".into());
        };
        let mut targets = self.engine.sites().map(|site| &site.definition.target);
        let Some(target) = targets.find(|target| target.service == *service) else {
            return Err(format!("{service} is not configured"));
        };
        let tags = self.versions(target).await?;
        push_sample(service.clone(), tags).await
    }

    async fn plan(&self, request: PlanRequest) -> Result<Arc<Plan>, Refused> {
        self.engine.plan(&request).await.map(Arc::new)
    }

    async fn begin(&self, plan: Arc<Plan>, approval: Approval) -> Result<Handle, Refused> {
        let plan = Arc::unwrap_or_clone(plan);
        self.engine.open(plan, &approval, OnFailure::Ask).await
    }

    async fn open_releases(&self, target: &Target) -> Result<Vec<ReleaseRecord>, Refused> {
        self.engine.open_releases(target).await
    }

    async fn interrupted(
        &self,
        target: &Target,
        release: Option<ReleaseId>,
    ) -> Result<Interrupted, Refused> {
        self.engine.interrupted(target, release).await
    }

    async fn resume(
        &self,
        target: &Target,
        release: ReleaseId,
        resume_action: ResumeAction,
        takeover: Option<TakeoverRequest>,
        approval: Approval,
    ) -> Result<Handle, Refused> {
        let resume = Resume {
            resume_action,
            // The reason for taking over from another driver is recorded, even if that driver has exited in the
            // meantime.
            reason: takeover.as_ref().map(|takeover| takeover.why.clone()),
            takeover,
            left_by: None,
        };
        self.engine
            .resume(target, release, resume, &approval, OnFailure::Ask)
            .await
    }

    async fn peer_approve(
        &self,
        target: &Target,
        (release, seen): (ReleaseId, &str),
        note: String,
    ) -> Result<PeerApproval, Refused> {
        let note = Some(note);
        self.engine.peer_approve(target, release, seen, note).await
    }

    async fn hold(
        &self,
        target: &Target,
        reason: String,
        until: Option<Timestamp>,
    ) -> Result<Hold, Refused> {
        self.engine.hold(target, reason, until).await
    }

    async fn clear_hold(
        &self,
        target: &Target,
        seen: &SeenHold,
        why: String,
    ) -> Result<Hold, Refused> {
        self.engine.clear_seen_hold(target, seen, Some(why)).await
    }

    async fn dismiss_push(
        &self,
        target: &Target,
        id: &EntryId,
        reason: Option<String>,
    ) -> Result<QueueEntry, Refused> {
        self.engine.dismiss(target, id, reason).await
    }

    async fn retry_push(&self, target: &Target, id: &EntryId) -> Result<QueueEntry, Refused> {
        self.engine.retry(target, id).await
    }

    async fn plan_repair(&self, target: &Target) -> Result<Arc<RepairPlan>, Refused> {
        let request = RepairRequest {
            target: target.clone(),
            only: None,
        };
        self.engine.plan_repair(&request).await.map(Arc::new)
    }

    async fn repair(
        &self,
        plan: Arc<RepairPlan>,
        approval: RepairApproval,
    ) -> Result<RepairHandle, Refused> {
        let plan = Arc::unwrap_or_clone(plan);
        self.engine.repair(plan, &approval).await
    }

    async fn request_handover(
        &self,
        target: &Target,
        release: ReleaseId,
        message: Option<String>,
    ) -> Result<HandoverRequest, Refused> {
        let requested = self.engine.request_handover(target, release, message).await;
        requested.map_err(Refused::from)
    }

    async fn withdraw_request(&self, target: &Target, request: &HandoverRequest) {
        if let Err(failure) = self.engine.withdraw_request(target, request).await {
            // The request expires with the lease of this console.
            tracing::debug!("a handover request was not withdrawn: {failure}");
        }
    }

    async fn decline_handover(
        &self,
        target: &Target,
        request: &HandoverRequest,
    ) -> Result<(), String> {
        let declined = self.engine.decline_handover(target, request).await;
        declined.map_err(|failure| failure.to_string())
    }

    fn releases(&self) -> watch::Receiver<Arc<Releases>> {
        self.releases.clone()
    }

    fn look_at(&self, target: &Target) {
        self.focus.send_replace(Some(target.clone()));
    }

    fn log(&self, source: &LogSource) -> mpsc::Receiver<Batch> {
        let (LogSource::Members { target, .. }
        | LogSource::Tasks { target, .. }
        | LogSource::Checks { target, .. }
        | LogSource::Proxy { target }) = source;
        let Some(site) = self.engine.site(target) else {
            // This receiver has no sender, so the log ends immediately.
            return mpsc::channel(1).1;
        };
        match source {
            LogSource::Members { members, .. } => {
                let (reader, checker) = (&site.read.runtime, &site.read.checker);
                let of = (Arc::clone(reader), Arc::clone(checker));
                logs::follow_members(of, members.clone(), LINES_BEFORE)
            }
            LogSource::Tasks { target, release } => {
                let (reader, checker) = (&site.read.runtime, &site.read.checker);
                let of = (Arc::clone(reader), Arc::clone(checker));
                logs::follow_tasks(of, target.clone(), *release, LINES_BEFORE)
            }
            LogSource::Checks { target, release } => {
                match self.engine.check_lines(target, *release) {
                    Some(lines) => logs::follow_checks(Arc::clone(&site.read.checker), lines),
                    None => mpsc::channel(1).1,
                }
            }
            LogSource::Proxy { target } => {
                let Some(reader) = &site.read.router else {
                    return mpsc::channel(1).1;
                };
                let of = (Arc::clone(reader), Arc::clone(&site.read.checker));
                logs::follow_proxy(of, target.clone(), LINES_BEFORE)
            }
        }
    }

    async fn save_log(&self, log: SavedLog) -> Result<PathBuf, String> {
        let directory = settings::state_directory()
            .ok_or_else(|| {
                format!(
                    "Greenroom does not know where to save logs. {}",
                    settings::NO_HOME
                )
            })?
            .join("saved");
        let writing = move || {
            let path = directory.join(&log.name);
            logs::write(&path, &log.lines)
                .map(|()| path.clone())
                .map_err(|error| format!("{}: {error}", path.display()))
        };
        tokio::task::spawn_blocking(writing)
            .await
            .map_err(|error| error.to_string())?
    }

    async fn history(&self, question: HistoryQuestion) -> Result<HistoryAnswer, String> {
        let archive = self.archive().await?;
        let message = |failure: Failure| failure.to_string();
        match question {
            HistoryQuestion::List {
                filter,
                before,
                limit,
            } => {
                let kept = super::archive::ports_of(archive.clone());
                let listed = kept.items(&filter, before, limit).await;
                let (items, is_whole) = listed.map_err(message)?;
                Ok(HistoryAnswer::Listed { items, is_whole })
            }
            HistoryQuestion::Prove(filter) => {
                let kept = super::archive::ports_of(archive.clone());
                // Copy releases that have just ended first, so that they are verified too.
                kept.catch_up(self.engine.sites().cloned().collect()).await;
                let found = kept.prove(&filter, Some(&self.engine)).await;
                Ok(HistoryAnswer::Verification(found.map_err(message)?))
            }
            HistoryQuestion::Releases(ids) => {
                let mut kept = Vec::new();
                for id in ids {
                    let found = archive.release(id).await.map_err(message)?;
                    let missing = || format!("release {id} is no longer in the archive");
                    let mut found = found.ok_or_else(missing)?;
                    found.logs = archive.logs(id).await.map_err(message)?;
                    kept.push(found);
                }
                Ok(HistoryAnswer::Releases(kept))
            }
        }
    }

    fn kept(&self) -> watch::Receiver<Keeping> {
        self.kept.clone()
    }

    fn configuration(&self) -> watch::Receiver<Option<Arc<NewConfiguration>>> {
        self.configuration.clone()
    }

    fn diagnostics(&self) -> watch::Receiver<()> {
        self.diagnostics.clone()
    }
}

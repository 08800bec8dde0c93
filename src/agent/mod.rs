//! The agent: the engine without a screen. It takes pushes of new versions into the queue of each target that follows
//! the tag, and releases the newest push of each target. It decides nothing about a release itself: it plans, opens and
//! resumes releases with the same engine as a console, and approves their steps in advance.
//!
//! Several agents may follow the same targets. The store decides between them: an entry of a queue changes only if it
//! is still the entry that was read, and only one of them gets the lock of the target.
//!
//! An entry names its release before that release is opened. So after a crash, any agent finds out what became of the
//! entry: the release has ended, has to be resumed, or was never opened.
//!
//! The agent never opens a release in a protected environment. It offers the version to operators.

pub mod decide;
mod drive;
mod follower;
mod judge;
mod poll;
mod receiver;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::inventory::{QueueEntry, Target};
use crate::ports::{Hint, PushReceiver, RegistryReader};
use crate::release::{Engine, Progress, Site, Status};
use crate::watchers;
use follower::Follower;
use poll::Poll;
use receiver::Receiver;

/// How long the agent waits at its end for its drivers to stop.
const LOCK_RELEASE_TIMEOUT: Duration = Duration::from_secs(10);
/// The pause after a hint of the store. One transaction may change several keys of a target.
const SETTLE: Duration = Duration::from_millis(20);

/// Wakes the follower of each target.
type Wakes = Arc<BTreeMap<Target, Arc<Notify>>>;

/// Releases the pushed versions of all targets that follow a tag.
#[expect(missing_debug_implementations, reason = "holds trait objects")]
pub struct Agent {
    engine: Arc<Engine>,
    wakes: Wakes,
    changes: Option<mpsc::Sender<QueueEntry>>,
}

impl Agent {
    pub fn new(engine: Arc<Engine>) -> Self {
        let following = engine.sites().filter(|site| follows(site));
        let targets = following.map(|site| site.definition.target.clone());
        let wakes = targets.map(|target| (target, Arc::new(Notify::new())));
        Self {
            wakes: Arc::new(wakes.collect()),
            engine,
            changes: None,
        }
    }

    /// Also finishes the releases that an agent has opened in these targets, which may no longer follow a tag.
    #[must_use]
    pub fn finishing<'t>(self, targets: impl IntoIterator<Item = &'t Target>) -> Self {
        let configured = targets
            .into_iter()
            .filter(|it| self.engine.site(it).is_some());
        let wakes = configured.map(|target| (target.clone(), Arc::new(Notify::new())));
        let followed = self
            .wakes
            .iter()
            .map(|(it, wake)| (it.clone(), Arc::clone(wake)));
        Self {
            wakes: Arc::new(wakes.chain(followed).collect()),
            ..self
        }
    }

    /// Sends each entry whose state this agent changes. An entry is left out if the receiver is too slow.
    #[must_use]
    pub fn reporting(self, changes: mpsc::Sender<QueueEntry>) -> Self {
        Self {
            changes: Some(changes),
            ..self
        }
    }

    /// The targets that follow a tag.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        let sites = self.engine.sites().filter(|site| follows(site));
        sites.map(|site| &site.definition.target)
    }

    /// Stores reported pushes in the queues of this agent's targets.
    pub fn receiver(&self) -> Arc<dyn PushReceiver> {
        Arc::new(Receiver::new(Arc::clone(&self.engine)))
    }

    /// Follows the queues until it is asked to stop, or until a task of the agent panics. Then stops the drivers: a
    /// release that is not finished can be resumed at once, by this agent after its restart or by another agent or
    /// operator.
    pub async fn run(self, stop: Stop) {
        let following = stop.following.clone();
        let mut tasks = JoinSet::new();
        for (store, _) in watchers::stores(self.engine.sites()) {
            let (wakes, following) = (Arc::clone(&self.wakes), following.clone());
            tasks.spawn(async move {
                following
                    .run_until_cancelled(wake_on_changes(store, wakes))
                    .await;
            });
        }
        for (target, wake) in self.wakes.iter() {
            let changes = self.changes.clone();
            let follower = Follower::new(
                Arc::clone(&self.engine),
                (target, Arc::clone(wake)),
                stop.clone(),
                changes,
            );
            tasks.spawn(follower.run());
            if let Some(poll) = Poll::of(&self.engine, target) {
                tasks.spawn(poll.run(following.clone()));
            }
        }
        let engine = Arc::clone(&self.engine);
        let followed: Vec<Target> = self.targets().cloned().collect();
        let reporting = following.clone();
        tasks.spawn(async move {
            for target in &followed {
                let report = engine.report_agent(target);
                if reporting.run_until_cancelled(report).await.is_none() {
                    return;
                }
            }
        });
        // An agent without targets has no follower, and still runs until it is stopped.
        tasks.spawn(following.clone().cancelled_owned());
        let mut crashed = None;
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                // The other targets must not look as if they were followed by a whole agent.
                stop.now();
                crashed = crashed.or(Some(error));
            }
        }
        self.engine
            .release_locks("the agent was stopped", LOCK_RELEASE_TIMEOUT)
            .await;
        self.engine.leave_presence().await;
        if let Some(Ok(panic)) = crashed.map(JoinError::try_into_panic) {
            std::panic::resume_unwind(panic);
        }
    }
}

fn follows(site: &Site) -> bool {
    !site.definition.follows.is_empty()
}

/// How an agent is asked to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Cancelled when the agent must not open or resume a release any more.
    beginning: CancellationToken,
    /// Cancelled when the agent must stop everything.
    following: CancellationToken,
    /// The openings and resumptions of releases that have begun and not ended.
    opening: TaskTracker,
}

impl Stop {
    /// Opens and resumes no other release. The agent still says what became of the running releases, and still polls.
    pub fn begin_nothing(&self) {
        self.beginning.cancel();
    }

    /// Stops everything.
    pub fn now(&self) {
        self.beginning.cancel();
        self.following.cancel();
    }

    /// Waits until no release of this process is at work, after [`Stop::begin_nothing`]. A release in its standby, or one
    /// that waits for a person, may wait for days, so it does not count.
    pub async fn until_idle(&self, engine: &Engine) {
        self.opening.close();
        self.opening.wait().await;
        let targets = || engine.sites().map(|site| &site.definition.target);
        let at_work = || {
            let mut statuses = targets().filter_map(|it| Some(engine.active(it)?.status()));
            // An error means that the driver has ended.
            statuses.find(|status| status.has_changed().is_ok() && is_at_work(&status.borrow()))
        };
        // While one release ended, another may have gone on.
        while let Some(mut status) = at_work() {
            let _ = status.wait_for(|now| !is_at_work(now)).await;
        }
    }

    /// Whether a release may be opened or resumed now. Until the token is dropped, the agent is not idle.
    fn begin(&self) -> Option<TaskTrackerToken> {
        let token = self.opening.token();
        (!self.beginning.is_cancelled()).then_some(token)
    }

    fn may_begin(&self) -> bool {
        !self.beginning.is_cancelled()
    }
}

fn is_at_work(status: &Status) -> bool {
    match status.progress {
        Progress::Forward(_) | Progress::Back(_) | Progress::Unrecorded { .. } => true,
        // The agent approves by itself, unless other operators have to.
        Progress::Asking { .. } => status.approvable().approvers_needed() == 0,
        _ => false,
    }
}

/// Wakes the followers of a service whenever one of its targets changes: a version may wait until it is live in another
/// environment.
async fn wake_on_changes(store: Arc<dyn RegistryReader>, wakes: Wakes) {
    let mut failures = 0;
    loop {
        match store.changes().await {
            Ok(mut changes) => {
                failures = 0;
                // A change before the first hint may have been too late for the first look.
                wake(&wakes, |_| true);
                while let Some(hint) = changes.next().await {
                    match hint {
                        Ok(Hint::Target(target)) => {
                            wake(&wakes, |other| other.service == target.service);
                        }
                        Ok(Hint::Anything) => wake(&wakes, |_| true),
                        // The stream reports the next change after the outage as `Anything`.
                        Err(failure) => tracing::warn!("the agent does not see changes: {failure}"),
                    }
                }
            }
            Err(failure) => tracing::warn!("the agent does not see changes: {failure}"),
        }
        failures += 1;
        tokio::time::sleep(watchers::wait_after(failures)).await;
        // What changed meanwhile is not known.
        wake(&wakes, |_| true);
    }
}

fn wake(wakes: &Wakes, is_wanted: impl Fn(&Target) -> bool) {
    for (_, wake) in wakes.iter().filter(|(target, _)| is_wanted(target)) {
        wake.notify_one();
    }
}

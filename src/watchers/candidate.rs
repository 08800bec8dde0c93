//! Follows the log of a release's candidate, with the target's secrets hidden, for as long as the release runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::history::Step;
use crate::inventory::{Instance, InstanceId};
use crate::logs::{self, Batch};
use crate::release::{Site, Status, StepState};

/// How long to wait for each further batch of lines after a release has ended.
const LAST_LINES_TIMEOUT: Duration = Duration::from_millis(250);

/// Takes the lines of a candidate.
pub(super) trait LineSink {
    /// The following lines are those of another instance.
    fn begin(&mut self) {}

    fn take(&mut self, batch: Batch);
}

/// The candidate whose log is followed.
pub(super) struct CandidateLines<'a> {
    pub(super) site: &'a Site,
    /// The candidate that the driver has started.
    pub(super) candidate: watch::Receiver<Option<InstanceId>>,
    /// The candidate that an earlier driver has started.
    pub(super) started_before: Option<InstanceId>,
    /// How many lines that exist already are read.
    pub(super) tail: usize,
}

impl CandidateLines<'_> {
    /// Gives `sink` the lines until the release is `over`, and the lines that arrive soon after that.
    pub(super) async fn follow(
        mut self,
        mut over: impl Future<Output = ()> + Unpin,
        sink: &mut (impl LineSink + Send),
    ) {
        let mut following: Option<(InstanceId, mpsc::Receiver<Batch>)> = None;
        loop {
            let now = self.candidate.borrow_and_update().clone();
            let now = now.or_else(|| self.started_before.clone());
            if let Some(now) = now.filter(|now| following.as_ref().is_none_or(|(id, _)| id != now))
            {
                let read = &self.site.read;
                let of = (Arc::clone(&read.runtime), Arc::clone(&read.checker));
                sink.begin();
                following = Some((now.clone(), logs::follow_hidden(of, now, self.tail)));
            }
            tokio::select! {
                biased;
                batch = next_batch(following.as_mut()) => sink.take(batch),
                Ok(()) = self.candidate.changed() => {}
                () = &mut over => break,
            }
        }
        while let Ok(Some(batch)) = timeout(LAST_LINES_TIMEOUT, receive(following.as_mut())).await {
            sink.take(batch);
        }
    }
}

/// The instance that the release has started as its candidate. None if the step `start` is still pending, or if no such
/// instance is found.
pub(super) async fn started_before(site: &Site, status: &Status) -> Option<InstanceId> {
    let start = status
        .steps
        .iter()
        .find(|step_status| step_status.step == Step::Start)?;
    if start.state == StepState::Pending {
        return None;
    }
    let plan = &status.plan;
    let instances = site.read.runtime.instances(plan.target()).await.ok()?;
    let is_candidate =
        |instance: &Instance| instance.slot == plan.slot && instance.release == Some(plan.release);
    instances
        .into_iter()
        .find(is_candidate)
        .map(|instance| instance.id)
}

/// The next lines. If there are no more lines, never returns.
async fn next_batch(following: Option<&mut (InstanceId, mpsc::Receiver<Batch>)>) -> Batch {
    match receive(following).await {
        Some(batch) => batch,
        None => std::future::pending().await,
    }
}

async fn receive(following: Option<&mut (InstanceId, mpsc::Receiver<Batch>)>) -> Option<Batch> {
    following?.1.recv().await
}

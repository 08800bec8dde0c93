//! Follows the log of a release's candidate, with the target's secrets hidden, for as long as the release runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::history::Step;
use crate::inventory::{Member, SlotMembers};
use crate::logs::{Batch, MemberLines};
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
    pub(super) candidate: watch::Receiver<Vec<Member>>,
    /// The candidate that an earlier driver has started.
    pub(super) started_before: Vec<Member>,
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
        let mut following = MemberLines::default();
        loop {
            let mut now = self.candidate.borrow_and_update().clone();
            if now.is_empty() {
                now.clone_from(&self.started_before);
            }
            // Another operator's members are found one after the other.
            let is_same = now.starts_with(following.members());
            if !now.is_empty() && (!is_same || following.members().is_empty()) {
                sink.begin();
                following = MemberLines::default();
            }
            let read = &self.site.read;
            for member in now.into_iter().skip(following.members().len()) {
                let of = (Arc::clone(&read.runtime), Arc::clone(&read.checker));
                following.add(of, member, self.tail);
            }
            tokio::select! {
                biased;
                batch = next_batch(&mut following) => sink.take(batch),
                Ok(()) = self.candidate.changed() => {}
                () = &mut over => break,
            }
        }
        while let Ok(Some(batch)) = timeout(LAST_LINES_TIMEOUT, following.next()).await {
            sink.take(batch);
        }
    }
}

/// The members that the release has started as its candidate. Empty if the step `start` is still pending, or if none is
/// found.
pub(super) async fn started_before(site: &Site, status: &Status) -> Vec<Member> {
    let mut steps = status.steps.iter();
    let start = steps.find(|step_status| step_status.step == Step::Start);
    if start.is_none_or(|start| start.state == StepState::Pending) {
        return Vec::new();
    }
    let plan = &status.plan;
    let Ok(mut instances) = site.read.runtime.instances(plan.target()).await else {
        return Vec::new();
    };
    instances.retain(|it| it.slot == plan.slot && it.release == Some(plan.release));
    SlotMembers::new(instances).listed()
}

/// The next lines. If there are no more lines, never returns.
async fn next_batch(following: &mut MemberLines) -> Batch {
    match following.next().await {
        Some(batch) => batch,
        None => std::future::pending().await,
    }
}

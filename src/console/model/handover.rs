//! Who drives a release, who has its target open, and who requests its handover.

use jiff::Timestamp;

use super::Model;
use crate::inventory::{HandoverRequest, Operator, ReleaseId, Snapshot, Target, Watcher};
use crate::release::{Approval, Observed};

/// A request of this console for a handover, which is not answered yet.
#[derive(Debug, Clone)]
pub struct Asking {
    pub target: Target,
    pub release: ReleaseId,
    pub driver: Operator,
    /// The operator's approval. This console uses the approval to resume the release after the handover.
    pub approval: Approval,
    /// When the approval and the request expire.
    pub until: Timestamp,
    /// The request as it was stored. `None` until it is stored.
    pub request: Option<HandoverRequest>,
    /// Whether the request was observed in the store after it was written.
    pub is_seen: bool,
}

impl Model {
    /// The unanswered request of another console for the handover of a release that this console drives.
    pub fn request_to_us(&self, target: &Target) -> Option<&HandoverRequest> {
        let status = self.releases.get(target)?;
        let request = self.world.get(target)?.handover_request.as_ref()?;
        let is_for_us = self.is_driving(status)
            && request.release == status.plan.release
            && request.console != self.console
            && request.declined.is_none();
        is_for_us.then_some(request)
    }

    /// The unanswered request for the handover of the open target's release. The release must have a driver, which may
    /// be any operator.
    pub fn current_request(&self) -> Option<&HandoverRequest> {
        let request = self.snapshot()?.handover_request.as_ref()?;
        let release = self.release()?;
        let is_open = request.release == release.plan.release
            && request.declined.is_none()
            && !release.is_over();
        is_open.then_some(request)
    }

    /// The consoles in which the open target is open, without the console that holds its lock.
    pub fn watching(&self) -> Vec<&Watcher> {
        let Some(snapshot) = self.snapshot() else {
            return Vec::new();
        };
        let driver = snapshot.lock.as_ref().map(|holder| &holder.record.console);
        snapshot
            .consoles()
            .filter(|watcher| Some(&watcher.console) != driver)
            .collect()
    }

    /// Whether the process with this console name is an agent that follows the open target.
    pub fn is_agent(&self, console: &str) -> bool {
        let mut agents = self.snapshot().into_iter().flat_map(Snapshot::agents);
        agents.any(|agent| agent.console == console)
    }

    /// Whether a record with this console name comes from this console.
    pub fn is_this_console(&self, console: &str) -> bool {
        !self.console.is_empty() && console == self.console
    }

    /// Whether the lock, as it was last read, names this console as the driver of the release.
    pub(super) fn is_driven_here(&self, observed: &Observed) -> bool {
        observed
            .driver
            .as_ref()
            .is_some_and(|driver| self.is_this_console(&driver.console))
    }
}

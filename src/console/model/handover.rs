//! Who drives a release, who has its target open, and who requests its handover. Also the dialogs about a handover and
//! about resuming a release.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Model, TextLine};
use crate::history::ReleaseRecord;
use crate::inventory::{HandoverRequest, Operator, ReleaseId, Target, Watcher};
use crate::release::{Approval, Interrupted, Observed, ResumeAction, Status};

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

/// What the operator can do with a release that this console does not drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeChoice {
    Later,
    /// Request the handover from the driver.
    Ask,
    /// Withdraw the request for the handover.
    WithdrawRequest,
    /// Continue the release, back it out, or end it and keep everything as it is. If another console or command holds
    /// the lock, take over the lock.
    Resume(ResumeAction),
}

/// Asks which of several open releases of a target to resume.
#[derive(Debug, Clone)]
pub struct OpenReleases {
    /// The open releases, newest first. Never empty.
    pub releases: Vec<ReleaseRecord>,
    pub row: usize,
}

/// Asks what to do with a release that this console does not drive.
#[derive(Debug, Clone)]
pub struct ResumeDialog {
    /// The release and the lock, as they were read before the dialog was opened.
    pub found: Arc<Interrupted>,
    /// Whether this console has requested the handover of this release.
    pub has_asked: bool,
    /// The row of the cursor: an index into [`ResumeDialog::choices`].
    pub row: usize,
}

impl ResumeDialog {
    /// The possible choices, in order. The first changes nothing.
    pub fn choices(&self) -> Vec<ResumeChoice> {
        let mut choices = vec![ResumeChoice::Later];
        if self.found.driver().is_some() {
            choices.push(if self.has_asked {
                ResumeChoice::WithdrawRequest
            } else {
                ResumeChoice::Ask
            });
        }
        choices.extend(ResumeAction::ALL.map(ResumeChoice::Resume));
        choices
    }

    pub fn chosen(&self) -> ResumeChoice {
        self.choices()
            .get(self.row)
            .copied()
            .unwrap_or(ResumeChoice::Later)
    }
}

/// Asks for a message to the holder of the lock: an optional note for a handover request, or the reason for a takeover.
#[derive(Debug, Clone)]
pub struct MessageDialog {
    pub found: Arc<Interrupted>,
    pub choice: ResumeChoice,
    pub line: TextLine,
}

/// Asks whether to hand over a release to the operator who requests it.
#[derive(Debug, Clone)]
pub struct Handover {
    pub status: Arc<Status>,
    pub request: HandoverRequest,
    /// The row of the cursor: an index into [`Hand::ALL`].
    pub row: usize,
}

/// The answers to [`Handover`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    Later,
    /// Hand over the release.
    Over,
    /// Refuse the request and keep driving.
    Keep,
}

impl Hand {
    /// All answers. The answer that changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Later, Self::Over, Self::Keep];
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
        let watching = snapshot.watching.iter();
        watching
            .filter(|watcher| Some(&watcher.console) != driver)
            .collect()
    }

    pub fn is_here(&self, console: &str) -> bool {
        !self.console.is_empty() && console == self.console
    }

    /// Whether the lock, as it was last read, names this console as the driver of the release.
    pub(super) fn is_driven_here(&self, observed: &Observed) -> bool {
        observed
            .driver
            .as_ref()
            .is_some_and(|driver| self.is_here(&driver.console))
    }
}

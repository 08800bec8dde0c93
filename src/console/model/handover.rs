//! Who drives a release, who watches it, and who requests its handover, as this console sees it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Model, TextLine};
use crate::history::ReleaseRecord;
use crate::inventory::{HandoverRequest, Operator, ReleaseId, Target, Watcher};
use crate::release::{Approval, GoOn, Interrupted, Observed, Status};

/// A request of this console for a handover. It waits for the answer.
#[derive(Debug, Clone)]
pub struct Asking {
    pub target: Target,
    pub release: ReleaseId,
    pub driver: Operator,
    /// The approval to resume the release when it is handed over.
    pub approval: Approval,
    /// When the approval expires.
    pub until: Timestamp,
    /// The request as it was written; none before that.
    pub request: Option<HandoverRequest>,
    /// Whether the request was observed in the store, where the driver reads it.
    pub is_seen: bool,
}

/// What the operator can do with a release that has no driver or another driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeChoice {
    /// Decide later.
    Later,
    /// Request the handover from its driver.
    Ask,
    /// Withdraw the request.
    AskNoMore,
    /// Resume it; by force if it has a driver.
    GoOn(GoOn),
}

/// Several releases of a target are open. The operator chooses the one to resume, back out or leave.
#[derive(Debug, Clone)]
pub struct OpenReleases {
    /// The open releases, the newest first; never empty.
    pub releases: Vec<ReleaseRecord>,
    pub row: usize,
}

/// Asks what to do with a release that has no driver or another driver.
#[derive(Debug, Clone)]
pub struct ResumeDialog {
    /// The release as it was read.
    pub found: Arc<Interrupted>,
    /// Whether this console has already requested the handover.
    pub has_asked: bool,
    /// The row under the cursor, of [`ResumeDialog::choices`].
    pub row: usize,
}

impl ResumeDialog {
    /// The possible choices, in order. The first one decides nothing.
    pub fn choices(&self) -> Vec<ResumeChoice> {
        let mut choices = vec![ResumeChoice::Later];
        if self.found.driver().is_some() {
            choices.push(if self.has_asked {
                ResumeChoice::AskNoMore
            } else {
                ResumeChoice::Ask
            });
        }
        choices.extend(GoOn::ALL.map(ResumeChoice::GoOn));
        choices
    }

    /// The choice under the cursor.
    pub fn chosen(&self) -> ResumeChoice {
        self.choices()
            .get(self.row)
            .copied()
            .unwrap_or(ResumeChoice::Later)
    }
}

/// Asks for a message to a driver: with a request for the handover, or the reason for taking the lock.
#[derive(Debug, Clone)]
pub struct Words {
    pub found: Arc<Interrupted>,
    /// The choice that the message belongs to.
    pub choice: ResumeChoice,
    pub line: TextLine,
}

/// Asks whether to hand over a release to the operator who requests it.
#[derive(Debug, Clone)]
pub struct Handover {
    pub status: Arc<Status>,
    /// The request.
    pub asked: HandoverRequest,
    /// The row under the cursor, of [`Hand::ALL`].
    pub row: usize,
}

/// The answers to [`Handover`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// Decide later.
    Later,
    /// Hand it over.
    Over,
    /// Keep driving.
    Keep,
}

impl Hand {
    /// All answers. The one that changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Later, Self::Over, Self::Keep];
}

impl Model {
    /// The unanswered request to this console for the handover of a target.
    pub fn asked_here(&self, target: &Target) -> Option<&HandoverRequest> {
        let status = self.releases.get(target)?;
        let asked = self.world.get(target)?.handover_request.as_ref()?;
        let is_for_us = self.flies(status)
            && asked.release == status.plan.release
            && asked.console != self.console
            && asked.declined.is_none();
        is_for_us.then_some(asked)
    }

    /// The request for the handover of the open target, no matter who drives it.
    pub fn asked_for(&self) -> Option<&HandoverRequest> {
        let asked = self.snapshot()?.handover_request.as_ref()?;
        let release = self.release()?;
        let is_open =
            asked.release == release.plan.release && asked.declined.is_none() && !release.is_over();
        is_open.then_some(asked)
    }

    /// The operators who have the target open and do not drive it.
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

    /// Whether `console` is this console.
    pub fn is_here(&self, console: &str) -> bool {
        !self.console.is_empty() && console == self.console
    }

    /// Whether this console itself drives the observed release.
    pub(super) fn is_driven_here(&self, told: &Observed) -> bool {
        told.driver
            .as_ref()
            .is_some_and(|driver| self.is_here(&driver.console))
    }
}

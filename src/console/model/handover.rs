//! Who drives, who looks on, and who requests the handover, as this console sees it.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Model, TextLine};
use crate::history::ReleaseRecord;
use crate::inventory::{HandoverRequest, Operator, ReleaseId, Target, Watcher};
use crate::release::{Approval, GoOn, Interrupted, Observed, Status};

/// This console has requested the handover, and waits for the answer.
#[derive(Debug, Clone)]
pub struct Asking {
    /// Of which target.
    pub target: Target,
    /// Which release.
    pub release: ReleaseId,
    /// Who drives it.
    pub driver: Operator,
    /// The yes to go on with it, when it is handed over.
    pub approval: Approval,
    /// Until when that counts.
    pub until: Timestamp,
    /// As it was written, once it was.
    pub request: Option<HandoverRequest>,
    /// Whether it was seen where the driver sees it.
    pub is_seen: bool,
}

/// What may become of a release that is found, here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResumeChoice {
    /// Nothing now.
    Later,
    /// To ask its driver for the handover.
    Ask,
    /// To ask no more.
    AskNoMore,
    /// To go on with it: by force, where it has a driver.
    GoOn(GoOn),
}

/// Several releases of a target are open. The operator chooses the one to resume, to back out or to leave.
#[derive(Debug, Clone)]
pub struct OpenReleases {
    /// All of them, the one that began last first; never none.
    pub releases: Vec<ReleaseRecord>,
    /// The row under the cursor.
    pub row: usize,
}

/// A release that lost its driver, or has another: what is to become of it?
#[derive(Debug, Clone)]
pub struct ResumeDialog {
    /// What was found.
    pub found: Arc<Interrupted>,
    /// Whether this console has requested the handover already.
    pub has_asked: bool,
    /// The row under the cursor, of [`ResumeDialog::choices`].
    pub row: usize,
}

impl ResumeDialog {
    /// What can be wished, in order; the first decides nothing.
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

    /// The one under the cursor.
    pub fn chosen(&self) -> ResumeChoice {
        self.choices()
            .get(self.row)
            .copied()
            .unwrap_or(ResumeChoice::Later)
    }
}

/// What is said to a driver: a message to an asking, or why the lock is taken from them.
#[derive(Debug, Clone)]
pub struct Words {
    /// The release.
    pub found: Arc<Interrupted>,
    /// What it is for.
    pub choice: ResumeChoice,
    /// What is typed so far.
    pub line: TextLine,
}

/// Somebody asks this console for the handover: what is to become of it?
#[derive(Debug, Clone)]
pub struct Handover {
    /// The release.
    pub status: Arc<Status>,
    /// Who asks.
    pub asked: HandoverRequest,
    /// The row under the cursor, of [`Hand::ALL`].
    pub row: usize,
}

/// The answers to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// None now.
    Later,
    /// They have it.
    Over,
    /// They do not.
    Keep,
}

impl Hand {
    /// All of them; what changes nothing comes first.
    pub const ALL: [Self; 3] = [Self::Later, Self::Over, Self::Keep];
}

impl Model {
    /// Who asks this console for the handover of a target, and has no answer yet.
    pub fn asked_here(&self, target: &Target) -> Option<&HandoverRequest> {
        let status = self.releases.get(target)?;
        let asked = self.world.get(target)?.handover_request.as_ref()?;
        let is_for_us = self.flies(status)
            && asked.release == status.plan.release
            && asked.console != self.console
            && asked.declined.is_none();
        is_for_us.then_some(asked)
    }

    /// Who requests the handover of the open target, whoever drives it.
    pub fn asked_for(&self) -> Option<&HandoverRequest> {
        let asked = self.snapshot()?.handover_request.as_ref()?;
        let release = self.release()?;
        let is_open =
            asked.release == release.plan.release && asked.declined.is_none() && !release.is_over();
        is_open.then_some(asked)
    }

    /// Those who have the open target open and do not drive it.
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

    /// Whether that is this console.
    pub fn is_here(&self, console: &str) -> bool {
        !self.console.is_empty() && console == self.console
    }

    /// Whether what is told of a release is told by this very console's driving.
    pub(super) fn is_driven_here(&self, told: &Observed) -> bool {
        told.driver
            .as_ref()
            .is_some_and(|driver| self.is_here(&driver.console))
    }
}

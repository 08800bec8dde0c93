//! What waits for the operator of this console: approvals to give, questions to answer, releases to resume.

use jiff::Timestamp;

use super::Model;
use crate::history::Step;
use crate::inventory::{Operator, ReleaseId, Target};
use crate::release::{Observed, Progress, Status};

/// What the operator has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Answer an operator who requests the handover of a release that this console drives.
    HandOver {
        /// The requester.
        to: Operator,
    },
    /// Resume a release that was handed over to this operator.
    TakeOver {
        /// The operator who handed it over.
        from: Operator,
    },
    /// Choose what to do: a step of a release that this console drives has failed.
    Choice(Step),
    /// Answer the waiting step of a release that this console drives.
    Answer(Step),
    /// Approve a release that another operator drives.
    Approval { driver: Operator },
    /// Resume or end a release that has no driver.
    Resume,
}

/// An item that waits for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingItem {
    pub target: Target,
    pub release: ReleaseId,
    pub wanted: Wanted,
    pub since: Timestamp,
}

impl WaitingItem {
    /// Whether it is the same request. A step that asks again is a new one; an approval that is still missing is not.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_lasting = matches!(self.wanted, Wanted::Approval { .. } | Wanted::Resume);
        self.release == other.release
            && self.wanted == other.wanted
            && (is_lasting || self.since == other.since)
    }

    /// The position in the list. An operator who waits for an answer right now comes first.
    fn rank(&self) -> u8 {
        match self.wanted {
            Wanted::HandOver { .. } | Wanted::TakeOver { .. } => 0,
            Wanted::Choice(_) => 1,
            Wanted::Answer(_) => 2,
            Wanted::Approval { .. } => 3,
            Wanted::Resume => 4,
        }
    }
}

/// The list of waiting items, shown over the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitingList {
    pub row: usize,
}

impl Model {
    /// Everything that waits for the operator of this console, the most urgent first. Empty for a read-only console.
    pub fn waiting(&self) -> Vec<WaitingItem> {
        if self.mode == super::Mode::ReadOnly {
            return Vec::new();
        }
        let own = self.in_flight().flat_map(|status| self.wanted_here(status));
        let others = self.told.keys().filter_map(|target| {
            let told = self.elsewhere_in(target)?;
            self.wanted_elsewhere(target, told)
        });
        let mut items: Vec<WaitingItem> = own.chain(others).collect();
        items.sort_by_key(|item| (item.rank(), item.since, item.target.clone()));
        items
    }

    fn wanted_here(&self, status: &Status) -> Vec<WaitingItem> {
        let target = status.plan.target();
        let item = |wanted, since| WaitingItem {
            target: target.clone(),
            release: status.plan.release,
            wanted,
            since,
        };
        let asked = self.asked_here(target);
        let mut items: Vec<WaitingItem> = asked
            .map(|asked| {
                let to = asked.operator.clone();
                item(Wanted::HandOver { to }, asked.asked_at)
            })
            .into_iter()
            .collect();
        items.extend(match status.progress {
            Progress::Asking { step, since, .. } if !self.lacks_approvals(status) => {
                Some(item(Wanted::Answer(step), since))
            }
            Progress::Choosing { step, .. } => Some(item(Wanted::Choice(step), status.since)),
            _ => None,
        });
        items
    }

    fn wanted_elsewhere(&self, target: &Target, told: &Observed) -> Option<WaitingItem> {
        let status = &told.status;
        let release = status.plan.release;
        let (wanted, since) = match &status.progress {
            // Its old version keeps running until the next release: no operator is needed for that.
            Progress::Interrupted { .. } if status.is_live_with_standby() => return None,
            Progress::Interrupted { at, .. } => {
                // A console that requested the handover resumes the release without another question.
                let is_asking = |asking: &super::Asking| asking.release == release;
                if self.asking.as_ref().is_some_and(is_asking) {
                    return None;
                }
                let successor = told.let_go.as_ref().and_then(|let_go| let_go.to.as_ref());
                let is_ours = successor
                    .is_some_and(|successor| successor.operator.is_same_person(&self.operator));
                let from = told.last.clone();
                let wanted = if is_ours {
                    Wanted::TakeOver { from }
                } else {
                    Wanted::Resume
                };
                (wanted, *at)
            }
            Progress::Asking { since, .. } if self.lacks_approvals(status) => {
                let told = self.peer_approvable(target)?;
                let (_, given) = self.peer_approved(status)?;
                if given
                    .iter()
                    .any(|one| one.by.is_same_person(&self.operator))
                {
                    return None;
                }
                let driver = told.driver.as_ref()?.operator.clone();
                (Wanted::Approval { driver }, *since)
            }
            _ => return None,
        };
        Some(WaitingItem {
            target: target.clone(),
            release,
            wanted,
            since,
        })
    }

    /// The waiting items that were not announced before. Marks them as announced.
    pub fn newly_waiting(&mut self) -> Vec<WaitingItem> {
        let items = self.waiting();
        let known = std::mem::take(&mut self.known_waiting);
        let new: Vec<WaitingItem> = items
            .iter()
            .filter(|item| !known.iter().any(|it| it.is_same(item)))
            .cloned()
            .collect();
        // An item that only went out of sight stays known until its target has another release.
        let is_newest = |item: &WaitingItem| {
            let newest = self.release_of(&item.target);
            newest.is_none_or(|status| status.plan.release == item.release)
        };
        let gone = known
            .into_iter()
            .filter(|item| is_newest(item) && !items.iter().any(|it| it.is_same(item)));
        let known: Vec<WaitingItem> = gone.collect();
        self.known_waiting = items.into_iter().chain(known).collect();
        new
    }
}

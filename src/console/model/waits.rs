//! The items that wait for the operator of this console: approvals to give, questions to answer, releases to resume.

use jiff::Timestamp;

use super::Model;
use crate::history::Step;
use crate::inventory::{Operator, ReleaseId, Target};
use crate::release::{Observed, Progress, Status};

/// What the operator has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Answer a request for the handover of a release that this console drives.
    HandOver { to: Operator },
    /// Resume a release that was handed over to this operator.
    TakeOver { from: Operator },
    /// Choose what to do about the failed step of a release that this console drives.
    Choice(Step),
    /// Approve the waiting step of a release that this console drives.
    Answer(Step),
    /// Approve a release that another operator drives.
    Approval { driver: Operator },
    /// Continue a release that has no driver, back it out, or end it and keep everything as it is.
    Resume,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingItem {
    pub target: Target,
    pub release: ReleaseId,
    pub wanted: Wanted,
    pub since: Timestamp,
}

impl WaitingItem {
    /// Whether two items are the same request. A step that asks again is a new request. A missing approval or a missing
    /// driver stays the same request, even if its time has changed.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_lasting = matches!(self.wanted, Wanted::Approval { .. } | Wanted::Resume);
        self.release == other.release
            && self.wanted == other.wanted
            && (is_lasting || self.since == other.since)
    }

    /// The position in the list: handovers first, then questions of releases that this console drives, then approvals
    /// for other operators' releases, then releases without a driver.
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

impl Model {
    /// All items that wait for the operator, the most urgent first. Empty if the console is read-only.
    pub fn waiting(&self) -> Vec<WaitingItem> {
        if self.mode == super::Mode::ReadOnly {
            return Vec::new();
        }
        let own = self
            .in_flight()
            .flat_map(|status| self.items_of_own(status));
        let elsewhere = self.releases_observed.keys().filter_map(|target| {
            let observed = self.elsewhere_in(target)?;
            self.item_elsewhere(target, observed)
        });
        let mut items: Vec<WaitingItem> = own.chain(elsewhere).collect();
        items.sort_by_key(|item| (item.rank(), item.since, item.target.clone()));
        items
    }

    fn items_of_own(&self, status: &Status) -> Vec<WaitingItem> {
        let target = status.plan.target();
        let item = |wanted, since| WaitingItem {
            target: target.clone(),
            release: status.plan.release,
            wanted,
            since,
        };
        let request = self.request_to_us(target);
        let mut items: Vec<WaitingItem> = request
            .map(|request| {
                let to = request.operator.clone();
                item(Wanted::HandOver { to }, request.asked_at)
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

    fn item_elsewhere(&self, target: &Target, observed: &Observed) -> Option<WaitingItem> {
        let status = &observed.status;
        let release = status.plan.release;
        let (wanted, since) = match &status.progress {
            // The new version is live and the old version may keep running until the next release, so no operator is
            // needed.
            Progress::Interrupted { .. } if status.is_live_with_standby() => return None,
            Progress::Interrupted { at, .. } => {
                // This console has requested the handover and will resume the release without another question, so the
                // list leaves it out.
                let is_asking = |asking: &super::Asking| asking.release == release;
                if self.asking.as_ref().is_some_and(is_asking) {
                    return None;
                }
                let successor = observed
                    .driver_stopped
                    .as_ref()
                    .and_then(|driver_stopped| driver_stopped.to.as_ref());
                let is_ours = successor
                    .is_some_and(|successor| successor.operator.is_same_person(&self.operator));
                let from = observed.last.clone();
                let wanted = if is_ours {
                    Wanted::TakeOver { from }
                } else {
                    Wanted::Resume
                };
                (wanted, *at)
            }
            Progress::Asking { since, .. } if self.lacks_approvals(status) => {
                let approvable = self.peer_approvable(target)?;
                let (_, approvals) = self.peer_approved(status)?;
                if approvals
                    .iter()
                    .any(|approval| approval.by.is_same_person(&self.operator))
                {
                    return None;
                }
                let driver = approvable.driver.as_ref()?.operator.clone();
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

    /// Returns the waiting items that were not announced yet, and marks them as announced.
    pub fn newly_waiting(&mut self) -> Vec<WaitingItem> {
        let items = self.waiting();
        let announced = std::mem::take(&mut self.known_waiting);
        let new: Vec<WaitingItem> = items
            .iter()
            .filter(|item| !announced.iter().any(|old| old.is_same(item)))
            .cloned()
            .collect();
        // An item may be missing only because a source does not answer. The item stays announced until its target has
        // another release.
        let is_newest = |item: &WaitingItem| {
            let newest = self.release_of(&item.target);
            newest.is_none_or(|status| status.plan.release == item.release)
        };
        let missing = announced
            .into_iter()
            .filter(|old| is_newest(old) && !items.iter().any(|item| item.is_same(old)));
        let missing: Vec<WaitingItem> = missing.collect();
        self.known_waiting = items.into_iter().chain(missing).collect();
        new
    }
}

//! The bounds of one run of the checker: who wants what, and how much may fail. Everything within
//! them is tried, in every order.

use greenroom::inventory::Tier;
use greenroom::release::OnFailure;

use super::flaws::Flaw;
use super::never::Reach;
use super::side::Side;

/// What an operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Want {
    /// To promote the version of this letter.
    Version(char),
    /// To roll back to the standby.
    Standby,
    /// To resume the release that the first operator left.
    Resume,
    /// To repair what differs.
    Repair,
}

/// How often each kind of event may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Budget {
    /// Calls that fail, lose their answer, or return no observation.
    pub(crate) faults: u8,
    /// Instances that become unhealthy, exit or are replaced by hand, checks that fail.
    pub(crate) ills: u8,
    /// Operators who change their decision.
    pub(crate) requests: u8,
    /// Drivers that crash, are cut off or interrupted, or lose their lease.
    pub(crate) losses: u8,
    /// Acts that are reported as failed while they are still under way.
    pub(crate) unheard: u8,
    /// Holds that are placed or cleared.
    pub(crate) holds: u8,
    /// Approvals that are withdrawn.
    pub(crate) others: u8,
}

/// The bounds of one run.
#[derive(Debug, Clone)]
pub(crate) struct Scope<S: Side> {
    pub(crate) tier: Tier,
    pub(crate) on_failure: OnFailure,
    /// What each operator wants. The position is the operator's number.
    pub(crate) wants: Vec<Want>,
    /// The bounds that only this side has.
    pub(crate) side: S::Bounds,
    pub(crate) budget: Budget,
    /// Whether the second operator may end the standby of the first.
    pub(crate) ends_standby: bool,
    /// Whether an operator approves another plan.
    pub(crate) strays: bool,
    /// Who may approve the first release, which then needs an approval. Empty when it needs none.
    pub(crate) others: &'static [usize],
    /// Whether every state must have a way forward and a way back.
    pub(crate) ways: bool,
    /// What must be reachable within these bounds.
    pub(crate) reaches: Vec<Reach>,
    pub(crate) flaws: Vec<Flaw<S::Flaw>>,
}

impl<S: Side> Scope<S> {
    /// One operator promotes `b` over `a`, and nothing fails.
    pub(crate) fn one(tier: Tier) -> Self {
        Self {
            tier,
            on_failure: OnFailure::Ask,
            wants: vec![Want::Version('b')],
            side: S::Bounds::default(),
            budget: Budget::default(),
            ends_standby: false,
            strays: false,
            others: &[],
            ways: false,
            reaches: vec![Reach::Done],
            flaws: Vec::new(),
        }
    }

    pub(crate) fn has_repair(&self) -> bool {
        self.wants.contains(&Want::Repair)
    }

    /// Whether one operator reads what the driver of another has recorded.
    pub(crate) fn reads_journals(&self) -> bool {
        self.ends_standby || self.wants.contains(&Want::Resume) || self.has_repair()
    }

    pub(crate) fn has(&self, flaw: Flaw<S::Flaw>) -> bool {
        self.flaws.contains(&flaw)
    }
}

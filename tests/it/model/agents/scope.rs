//! The bounds of one run: which pushes arrive, how many agents follow them, and how much else may happen.

use greenroom::inventory::Tier;

use super::can_finish::Rests;
use super::never::Reach;

/// A version that fails its checks. Every other version works.
pub(crate) const FAILING: char = 'c';

/// What is wrong with an agent, the engine or the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The agent opens the release before it names it in the entry.
    OpensBeforeNaming,
    /// The agent takes back an entry that another agent, which is alive, has named a release in.
    TakesFromTheLiving,
    /// The agent does not read the earlier releases.
    ForgetsFailures,
    /// The agent does not know that a rollback in its standby has made its version live.
    ForgetsRollbackInStandby,
    /// The agent sees only the oldest pending entry.
    TakesOldest,
    /// The agent believes that the environment is not protected.
    IgnoresTier,
    /// The planner releases in a protected environment for an agent.
    PlansForAgentInProtected,
    /// The agent does not ask who drove a release last.
    ResumesAnything,
    /// The engine does not compare who drove a release last when it is resumed.
    EngineResumesAnything,
    /// The engine opens a release although its entry does not name it, or a newer push is released.
    EngineIgnoresQueue,
    /// The engine compares a new release only with the id of the planned one.
    EngineComparesIds,
    /// The store replaces an entry that has changed.
    StoreTakesAnyEntry,
}

/// How often each kind of event may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Budget {
    /// What an operator does.
    pub(crate) requests: u8,
    /// Agents that crash. Another process takes their place.
    pub(crate) crashes: u8,
    /// Agents whose presence ends although they are alive.
    pub(crate) unheard: u8,
    /// Releases of working versions that back out.
    pub(crate) ills: u8,
}

#[derive(Debug, Clone)]
pub(crate) struct Scope {
    pub(crate) tier: Tier,
    /// The versions of the pushes, in the order in which they were received. They are stored in any order.
    pub(crate) pushes: Vec<char>,
    pub(crate) agents: usize,
    pub(crate) budget: Budget,
    /// What the operator may do.
    pub(crate) allowed: &'static [Deed],
    /// Whether every state must have a way to its end.
    pub(crate) ways: bool,
    pub(crate) rests: Rests,
    pub(crate) reaches: Vec<Reach>,
    pub(crate) flaws: Vec<Flaw>,
}

/// A kind of an operator's action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    Promote,
    RollBack,
    Hold,
    Dismiss,
    Retry,
    TakeOver,
}

impl Scope {
    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaws.contains(&flaw)
    }
}
